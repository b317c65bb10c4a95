"""Points, boxes and maps over a frame: where the heat is, and how much of it a box holds."""

from __future__ import annotations

import numpy as np

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels of the frame; x1 and y1 exclusive


def hottest(heat: np.ndarray, size: tuple[int, int]) -> tuple[float, float]:
    """The hottest point of a map `(s, s)`, (x, y) in pixels of a frame of `size` (width, height).

    Where several places are equally hot (a hidden patch is), their mean, if that is among them.
    """
    hot = heat >= heat.max() * (1 - 1e-9)
    rows, columns = np.nonzero(hot)
    row, column = int(rows.mean().round()), int(columns.mean().round())
    if not hot[row, column]:
        row, column = rows[0], columns[0]
    return (column + 0.5) / heat.shape[1] * size[0], (row + 0.5) / heat.shape[0] * size[1]


def inside(heat: np.ndarray, box: Box | None, size: tuple[int, int]) -> float:
    """Share of a map's energy (its sum) inside a box of the frame; 0 where there is no box."""
    if box is None:
        return 0.0
    x = (np.arange(heat.shape[1]) + 0.5) / heat.shape[1] * size[0]
    y = (np.arange(heat.shape[0]) + 0.5) / heat.shape[0] * size[1]
    held = heat[np.ix_((box[1] <= y) & (y < box[3]), (box[0] <= x) & (x < box[2]))]
    return float(held.sum() / heat.sum())


def holds(box: Box | None, x: float, y: float) -> bool:
    return box is not None and box[0] <= x < box[2] and box[1] <= y < box[3]


def area(box: Box | None) -> float:
    return 0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1])
