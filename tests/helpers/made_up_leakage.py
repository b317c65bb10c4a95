"""Runs on folds that tear recordings apart and on folds that keep them whole, without training: the gain is known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.data.folds import iterative_folds
from vpipe_utils.evaluation.predictions import as_table
from vpipe_utils.evaluation.tricks.records import RunRecord
from vpipe_utils.project.paths import RunName
from vpipe_utils.project.seeds import derive_seed

COPIES = [1] * 160 + [2] * 25 + [3] * 10  # pieces of each recording with labels
HELD_OUT = 120


@cache
def made_up_labels() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labelled and held-out clips; a piece is called as QV-Pipe's."""
    names = [f"{k}_{piece}.mp4" if n > 1 else f"{k}.mp4" for k, n in enumerate(COPIES) for piece in range(n)]
    names += [f"9{k}.mp4" for k in range(100, 100 + HELD_OUT)]
    drawn = (np.random.default_rng(5).random((len(names), len(CLASSES))) < 0.2).astype(int)
    table = pd.DataFrame(drawn, columns=list(CLASSES))
    table.insert(0, "video", names)
    return table[:-HELD_OUT], table[-HELD_OUT:]


@cache
def _folds(whole: bool) -> np.ndarray:
    return iterative_folds(made_up_labels()[0], 5, 1, whole).to_numpy()


def made_up_sides(gain: float) -> tuple[dict[RunName, RunRecord], dict[RunName, RunRecord], pd.DataFrame]:
    """Records of five folds and two repetitions of both kinds of folds, and all labels.

    ``gain``: by how much the logits of a clip's labels are higher where a sibling was in training.
    """
    labelled, held_out = made_up_labels()
    sides = []
    for whole in (False, True):
        folds = _folds(whole)
        recordings = labelled["video"].str.split("_").str[0].str.removesuffix(".mp4")
        torn = pd.Series(folds).groupby(recordings.to_numpy()).transform("nunique").to_numpy() > 1
        records = {}
        for fold in range(5):
            for repetition in (0, 1):
                name = RunName("lite0", fold, None, repetition)
                rng = np.random.default_rng(derive_seed(whole, *name))
                of_fold = folds == fold
                val = _predicted(labelled[of_fold], 2 + gain * torn[of_fold], rng)
                held = _predicted(held_out, np.full(HELD_OUT, 2.0), rng)
                records[name] = RunRecord(name, {"plain": val}, {"plain": held}, {"val_mAP": 0.5}, {}, {})
        sides.append(records)
    return *sides, pd.concat([labelled, held_out], ignore_index=True)


def _predicted(labels: pd.DataFrame, skill: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    targets = labels[list(CLASSES)].to_numpy()
    hard = np.random.default_rng(7).normal(size=(1000, len(CLASSES)))[labels.index % 1000]
    logits = skill[:, None] * targets + hard + 0.5 * rng.normal(size=targets.shape) - 2
    return as_table(list(labels["video"]), (1 / (1 + np.exp(-logits))).astype(np.float32), CLASSES)
