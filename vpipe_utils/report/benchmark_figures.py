"""Figures of notebook 12's second half: reading videos and loading super-images. Each returns a matplotlib Figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from vpipe_utils.report.figure_style import BLUE, GREY, INK, ORANGE, PALE, new_figure, quiet

OURS, THEIRS, WRONG = ORANGE, BLUE, PALE
SMALL = {"fontsize": 7.5, "va": "center"}
BLANK = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}  # behind text that a line would cross


@quiet
def reading_ratios(reading: pd.DataFrame, ours: str) -> Figure:
    """How many times faster each way reads than the paper's: a panel a clip, a bar a way.

    ``reading``: rows of `compare_readers.measure` with clip, odd_exact and odd_clips beside. Hatched: wrong on this
    clip or on an odd one. The thin line is the range over the rounds.
    """
    clips = list(reading["clip"].unique())
    ways = list(reading["way"].unique())
    figure = new_figure(height=1.3 + 0.27 * len(ways))
    panels = figure.subplots(1, len(clips), sharey=True, squeeze=False)[0]
    y = {way: -place for place, way in enumerate(ways)}
    for axes, clip in zip(panels, clips, strict=True):
        rows = reading[reading["clip"] == clip]
        for row in rows.itertuples():
            _draw_reading(axes, row, y[row.way], ours)
        axes.axvline(1, color=GREY, lw=0.8)
        highest = np.nanmax(rows["ratio_high"], initial=1)
        axes.set(title=clip, xlim=(0, 1.22 * highest))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(axis="x")
    panels[0].set_yticks(list(y.values()), [_named(reading, way) for way in ways])
    for axes in panels:
        axes.tick_params(axis="y", length=0)
    figure.supxlabel("times as fast as the paper's way (CPU seconds), median and range of the rounds", fontsize=9)
    handles = [
        Patch(color=OURS, label="ours"),
        Patch(color=THEIRS, label="right on every clip"),
        Patch(facecolor=WRONG, edgecolor=GREY, hatch="////", label="wrong frames on some clip"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _draw_reading(axes: Axes, row: tuple, y: float, ours: str) -> None:
    if row.why_not:
        axes.text(0, y, " not measured", color=GREY, bbox=BLANK, **SMALL)
        return
    right = row.exact and row.odd_exact == row.odd_clips
    style = {"color": OURS if row.way == ours else THEIRS}
    if not right:
        style = {"facecolor": WRONG, "edgecolor": GREY, "hatch": "////", "linewidth": 0}
    axes.barh(y, row.ratio, height=0.62, **style)
    axes.hlines(y, row.ratio_low, row.ratio_high, color=INK, lw=1)
    axes.annotate(f"{row.ratio:.1f}", (row.ratio_high, y), (3, 0), textcoords="offset points", bbox=BLANK, **SMALL)


def _named(reading: pd.DataFrame, way: str) -> str:
    """'decord (2 of 9)': the way, and on how many odd clips it is right."""
    row = reading[reading["way"] == way].iloc[0]
    return way if row["why_not"] else f"{way}  ({row['odd_exact']} of {row['odd_clips']})"


@quiet
def loading_speeds(loading: pd.DataFrame, limit: str, ours: str = "ours") -> Figure:
    """Super-images a second of one core, a bar a way: rows of `compare_loaders.measure`. ``limit``: only copying.

    Left what ends in floats that a network can eat, right what ends in bytes, a quarter of the size.
    """
    kinds = [("float", "Ready floats"), ("bytes", "Bytes, made floats on the device")]
    parts = [loading[loading["gives"] == kind] for kind, _ in kinds]
    figure = new_figure(height=0.9 + 0.34 * max(map(len, parts)))
    panels = figure.subplots(1, 2)
    for axes, rows, (_, title) in zip(panels, parts, kinds, strict=True):
        y = -np.arange(len(rows))
        for place, row in zip(y, rows.itertuples(), strict=True):
            colour = OURS if row.way.startswith(ours) else PALE if row.way == limit else THEIRS
            axes.barh(place, row.per_s, height=0.62, color=colour)
            text = f"{row.per_s:,.0f}  (x {row.ratio:.1f})"
            axes.annotate(text, (row.per_s, place), (3, 0), textcoords="offset points", **SMALL)
        axes.set_yticks(y, rows["way"])
        axes.tick_params(axis="y", length=0)
        axes.set(title=title, xlim=(0, 1.6 * rows["per_s"].max()))
        axes.grid(axis="x")
    figure.supxlabel("super-images a second of one core; in brackets against files of tiles", fontsize=9)
    return figure
