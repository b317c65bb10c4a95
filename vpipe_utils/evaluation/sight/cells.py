"""A cell of the grid: one method at one share in sight, several runs, scored on the same draws as all other cells.

Held-out clips have the same names and labels in every preset. So one set of draws serves the whole grid: what two
cells have in common cancels in their difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpipe_utils.data.annotations import recording_of
from vpipe_utils.evaluation.metrics import average_precision, weighted_ap
from vpipe_utils.evaluation.scores import matrices

LEVEL = 0.95
_BLOCK = 250  # draws that are scored at a time, for the memory


@dataclass(frozen=True)
class Cell:
    """AP of one method at one share: as measured, and on every draw of the held-out recordings."""

    by_run: NDArray[np.float64]  # (K, C); NaN: no positives
    drawn: NDArray[np.float64]  # (K, B, C); NaN: no positives among the clips drawn

    @property
    def maps(self) -> NDArray[np.float64]:
        """mAP of each run, (K,)."""
        return np.nan_to_num(self.by_run).mean(axis=1)

    @property
    def drawn_maps(self) -> NDArray[np.float64]:
        """mAP of each run on every draw, (K, B).

        A class that a draw happens to miss is left out of its mean; one that the data lacks counts 0, as officially.
        """
        counts = ~np.isnan(self.drawn) | np.isnan(self.by_run).all(axis=0)
        return np.nan_to_num(self.drawn).sum(axis=-1) / np.maximum(counts.sum(axis=-1), 1)


def draw(videos: Sequence[str], n: int, seed: int) -> NDArray[np.int64]:
    """How often each video is drawn, (B, V), in ``n`` draws of recordings with all their clips."""
    rng = np.random.default_rng(seed)
    numbers, names = pd.factorize(pd.Series([recording_of(video) for video in videos]))
    times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n)
    return times[:, numbers]


def score(labels: pd.DataFrame, predictions: Sequence[pd.DataFrame], draws: NDArray[np.int64]) -> Cell:
    """A cell from its runs' predictions of the held-out clips, one table a run; ``draws``: see `draw`."""
    by_run, drawn = [], []
    for table in predictions:
        targets, scores = matrices(labels, table)
        by_run.append(average_precision(targets, scores))
        blocks = [draws[start : start + _BLOCK] for start in range(0, len(draws), _BLOCK)]
        drawn.append(np.concatenate([weighted_ap(targets.astype(bool), scores, block) for block in blocks]))
    return Cell(np.stack(by_run), np.stack(drawn))


def experiments(found: NDArray[np.float64], drawn: NDArray[np.float64], seed: int = 0) -> NDArray[np.float64]:
    """What the mean over runs might be in other experiments, with other runs on other recordings: (S, B).

    ``found``: (S, K), a figure of each of K runs at each of S shares; ``drawn``: (S, K, B), the same on B draws of the
    recordings, the same draws for all runs.

    The draws of the recordings hold part of what runs differ by: that part of the clips' chance which hits one run
    alone. What the measured spread of the runs has above that is added as noise. Three runs say little of their
    spread, so it is pooled over the shares, and the noise is Student's, of S (K - 1) degrees of freedom. One run: no
    noise, the interval then speaks for these networks only.
    """
    shares, runs = found.shape
    spread = found.var(axis=1, ddof=1).mean() if runs > 1 else 0.0
    rng = np.random.default_rng(seed)
    means = drawn.mean(axis=1)
    for share in range(shares):
        noise = 0.0
        if runs > 1:
            there = drawn[share][:, ~np.isnan(means[share])]
            covariance = np.cov(there) if there.shape[1] > 1 else np.zeros((runs, runs))
            shared = (covariance.sum() - covariance.trace()) / (runs * (runs - 1))
            alone = max(covariance.trace() / runs - shared, 0.0)
            noise = np.sqrt(max(spread - alone, 0.0) / runs)
        means[share] += noise * rng.standard_t(max(shares * (runs - 1), 1), means.shape[1])
    return means


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """What the middle 95 % of the draws span; NaN without values."""
    values = values[~np.isnan(values)]
    if not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def levels(cells: Sequence[Cell]) -> list[dict[str, float]]:
    """Of one method at all shares: mAP, low, high, and run_sd, the spread of its runs (NaN for one run)."""
    others = experiments(np.stack([cell.maps for cell in cells]), np.stack([cell.drawn_maps for cell in cells]))
    return [
        {"mAP": float(cell.maps.mean()), **_named(("low", "high"), interval(drawn)), "run_sd": _sd(cell.maps)}
        for cell, drawn in zip(cells, others, strict=True)
    ]


def leads(a: Sequence[Cell], b: Sequence[Cell]) -> tuple[list[dict[str, float]], NDArray[np.float64]]:
    """By how much mAP ``a`` is ahead of ``b`` at every share: ahead, ahead_low, ahead_high, and its draws (S, B)."""
    others = _differences(a, b, lambda cell: (cell.maps, cell.drawn_maps))
    return [
        {"ahead": float(one.maps.mean() - other.maps.mean()), **_named(("ahead_low", "ahead_high"), interval(drawn))}
        for one, other, drawn in zip(a, b, others, strict=True)
    ], others


def class_rows(a: Sequence[Cell], b: Sequence[Cell]) -> list[pd.DataFrame]:
    """A table a share, a row a class: AP, low, high of ``b``; ahead, ahead_low, ahead_high of ``a`` over it."""
    rows: list[list[dict[str, float]]] = [[] for _ in b]
    for c in range(b[0].by_run.shape[1]):
        own = experiments(np.stack([x.by_run[:, c] for x in b]), np.stack([x.drawn[:, :, c] for x in b]))
        lead = _differences(a, b, lambda cell, c=c: (cell.by_run[:, c], cell.drawn[:, :, c]))
        for share, (one, other) in enumerate(zip(a, b, strict=True)):
            ap, best = other.by_run[:, c].mean(), one.by_run[:, c].mean()
            row = {"AP": ap, **_named(("low", "high"), interval(own[share])), "ahead": best - ap}
            rows[share].append(row | _named(("ahead_low", "ahead_high"), interval(lead[share])))
    return [pd.DataFrame(table) for table in rows]


def turning_point(shares: Sequence[float], ahead: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a lead ``(B, S)`` over rising ``shares`` ends: (B,), by straight lines between the measured shares.

    The first share from which on the other method is ahead. Infinite where the lead holds at all of them, minus
    infinite where there is none at any; NaN where the other is ahead first and the lead comes later.
    """
    shares, ahead = np.asarray(shares, dtype=float), np.atleast_2d(ahead)
    found = np.full(len(ahead), np.nan)
    lead = ahead > 0
    found[lead.all(axis=1)] = np.inf
    found[~lead.any(axis=1)] = -np.inf
    for k in range(len(shares) - 2, -1, -1):  # the first turn wins
        turns = lead[:, k] & ~lead[:, k + 1]
        before, after = ahead[turns, k], ahead[turns, k + 1]
        found[turns] = shares[k] + (shares[k + 1] - shares[k]) * before / (before - after)
    return found


def turning(shares: Sequence[float], ahead: Sequence[float], drawn: NDArray[np.float64]) -> dict[str, float]:
    """Where a lead ends: turn, turn_low, turn_high, and turns, the share of draws in which it ends at all.

    ``ahead``: as measured, (S,); ``drawn``: (S, B). An infinite end of the interval says that the lead may end outside
    the shares that were measured.
    """
    points = turning_point(shares, drawn.T)
    known = points[~np.isnan(points)]
    ends = [np.quantile(known, q, method="nearest") for q in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)] if len(known) else []
    low, high = ends or (np.nan, np.nan)
    turn = float(turning_point(shares, np.array(ahead))[0])
    return {"turn": turn, "turn_low": float(low), "turn_high": float(high), "turns": float(np.isfinite(points).mean())}


Figures = tuple[NDArray[np.float64], NDArray[np.float64]]  # (K,) as measured and (K, B) drawn


def _differences(a: Sequence[Cell], b: Sequence[Cell], of: Callable[[Cell], Figures]) -> NDArray[np.float64]:
    """`experiments` of ``a`` minus ``b``, paired by run and draw."""
    pairs = [(of(one), of(other)) for one, other in zip(a, b, strict=True)]
    return experiments(np.stack([x[0] - y[0] for x, y in pairs]), np.stack([x[1] - y[1] for x, y in pairs]))


def _named(names: tuple[str, str], values: tuple[float, float]) -> dict[str, float]:
    return dict(zip(names, values, strict=True))


def _sd(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else np.nan
