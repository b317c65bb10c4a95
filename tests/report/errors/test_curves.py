"""Precision against recall: known curves, classes without a clip."""

from __future__ import annotations

import pandas as pd

from vpipe_utils.report.errors.curves import precision_recall

VIDEOS = ["a.mp4", "b.mp4", "c.mp4", "d.mp4"]


def test_panels_say_ap_and_chance() -> None:
    truth = pd.DataFrame({"PL": [1, 0, 1, 0], "$x|<b>": [0, 0, 0, 0]}, index=VIDEOS)
    probabilities = pd.DataFrame({"$x|<b>": 0.1, "PL": [0.9, 0.8, 0.7, 0.1]}, index=VIDEOS[::-1]).loc[VIDEOS[::-1]]
    probabilities["PL"] = [0.1, 0.7, 0.8, 0.9]  # of d, c, b, a
    figure = precision_recall(truth, probabilities, {"PL": "crack"})
    first, second = figure.axes[:2]
    assert first.get_title(loc="left") == "PL crack\nAP 0.83, 2 clips"  # (1 + 2/3) / 2
    assert first.lines[1].get_ydata()[0] == 0.5
    assert second.get_title(loc="left") == "$x|<b>\nno clip" and not second.lines
    assert [axes.get_visible() for axes in figure.axes] == [True, True, False, False, False]
