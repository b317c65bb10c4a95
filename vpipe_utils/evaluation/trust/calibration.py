"""Calibration: of a hundred clips at 0.7, seventy should show the class.

A calibrator maps the probability p of a class to sigmoid(a·log p - b·log(1 - p) + c), of which the three usual ones are
special cases: temperature (a = b, c = 0; Guo and others 2017, arXiv 1706.04599), Platt scaling of the logit (a = b;
Platt 1999) and beta calibration (Kull and others 2017, https://proceedings.mlr.press/v54/kull17a.html). One for all
classes, or one a class. Which is taken is chosen by log-loss out of fold: each recording is judged by a calibrator that
was fitted without it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

LEAST = 1e-6  # how near to 0 and 1 a probability is taken to be
FOLDS = 5  # of recordings, in which the choice is made
POSITIVES = 10  # with fewer of either kind a class has no calibrator of its own: three numbers need some clips
KINDS = ("none", "temperature", "platt", "beta")  # the simplest first: it is taken where nothing is better
BINS = 10  # of the expected calibration error, each with as many predictions (our choice)


@dataclass(frozen=True)
class Calibrator:
    """`kind` of KINDS, `by_class`, and (a, b, c) of every class: float64 (C, 3)."""

    kind: str
    by_class: bool
    coefficients: NDArray[np.float64]

    def __call__(self, probabilities: NDArray) -> NDArray[np.float64]:
        """Calibrated probabilities (V, C) of probabilities (V, C)."""
        yes, no = _logs(probabilities)
        a, b, c = self.coefficients.T
        return 1 / (1 + np.exp(-(a * yes - b * no + c)))

    def words(self) -> str:
        """As in 'Platt scaling, one for all classes'."""
        names = {"none": "none", "temperature": "a temperature", "platt": "Platt scaling", "beta": "beta calibration"}
        return names[self.kind] + ("" if self.kind == "none" else f", one {'a class' if self.by_class else 'for all'}")


def fit(kind: str, by_class: bool, probabilities: NDArray, targets: NDArray) -> Calibrator:
    """Fit to probabilities and 0/1 targets, (V, C) each.

    A slope that would come out negative, which turns the order of the clips round, is 0 in beta calibration as its
    authors do it, and in the others the class keeps its probabilities.
    """
    classes = probabilities.shape[1]
    whole = _coefficients(kind, probabilities.reshape(-1, 1), targets.reshape(-1))
    found = np.tile(whole, (classes, 1))
    for k in range(classes if by_class and kind != "none" else 0):
        positives = int(targets[:, k].sum())
        if POSITIVES <= positives <= len(targets) - POSITIVES:
            found[k] = _coefficients(kind, probabilities[:, [k]], targets[:, k])
    return Calibrator(kind, by_class, found)


def choose(
    probabilities: NDArray, targets: NDArray, recordings: Sequence[str]
) -> tuple[Calibrator, NDArray[np.float64], pd.DataFrame]:
    """The calibrator with the least log-loss out of fold, fitted to all; what it says out of fold (V, C); the table.

    The table has a row a candidate: kind, by_class, log_loss (mean over clips and classes, out of fold). Folds are of
    recordings; with fewer than FOLDS recordings nothing is calibrated.
    """
    targets = np.asarray(targets, np.float64)
    probabilities = np.asarray(probabilities, np.float64)
    candidates = [("none", False), *((kind, own) for own in (False, True) for kind in KINDS[1:])]
    if len(set(recordings)) < FOLDS:
        candidates = candidates[:1]
    rows, said = [], {}
    for kind, by_class in candidates:
        found = probabilities.copy()
        if kind != "none":
            for train, test in GroupKFold(FOLDS).split(probabilities, groups=recordings):
                found[test] = fit(kind, by_class, probabilities[train], targets[train])(probabilities[test])
        said[kind, by_class] = found
        rows.append((kind, by_class, log_loss(found, targets)))
    table = pd.DataFrame(rows, columns=["kind", "by_class", "log_loss"])
    best = table.loc[table["log_loss"].idxmin()]
    key = (str(best["kind"]), bool(best["by_class"]))
    return fit(*key, probabilities, targets), said[key], table


def log_loss(probabilities: NDArray, targets: NDArray) -> float:
    """Mean over clips and classes, in nats."""
    yes, no = _logs(probabilities)
    return float(-np.where(np.asarray(targets) > 0, yes, no).mean())


def reliability(probabilities: NDArray, targets: NDArray, bins: int = BINS) -> pd.DataFrame:
    """What a reliability diagram shows: said (mean probability), found (share of positives), predictions, a bin a row.

    All classes together; bins of as many predictions each, since most probabilities are near 0.
    """
    order = np.argsort(probabilities, axis=None, kind="stable")
    said, found = np.ravel(probabilities)[order], np.ravel(targets)[order]
    parts = [part for part in np.array_split(np.arange(len(order)), bins) if len(part)]
    rows = [(said[part].mean(), found[part].mean(), len(part)) for part in parts]
    return pd.DataFrame(rows, columns=["said", "found", "predictions"])


def expected_error(probabilities: NDArray, targets: NDArray, bins: int = BINS) -> float:
    """Expected calibration error (ECE, Guo and others 2017) over bins of as many predictions each, in [0, 1].

    Chance alone makes it positive, the more the fewer clips there are: compare it with another on the same clips.
    """
    table = reliability(probabilities, targets, bins)
    weights = table["predictions"] / table["predictions"].sum()
    return float((weights * (table["said"] - table["found"]).abs()).sum())


def compare(
    before: NDArray, after: NDArray, targets: NDArray, recordings: Sequence[str], n: int = 500, seed: int = 0
) -> dict[str, float]:
    """ECE before and after calibration and after - before, with its 95 % interval over recordings: ece_before,
    ece_after, difference, low, high.

    For this calibrator on other recordings of the same kind. Judge it on clips that it was not fitted to.
    """
    _, codes = np.unique(np.asarray(recordings, str), return_inverse=True)
    members = [np.flatnonzero(codes == k) for k in range(codes.max() + 1)]
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(n):
        rows = np.concatenate([members[k] for k in rng.integers(0, len(members), len(members))])
        drawn.append(expected_error(after[rows], targets[rows]) - expected_error(before[rows], targets[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    first, second = expected_error(before, targets), expected_error(after, targets)
    return {"ece_before": first, "ece_after": second, "difference": second - first, "low": low, "high": high}


def _logs(probabilities: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    clipped = np.clip(np.asarray(probabilities, np.float64), LEAST, 1 - LEAST)
    return np.log(clipped), np.log1p(-clipped)


def _coefficients(kind: str, probabilities: NDArray, targets: NDArray) -> NDArray[np.float64]:
    """(a, b, c) of one calibrator; `probabilities` (N, 1) or (N,), `targets` (N,)."""
    unchanged = np.array([1.0, 1.0, 0.0])
    if kind == "none" or len(np.unique(targets)) < 2:
        return unchanged
    yes, no = (each.reshape(-1) for each in _logs(probabilities))
    features = {"beta": np.stack([yes, -no], axis=1)}.get(kind, (yes - no)[:, None])
    slopes, offset = _regression(features, targets, kind != "temperature")
    if kind != "beta":
        return np.array([slopes[0], slopes[0], offset]) if slopes[0] > 0 else unchanged
    if slopes.min() < 0:  # the one that is against the order goes, and the other is fitted alone
        kept = int(slopes.argmax())
        slope, offset = _regression(features[:, [kept]], targets, True)
        if slope[0] <= 0:
            return unchanged
        slopes = np.eye(2)[kept] * slope[0]
    return np.array([*slopes, offset])


def _regression(features: NDArray, targets: NDArray, offset: bool) -> tuple[NDArray[np.float64], float]:
    model = LogisticRegression(C=1e6, fit_intercept=offset, solver="lbfgs", max_iter=1000)  # as good as no penalty
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, targets)
    return model.coef_[0], float(model.intercept_[0]) if offset else 0.0
