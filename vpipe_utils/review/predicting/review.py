"""`make predict`: from a folder of new clips to the folder of a review, whole or to be gone on with."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from vpipe_utils.data.annotations import class_columns
from vpipe_utils.data.sampling import uniform_indices
from vpipe_utils.evaluation.ensemble import fold_mean, zc_rule
from vpipe_utils.evaluation.predictions import read_predictions, write_predictions, write_submission
from vpipe_utils.evaluation.trust.risk_control import LEVELS
from vpipe_utils.project.dependencies import deciding_versions
from vpipe_utils.project.paths import project_root
from vpipe_utils.review.exports.write import write_exports
from vpipe_utils.review.page.build import write_page
from vpipe_utils.review.page.sheets import sheet_name, write_sheet
from vpipe_utils.review.predicting.clips import clips_table, describe_clips, index_clips
from vpipe_utils.review.predicting.explain import explain_review
from vpipe_utils.review.predicting.predict import combine, predict_members, read_tiles
from vpipe_utils.review.predicting.queue import drift_of_review, guarantee_of, queue_table
from vpipe_utils.review.predicting.trained import Trained, find_trained, layout_of
from vpipe_utils.review.predicting.trusting import drift_of, own_tiles, trust_of
from vpipe_utils.review.tables import CALIBRATED, CLIPS, PREDICTED, PREDICTIONS, QUEUE, REVIEW, write_review_table
from vpipe_utils.storage.files import atomic_path, make_folder, sweep, writing
from vpipe_utils.storage.locks import lock
from vpipe_utils.storage.tables import read_table, write_json
from vpipe_utils.tiles.tile_cache import TileCache

SHEET = 9  # frames of a contact sheet, as many as a super-image has
WORK = "work"  # of a review: what a run that was killed goes on from


def review_folder(trained: Trained, videos: str | Path, name: str | None = None) -> Path:
    """outputs/<preset>/review/<name>; the name is by default that of the folder or list of clips."""
    source = Path(videos).expanduser().absolute()
    name = name or (source.name if source.is_dir() else source.stem)
    if name != Path(name).name or name.startswith("."):
        raise ValueError(f"NAME={name} is no name for a folder: write it without / and no dot in front")
    if trained.kind == "ensemble":
        root = trained.folder
    elif trained.kind == "run":
        root = layout_of(trained.folder).root
    else:
        root = project_root() / "outputs" / trained.data.preset
    return root / "review" / name


def csv_of(clips: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """For a spreadsheet: one row a clip, those that cannot be read too, and one column a class."""
    return clips[["video", "status", "reason"]].merge(table, on="video", how="left")


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """UTF-8 with the mark by which spreadsheet programs know it; probabilities with four digits."""
    with atomic_path(path) as part:
        table.to_csv(part, index=False, float_format="%.4f", encoding="utf-8-sig")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a review's folder. ValueError where another process writes to it."""
    with writing(make_folder(folder)):
        held = lock(folder / ".lock")
    if held is None:
        raise ValueError(f"another run is writing to {folder}: wait for it or stop it first")
    try:
        sweep(folder, inner=True)
        yield
    finally:
        os.close(held)


def make_review(
    videos: str | Path,
    run: str = "demo",
    name: str | None = None,
    out: str | Path | None = None,
    workers: int = 1,
    progress: bool = True,
    missed: float = LEVELS[0],
) -> Path:
    """Predict new clips by a trained ensemble, run or packed model; gives the folder of the review.

    `videos`: a folder of clips or a text file of paths (`clips.index_clips`). `run`: see `trained.find_trained`. `out`:
    where the review is written, else `review_folder`. `missed`: see `write_tables`. The same command after a kill goes
    on and ends with the same bytes. Raises ValueError and OSError, one sentence each, for input that cannot be used.
    """
    trained = find_trained(run)
    folder = Path(out).expanduser().absolute() if out else review_folder(trained, videos, name)
    with alone_in(folder):
        work = folder / WORK
        table = index_clips(videos, work, workers, progress)
        clips = clips_table(table)
        write_review_table(clips, folder, CLIPS)
        print(describe_clips(clips), flush=True)
        names = clips.loc[clips["status"] == PREDICTED, "video"].tolist()
        if not names:
            raise ValueError(f"none of the {len(clips)} clips can be read: see reason in {folder / CLIPS}")
        cache = read_tiles(trained, table, work, workers, progress)
        by_member = predict_members(trained, cache, names, work, progress)
        write_tables(trained, clips, by_member, cache, missed, folder)
        write_pages(trained, folder, cache, names, progress, workers)
    return folder


def review_of_preset(trained: Trained, missed: float = LEVELS[0]) -> Path | None:
    """The review `test` of a preset's clips without labels, from what its runs have predicted; None where none are.

    Nothing is decoded or predicted again. Raises ValueError for a packed model, FileNotFoundError for a run that has
    not predicted them (`workflow/predict.py`).
    """
    if trained.kind == "packed":
        raise ValueError(f"{trained.folder} is packed, without the clips of its preset: name clips with VIDEOS=folder")
    layout = layout_of(trained.members[0].runs[0])
    videos = read_table(layout.videos_table)
    videos = videos[videos["split"] == "test"]
    names = videos.loc[videos["readable"], "video"].tolist()
    if not names:
        return None
    by_member = {}
    for member in trained.members:
        files = [run / "test_predictions.parquet" for run in member.runs]
        by_member[member.name] = fold_mean([read_predictions(file, trained.classes, names) for file in files])
    folder, cache = layout.root / "review" / "test", own_tiles(trained, names)
    with alone_in(folder):
        clips = clips_table(videos)
        write_review_table(clips, folder, CLIPS)
        write_tables(trained, clips, by_member, cache, missed, folder)
        write_pages(trained, folder, cache, names)
    return folder


def write_tables(
    trained: Trained,
    clips: pd.DataFrame,
    by_member: dict[str, pd.DataFrame],
    cache: TileCache,
    missed: float,
    folder: Path,
) -> None:
    """Everything that follows from the members' probabilities of the readable clips: all tables and review.json.

    `missed`: the share of defects that the review list may miss, one of `risk_control.LEVELS`.
    """
    trust = trust_of(trained)
    level = trust.level(missed)
    predictions = combine(trained, by_member)
    write_probabilities(trained, clips, predictions, folder)
    calibrated = trust.calibrated(predictions)
    write_predictions(calibrated, folder / CALIBRATED, list(predictions["video"]), trained.classes)
    write_csv(csv_of(clips, calibrated), (folder / CALIBRATED).with_suffix(".csv"))
    distances = drift_of(trust, by_member, cache)
    queue = queue_table(calibrated, distances, trust, level, trained.data.long_names)
    write_review_table(queue, folder, QUEUE)
    said = {
        "guarantee": guarantee_of(trust, queue, calibrated, level),
        "drift": drift_of_review(queue),
        "calibration": trust.calibrator.words(),
        "threshold": dict(trust.proposed),
    }
    write_json(about(trained, folder.name) | said, folder / REVIEW)
    print(said["guarantee"]["sentence"], said["drift"]["sentence"], sep="\n", flush=True)


def write_pages(
    trained: Trained, folder: Path, cache: TileCache, names: list[str], progress: bool = True, workers: int = 1
) -> None:
    """Contact sheets of the tiles that were read anyway, evidence, exports, and the page that shows all of it."""
    positions = uniform_indices(cache.frames_per_video, SHEET)
    for name in names:
        if not (folder / sheet_name(name)).is_file():
            write_sheet(list(cache.tiles(name, positions)), folder, name)
    if said := explain_review(trained, folder, progress, workers):
        print(f"{len(said)} without evidence: {said[0]}", flush=True)
    write_exports(folder)
    write_page(folder)


def about(trained: Trained, name: str) -> dict[str, object]:
    """What review.json and model.json say of the models; the same for the same command, whenever it runs."""
    data = trained.data
    return {
        "name": name,
        "model": trained.name,
        "kind": trained.kind,
        "preset": trained.data.preset,
        "members": {member.name: member.weight for member in trained.members},
        "networks": sum(len(member.runs) for member in trained.members),
        "classes": list(trained.classes),
        "class_names": data.long_names,
        "normal": data.normal_class,
        "zc_threshold": trained.zc_threshold,
        "versions": {"vpipe_utils": importlib.metadata.version("vpipe-utils"), **deciding_versions()},
    }


def write_probabilities(trained: Trained, clips: pd.DataFrame, predictions: pd.DataFrame, folder: Path) -> None:
    """predictions.parquet and .csv, before the ZC rule, and submission.json, the challenge's form, after it."""
    classes = class_columns(predictions)
    write_predictions(predictions, folder / PREDICTIONS, list(predictions["video"]), classes)
    write_csv(csv_of(clips, predictions), (folder / PREDICTIONS).with_suffix(".csv"))
    ruled = predictions
    if trained.zc_threshold is not None:
        ruled = zc_rule(predictions, trained.zc_threshold, trained.data.normal_class)
    write_submission(ruled, folder / "submission.json", classes)
