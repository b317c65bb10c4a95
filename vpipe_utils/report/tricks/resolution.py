"""What the paper's own figures can and cannot say: the spread over its folds, and the effects that this hides.

The paper prints one figure a trick and no spread. Its Table VI has six models on the same four folds, though. From it
comes how far a model's mAP moves from fold to fold, and how far the difference of two models moves when both are
trained on the same folds. The second is the noise of a paired comparison, and the best guess at that of a trick with
and without. It is a guess: differences between models stand in for differences between settings of one model, which
may move less (the network is the same) or more (nothing says so). Another seed of the same fold moves a score, too;
that is in these figures, since each was trained once.
"""

from __future__ import annotations

import math
from itertools import count
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm, t
from statsmodels.stats.power import TTestPower

from vpipe_utils.report.paper_tables import table_vi
from vpipe_utils.report.tricks.paper_tricks import COMPARISONS, printed_tables

LEVEL, POWER = 0.95, 0.8


class Spread(NamedTuple):
    """Standard deviations over folds, in points of mAP: `model` of one model's, `paired` of the difference of two."""

    models: int
    folds: int
    model: float
    paired: float

    def paired_interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Where the paired standard deviation may lie (chi-square): a few models on a few folds know it roughly."""
        freedom = (self.models - 1) * (self.folds - 1)
        low, high = self.paired * np.sqrt(freedom / chi2.ppf([(1 + level) / 2, (1 - level) / 2], freedom))
        return float(low), float(high)


def papers_spread() -> Spread:
    """From the rows that Table VI prints, on the folds that all its models have. Variances are pooled over models.

    `paired` is the root mean square over all pairs of models, which is √2 times the residual of models and folds as
    a two-way table; it has (models - 1)(folds - 1) degrees of freedom, not one a pair.
    """
    rows = table_vi()
    best = rows[~rows["derived"]].pivot(index="fold", columns="model", values="best_mAP").dropna()
    residual = best.sub(best.mean(), axis=1).sub(best.mean(axis=1), axis=0) + best.to_numpy().mean()
    folds, models = best.shape
    rest = (residual.to_numpy() ** 2).sum() / ((folds - 1) * (models - 1))
    return Spread(models, folds, float(np.sqrt(best.var(ddof=1).mean())), float(np.sqrt(2 * rest)))


def resolved(pairs: int, sd: float, level: float = LEVEL) -> float:
    """Half the width of the interval of a mean difference over `pairs`, of which each moves by `sd`: Student's t.

    A smaller effect is not told from 0, unless by luck: one exactly as large is, in about half of all experiments.
    Raises ValueError for fewer than two pairs, of which none has a spread.
    """
    if pairs < 2:
        raise ValueError(f"{pairs} pair has no spread: a paired comparison takes two or more.")
    return float(t.ppf((1 + level) / 2, pairs - 1) * sd / np.sqrt(pairs))


def pairs_needed(effect: float, sd: float, comparisons: int = 1, power: float = POWER, level: float = LEVEL) -> int:
    """Pairs that tell `effect` from 0 in the share `power` of experiments; `sd` of a paired difference, same unit.

    With Holm's correction over `comparisons` the first effect must pass 1/comparisons of the level, as with
    Bonferroni's; later ones may pass with fewer pairs, so this is enough for all. Two-sided paired t test (noncentral
    t, statsmodels): the share that is told from 0 on the right side.
    """
    alpha, size = (1 - level) / comparisons, abs(effect) / sd
    least = max(2, pairs_by_normal(effect, sd, comparisons, power, level))
    return next(n for n in count(least) if TTestPower().power(size, n, alpha / 2, alternative="larger") >= power)


def pairs_by_normal(effect: float, sd: float, comparisons: int = 1, power: float = POWER, level: float = LEVEL) -> int:
    """`pairs_needed` as if the spread were known: the textbook's formula, too few where they are few."""
    z = norm.ppf(1 - (1 - level) / 2 / comparisons) + norm.ppf(power)
    return math.ceil((z * sd / abs(effect)) ** 2)


def resolution(spread: Spread | None = None) -> pd.DataFrame:
    """Every row of Tables IV and V (index `row`): name, table, points, resolved, pairs, pairs_corrected.

    `resolved`: whether the printed effect is as large as the paper's four folds resolve; `pairs`: what it would take
    at 80 % power if it were the only question; `pairs_corrected`: with Holm's correction over all comparisons.
    """
    spread = spread or papers_spread()
    table = printed_tables()[["name", "table", "points"]]
    sizes = table["points"].abs()
    return table.assign(
        resolved=sizes >= resolved(spread.folds, spread.paired),
        pairs=[pairs_needed(size, spread.paired) for size in sizes],
        pairs_corrected=[pairs_needed(size, spread.paired, COMPARISONS) for size in sizes],
    )
