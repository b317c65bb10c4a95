"""What notebooks 01 and 02 wrote, read by 03 to 10 and checked against each other: all of one data set, or a sentence
that says which notebook to run again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vpipe_utils.project.paths import Layout
from vpipe_utils.storage.tables import read_table


def read_labels(layout: Layout, classes: Sequence[str]) -> pd.DataFrame:
    """Labels of the training videos: `video`, then 0/1 of `classes` in their order. ValueError: of other classes."""
    return _of_classes(layout.labels_table, classes)


def read_held_out(layout: Layout, classes: Sequence[str]) -> pd.DataFrame | None:
    """Labels of the test videos in the same form; None where there are none, as for QV-Pipe."""
    if not layout.test_labels_table.is_file():
        return None
    table = _of_classes(layout.test_labels_table, classes)
    return table if len(table) else None


def read_folds(layout: Layout, labels: pd.DataFrame, n_folds: int) -> pd.Series:
    """The fold of every video of `labels`, in their order: index video. ValueError: folds of other videos."""
    path, again = layout.folds_table, "run notebook 02 again"
    older = f"{path} is of older data"
    folds = read_table(path).set_index("video")["fold"]
    missing = [video for video in labels["video"] if video not in folds.index]
    if missing:
        raise ValueError(
            f"{older}: {len(missing)} of {len(labels)} labelled videos have no fold there, first "
            f"'{missing[0]}': {again}"
        )
    if len(folds) > len(labels):
        gone = sorted(set(folds.index) - set(labels["video"]))
        raise ValueError(f"{older}: {len(gone)} of its videos have no labels, first '{gone[0]}': {again}")
    if folds.max() + 1 != n_folds:
        raise ValueError(f"{path} has {folds.max() + 1} folds, n_folds is now {n_folds}: {again}")
    return folds.loc[labels["video"]]


def read_test_videos(layout: Layout) -> list[str]:
    """The videos to predict: those that can be read and have no labels to learn from."""
    videos = read_table(layout.videos_table)
    return videos.loc[(videos["split"] == "test") & videos["readable"], "video"].tolist()


def _of_classes(path: Path, classes: Sequence[str]) -> pd.DataFrame:
    table = read_table(path)
    found = [column for column in table.columns if column != "video"]
    other = [code for code in classes if code not in found] + [code for code in found if code not in classes]
    if other:
        where = "the parameters" if other[0] in classes else path.name
        raise ValueError(
            f"{path} has other classes than the parameters: '{other[0]}' is in {where} alone: run notebook 01 again"
        )
    return table[["video", *classes]]
