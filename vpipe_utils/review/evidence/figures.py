"""Figures of the record of evidence: pointing by class, and clips with their heat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from vpipe_utils.data.classes import CLASS_NAMES
from vpipe_utils.report.figure_style import BLUE, GREEN, ORANGE, new_figure, quiet
from vpipe_utils.review.evidence.pictures import overlaid
from vpipe_utils.review.evidence.summary import ALL, EVERY, NAIVE


class Example(NamedTuple):
    """One clip and class for the figure."""

    title: str
    tiles: np.ndarray  # uint8 (n, s, s, 3), in order of time
    tile: int  # the chosen one
    in_sight: Sequence[bool]  # by the truth, a tile
    frame: np.ndarray  # uint8 (H, W, 3) of the chosen tile
    heat: np.ndarray  # (s, s)
    box: tuple[float, float, float, float] | None  # of the truth in that frame
    point: tuple[float, float]  # px of the frame


@quiet
def pointing_by_class(pointing: pd.DataFrame, preset: str, model: str, way: str) -> Figure:
    """How often the hottest point lies on the defect, a row a class, beside the best that needs no network."""
    known = pointing.set_index(["preset", "model", "way", "labels_of"]).sort_index().loc[(preset, model, way, ALL)]
    known = known.set_index("class")
    order = [EVERY, *known.drop(EVERY)["point"].sort_values(ascending=False).index]
    table = known.loc[order]
    figure = new_figure(height=1.0 + 0.24 * len(table), width=6.4)
    axes = figure.subplots()
    rows = np.arange(len(table))[::-1]
    axes.hlines(rows, table["point_low"], table["point_high"], color=BLUE, lw=2, alpha=0.4)
    axes.plot(table["point"], rows, "o", color=BLUE, label="this network's hottest point")
    axes.plot(
        table[list(NAIVE)].max(axis=1), rows, "x", color=ORANGE, label="best of centre, random point, tile by chance"
    )
    names = [f"{code} {CLASS_NAMES.get(code, '')} ({count})" for code, count in table["labels"].items()]
    axes.set_yticks(rows, [names[0].replace(f"{EVERY} ", "all classes", 1), *names[1:]])
    axes.set(xlim=(0, 1.02), xlabel="share of held-out labels whose point lies in the defect's box")
    axes.grid(axis="x")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


@quiet
def contact_sheets(examples: Sequence[Example]) -> Figure:
    """A row a clip: its tiles, the chosen one framed blue, those that show the class underlined green; the heat."""
    figure = new_figure(height=1.75 * len(examples), width=7.6)
    for axes, example in zip(np.atleast_1d(figure.subplots(len(examples), 1)), examples, strict=True):
        axes.set_axis_off()
        axes.set_title(example.title, loc="left", fontsize=9)
        _sheet(axes.inset_axes((0, 0, 0.72, 1)), example)
        _heat(axes.inset_axes((0.74, 0, 0.26, 1)), example)
    return figure


def _sheet(axes: Axes, example: Example) -> None:
    axes.set_axis_off()
    side, gap = example.tiles.shape[1], 4
    for place, tile in enumerate(example.tiles):
        left = place * (side + gap)
        axes.imshow(tile, extent=(left, left + side, side, 0))
        if example.in_sight[place]:
            axes.add_patch(Rectangle((left, side + 3), side, 4, color=GREEN))
        if place == example.tile:
            axes.add_patch(Rectangle((left, 0), side, side, fill=False, color=BLUE, lw=2.5))
    axes.set(xlim=(-2, len(example.tiles) * (side + gap)), ylim=(side + 9, -2))


def _heat(axes: Axes, example: Example) -> None:
    axes.set_axis_off()
    axes.imshow(overlaid(example.frame, example.heat))
    axes.plot(*example.point, "+", color="white", ms=9, mew=2)
    if example.box:
        x0, y0, x1, y1 = example.box
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, color=GREEN, lw=2))
