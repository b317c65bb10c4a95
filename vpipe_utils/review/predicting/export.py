"""`make export`: an ensemble or run as one folder that predicts on another machine, without its preset's outputs.

model.json                     classes, weights of members, versions, a checksum of every other file
networks/runs/.../fold_<k>/    params.yaml and weights.safetensors of every run
trust/                         calibrator, thresholds of the review list, reference for drift
MODEL_CARD.md                  all of it in words
"""

from __future__ import annotations

import shutil
from pathlib import Path

from vpipe_utils.data.probe_journal import content_hash
from vpipe_utils.evaluation.trust.record import BREAKS_WHEN, Level, Trust
from vpipe_utils.review.predicting.review import about
from vpipe_utils.review.predicting.trained import FORMAT, MANIFEST, NETWORKS, WEIGHTS, Trained, find_trained, run_params
from vpipe_utils.review.predicting.trusting import trust_of
from vpipe_utils.storage.files import atomic_path
from vpipe_utils.storage.tables import write_json

CARD = "MODEL_CARD.md"
# Where data lay on the machine that trained; of no use elsewhere and nobody else's business.
PRIVATE = ("videos_dir", "annotations", "test_annotations")


def export(run: str, out: str | Path) -> Path:
    """Pack what `trained.find_trained` finds into the folder `out`, whole or not at all; gives it.

    Raises ValueError where `out` is there already, and what finding and calibrating raise.
    """
    trained = find_trained(run)
    folder = Path(out).expanduser().absolute()
    if folder.exists():
        raise ValueError(f"{folder} is there already: name another folder with OUT=, or remove it")
    trust = trust_of(trained)
    with atomic_path(folder) as part:
        runs = {member.name: [_copy(run, part) for run in member.runs] for member in trained.members}
        trust.write(part / "trust")
        (part / CARD).write_text(card(trained, trust), encoding="utf-8")
        files = sorted(path for path in part.rglob("*") if path.is_file())
        manifest = {
            "format": FORMAT,
            "members": [
                {"name": member.name, "weight": member.weight, "runs": runs[member.name]} for member in trained.members
            ],
            "sha256": {path.relative_to(part).as_posix(): content_hash(path) for path in files},
        }
        write_json(about(trained, trained.name) | manifest, part / MANIFEST)
    return folder


def card(trained: Trained, trust: Trust) -> str:
    """The model card: what it is, what it was measured on, how far to trust it, what breaks it."""
    classes = ", ".join(f"{code} ({name})" for code, name in trained.data.long_names.items()) or ", ".join(
        trained.classes
    )
    lines = [f"# {trained.name}", "", "Finds inspection findings in clips of pipes: one probability a class and clip."]
    lines += ["", "| Network | Weight | Folds | Backbone | Frames | Tile |", "|---|---|---|---|---|---|"]
    for member in trained.members:
        params = run_params(member.runs[0])
        frames = getattr(params, "grid", 0) ** 2 or getattr(params, "clip_frames", 0) or params.eval_frames
        lines.append(
            f"| {member.name} | {member.weight:.3f} | {len(member.runs)} | {params.backbone} | {frames} | "
            f"{params.tile_px} px |"
        )
    lines += ["", f"**Classes.** {classes}."]
    lines += ["", f"**Calibration.** {trust.calibrator.words()}: {trust.error_said}; {trust.measured_on}."]
    lines += ["", "**Review list.** " + " ".join(_say(level) for level in trust.levels if level.kind == "sure")]
    lines += [
        "",
        f"**What breaks this.** {BREAKS_WHEN}",
        "",
        "**Use.** `make predict VIDEOS=folder RUN=<this folder>`.",
    ]
    return "\n".join(lines) + "\n"


def _say(level: Level) -> str:
    return (
        f"To miss at most {level.missed:.0%} of a recording's defects, on average and with {level.confidence:.0%} "
        f"confidence, {level.watch:.0%} of the clips of calibration have to be watched; in {level.holds:.0%} of "
        f"{level.splits} random splits by recording the level was kept."
    )


def _copy(run: Path, part: Path) -> str:
    """Copy a run's parameters and weights; gives its place below NETWORKS."""
    place = Path("runs", *run.parts[-3:])
    target = part / NETWORKS / place
    target.mkdir(parents=True)
    shutil.copyfile(run / WEIGHTS, target / WEIGHTS)
    params = run_params(run)
    params.model_copy(update={key: "" for key in PRIVATE if getattr(params, key)}).save(target)
    return place.as_posix()
