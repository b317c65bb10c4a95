"""Figures of effects: a row a trick. Each function returns a matplotlib Figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vpipe_utils.report.figure_style import BLUE, GREY, INK, ORANGE, PALE, new_figure, quiet, row_figure
from vpipe_utils.report.tricks.paper_tricks import SCREENING
from vpipe_utils.report.tricks.resolution import Spread, resolved

FARTHEST = -6.0  # points of mAP: the four rows of weak supervision lie beyond and are named at the edge


@quiet
def printed_effects(table: pd.DataFrame, spread: Spread) -> Figure:
    """The effects that the paper prints, against the band that its folds do not resolve; `table`: `resolution`.

    Filled: as large as the band's half or larger. At the right: pairs of runs that would tell the effect from 0.
    """
    half = resolved(spread.folds, spread.paired)
    names = [f"{row.table} · {row.name}" for row in table.itertuples()]
    figure, axes = row_figure(names, "points of mAP, as printed", head=0.9, row=0.22, fontsize=8)
    axes.axvspan(-half, half, color=PALE, lw=0, label=f"not resolved by {spread.folds} folds: ±{half:.1f} points")
    for y, row in enumerate(table.itertuples()):
        x, beyond = max(row.points, FARTHEST), row.points < FARTHEST
        axes.plot(x, y, marker="<" if beyond else "o", ms=6, color=BLUE, mfc=BLUE if row.resolved else "white", ls="")
        if beyond:
            axes.text(x + 0.25, y, f"{row.points:+.1f}", va="center", fontsize=8, color=INK)
        axes.text(1.01, y, f"{row.pairs_corrected:,}", transform=axes.get_yaxis_transform(), va="center", fontsize=8)
    axes.set_xlim(FARTHEST - 0.3, 6)
    axes.text(1.01, 1.0, "pairs", transform=axes.transAxes, va="bottom", fontsize=8, color=GREY)
    figure.legend(loc="outside upper center")
    return figure


@quiet
def measured_effects(rows: pd.DataFrame) -> Figure:
    """Effects with their intervals beside the paper's figures; ``rows``: `paper_tricks.beside_the_paper`.

    The band is what counts as no effect if the whole interval lies inside: one point. What lies beyond the edge, as
    weak supervision does, stands there as a number.
    """
    names = [f"{row.name} ({row.trick})" for row in rows[["name", "trick"]].itertuples(index=False)]
    figure, axes = row_figure(names, "points of mAP", fontsize=8)
    axes.axvspan(-1, 1, color=PALE, lw=0, label="less than 1 point")
    places = range(len(rows))
    edge = min(FARTHEST, rows.loc[rows["points"] >= FARTHEST, "low"].min())  # no interval of the others is cut off
    shown = rows[["difference", "low", "high", "points"]].clip(lower=edge)
    axes.hlines(places, shown["low"], shown["high"], color=BLUE, lw=2, alpha=0.5)
    screened = (rows["by"] == SCREENING).to_numpy()
    for mask, marker, label in ((~screened, "o", "here, with 95 % interval"), (screened, "s", "here, by screening")):
        if mask.any():
            axes.plot(shown["difference"][mask], np.flatnonzero(mask), marker, color=BLUE, label=label)
    axes.plot(shown["points"], places, "D", color=ORANGE, mfc="white", label="printed in the paper, on QV-Pipe")
    for y, (ours, papers) in enumerate(zip(rows["difference"], rows["points"], strict=True)):
        beyond = [f"{value:+.1f}" for value in (ours, papers) if value < edge]
        axes.text(edge + 0.3, y, ", ".join(beyond), va="center", fontsize=8, color=INK)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


@quiet
def half_normal(table: pd.DataFrame) -> Figure:
    """Sizes of all effects of the screening against half-normal quantiles; ``table``: term, size, quantile.

    Noise lies on a line through the origin, drawn here through the median. What is half as large again is named.
    """
    figure = new_figure(height=3.4, width=5.5)
    axes = figure.subplots()
    points = 100 * table["size"]
    slope = points.median() / table["quantile"].median()
    axes.axline((0, 0), slope=slope, color=GREY, lw=1)
    axes.plot(table["quantile"], points, "o", color=BLUE, ms=5)
    large = table[points > 1.5 * slope * table["quantile"]].nlargest(5, "size").sort_values("size")
    height = -np.inf
    for row in large.itertuples():  # a name moves up where it would lie on the one below
        height = max(100 * row.size, height + 0.055 * points.max())
        axes.annotate(row.term, (row.quantile, height), (-6, 0), textcoords="offset points",
                      ha="right", va="center", fontsize=8)  # fmt: skip
    axes.set(xlabel="half-normal quantile", ylabel="size of the effect, points of mAP", xlim=(0, None), ylim=(0, None))
    return figure


@quiet
def tuned_effects(rows: pd.DataFrame) -> Figure:
    """What a trick gains at the recipe's learning rate, and where it and the recipe each have their own.

    ``rows``: `words.tuned_rows`, in points.
    """
    figure, axes = row_figure(rows["name"], "points of mAP", row=0.4)
    axes.axvspan(-1, 1, color=PALE, lw=0, label="less than 1 point")
    for shift, beginning, colour, label in (
        (-0.12, "", GREY, "both at the recipe's rate"),
        (0.12, "tuned_", BLUE, "each at its own"),
    ):
        places = [y + shift for y in range(len(rows))]
        axes.hlines(places, rows[f"{beginning}low"], rows[f"{beginning}high"], color=colour, lw=2, alpha=0.5)
        axes.plot(rows[f"{beginning}difference"], places, "o", color=colour, label=label)
    figure.legend(loc="outside upper center", ncols=3)
    return figure
