"""Which clips a person must watch, such that at most a chosen share of the defects is missed.

A clip is watched if any defect's probability is at least a threshold; who watches a clip finds what is in it, so a
defect is missed where its clip is not watched. The threshold is calibrated on clips whose labels are known and on which
no network was trained. What is exchangeable are recordings, not clips: a loss is the share of a recording's defects
that are missed, of the recordings that have any.

Two kinds of guarantee, both for new recordings of the same kind and free of assumptions on the networks:

- "mean": conformal risk control (Angelopoulos and others 2022, arXiv 2208.02814). The loss is at most the level on
  average over calibrations and new recordings; one calibration may lie above it.
- "sure": learn then test (Angelopoulos and others 2021, arXiv 2110.01052) with Hoeffding's and Bentkus' bound. With the
  confidence that is asked for, this one calibration keeps the level. More clips are watched for it.

Both by MAPIE (https://mapie.readthedocs.io).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value, get_r_hat_plus
from numpy.typing import NDArray

from vpipe_utils.data.annotations import class_columns

LEVELS = (0.05, 0.10)  # shares of defects that may be missed: the review list, and beside it
CONFIDENCE = 0.9  # of "sure" (our choice)
SPLITS = 200  # of recordings, in which it is tried
# Thresholds are tried on one grid that no data has chosen: even steps of the logit, and 0, at which all is watched.
GRID = np.concatenate([[0.0], 1 / (1 + np.exp(-np.linspace(-9, 9, 181)))])


class Watched(NamedTuple):
    """Clips as the guarantee sees them, a row each."""

    score: NDArray[np.float64]  # (V,): the highest probability of a defect
    defects: NDArray[np.int64]  # (V,): how many it has
    recordings: NDArray[np.str_]  # (V,)


def watched(
    probabilities: pd.DataFrame, labels: pd.DataFrame, normal: str | None, recordings: Sequence[str]
) -> Watched:
    """Of tables of the same clips in the same order, `video` and a column a class; `normal` is no defect."""
    codes = [code for code in class_columns(probabilities) if code != normal]
    defects = labels[codes].to_numpy(np.int64).sum(axis=1)
    return Watched(need_of(probabilities, normal), defects, np.asarray(recordings, str))


def need_of(probabilities: pd.DataFrame, normal: str | None) -> NDArray[np.float64]:
    """The highest probability of a defect, (V,): what the order of the list follows and the threshold is laid on."""
    codes = [code for code in class_columns(probabilities) if code != normal]
    return probabilities[codes].to_numpy(np.float64).max(axis=1)


def losses(clips: Watched) -> NDArray[np.float64]:
    """Share of a recording's defects that are missed at each threshold of GRID, (R, G); recordings with defects."""
    table = pd.DataFrame((clips.score[:, None] < GRID) * clips.defects[:, None])
    missed = table.groupby(clips.recordings).sum().to_numpy(np.float64)
    total = pd.Series(clips.defects).groupby(clips.recordings).sum().to_numpy()
    return missed[total > 0] / total[total > 0, None]


def threshold(risks: NDArray[np.float64], missed: float, confidence: float | None = None) -> float:
    """The highest threshold of GRID that keeps the share `missed`; 0, so all is watched, where none can be kept.

    `risks`: of `losses`. With a `confidence` the guarantee "sure", without one "mean".
    """
    if not len(risks):
        return 0.0
    if confidence is None:
        _, bound = get_r_hat_plus(risks, GRID, "crc", None, None, None)
        kept = np.flatnonzero(bound <= missed)  # the bound only grows with the threshold
        return float(GRID[kept[-1]]) if len(kept) else 0.0
    p = compute_hoeffding_bentkus_p_value(risks.mean(axis=0), len(risks), np.array([missed])).reshape(-1)
    # from 0 upward, as the risk only grows; at 0 nothing can be missed, so that needs no test
    fails = np.flatnonzero(p[1:] > 1 - confidence)
    last = len(GRID) - 1 if not len(fails) else int(fails[0])
    return float(GRID[last])


def repeated_splits(
    clips: Watched, missed: float, confidence: float | None, n: int = SPLITS, seed: int = 0
) -> pd.DataFrame:
    """Calibrate on a random half of the recordings, look at the other half, `n` times.

    A row a split: threshold, missed (mean over the other half's recordings with defects) and watch (share of the other
    half's clips).
    """
    risks, names = losses(clips), np.unique(clips.recordings)
    having = np.isin(names, clips.recordings[clips.defects > 0])
    row = np.where(having, np.cumsum(having) - 1, -1)  # of each recording in `risks`
    of_clip = np.searchsorted(names, clips.recordings)
    rng, rows = np.random.default_rng(seed), []
    for _ in range(n):
        chosen = np.isin(np.arange(len(names)), rng.permutation(len(names))[: len(names) // 2])
        limit = threshold(risks[row[chosen & having]], missed, confidence)
        others = risks[row[~chosen & having], np.searchsorted(GRID, limit)]
        seen = clips.score[~chosen[of_clip]] >= limit
        lost = float(others.mean()) if len(others) else 0.0
        rows.append({"threshold": limit, "missed": lost, "watch": float(seen.mean())})
    return pd.DataFrame(rows)
