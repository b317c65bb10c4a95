"""What colour and brightness alone give away of a PipeSim data set, as `pipesim.dataset.generate` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from vpipe_utils import video
from vpipe_utils.data.annotations import class_columns, read_annotations
from vpipe_utils.data.folds import iterative_folds
from vpipe_utils.data.sampling import uniform_indices
from vpipe_utils.evaluation.colour_baseline import FRAMES, features, fit, predict
from vpipe_utils.evaluation.metrics import average_precision, chance_map, mean_average_precision, weighted_ap
from vpipe_utils.evaluation.scores import recordings_of

FOLDS = 5  # of all clips, where they are scored out of fold


class ColourScore(NamedTuple):
    """What the colour baseline reaches; AP and mAP in [0, 1]."""

    mAP: float
    chance: float  # the mAP of guessing
    ap: pd.DataFrame  # index class: AP, low (of 95 % over recordings; NaN where one has all positives), positives


def held_out_score(folder: Path) -> ColourScore:
    """Of a fit to the clips of `annotations.json`, on those of `test_annotations.json`."""
    (train, known), (test, new) = (_clips(folder, name) for name in ("annotations.json", "test_annotations.json"))
    return _scored(test, predict(fit(known, train), new))


def out_of_fold_score(folder: Path) -> ColourScore:
    """Of all clips, each by a fit to the folds without its recording: steadier where few are held out."""
    parts = [_clips(folder, name) for name in ("annotations.json", "test_annotations.json")]
    labels, known = pd.concat([table for table, _ in parts], ignore_index=True), np.concatenate([x for _, x in parts])
    fold = iterative_folds(labels, FOLDS, by_recording=True).to_numpy()
    found = np.empty((len(labels), len(class_columns(labels))), np.float32)
    for k in range(FOLDS):
        found[fold == k] = predict(fit(known[fold != k], labels[fold != k]), known[fold == k])
    return _scored(labels, found)


def _clips(folder: Path, annotations: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Labels, and features of nine frames of each clip."""
    labels = read_annotations(folder / annotations)
    paths = [folder / "videos" / name for name in labels["video"]]
    read = (video.read_frames(path, uniform_indices(video.count_frames(path), FRAMES)) for path in paths)
    return labels, np.stack([features(frames) for frames in read])


def _scored(labels: pd.DataFrame, found: np.ndarray) -> ColourScore:
    codes = class_columns(labels)
    targets, (names, recording) = labels[codes].to_numpy(), np.unique(recordings_of(labels), return_inverse=True)
    ap = pd.DataFrame({"AP": average_precision(targets, found), "positives": targets.sum(axis=0)}, index=codes)
    drawn = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), 1000)[:, recording]
    low = np.nanquantile(weighted_ap(targets.astype(bool), found.astype(np.float64), drawn), 0.025, axis=0)
    ap["low"] = np.where(labels[codes].groupby(recording).any().sum() > 1, low, np.nan)
    return ColourScore(mean_average_precision(targets, found), chance_map(targets), ap)
