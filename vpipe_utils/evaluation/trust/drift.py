"""Whether new clips look like those that the guarantee was calibrated on, or like another camera, town or world.

A clip is known by its colours (`evaluation.colour_baseline.features`) and by what every network says of it (logits).
In each of the two spaces, after scaling and principal components, its distance is the mean one to its nearest clips of
calibration. Distances to known clips are a plain and strong test for what a network has never seen (Sun and others
2022, arXiv 2204.06507). The limit is chosen on the clips of calibration alone: each recording is measured against the
others, and FALSE_ALARMS of them may lie above it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.decomposition import PCA
from sklearn.model_selection import GroupKFold
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

NEIGHBOURS = 5
VARIANCE = 0.95  # of the features, that the components keep
FOLDS = 10  # of recordings, each measured against the others
FALSE_ALARMS = 0.01  # share of clips like those of calibration that are above the limit
SET_LEVEL = 0.01  # as surprising must the number of clips above it be before the set as a whole is warned of
NEAREST = 1e-6  # how near to 0 and 1 a probability is taken to be, for its logit

Features = Mapping[str, NDArray[np.float64]]  # space -> (V, F)


@dataclass(frozen=True)
class Reference:
    """Clips of calibration in each space, and what a usual distance there is."""

    points: Features  # as they were measured
    usual: Mapping[str, float]  # space -> median distance of a clip of calibration to those of other recordings
    limit: float  # of the largest distance over its usual one

    def __call__(self, features: Features) -> NDArray[np.float64]:
        """Distance of clips, (V,): 1 at the limit. `features`: the same spaces as the reference's."""
        with threadpool_limits(1):
            found = [_distances(points, features[name]) / self.usual[name] for name, points in self.points.items()]
        return np.max(found, axis=0) / self.limit


def logits(probabilities: Sequence[NDArray]) -> NDArray[np.float64]:
    """What the networks say of clips as one row a clip, (V, M·C), of the members' probabilities (V, C)."""
    values = np.clip(np.concatenate([np.asarray(each, np.float64) for each in probabilities], axis=1), NEAREST, None)
    return np.log(values) - np.log1p(-np.minimum(values, 1 - NEAREST))


def fit(features: Features, recordings: Sequence[str]) -> Reference:
    """A reference of the clips of calibration.

    With so few clips that FALSE_ALARMS of them is less than one, the limit is their largest distance. Raises ValueError
    for fewer than two recordings.
    """
    count = len(set(recordings))
    if count < 2:
        raise ValueError(f"{count} recording: a distance to other recordings needs two or more")
    own = {name: np.zeros(len(points)) for name, points in features.items()}
    with threadpool_limits(1):
        for name, points in features.items():
            for others, part in GroupKFold(min(FOLDS, count)).split(points, groups=recordings):
                own[name][part] = _distances(points[others], points[part])
    usual = {name: max(float(np.median(found)), 1e-9) for name, found in own.items()}
    largest = np.max([found / usual[name] for name, found in own.items()], axis=0)
    rank = int(np.ceil((1 - FALSE_ALARMS) * (len(largest) + 1)))  # as a conformal quantile: valid for few clips, too
    return Reference(dict(features), usual, float(np.sort(largest)[min(rank, len(largest)) - 1]))


def warns_of_set(distances: NDArray[np.float64]) -> bool:
    """Whether more clips are above the limit than chance would put there, by a binomial test."""
    above = int((distances > 1).sum())
    return bool(above) and binomtest(above, len(distances), FALSE_ALARMS, alternative="greater").pvalue < SET_LEVEL


def say(distances: NDArray[np.float64]) -> str:
    """One sentence on the set."""
    above, count = int((distances > 1).sum()), len(distances)
    if not above:
        return f"No clip of {count:,} is farther from the clips of calibration than these are from each other."
    expected = f"about {FALSE_ALARMS:.0%} of clips like those of calibration would be"
    if warns_of_set(distances):
        return (
            f"{above:,} of {count:,} clips are unlike the clips of calibration ({expected}): the probabilities and the "
            "promise of the review list do not hold for them. Watch them all, label some, and train with them."
        )
    return f"{above:,} of {count:,} clips are unlike the clips of calibration ({expected}), which may be chance."


def _distances(known: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean distance of `points` to their nearest of `known`, (V,), in the components of `known`."""
    scaler = StandardScaler().fit(known)
    whole = PCA(VARIANCE, svd_solver="full").fit(scaler.transform(known))
    near = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(known))).fit(whole.transform(scaler.transform(known)))
    found = near.kneighbors(whole.transform(scaler.transform(points)))[0].mean(axis=1)
    # what lies outside all that the known clips span is far, too
    inside = whole.inverse_transform(whole.transform(scaler.transform(points)))
    outside = np.linalg.norm(scaler.transform(points) - inside, axis=1)
    return np.hypot(found, outside)
