"""Figures that compare models: for the ensemble and the report. Each function returns a matplotlib Figure."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vpipe_utils import video
from vpipe_utils.data.sampling import uniform_indices
from vpipe_utils.report.data_figures import draw_super_image, name_columns, room_for_columns
from vpipe_utils.report.figure_style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    VERMILION,
    new_figure,
    quiet,
    row_figure,
)
from vpipe_utils.user_files.user_text import in_figure

APPROACH_COLOURS = {"frame": ORANGE, "video": GREEN, "super_image": BLUE, "ensemble": INK, "baseline": GREY}
APPROACH_NAMES = {"frame": "frames", "video": "Video Swin", "super_image": "super-image", "ensemble": "ensemble"}
APPROACH_NAMES["baseline"] = "colour, no network"
FOLD_COLOURS = (BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, INK, GREY)


@quiet
def model_comparison(scores: pd.DataFrame, chance: float | None = None, measured_on: str = "here") -> Figure:
    """mAP of every model with its interval, and the paper's beside it.

    ``scores``, one row a dot from top to bottom: name, approach, measured, low, high, paper; mAP in
    [0, 1], NaN where there is none. The two are of different data, unless ``measured_on`` says QV-Pipe. A line marks
    the baseline, the floor of all others.
    """
    y = np.arange(len(scores))[::-1]
    figure = new_figure(height=1.3 + 0.32 * len(scores))
    axes = figure.subplots()
    for place, row in zip(y, scores.itertuples(), strict=True):
        colour = APPROACH_COLOURS.get(row.approach, INK)
        axes.hlines(place, row.low, row.high, color=colour, lw=3, alpha=0.35)
        axes.plot(row.measured, place, "o", color=colour, ms=7)
        axes.plot(row.paper, place, "D", mfc="white", mec=VERMILION, ms=5.5)
        if row.approach == "baseline":
            axes.axvline(row.measured, color=GREY, lw=1, zorder=0)
        if np.isfinite(row.measured):
            axes.annotate(f"{row.measured:.3f}", (row.measured, place), (0, 6), textcoords="offset points",
                          ha="center", fontsize=7.5)  # fmt: skip
    handles = [
        Line2D([], [], marker="o", ls="", color=APPROACH_COLOURS[a], ms=7, label=APPROACH_NAMES[a])
        for a in APPROACH_COLOURS
        if a in set(scores["approach"])
    ]
    if scores["paper"].notna().any():
        style = {"marker": "D", "ls": "", "mfc": "white", "mec": VERMILION}
        handles.append(Line2D([], [], label="paper, on QV-Pipe", **style))
    if chance is not None:
        axes.axvline(chance, color=GREY, ls=(0, (4, 3)), lw=1)
        handles.append(Line2D([], [], color=GREY, ls=(0, (4, 3)), lw=1, label=f"chance {chance:.3f}"))
    axes.set_yticks(y, scores["name"].map(in_figure))
    axes.tick_params(axis="y", length=0)
    highest = np.nanmax(scores[["measured", "high", "paper"]].to_numpy(dtype=float), initial=0.1)
    axes.set(xlabel=f"mAP; dots: {measured_on}, lines: 95 % interval", xlim=(0, min(1.02, highest * 1.08)))
    axes.set_ylim(-0.6, len(scores) - 0.3)
    axes.grid(axis="x")
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles) if len(handles) < 5 else 3)
    return figure


@quiet
def paired_differences(differences: pd.DataFrame) -> Figure:
    """Differences of mAP with their paired intervals, zero marked: columns name, difference, low, high.

    Where it has columns methods_low and methods_high, a thin line shows this wider interval of the methods, as far as
    it fits.
    """
    names = [in_figure(name, 70) for name in differences["name"]]
    label = "difference of mAP, paired 95 % interval; grey: zero is inside"
    figure, axes = row_figure(names, label, head=0.9, row=0.32)
    for place, row in enumerate(differences.itertuples()):
        sure = row.low > 0 or row.high < 0
        colour = BLUE if sure else GREY
        axes.hlines(place, row.low, row.high, color=colour, lw=3, alpha=0.45)
        axes.plot(row.difference, place, "o", color=colour, ms=7)
        axes.annotate(f"{row.difference:+.3f}", (row.difference, place), (0, 6), textcoords="offset points",
                      ha="center", fontsize=7.5)  # fmt: skip
    axes.margins(x=0.15)
    if "methods_low" in differences:
        widest = 3 * np.abs(axes.get_xlim()).max()
        bounds = differences[["methods_low", "methods_high"]].clip(-widest, widest)
        axes.hlines(range(len(bounds)), *bounds.to_numpy(dtype=float).T, color=GREY, lw=1, zorder=1)
    axes.set_ylim(top=-0.7)  # room for the figure above the first
    axes.grid(axis="x")
    return figure


@quiet
def rank_by_visibility(table: pd.DataFrame) -> Figure:
    """How well labels are found by how long they are in sight: rows of `visibility.ranks_by_visibility`."""
    figure = new_figure(height=2.9)
    axes = figure.subplots()
    shown = table[table["model"] != "difference"]
    for shift, (name, rows) in zip((-0.4, 0.4), shown.groupby("model", sort=False), strict=False):
        colour, x = APPROACH_COLOURS.get(name.split("/")[0], INK), 100 * rows["visible"] + shift
        axes.vlines(x, rows["low"], rows["high"], color=colour, lw=3, alpha=0.35)
        axes.plot(x, rows["rank"], "o-", color=colour, ms=6, lw=1.3, label=in_figure(name))
    axes.set(
        xlabel="share of the video's frames in which the label is in sight, %; each dot: as many labels",
        ylabel="rank of the label\n(1: above every video without it)",
    )
    axes.grid(axis="y")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


@quiet
def cost_bars(counted: pd.DataFrame) -> Figure:
    """Parameters and operations of every model, from `model_cost.count`: parameters_m, gflops, indexed by model."""
    y = np.arange(len(counted))[::-1]
    figure = new_figure(height=0.9 + 0.24 * len(counted))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, column, title in zip(
        panels, ("parameters_m", "gflops"), ("Parameters, millions", "GFLOPs forward, one sample"), strict=True
    ):
        axes.barh(y, counted[column], color=BLUE, height=0.6)
        for place, value in zip(y, counted[column], strict=True):
            at = {"xytext": (3, 0), "textcoords": "offset points", "va": "center", "fontsize": 7.5}
            axes.annotate(f"{value:,.0f}", (value, place), **at)
        axes.set_title(title)
        axes.margins(x=0.15)
        axes.grid(axis="x")
    panels[0].set_yticks(y, counted.index.map(in_figure))
    return figure


@quiet
def learning_curves(histories: Mapping[str, Mapping[int, pd.DataFrame]]) -> Figure:
    """Validation mAP by epoch, a panel a model, a line a fold. ``histories``: model -> fold -> history."""
    columns = min(4, len(histories))
    rows = -(-len(histories) // columns)
    figure = new_figure(height=0.5 + 1.7 * rows)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes, (model, folds) in zip(panels.flat, histories.items(), strict=False):
        for fold, history in sorted(folds.items()):
            marker = "o" if len(history) < 4 else None
            colour = FOLD_COLOURS[fold % len(FOLD_COLOURS)]
            axes.plot(history["epoch"], history["val_mAP"], color=colour, marker=marker, ms=4, lw=1.3)
        axes.set_title(in_figure(model), fontsize=8.5)
        axes.grid(axis="y")
        axes.xaxis.get_major_locator().set_params(integer=True)
    panels[0, 0].set_ylim(bottom=0)  # only now: the shared axis would keep the first panel's height
    for axes in panels.flat[len(histories) :]:
        axes.set_visible(False)
    used = sorted({fold for folds in histories.values() for fold in folds})
    handles = [Line2D([], [], color=FOLD_COLOURS[k % len(FOLD_COLOURS)], label=f"fold {k}") for k in used]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    figure.supxlabel("epoch", fontsize=9)
    figure.supylabel("validation mAP", fontsize=9)
    return figure


@quiet
def ap_table(ap: pd.DataFrame, title: str = "Average precision") -> Figure:
    """Table VI as a picture: AP in [0, 1], one row a model, one column a class; empty: no positives."""
    figure = new_figure(height=0.9 + 0.32 * len(ap) + room_for_columns(ap.columns))
    axes = figure.subplots()
    values = ap.to_numpy(dtype=float)
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        text = "–" if np.isnan(value) else f"{100 * value:.0f}"
        colour = "white" if value > 0.6 else INK
        axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=colour)
    name_columns(axes, ap.columns, 8)
    axes.set_yticks(range(len(ap)), ap.index.map(in_figure), fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{title}, percent")
    return figure


class Example(NamedTuple):
    """One video of the gallery."""

    video: str
    image: np.ndarray  # the super-image, (grid·S, grid·S, 3) RGB
    labels: set[str]  # what it is labelled with
    probabilities: pd.Series  # class -> predicted probability


def read_example(row: pd.Series, labels: pd.Series, probabilities: pd.Series) -> Example:
    """An `Example` of a row of the videos table (its name: the video), small enough for a page; labels: 0/1."""
    frames = video.read_frames(row["path"], uniform_indices(row["frames"], 9))
    scale = min(1.0, 240 / frames.shape[2])
    small = [cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for frame in frames]
    marked = {code for code in probabilities.index if labels[code]}
    image = np.vstack([np.hstack(small[first : first + 3]) for first in (0, 3, 6)])
    return Example(row.name, image, marked, probabilities)


@quiet
def prediction_gallery(examples: Sequence[Example], grid: int = 3, top: int = 5) -> Figure:
    """Videos as super-images, each with its highest probabilities; coloured: the class is in the labels."""
    columns = 2 if len(examples) > 1 else 1
    rows = -(-len(examples) // columns)
    figure = new_figure(height=2.25 * rows)
    panels = figure.subplots(rows, 2 * columns, width_ratios=[1.35, 1] * columns, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for index, example in enumerate(examples):
        row, column = divmod(index, columns)
        picture, bars = panels[row, 2 * column : 2 * column + 2]
        draw_super_image(picture, example.image, grid, numbered=False)
        named = " ".join(in_figure(code) for code in sorted(example.labels)) or "no class"
        picture.set_title(textwrap.fill(f"{in_figure(example.video)}: {named}", 40), fontsize=8.5)
        _draw_probabilities(bars, example, top)
    return figure


def _draw_probabilities(axes: Axes, example: Example, top: int) -> None:
    best = example.probabilities.sort_values(ascending=False).head(top)
    missed = [code for code in sorted(example.labels) if code not in best.index]
    shown = pd.concat([best, example.probabilities.reindex(missed)])
    y = np.arange(len(shown))[::-1]
    axes.axis("on")
    axes.barh(y, shown, color=[BLUE if code in example.labels else PALE for code in shown.index], height=0.7)
    for place, value in zip(y, shown, strict=True):
        axes.text(value, place, f" {value:.2f}", va="center", fontsize=7)
    axes.set_yticks(y, [in_figure(code, 24) for code in shown.index], fontsize=7.5)
    axes.set(xlim=(0, 1.25), xticks=[], ylim=(-0.6, max(len(shown), top) - 0.4))
    axes.tick_params(length=0)
    axes.spines["bottom"].set_visible(False)
