"""Figures of notebook 13: the grid, and the classes. Each function returns a matplotlib Figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from vpipe_utils.data.classes import CLASS_NAMES
from vpipe_utils.evaluation.sight.record import COLOUR, FRAMES, SUPER_IMAGE, Record
from vpipe_utils.report.figure_style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, VERMILION, new_figure, quiet

# Colour, line and marker of a method; frames are one colour, their poolings other lines.
STYLES = {
    SUPER_IMAGE: (BLUE, "-", "s"),
    "tiles one by one": (PURPLE, "-", "D"),
    FRAMES: (ORANGE, "-", "o"),
    "frames, mean of logits": (ORANGE, (0, (4, 2)), "^"),
    "frames, median": (ORANGE, (0, (1, 1.5)), "v"),
    "frames, maximum": (VERMILION, "-", "o"),
    "Video Swin": (GREEN, "-", "P"),
    COLOUR: (GREY, (0, (4, 3)), "x"),
}
MAIN = (SUPER_IMAGE, "tiles one by one", FRAMES, "frames, maximum", "Video Swin", COLOUR)
POOLINGS = (FRAMES, "frames, mean of logits", "frames, median", "frames, maximum")
LEADS = LinearSegmentedColormap.from_list("leads", [ORANGE, "white", BLUE])


@quiet
def grid(record: Record) -> Figure:
    """Left mAP of every method by share in sight, right how far the super-image is ahead of the others."""
    others = [name for name in MAIN if name not in (SUPER_IMAGE, "Video Swin", COLOUR)]
    return _level_and_lead(record, MAIN, others, "Super-image minus the others")


@quiet
def poolings(record: Record) -> Figure:
    """Left mAP of the frames by pooling, right how far the super-image is ahead of each."""
    return _level_and_lead(record, (SUPER_IMAGE, *POOLINGS), POOLINGS, "Super-image minus frames")


def _level_and_lead(record: Record, levels: Sequence[str], leads: Sequence[str], title: str) -> Figure:
    figure = new_figure(height=3.7)
    level, lead = figure.subplots(1, 2)
    _lines(level, record.cells, levels, "mAP", "low", "high")
    level.set(title="mAP on held-out clips", ylim=(0, None))
    _lines(lead, record.cells, leads, "ahead", "ahead_low", "ahead_high")
    lead.axhline(0, color=BLUE, lw=1)
    lead.set_title(title)
    handles, names = level.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3)
    return figure


@quiet
def classes(record: Record, method: str = FRAMES) -> Figure:
    """How far the super-image is ahead of a method in AP, a row a class, a column a share; framed: without doubt."""
    table = record.classes[record.classes["method"] == method]
    values = table.pivot(index="class", columns="in_sight", values="ahead")
    order = (values.iloc[:, 0] - values.iloc[:, -1]).sort_values(ascending=False).index
    values = values.loc[order]
    sure = table.assign(sure=(table["ahead_low"] > 0) | (table["ahead_high"] < 0))
    sure = sure.pivot(index="class", columns="in_sight", values="sure").loc[order].to_numpy()
    counts = table.groupby("class")["positives"].first()
    figure = new_figure(height=1.1 + 0.25 * len(values), width=6.0)
    axes = figure.subplots()
    limit = max(0.1, np.nanmax(np.abs(values.to_numpy())))
    image = axes.imshow(values, cmap=LEADS, vmin=-limit, vmax=limit, aspect="auto")
    for (row, column), value in np.ndenumerate(values.to_numpy()):
        weight = "bold" if sure[row, column] else "normal"
        text = "–" if np.isnan(value) else f"{round(value, 2) + 0.0:+.2f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=INK, weight=weight)
    axes.set_yticks(range(len(order)), [f"{code} {CLASS_NAMES.get(code, '')} ({counts[code]})" for code in order])
    axes.set_xticks(range(values.shape[1]), [f"{share:.0%} in sight" for share in values.columns])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, label=f"AP, super-image minus {method}; bold: 0 is outside the interval")
    return figure


def _lines(axes: Axes, cells: pd.DataFrame, methods: tuple[str, ...], value: str, low: str, high: str) -> None:
    shares = cells["in_sight"].unique()
    step = 0.006 * 100 * (max(shares) - min(shares)) / max(1, len(methods) - 1) * 2
    for place, method in enumerate(methods):
        rows = cells[cells["method"] == method].sort_values("in_sight")
        colour, line, marker = STYLES[method]
        x = 100 * rows["in_sight"] + step * (place - (len(methods) - 1) / 2)
        axes.vlines(x, rows[low], rows[high], color=colour, lw=2, alpha=0.4)
        axes.plot(x, rows[value], color=colour, ls=line, marker=marker, ms=5, label=method)
    axes.set_xlabel("labels in sight, median % of a clip's frames")
    axes.grid(axis="y")
