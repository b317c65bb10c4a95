"""Main effects and interactions from a two-level design in which every run asks about every factor at once.

Runs are fitted by least squares (statsmodels): mAP = block + half of every effect times its column of -1 and +1. An
effect is what the high level has more than the low one, over the mean of all other factors. Its error has two parts, as
in `resampling.estimate`: how far runs move, which the residuals show, what recordings do to single runs included; and
what other recordings would change in all runs of a level alike, which no residual shows, since all runs were scored on
the same recordings. What recordings change in all runs whatever their level cancels in an effect.

The residuals hold more than the noise of runs: all interactions that are not fitted, too. `run_noise` tells the two
apart. The intervals keep the residuals, since interactions of three, and of tricks with folds, do move main effects of
such a design, and no run says by how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.stats import halfnorm

from vpipe_utils.evaluation.resampling import Estimate

LEVEL = 0.95
TIMES = ":"  # 'ema:schedule', the interaction of two factors


@dataclass(frozen=True)
class Screening:
    """`effects`: a row a term (index): kind 'main' or 'interaction', difference, low, high, p, runs, of_runs and
    of_recordings (standard errors), aliases; `run_sd`: standard deviation of one run around the fit; its `freedom`."""

    effects: pd.DataFrame
    run_sd: float
    freedom: int


def screen(
    design: pd.DataFrame,
    maps: pd.Series,
    drawn: pd.DataFrame | None = None,
    blocks: pd.Series | None = None,
    interactions: Sequence[tuple[str, str]] = (),
    level: float = LEVEL,
) -> Screening:
    """Effects of all factors and of the named interactions, with intervals for other runs on other recordings.

    ``design``: index a run, a column a factor, -1 or 1; ``maps``: mAP of each run; ``drawn``: the same on draws of the
    recordings, a column a draw, the same draw for all runs (None: no part for recordings); ``blocks``: the block of
    each run, as its fold, whose level is of no interest; all with the design's index, in any order. Raises ValueError
    for other levels, runs without mAP, a factor that never changes, terms that the design cannot tell apart, and
    fewer runs than it takes to see how far runs move.
    """
    columns = terms(design, interactions)
    maps, blocks, drawn = (None if table is None else _of_all(table, design) for table in (maps, blocks, drawn))
    names_of_blocks = np.zeros(len(design)) if blocks is None else blocks.to_numpy()
    model = np.hstack([columns.to_numpy(float), pd.get_dummies(names_of_blocks, dtype=float).to_numpy()])
    _check_rank(model, columns, design)
    if len(model) <= model.shape[1]:
        raise ValueError(
            f"{len(model)} runs and {model.shape[1]} figures to be fitted: nothing is left to see how far runs move. "
            "Add runs, or ask for fewer interactions."
        )
    fit = sm.OLS(maps.to_numpy(float), model).fit()
    contrasts = 2 * np.linalg.pinv(model)[: columns.shape[1]]  # (terms, runs)
    shared = _of_recordings(contrasts, model, drawn)
    rows = []
    for contrast, term, by_recordings in zip(contrasts, columns, shared, strict=True):
        by_runs = float(fit.mse_resid * (contrast**2).sum())
        found = Estimate(float(contrast @ maps.to_numpy(float)), by_runs, int(fit.df_resid), by_recordings)
        kind = "interaction" if TIMES in term else "main"
        rows.append((kind, *found.interval(level), found.p(), len(design), by_runs**0.5, by_recordings**0.5))
    names = ["kind", "difference", "low", "high", "p", "runs", "of_runs", "of_recordings"]
    table = pd.DataFrame(rows, index=pd.Index(columns.columns, name="term"), columns=names)
    return Screening(table.assign(aliases=aliases(design, columns)), float(np.sqrt(fit.mse_resid)), int(fit.df_resid))


def run_noise(first: pd.Series, again: pd.Series, blocks: pd.Series) -> tuple[float, int]:
    """Standard deviation of one run and its degrees of freedom, from runs that were made again with another seed
    ("pure error"; Box, Hunter and Hunter, *Statistics for Experimenters*, 2nd edition, chapter 5).

    mAP by the same index; by how much all runs of a block moved together is left out. Raises ValueError where there
    are too few.
    """
    blocks = blocks.loc[again.index]
    freedom = len(again) - blocks.nunique()
    if freedom < 1:
        raise ValueError(f"{len(again)} runs of {blocks.nunique()} blocks were made again; it takes one more at least.")
    apart = again - first.loc[again.index]
    left = apart - apart.groupby(blocks).transform("mean")
    return float(np.sqrt((left**2).sum() / freedom / 2)), freedom  # two runs differ by twice the variance of one


def terms(design: pd.DataFrame, interactions: Sequence[tuple[str, str]] = ()) -> pd.DataFrame:
    """The columns of -1 and 1 that are fitted: the factors, and the product of each named pair, as 'a:b'."""
    values = design.to_numpy()
    if not np.isin(values, (-1, 1)).all():
        raise ValueError(f"the design holds other levels than -1 and 1: {sorted(set(values.ravel().tolist()))[:5]}.")
    unknown = sorted({name for pair in interactions for name in pair} - set(design))
    if unknown:
        raise ValueError(f"'{unknown[0]}' is no factor of the design; its factors are {', '.join(design)}.")
    products = {f"{a}{TIMES}{b}": design[a] * design[b] for a, b in interactions}
    return design.assign(**products)


def aliases(design: pd.DataFrame, columns: pd.DataFrame) -> list[str]:
    """For each fitted column what else the design cannot tell from it, factors and interactions of two: 'a:b, -c:d'.

    A sign says that the column is the other's negative; `~` that they are only partly alike. Whatever is listed may be
    what was measured.
    """
    everything = terms(design, list(combinations(design, 2)))
    alike = columns.to_numpy(float).T @ everything.to_numpy(float) / len(design)
    found = []
    for term, row in zip(columns, alike, strict=True):
        named = []
        for other, value in zip(everything, row, strict=True):
            if other != term and abs(value) > 1e-9:
                named.append(("~" if abs(value) < 1 - 1e-9 else "-" if value < 0 else "") + other)
        found.append(", ".join(named))
    return found


def half_normal(effects: pd.DataFrame) -> pd.DataFrame:
    """For a half-normal plot: term (index), size, quantile, smallest first. Effects that are noise lie on one line.

    After Daniel 1959, doi 10.2307/1266725: the k-th smallest of m sizes against the half-normal quantile of
    (k - 1/2) / m.
    """
    sizes = effects["difference"].abs().sort_values().rename("size").to_frame()
    return sizes.assign(quantile=halfnorm.ppf((np.arange(len(sizes)) + 0.5) / len(sizes)))


def _of_recordings(
    contrasts: NDArray[np.float64], model: NDArray[np.float64], drawn: pd.DataFrame | None
) -> list[float]:
    """Variance of each effect by recordings, as far as they move all runs of a level alike (0 without draws).

    Over the draws an effect also moves by what recordings do to single runs. That part is in the residuals of the runs
    already. How large it is, the residuals of the draws show, fitted as the runs are.
    """
    if drawn is None:
        return [0.0] * len(contrasts)
    moved = drawn.to_numpy(float) - drawn.to_numpy(float).mean(axis=1, keepdims=True)  # (runs, draws)
    rest = moved - model @ (np.linalg.pinv(model) @ moved)
    draws = moved.shape[1] - 1
    alone = (rest**2).sum() / draws / (len(model) - model.shape[1])
    total = (contrasts @ moved).var(axis=1, ddof=1)
    return np.maximum(total - alone * (contrasts**2).sum(axis=1), 0.0).tolist()


def _of_all(table: pd.DataFrame | pd.Series, design: pd.DataFrame) -> pd.DataFrame | pd.Series:
    missing = design.index.difference(table.index)
    if len(missing):
        raise ValueError(f"run {missing[0]} is in the design but was not measured; it makes {len(missing)} such runs.")
    return table.loc[design.index]


def _check_rank(model: NDArray[np.float64], columns: pd.DataFrame, design: pd.DataFrame) -> None:
    """Every fitted column must say something that the others do not."""
    rank = np.linalg.matrix_rank(model)
    if rank == model.shape[1]:
        return
    for place, (term, also) in enumerate(zip(columns, aliases(design, columns), strict=True)):
        if np.linalg.matrix_rank(np.delete(model, place, axis=1)) == rank:
            rest = also or "the blocks or the other terms together"
            raise ValueError(f"the design cannot tell '{term}' from {rest}: leave it out, or one of these.")
