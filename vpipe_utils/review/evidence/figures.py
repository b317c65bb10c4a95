"""The figure of the record of evidence: pointing by class."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from vpipe_utils.data.classes import CLASS_NAMES
from vpipe_utils.report.figure_style import BLUE, ORANGE, quiet, row_figure
from vpipe_utils.review.evidence.summary import ALL, EVERY, NAIVE


@quiet
def pointing_by_class(pointing: pd.DataFrame, preset: str, model: str, way: str) -> Figure:
    """How often the hottest point lies on the defect, a row a class, beside the best that needs no network."""
    known = pointing.set_index(["preset", "model", "way", "labels_of"]).sort_index().loc[(preset, model, way, ALL)]
    known = known.set_index("class")
    order = [EVERY, *known.drop(EVERY)["point"].sort_values(ascending=False).index]
    table = known.loc[order]
    names = [f"{code} {CLASS_NAMES.get(code, '')} ({count})" for code, count in table["labels"].items()]
    names[0] = names[0].replace(f"{EVERY} ", "all classes", 1)
    label = "share of held-out labels whose point lies in the defect's box"
    figure, axes = row_figure(names, label, head=1.0, row=0.24, width=6.4)
    rows, naive = range(len(table)), table[list(NAIVE)].max(axis=1)
    axes.hlines(rows, table["point_low"], table["point_high"], color=BLUE, lw=2, alpha=0.4)
    axes.plot(table["point"], rows, "o", color=BLUE, label="this network's hottest point")
    axes.plot(naive, rows, "x", color=ORANGE, label="best of centre, random point, tile by chance")
    axes.set_xlim(0, 1.02)
    axes.grid(axis="x")
    figure.legend(loc="outside upper center", ncols=2)
    return figure
