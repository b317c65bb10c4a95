"""Precision against recall, a panel a class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, precision_recall_curve

from vpipe_utils.report.figure_style import BLUE, GREY, new_figure, quiet
from vpipe_utils.user_files.user_text import in_figure

COLUMNS = 5  # panels in a row


@quiet
def precision_recall(truth: pd.DataFrame, probabilities: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Of the clips above a threshold, the share that has the class, by the share of all such clips that are above it.

    ``truth``, ``probabilities``: the same clips (index) and classes (columns), 0/1 and [0, 1]. The dashed line is what
    chance gives, the share of clips with the class. A class without a clip has an empty panel that says so.
    """
    probabilities = probabilities.loc[truth.index, truth.columns]
    rows = -(-len(truth.columns) // COLUMNS)
    figure = new_figure(height=0.5 + 1.45 * rows)
    panels = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    for axes, code in zip(panels.flat, truth.columns, strict=False):
        marks, values = truth[code].to_numpy(), probabilities[code].to_numpy(dtype=float)
        known = in_figure(f"{code} {names.get(code, '')}".strip(), 19)
        if not marks.any():
            axes.set_title(f"{known}\nno clip", fontsize=7)
            continue
        precision, recall, _ = precision_recall_curve(marks, values)
        axes.step(recall, precision, where="post", color=BLUE, lw=1.2)
        axes.axhline(marks.mean(), color=GREY, ls=(0, (4, 3)), lw=1)
        axes.set_title(
            f"{known}\nAP {average_precision_score(marks, values):.2f}, {int(marks.sum())} clips", fontsize=7
        )
    for axes in panels.flat[len(truth.columns) :]:
        axes.set_visible(False)
    panels[0, 0].set(xlim=(0, 1), ylim=(0, 1.03), xticks=np.linspace(0, 1, 3), yticks=np.linspace(0, 1, 3))
    figure.supxlabel("recall", fontsize=9)
    figure.supylabel("precision", fontsize=9)
    return figure
