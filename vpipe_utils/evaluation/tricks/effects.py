"""The effect of a trick: mean paired difference of runs with and without it, interval, p-value and a verdict in words.

Two runs are a pair when they share model, fold and repetition and differ in the trick alone: fold and seed then move
both alike. All runs are scored on the same draws of recordings, once each; every comparison after that is arithmetic.
The interval is for other runs on other recordings (`resampling.estimate`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.stats.multitest import multipletests

from vpipe_utils.evaluation.metrics import mean_average_precision
from vpipe_utils.evaluation.resampling import Estimate, estimate, resampled_maps
from vpipe_utils.evaluation.scores import labels_of, matrices, recordings_of

WORTH = 0.01  # of mAP: the smallest effect worth knowing
LEVEL = 0.95
HELPS, HURTS, NOTHING, OPEN = "helps", "hurts", "no effect of 1 point", "cannot be told"
HOLM, BENJAMINI_HOCHBERG = "holm", "fdr_bh"  # as statsmodels calls them


class Run(Protocol):
    """What tells runs apart; two of one fold and repetition have one seed, whatever the trick (None: none)."""

    model: str
    fold: int
    trick: str | None
    repetition: int


class Effect(NamedTuple):
    """`difference`: by how much mAP is higher with a trick; interval `low` to `high`; p-value; pairs of runs."""

    difference: float
    low: float
    high: float
    p: float
    runs: int


@dataclass(frozen=True)
class Scored:
    """mAP of R runs: `maps` (R,) as measured, `drawn` (R, n) on n draws of recordings, the same for all runs."""

    runs: Sequence[Hashable]
    maps: NDArray[np.float64]
    drawn: NDArray[np.float64]

    def of(self, runs: Sequence[Hashable]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Measured (K,) and drawn (K, n) mAP of some runs. Raises ValueError for one that has not been scored."""
        places = {run: place for place, run in enumerate(self.runs)}
        if missing := [run for run in runs if run not in places]:
            raise ValueError(f"run {missing[0]} is not among the {len(places)} that were scored.")
        chosen = [places[run] for run in runs]
        return self.maps[chosen], self.drawn[chosen]


def score(labels: pd.DataFrame, predictions: Mapping[Hashable, pd.DataFrame], n: int = 1000, seed: int = 0) -> Scored:
    """mAP of each run's table of predictions, on its own videos: all held-out ones, or those of its validation fold.

    ``labels``: `video` and a column a class, for all of these videos. ``n`` draws of recordings (`resampling`).
    """
    tables = []
    for table in predictions.values():
        rows = labels_of(labels, table)
        tables.append((*matrices(rows, table), recordings_of(rows)))
    maps = [mean_average_precision(targets, scores) for targets, scores, _ in tables]
    return Scored(list(predictions), np.array(maps), resampled_maps(tables, n, seed))


def effect_of(found: Estimate, pairs: int, sign: int = 1, level: float = LEVEL) -> Effect:
    """An estimated difference as an effect; ``sign`` -1 where the runs lack what the trick's name adds."""
    low, high = sorted(sign * end for end in found.interval(level)[1:])
    return Effect(sign * found.value, low, high, found.p(), pairs)


def between(scored: Scored, pairs: Sequence[tuple[Hashable, Hashable]], sign: int = 1, level: float = LEVEL) -> Effect:
    """What the first run of each pair has more than the second, times ``sign``. Two pairs or more, else ValueError."""
    (a, a_drawn), (b, b_drawn) = (scored.of([pair[side] for pair in pairs]) for side in (0, 1))
    return effect_of(estimate(a - b, a_drawn - b_drawn), len(pairs), sign, level)


def pairs_of(runs: Sequence[Run], trick: str) -> list[tuple[Run, Run]]:
    """Runs with the trick, each with the run of the same model, fold and repetition that has none; others are left."""
    plain = {(run.model, run.fold, run.repetition): run for run in runs if not run.trick}
    with_it = [run for run in runs if run.trick == trick]
    keys = [(run.model, run.fold, run.repetition) for run in with_it]
    return [(run, plain[key]) for run, key in zip(with_it, keys, strict=True) if key in plain]


def effects(scored: Scored, signs: Mapping[str, int], correction: str = HOLM, level: float = LEVEL) -> pd.DataFrame:
    """The effect of every trick of ``signs`` (trick -> sign): a row a trick (index), for those with two pairs or more.

    Columns: difference, low, high, p, runs, p_corrected over these rows, verdict. In the rows' order.
    """
    rows = {}
    for trick, sign in signs.items():
        pairs = pairs_of(scored.runs, trick)
        if len(pairs) > 1:
            rows[trick] = between(scored, pairs, sign, level)
    table = pd.DataFrame(rows.values(), index=pd.Index(rows, name="trick"), columns=Effect._fields)
    return with_verdicts(table, correction, 1 - level)


def with_verdicts(table: pd.DataFrame, correction: str = HOLM, alpha: float = 1 - LEVEL) -> pd.DataFrame:
    """A table with low, high and p, and to it p_corrected, over all its rows, and verdict."""
    p = corrected(table["p"].to_numpy(), correction)
    words = [
        verdict(low, high, each, alpha) for low, high, each in zip(table["low"], table["high"], p, strict=True)
    ]
    return table.assign(p_corrected=p, verdict=words)


def corrected(p: NDArray[np.float64], correction: str = HOLM) -> NDArray[np.float64]:
    """p-values corrected for their number: HOLM holds the chance of one false claim, BENJAMINI_HOCHBERG the share of
    false ones among the claims."""
    return multipletests(p, method=correction)[1] if len(p) else np.empty(0)


def verdict(low: float, high: float, p: float = 0.0, alpha: float = 1 - LEVEL, worth: float = WORTH) -> str:
    """What an interval allows to say; HELPS and HURTS only where the (corrected) ``p`` is below ``alpha``, too.

    NOTHING only where the whole interval lies within ±``worth``: equivalence. Student's two one-sided tests at 5 %
    would ask that of the 90 % interval, so this is stricter. An interval that merely holds 0 says nothing: OPEN.
    """
    if p < alpha and (low > 0 or high < 0):
        return HELPS if low > 0 else HURTS
    return NOTHING if -worth < low and high < worth else OPEN


def a_a(scored: Scored, comparisons: int = 20, seed: int = 0, level: float = LEVEL) -> pd.DataFrame:
    """Runs against other repetitions of themselves, where the truth is 0: a row a comparison, `Effect` and `misses`.

    All runs of ``scored`` have the same recipe but for their fold, model and repetition. In each comparison the
    repetitions of every model and fold are paired at random, each used at most once; no two have the same sides.
    They reuse runs, so their misses come together: their mean is a rate, but with fewer independent parts than rows.
    Raises ValueError where the runs allow fewer comparisons.
    """
    groups: dict[tuple[str, int], list[Run]] = {}
    for run in scored.runs:
        groups.setdefault((run.model, run.fold), []).append(run)
    rng = np.random.default_rng(seed)
    rows: dict[frozenset, Effect] = {}
    for _ in range(50 * comparisons):
        pairs: list[tuple[Run, Run]] = []
        for group in groups.values():
            order = rng.permutation(len(group))
            pairs += [(group[a], group[b]) for a, b in zip(order[::2], order[1::2], strict=False)]
        sides = frozenset(frozenset(side) for side in zip(*pairs, strict=True))
        if len(pairs) > 1 and sides not in rows:
            rows[sides] = between(scored, pairs, level=level)
        if len(rows) == comparisons:
            table = pd.DataFrame(rows.values(), columns=Effect._fields)
            return table.assign(misses=(table["low"] > 0) | (table["high"] < 0))
    raise ValueError(
        f"these {len(scored.maps)} runs give {len(rows)} of the {comparisons} comparisons of a run with another "
        "repetition of it: train more repetitions of each fold."
    )
