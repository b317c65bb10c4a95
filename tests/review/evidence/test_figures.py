from __future__ import annotations

import numpy as np
import pandas as pd

from vpipe_utils.review.evidence.figures import Example, contact_sheets, pointing_by_class
from vpipe_utils.review.evidence.summary import ALL, FOUND


def test_pointing_shows_every_class_beside_chance() -> None:
    head = {"preset": "demo", "model": "m", "way": "w", "labels": 9}
    shares = {"point": 0.6, "point_low": 0.4, "point_high": 0.7, "centre": 0.2, "random": 0.1, "chance_tile": 0.25}
    rows = [
        head | shares | {"class": code, "labels_of": which} for code in ("all", "CJ", "TL") for which in (ALL, FOUND)
    ]
    axes = pointing_by_class(pd.DataFrame(rows), "demo", "m", "w").axes[0]
    assert [line.get_xdata().tolist() for line in axes.lines] == [[0.6] * 3, [0.25] * 3]
    assert axes.get_yticklabels()[0].get_text() == "all classes (9)"


def test_a_sheet_marks_the_tile_and_the_truth() -> None:
    heat = np.zeros((16, 16))
    heat[4, 4] = 1
    frame, tiles = np.full((48, 64, 3), 90, np.uint8), np.zeros((9, 16, 16, 3), np.uint8)
    example = Example("a", tiles, 3, [k == 3 for k in range(9)], frame, heat, (10, 10, 20, 20), (18.0, 13.5))
    sheet, shown = contact_sheets([example]).axes[0].child_axes
    assert len(sheet.images) == 9 and len(sheet.patches) == 2
    assert shown.patches[0].get_bbox().bounds == (10, 10, 10, 10)
