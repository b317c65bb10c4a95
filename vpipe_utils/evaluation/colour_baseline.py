"""The floor of every result: what colour and brightness alone say of a clip, without a network.

A logistic regression a class on three things that need no eye for defects: colour histograms, brightness over time and
a picture of 6 x 6 fields averaged over the clip. A network that does not clear it has learnt nothing that counts, and
synthetic clips in which it does well have shortcuts: tests/pipesim/test_shortcuts.py caps it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from vpipe_utils.data.annotations import class_columns, recording_of
from vpipe_utils.data.folds import iterative_folds
from vpipe_utils.data.params import DataParams
from vpipe_utils.data.sampling import uniform_indices
from vpipe_utils.evaluation.metrics import mean_average_precision
from vpipe_utils.evaluation.predictions import as_table, validate_predictions
from vpipe_utils.tiles.tile_cache import TileCache, open_tiles

NAME = "baseline/colour"
FRAMES = 9  # of a clip that are looked at, evenly spread; as many as a super-image has
SIDE = 48  # px to which a frame is shrunk: no defect is recognised by its edges there
FIELDS = 6  # the coarse mean picture has 6 x 6 fields
BINS = {"red": 16, "green": 16, "blue": 16, "hue": 18, "saturation": 8, "value": 16}
HUES = 180  # OpenCV counts hue in steps of two degrees
STRENGTHS = (0.01, 0.1, 1.0)  # C of the logistic regression, the inverse of its penalty
BALANCES = (None, "balanced")  # whether a class's positives weigh as much as its negatives
INNER_FOLDS = 4  # of the training clips, by recording: they choose C and balance


class Regression(NamedTuple):
    """A fitted baseline: `pipeline` gives the classes that vary in training, `prevalence` is said of the others."""

    pipeline: Pipeline | None  # None where no class varies
    varies: np.ndarray  # bool (C,)
    prevalence: np.ndarray  # float64 (C,): share of the training clips
    strength: float
    balance: str | None


def features(frames: np.ndarray) -> np.ndarray:
    """What the baseline knows of a clip: float32 (F,). `frames`: at least one of it, in order, uint8 (T, H, W, 3) RGB.

    Square roots of the shares of each colour's bins (red, green, blue; hue weighted by saturation, saturation, value),
    the brightness at nine moments with its spread and mean step, and the mean picture of 6 x 6 fields.
    """
    small = np.stack([cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for frame in frames])
    hsv = cv2.cvtColor(small.reshape(-1, SIDE, 3), cv2.COLOR_RGB2HSV).reshape(-1, 3)
    channels = dict(zip(BINS, [*small.reshape(-1, 3).T, *hsv.T], strict=True))
    shares = []
    for name, values in channels.items():
        levels = HUES if name == "hue" else 256
        weights = hsv[:, 1].astype(np.float64) if name == "hue" else None  # grey has no hue
        counts = np.bincount(values, weights, levels)[:levels]
        edges = np.arange(BINS[name]) * levels // BINS[name]
        binned = np.add.reduceat(counts, edges)
        shares.append(np.sqrt(binned / max(binned.sum(), 1)))
    light = small.mean(axis=(1, 2, 3)) / 255
    moments = light[uniform_indices(len(light), FRAMES)]
    spread = [light.std(), np.abs(np.diff(moments)).mean()]
    picture = cv2.resize(small.mean(axis=0, dtype=np.float32) / 255, (FIELDS, FIELDS), interpolation=cv2.INTER_AREA)
    return np.concatenate([*shares, moments, spread, picture.ravel()]).astype(np.float32)


def cached_features(cache: TileCache, videos: Iterable[str]) -> np.ndarray:
    """`features` of clips from nine of their uniform tiles each: float32 (V, F)."""
    positions = uniform_indices(cache.frames_per_video, FRAMES)
    found = [features(cache.tiles(name, positions)) for name in videos]
    return np.stack(found) if found else np.empty((0, _width()), np.float32)


def fit(known: np.ndarray, labels: pd.DataFrame) -> Regression:
    """Fit to the training clips: `known` (V, F) of the rows of `labels`; the same input gives the same output.

    C and class balance are those with the highest mAP over inner folds of these clips, pooled; where there are too few
    recordings for inner folds, the middle C and no balance.
    """
    targets = labels[class_columns(labels)].to_numpy()
    if len(known) != len(targets) or not len(known):
        raise ValueError(f"{len(known)} clips with features and {len(targets)} with labels: give the same clips.")
    settings = [(strength, balance) for strength in STRENGTHS for balance in BALANCES]
    chosen = (STRENGTHS[1], None)
    if labels["video"].map(recording_of).nunique() >= 2 * INNER_FOLDS:
        inner = iterative_folds(labels, INNER_FOLDS, by_recording=True).to_numpy()
        reached = {each: _inner_map(known, targets, inner, *each) for each in settings}
        chosen = max(settings, key=reached.get)  # the first of equals
    return _fitted(known, targets, *chosen)


def predict(model: Regression, known: np.ndarray) -> np.ndarray:
    """Probabilities float32 (V, C); a class that did not vary in training has its prevalence there, 0 or 1."""
    found = np.tile(model.prevalence, (len(known), 1))
    if model.pipeline is not None and len(known):
        found[:, model.varies] = model.pipeline.predict_proba(known)[:, -model.varies.sum() :]  # of one class: no, yes
    return found.astype(np.float32)


def fold_predictions(
    cache: TileCache, labels: pd.DataFrame, folds: pd.Series, train_folds: Sequence[int], test_videos: Sequence[str]
) -> tuple[dict[int, pd.DataFrame], dict[int, pd.DataFrame]]:
    """The baseline as if it were a model: fold -> predictions of its validation clips, fold -> of the test clips.

    As for a network, the model of fold k is fitted to the labelled clips of all other folds. `folds`: the fold of every
    labelled video. Tables as in `predictions`: one row a video, float32 probabilities, none missing.
    """
    codes = class_columns(labels)
    known = cached_features(cache, labels["video"])
    of_tests = cached_features(cache, test_videos)
    fold = folds.loc[labels["video"]].to_numpy()
    validation, tests = {}, {}
    for k in train_folds:
        model = fit(known[fold != k], labels[fold != k])
        names = list(folds.index[folds == k])
        own = labels.loc[fold == k, "video"]
        table = as_table(own, predict(model, known[fold == k]), codes)
        validation[k] = validate_predictions(table, codes, names, f"{NAME}, fold {k}")
        tests[k] = as_table(test_videos, predict(model, of_tests), codes)
    return validation, tests


def add_to_scores(
    params: DataParams,
    labels: pd.DataFrame,
    folds: pd.Series,
    test_videos: Sequence[str],
    validation: dict[str, dict[int, pd.DataFrame]],
    tests: dict[str, dict[int, pd.DataFrame]],
) -> None:
    """Add the row ``baseline/colour`` to what `scores.validation_predictions` and `scores.test_predictions` give.

    From the preset's tile cache, for the folds in `train_folds`; see `fold_predictions`.
    """
    cache = open_tiles(params, [*labels["video"], *test_videos])
    validation[NAME], tests[NAME] = fold_predictions(cache, labels, folds, params.train_folds, test_videos)


def _width() -> int:
    return sum(BINS.values()) + FRAMES + 2 + 3 * FIELDS**2


def _inner_map(
    known: np.ndarray, targets: np.ndarray, inner: np.ndarray, strength: float, balance: str | None
) -> float:
    found = np.empty(targets.shape, np.float32)
    for k in np.unique(inner):
        model = _fitted(known[inner != k], targets[inner != k], strength, balance)
        found[inner == k] = predict(model, known[inner == k])
    return mean_average_precision(targets, found)


def _fitted(known: np.ndarray, targets: np.ndarray, strength: float, balance: str | None) -> Regression:
    prevalence = targets.mean(axis=0)
    varies = (prevalence > 0) & (prevalence < 1)
    if not varies.any():
        return Regression(None, varies, prevalence, strength, balance)
    one = LogisticRegression(C=strength, class_weight=balance, solver="newton-cholesky")
    pipeline = make_pipeline(StandardScaler(), OneVsRestClassifier(one))
    # more threads than one only wait for each other in matrices so small, and would change last digits
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # its last digits; ranks do not depend on them
        pipeline.fit(known, targets[:, varies])
    return Regression(pipeline, varies, prevalence, strength, balance)
