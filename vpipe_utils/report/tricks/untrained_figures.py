"""Figure of the tricks that train nothing: what each is worth, and what it seems to be worth to who tunes on the test.

Takes the table of `evaluation.tricks.untrained_pairs`; returns a matplotlib Figure.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from vpipe_utils.report.figure_style import BLUE, GREY, ORANGE, quiet, row_figure
from vpipe_utils.report.tricks.paper_tricks import printed_points, stand_ins

NAMES = {
    "fold_mean": "mean of the folds",
    "fold_mix": "mix of folds over models",
    "weighted_mean": "weighted mean of models",
    "best_model_per_class": "best model of each class",
    "class_thresholds": "a threshold a class",
    "zc_rule": "ZC rule",
    "tta_hflip": "test-time horizontal flip",
    "tta_vflip": "test-time vertical flip",
    "tta_flips": "test-time flips, both",
    "tta_resample": "test-time resampling",
    "tta_grid_shuffle": "test-time grid shuffle",
}


@quiet
def untrained_effects(table: pd.DataFrame) -> Figure:
    """A row a trick, in points of mAP: effect with interval, and hollow the same trick tuned on the scored clips.

    Orange marks: what the paper prints for QV-Pipe. At the right: pairs, and what each is compared with. A trick
    without runs has its row, empty.
    """
    printed = stand_ins().drop_duplicates("trick").set_index("trick")["points"]
    printed["tta_flips"] = printed_points("tta_flips")  # its one row for what we show together and apart
    figure, axes = row_figure([NAMES[trick] for trick in table["trick"]], "points of mAP, held-out clips", row=0.26)
    percent = 100 * table[["difference", "low", "high", "on_scored"]]
    places = range(len(table))
    axes.hlines(places, percent["low"], percent["high"], color=BLUE, lw=2, alpha=0.5)
    axes.plot(percent["difference"], places, "o", ms=6, color=BLUE, label="tuned on other clips, or not at all [95 %]")
    axes.plot(percent["on_scored"], places, "o", ms=7, color=BLUE, mfc="none", label="tuned on the scored clips")
    papers = table["trick"].map(printed)
    axes.plot(papers, places, "|", ms=11, mew=2, color=ORANGE, label="the paper, on QV-Pipe")
    for y, row in enumerate(table.itertuples()):
        words = f"{row.runs} · {row.against}"
        axes.text(1.01, y, words, transform=axes.get_yaxis_transform(), va="center", fontsize=8)
    axes.text(1.01, 1.0, "pairs · compared with", transform=axes.transAxes, va="bottom", fontsize=8, color=GREY)
    figure.legend(loc="outside upper center", ncols=3)
    return figure
