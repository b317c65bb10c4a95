"""Folds for cross-validation: iterative stratification of several labels a video (paper, section II.B).

QV-Pipe has files that are pieces of one recording. The paper's folds treat them as independent, so
pieces of a recording that was trained on may be validated on; ``by_recording`` keeps them together.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd

from vpipe_utils.data.annotations import class_columns, recording_of


def iterative_folds(labels: pd.DataFrame, n_splits: int = 5, seed: int = 0, by_recording: bool = False) -> pd.Series:
    """Fold (0 … n_splits - 1) of every video: a Series indexed by video, in the order of ``labels``.

    scikit-multilearn's IterativeStratification of order 1, as in the paper; with ``by_recording`` whole
    recordings are divided by the same idea. The result depends on the videos, their labels and the seed,
    not on the order of the rows. Raises ValueError when there are fewer videos or recordings than folds.
    """
    table = labels.sort_values("video", kind="stable")
    units = table["video"].map(recording_of) if by_recording else table["video"]
    kind = "recordings" if by_recording else "videos"
    most = units.nunique()
    if not 2 <= n_splits <= most:
        advice = f"at most {most}" + (" or by_recording false" if by_recording else "")
        raise ValueError(f"{most} {kind} cannot make {n_splits} folds: n_folds must be at least 2, here {advice}.")
    marks = table[class_columns(table)].astype(int).groupby(units.to_numpy(), sort=True).sum()
    if by_recording:
        files = units.value_counts().loc[marks.index].to_numpy()
        fold_of_unit = divide_groups(marks.to_numpy(), files, n_splits, seed)
    else:
        fold_of_unit = _divide_videos(marks.to_numpy(), n_splits, seed)
    _fill_empty(fold_of_unit, marks.to_numpy(), n_splits)
    fold = pd.Series(fold_of_unit, index=marks.index).loc[units].to_numpy()
    folds = pd.Series(fold, index=table["video"].to_numpy(), name="fold")
    return folds.loc[labels["video"]].rename_axis("video")


def fold_table(labels: pd.DataFrame, folds: pd.Series) -> pd.DataFrame:
    """Videos with each class in each fold: index class, one column a fold, and ``spread`` = max - min."""
    fold_of = folds.loc[labels["video"]].to_numpy()
    table = labels[class_columns(labels)].astype(int).groupby(fold_of).sum().T
    table.columns.name = "fold"
    return table.assign(spread=table.max(axis=1) - table.min(axis=1)).rename_axis("class")


def split_recordings(folds: pd.Series) -> pd.DataFrame:
    """Recordings with several files: recording, files, and in how many ``folds`` these files lie.

    More than one fold means leakage: part of the recording is trained on when another is validated.
    """
    recordings = folds.index.map(recording_of)
    table = folds.groupby(recordings.to_numpy()).agg(files="size", folds="nunique").rename_axis("recording")
    return table[table["files"] > 1].reset_index()


def divide_groups(marks: np.ndarray, files: np.ndarray, n_splits: int, seed: int) -> np.ndarray:
    """Iterative stratification (Sechidis et al. 2011) of groups: a group takes all its files along.

    ``marks``: files with each class in each group, (G, C). scikit-multilearn knows 0 and 1 only: given
    the union of each recording's labels it leaves folds of QV-Pipe that differ by 24 positives in a class.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(marks))
    order = order[np.argsort(-files[order], kind="stable")]  # large ones first, small ones even out
    wanted = np.tile(marks.sum(axis=0) / n_splits, (n_splits, 1))
    wanted_files = np.full(n_splits, files.sum() / n_splits)
    fold = np.full(len(marks), -1)
    while (fold < 0).any():
        left = marks[fold < 0].sum(axis=0)
        rarest = np.where(left > 0, left, np.inf).argmin()
        having = order[(fold[order] < 0) & ((marks[order, rarest] > 0) | (left.sum() == 0))]
        for group in having:
            of_class = wanted[:, rarest] if left.sum() else wanted_files  # what has no class fills the folds up
            keys = (rng.random(n_splits), wanted_files, of_class)  # the last key counts first
            chosen = np.lexsort(keys)[-1]
            fold[group] = chosen
            wanted[chosen] -= marks[group]
            wanted_files[chosen] -= files[group]
    return fold


def _divide_videos(marks: np.ndarray, n_splits: int, seed: int) -> np.ndarray:
    from skmultilearn.model_selection import IterativeStratification  # takes seconds to import

    fold = np.empty(len(marks), dtype=np.int64)
    with _numpy_seed(seed):
        splitter = IterativeStratification(n_splits=n_splits, order=1)
        for number, (_, validation) in enumerate(splitter.split(np.zeros((len(marks), 1)), marks)):
            fold[validation] = number
    return fold


def _fill_empty(fold: np.ndarray, marks: np.ndarray, n_splits: int) -> None:
    """With hardly more units than folds one can stay empty: it gets the unit with the fewest labels of the fullest."""
    while len(empty := np.setdiff1d(np.arange(n_splits), fold)):
        fullest = np.flatnonzero(fold == np.bincount(fold).argmax())
        fold[fullest[marks[fullest].sum(axis=1).argmin()]] = empty[0]


@contextmanager
def _numpy_seed(seed: int) -> Iterator[None]:
    """Seed NumPy's global generator for a while: scikit-multilearn draws from it and takes no other."""
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)
