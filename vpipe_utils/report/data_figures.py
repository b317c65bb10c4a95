"""Figures of the data: labels, folds, frames, super-images. Each function returns a matplotlib Figure.

Figures of one run are in `one_run`, those that compare models in `model_figures`; what all share, also when one fails,
is in `figure_style`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from vpipe_utils.data import annotations as label_tools
from vpipe_utils.data.classes import GROUPS, are_official, long_names
from vpipe_utils.report.figure_style import BLUE, GREY, INK, ORANGE, PALE, SKY, WIDTH, new_figure, quiet
from vpipe_utils.user_files.user_text import in_figure

LONGEST_TURNED = 20  # characters of a name below a column
GROUP_COLOURS = {"normal": GREY, "functional": BLUE, "structural": ORANGE}


def class_label(code: str, names: Mapping[str, str]) -> str:
    """'CK  displaced joint', with its long name in ``names``; a class without one is shown as it is."""
    return f"{in_figure(code)}  {in_figure(names[code])}" if code in names else in_figure(code)


def class_labels(codes: Sequence[str], names: Mapping[str, str] | None) -> list[str]:
    """The labels of all classes of a table; without ``names`` QV-Pipe's, if these are its classes."""
    names = long_names(codes) if names is None else names
    return [class_label(code, names) for code in codes]


@quiet
def label_distribution(labels: pd.DataFrame, names: Mapping[str, str] | None = None) -> Figure:
    """Videos a class, most frequent first, and labels a video.

    ``labels``: ``video`` + 0/1 columns. ``names``: long names of own classes (`params.long_names`).
    """
    codes = label_tools.class_columns(labels)
    counts = label_tools.class_counts(labels).sort_values(kind="stable")
    figure = new_figure(height=max(2.2, 1.0 + 0.24 * len(counts)))
    bars, side = figure.subplots(1, 2, width_ratios=[3, 1])
    groups = [GROUPS[code] if are_official(codes) else "" for code in counts.index]
    bars.barh(range(len(counts)), counts, color=[GROUP_COLOURS.get(g, BLUE) for g in groups])
    bars.set_yticks(range(len(counts)), class_labels(list(counts.index), long_names(codes) if names is None else names))
    for y, count in enumerate(counts):
        bars.text(count, y, f" {count:,} · {count / max(len(labels), 1):.1%}", va="center", fontsize=8)
    bars.set(title=f"{len(labels):,} videos, {counts.sum():,} labels", xlabel="videos")
    bars.set_xlim(0, max(counts.max(), 1) * 1.25)  # room for the figures beside the bars
    bars.tick_params(axis="y", length=0)
    if are_official(codes):
        handles = [Patch(color=GROUP_COLOURS[g], label=g) for g in GROUP_COLOURS if g in groups]
        bars.legend(handles=handles, loc="lower right")

    per_video = label_tools.labels_per_video(labels)
    side.bar(per_video.index.astype(str), per_video, color=PALE, width=0.7)
    for x, count in enumerate(per_video):
        side.text(x, count, f"{count:,}", ha="center", va="bottom", fontsize=8)
    side.set(title="Labels a video", xlabel="labels", ylabel="videos")
    side.margins(y=0.08)
    return figure


@quiet
def cooccurrence(labels: pd.DataFrame, names: Mapping[str, str] | None = None) -> Figure:
    """Videos that carry both of two classes; the diagonal holds all videos of the class. ``names``: long names."""
    table = label_tools.cooccurrence(labels)
    together = table.to_numpy(dtype=float).copy()
    np.fill_diagonal(together, np.nan)
    width = min(WIDTH, max(4.5, 2.6 + 0.36 * len(table)))
    figure = new_figure(height=max(2.5, 0.8 + 0.33 * len(table)) + room_for_columns(table.index), width=width)
    axes = figure.subplots()
    top = max(1.0, np.nanmax(together, initial=1.0))
    axes.imshow(together, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=top))
    for (row, column), count in np.ndenumerate(table.to_numpy()):
        diagonal = row == column
        if count:
            colour = GREY if diagonal else ("white" if count > 0.4 * top else INK)
            axes.text(column, row, f"{count}", ha="center", va="center", fontsize=7, color=colour)
    name_columns(axes, table.index, 8, most=3)
    axes.set_yticks(range(len(table)), class_labels(list(table.index), names))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("Videos with both classes (grey: with the class)")
    return figure


def name_columns(axes: Axes, codes: Iterable[object], fontsize: float, most: int = 2) -> None:
    """Names below the columns 0, 1, … of a figure, turned where one has more than `most` characters."""
    names = [in_figure(code, LONGEST_TURNED) for code in codes]
    axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > most else 0, fontsize=fontsize)


def room_for_columns(codes: Iterable[object]) -> float:
    """Inches that `name_columns` takes below a figure when it turns the names."""
    return 0.075 * max(len(in_figure(code, LONGEST_TURNED)) for code in codes)


@quiet
def fold_distribution(labels: pd.DataFrame, folds: pd.Series) -> Figure:
    """Fig. 1 of the paper for each fold: videos a class in its training and its validation part.

    ``folds``: fold of every video of ``labels``, indexed by video. A dash marks the count that the class
    would have in the part if the videos were divided exactly by its share.
    """
    codes = label_tools.class_columns(labels)
    matrix = labels[codes].to_numpy(dtype=int)
    fold_of = folds.loc[labels["video"]].to_numpy()
    numbers = sorted(set(fold_of))
    figure = new_figure(height=0.6 + 1.35 * len(numbers) + room_for_columns(codes))
    grid = figure.subplots(len(numbers), 2, sharex=True, sharey="col", squeeze=False)
    for row, fold in enumerate(numbers):
        parts = {"training": fold_of != fold, "validation": fold_of == fold}
        for axes, (part, chosen), colour in zip(grid[row], parts.items(), (SKY, ORANGE), strict=True):
            axes.bar(range(len(codes)), matrix[chosen].sum(axis=0), color=colour, width=0.75)
            expected = matrix.sum(axis=0) * chosen.mean()
            places = np.arange(len(codes))
            axes.hlines(expected, places - 0.45, places + 0.45, color=INK, lw=0.9)
            axes.set_title(f"Fold {fold}, {part}: {chosen.sum():,} videos", fontsize=9)
            axes.tick_params(axis="x", length=0)
    for axes in grid[-1]:
        name_columns(axes, codes, 7)
    figure.supylabel("videos", fontsize=9)
    dash = Line2D([], [], color=INK, lw=0.9, label="exact share of the class")
    grid[0, -1].legend(handles=[dash], loc="upper right")
    return figure


@quiet
def sample_frames(images: Sequence[np.ndarray], titles: Sequence[str], columns: int = 4) -> Figure:
    """Frames side by side. ``images``: (H, W, 3) RGB uint8, or float in [0, 1]; one title each."""
    if len(images) != len(titles) or not len(images):
        raise ValueError(f"{len(images)} images and {len(titles)} titles; give each image a title.")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    characters = int(WIDTH / columns / 0.072)  # in a line; a title's own line breaks are kept
    titles = ["\n".join(textwrap.fill(line, characters) for line in title.splitlines()) for title in titles]
    lines = max(title.count("\n") + 1 for title in titles)
    tallest = max(image.shape[0] / image.shape[1] for image in images)
    figure = new_figure(height=rows * (WIDTH / columns * tallest + 0.14 + 0.14 * lines))
    for index, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.axis("off")
        if index < len(images):
            axes.imshow(images[index])
            axes.set_title(titles[index], fontsize=8, fontweight="normal", loc="center")
    return figure


def boxed(frame: np.ndarray, box: pd.Series, width: int) -> np.ndarray:
    """A copy of a frame (H, W, 3) with a box around a defect.

    ``box``: x0, y0, x1, y1 in pixels of a frame of ``width`` px; a few clips are stored larger than that.
    """
    scale = frame.shape[1] / width
    corners = [round(scale * box[name]) for name in ("x0", "y0", "x1", "y1")]
    return cv2.rectangle(frame.copy(), corners[:2], corners[2:], (255, 214, 0), max(1, frame.shape[1] // 120))


@quiet
def super_image(image: np.ndarray, grid: int = 3, title: str | None = None, width: float = 4.5) -> Figure:
    """One super-image, (grid·H, grid·W, 3) RGB, with its tiles numbered in the order of sampling."""
    height, breadth = image.shape[:2]
    figure = new_figure(height=width * height / breadth + (0.3 if title else 0), width=width)
    axes = figure.subplots()
    draw_super_image(axes, image, grid)
    if title:
        axes.set_title(title)
    return figure


def draw_super_image(axes: Axes, image: np.ndarray, grid: int, numbered: bool = True) -> None:
    """Draw a super-image into ``axes``: thin lines between tiles, the tile's number in its corner."""
    height, breadth = image.shape[:2]
    axes.imshow(image, interpolation="nearest" if breadth < 300 else "antialiased")
    for k in range(1, grid):
        axes.axhline(k * height / grid - 0.5, color="white", lw=1.2)
        axes.axvline(k * breadth / grid - 0.5, color="white", lw=1.2)
    for k in range(grid * grid if numbered else 0):
        row, column = divmod(k, grid)
        place = ((column + 0.03) * breadth / grid, (row + 0.04) * height / grid)
        box = {"facecolor": "black", "alpha": 0.45, "pad": 1.5, "linewidth": 0}
        axes.text(*place, str(k + 1), color="white", fontsize=7, va="top", bbox=box)
    axes.axis("off")
