"""Measure evidence against PipeSim's truth: which way points best, how often it hits, how well seconds are known.

    python workflow/evidence.py --presets demo sight_30

Ways are chosen on validation clips; the tables are of held-out clips. Needs the finished runs of RUNS in each preset
(`make report`, `make sight`). Rows a clip are kept in outputs/<preset>/evidence/, so a stopped run goes on. Writes
outputs/reference/evidence/: ways.csv, pointing.csv, spans.csv, cost.csv, pointing.png, provenance.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from here import ROOT, faults_told

from vpipe_utils.data.params import DataParams
from vpipe_utils.data.prepared_tables import read_folds, read_held_out, read_labels
from vpipe_utils.evaluation.predictions import read_predictions
from vpipe_utils.project.dependencies import TRAINING, deciding_versions, digest_of
from vpipe_utils.project.provenance import provenance
from vpipe_utils.project.seeds import derive_seed
from vpipe_utils.storage.files import atomic_path, make_folder, temporary_folder
from vpipe_utils.storage.tables import read_table, write_json


class Size(NamedTuple):
    """How much is measured of a model. An occlusion of a super-image that is read as one picture costs nine times."""

    choosing: int  # validation clips
    reporting: int  # held-out clips
    spans: bool  # whether seconds are measured
    left_out: tuple[str, ...] = ()  # ways that are not tried
    ways: int = 2  # how many of the best are reported, 2: the best and the best of the other kind


SIZES = {
    "lite0_tiles": Size(60, 240, True),
    "lite0": Size(20, 60, False, ("Grad-CAM, two stages, mirrored, closer",), 1),  # which it does not allow
}
CHOSEN_IN = "demo"  # the preset whose validation clips choose; further presets use its ways
MEASURES = "vpipe_utils/review/evidence/measure.py"
PARTS = ("attribution", "measure", "networks", "places", "sight")
DECIDES = (*TRAINING, *(f"review/evidence/{name}" for name in PARTS))
DRAWS = 2000
COST_CLIPS, COST_CLASSES = 100, 2


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="measure evidence against PipeSim's truth")
    parser.add_argument("--presets", nargs="+", default=[CHOSEN_IN], help=f"{CHOSEN_IN} first")
    parser.add_argument("--models", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--outputs", help="the folder in which the presets' runs lie")
    parser.add_argument("--folder", type=Path, default=ROOT / "outputs" / "reference" / "evidence")
    parser.add_argument("--clips", type=int, help="at most so many a part, for a quick look")
    parser.add_argument(
        "--cost-clips", type=int, default=COST_CLIPS, help="clips whose evidence is written for its cost"
    )
    given = parser.parse_args(arguments)
    with faults_told("make evidence"):
        make_record(given)


def make_record(given: argparse.Namespace) -> None:
    from vpipe_utils.review.evidence import summary  # PyTorch and captum, seconds
    from vpipe_utils.review.evidence.attribution import MAP_WAYS, TILE_WAYS
    from vpipe_utils.review.evidence.clips import settings
    from vpipe_utils.review.evidence.figures import pointing_by_class

    made, tables = provenance(), {"ways": [], "pointing": [], "spans": []}
    best: dict[str, list[str]] = {}
    for preset in given.presets:
        data = DataParams.from_preset(preset, given.outputs)
        seed = derive_seed(data.seed, "bootstrap")
        for model in given.models:
            size = SIZES[model]
            choosing, reporting, spans = size.choosing, size.reporting, size.spans
            head = {"preset": preset, "model": model}
            if preset == CHOSEN_IN:
                tried = [way for way in MAP_WAYS if way not in size.left_out]
                asked = (list(TILE_WAYS), tried, spans)
                rows = rows_of(data, model, "validation", min(choosing, given.clips or choosing), asked)
                ways = summary.ways_table(rows, DRAWS, seed)
                tables["ways"].append(ways.assign(**head))
                best[model] = summary.best_ways(ways)[: size.ways]
            elif model not in best:
                raise ValueError(f"name {CHOSEN_IN} first: its validation clips choose the ways")
            if preset != CHOSEN_IN and not spans:
                continue  # further presets are for the network that explains
            asked = (["tile alone"], best[model] if preset == CHOSEN_IN else best[model][:1], spans)
            rows = rows_of(data, model, "held_out", min(reporting, given.clips or reporting), asked)
            rows = rows.assign(found=found(data, model, rows))
            tables["pointing"].append(summary.pointing_table(rows, DRAWS, seed).assign(**head))
            if spans:
                fps = read_table(data.layout.videos_table).set_index("video")["fps"]
                tables["spans"].append(summary.span_table(rows, fps, DRAWS, seed).assign(**head))
    data = DataParams.from_preset(given.presets[0], given.outputs)
    cost = cost_of(data, given.models[0], given.cost_clips)
    made["sizes"] = {model: SIZES[model]._asdict() for model in given.models}
    made |= {"draws": DRAWS, "chosen": best, "settings": settings()}
    whole = {name: pd.concat(parts) for name, parts in tables.items()} | {"cost": cost}
    figure = pointing_by_class(whole["pointing"], CHOSEN_IN, given.models[0], best[given.models[0]][0])
    write(given.folder, whole, made, figure)


def write(folder: Path, tables: dict[str, pd.DataFrame], made: dict[str, object], drawn) -> None:
    make_folder(folder)
    for name, table in tables.items():
        first = [column for column in ("preset", "model") if column in table]
        with atomic_path(folder / f"{name}.csv") as part:
            table[[*first, *table.columns.drop(first)]].to_csv(part, index=False, float_format="%.4f")
    with atomic_path(folder / "pointing.png") as part:
        part.write_bytes(drawn.png())
    write_json(made, folder / "provenance.json")
    print(f"the record: {folder}", file=sys.stderr)


def run_of(data: DataParams, model: str) -> Path:
    folder = data.layout.run("super_image", model, data.train_folds[0])
    if not (folder / "weights.safetensors").is_file():
        command = f"make report PRESET={data.preset}" if data.preset == CHOSEN_IN else "make sight"
        raise ValueError(f"{folder} is not finished: run {command} first")
    return folder


def rows_of(data: DataParams, model: str, part: str, count: int, asked: tuple[list[str], list[str], bool]):
    """Rows of at most `count` clips of a part; which clips these are follows from the bytes of their files."""
    from vpipe_utils.review.evidence.measure import Asked, measure

    run, layout = run_of(data, model), data.layout
    videos, truth = read_table(layout.videos_table), read_table(layout.pipesim / "evidence.parquet")
    if part == "validation":
        folds = read_folds(layout, read_labels(layout, data.class_codes), data.n_folds)
        videos = videos[videos["video"].isin(folds.index[folds == data.train_folds[0]])]
    else:
        videos = videos[videos["split"] == "test"]
    videos = videos[videos["readable"] & videos["video"].isin(truth["video"])].sort_values("content").head(count)
    text = json.dumps([asked, deciding_versions(), digest_of(MEASURES, DECIDES)])
    made_of = hashlib.sha256(text.encode() + (run / "weights.safetensors").read_bytes()).hexdigest()[:16]
    journal = layout.root / "evidence" / f"{model}.{part}.{made_of}.jsonl"
    return measure(run, truth, videos, Asked(*asked), journal)


def found(data: DataParams, model: str, rows: pd.DataFrame) -> list[bool]:
    """Whether the network gives a label of `rows` a probability from which on it is best (F1) on validation clips."""
    from vpipe_utils.review.evidence.summary import thresholds

    run, classes = run_of(data, model), data.class_codes
    known = read_labels(data.layout, classes)
    validated = read_predictions(run / "val_predictions.parquet", classes)
    levels = thresholds(known[known["video"].isin(validated["video"])], validated, classes)
    held_out = read_held_out(data.layout, classes)
    scores = read_predictions(run / "test_predictions.parquet", classes, list(held_out["video"])).set_index("video")
    pairs = zip(rows["video"], rows["class"], strict=True)
    return [bool(scores.at[video, code] >= levels[code]) for video, code in pairs]


def cost_of(data: DataParams, model: str, count: int) -> pd.DataFrame:
    """Seconds of `write_evidence` for `count` held-out clips and the two classes that are most probable in each."""
    from vpipe_utils.learning.fold_run import finished_run
    from vpipe_utils.review.evidence.clips import write_evidence
    from vpipe_utils.review.tables import PREDICTED

    run = run_of(data, model)
    videos = read_table(data.layout.videos_table)
    videos = videos[(videos["split"] == "test") & videos["readable"]].sort_values("content").head(count)
    clips = videos.assign(recording=videos["video"], status=PREDICTED, reason="")
    scores = read_predictions(run / "test_predictions.parquet", data.class_codes)
    classes = [code for code in data.class_codes if code != data.normal_class]
    top = scores.set_index("video").loc[clips["video"], classes]
    shown = {name: list(row.nlargest(COST_CLASSES).index) for name, row in top.iterrows()}
    with temporary_folder() as folder:
        began, busy = time.monotonic(), time.process_time()
        write_evidence(finished_run(run), clips, scores, folder, shown)
        busy, took = time.process_time() - busy, time.monotonic() - began
    row = {"preset": data.preset, "model": model, "clips": len(clips), "classes_a_clip": COST_CLASSES}
    return pd.DataFrame([row | {"seconds": took, "cpu_seconds": busy}])


if __name__ == "__main__":
    main()
