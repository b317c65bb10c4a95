"""The official score: mean average precision over classes.

Per class, AP is the mean over the positives of the precision at the positive's rank (non-interpolated).
The official scorer shuffles before it sorts, so equal scores fall in a random order. Here ties take the
*expected* value over all those orders, in closed form: no seed, no luck, the mean of what the official
scorer would give, and the same number as it (and scikit-learn) to 1e-8 when there are no ties. Ties
matter: the ZC rule sets many probabilities to exactly 0 and 1. Giving all tied items the worst or the
best place, or scikit-learn's one threshold a tie, would move the score by the choice instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def average_precision(targets: ArrayLike, scores: ArrayLike) -> NDArray[np.float64]:
    """AP of every class, (C,), in [0, 1]; NaN for a class without positives.

    ``targets``: (N, C) of 0 and 1; ``scores``: (N, C), any order-preserving scale. Raises ValueError
    when shapes differ, targets are not 0/1 or a score is NaN.
    """
    targets, scores = checked(targets, scores)
    return weighted_ap(targets, scores, np.ones((1, len(targets)), dtype=np.int64))[0]


def mean_average_precision(targets: ArrayLike, scores: ArrayLike) -> float:
    """The official mAP in [0, 1]: plain mean over the classes; one without positives counts 0."""
    return float(np.nan_to_num(average_precision(targets, scores)).mean())


def chance_map(targets: ArrayLike) -> float:
    """Expected official mAP of guessing at random, exact: that of giving every video the same score."""
    targets = np.asarray(targets)
    return mean_average_precision(targets, np.zeros(targets.shape))


def checked(targets: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Targets as bool and scores as float64, (N, C); ValueError where they are not what `average_precision` takes."""
    targets, scores = np.asarray(targets), np.asarray(scores, dtype=np.float64)
    if targets.ndim != 2 or targets.shape != scores.shape or not targets.size:
        raise ValueError(f"targets {targets.shape} and scores {scores.shape} must both be (videos, classes).")
    if not np.isin(targets, (0, 1)).all():
        raise ValueError("targets hold values other than 0 and 1; a target says whether the class is there.")
    if np.isnan(scores).any():
        raise ValueError("scores hold NaN; every video needs a score for every class.")
    return targets.astype(bool), scores


def weighted_ap(
    targets: NDArray[np.bool_], scores: NDArray[np.float64], weights: NDArray[np.int64]
) -> NDArray[np.float64]:
    """AP (R, C) of R resamples, in which video i occurs ``weights[r, i]`` times; NaN without positives.

    A tie of n items, p of them positive, after r items with P positives before it contributes, in
    expectation over its orders, p/n · Σ_j (P + 1 + (j - 1)(p - 1)/(n - 1)) / (r + j), j = 1…n: item j is
    positive with probability p/n, and then (p - 1)/(n - 1) of the j - 1 items of the tie before it are.
    With harmonic numbers H and D = H(r + n) - H(r) this sum is (P + 1) D + (p - 1)/(n - 1) (n - (r + 1) D).
    """
    total = int(weights.sum(axis=1).max())
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, total + 1))])
    result = np.empty((len(weights), targets.shape[1]))
    for c in range(targets.shape[1]):
        order = np.argsort(-scores[:, c], kind="stable")
        ranked = scores[order, c]
        starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))  # of the ties
        drawn = weights[:, order]
        n = np.add.reduceat(drawn, starts, axis=1)
        p = np.add.reduceat(drawn * targets[order, c], starts, axis=1)
        r = np.cumsum(n, axis=1)
        d = harmonic[r]
        r -= n
        d -= harmonic[r]
        before = np.cumsum(p, axis=1) - p
        slope = (p - 1) / np.maximum(n - 1, 1)
        inner = (before + 1) * d + slope * (n - (r + 1) * d)
        positives = p.sum(axis=1)
        gained = (p / np.maximum(n, 1) * inner).sum(axis=1)
        result[:, c] = np.where(positives > 0, gained / np.maximum(positives, 1), np.nan)
    return result
