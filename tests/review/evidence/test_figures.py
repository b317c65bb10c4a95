from __future__ import annotations

import pandas as pd

from vpipe_utils.review.evidence.figures import pointing_by_class
from vpipe_utils.review.evidence.summary import ALL, FOUND


def test_pointing_shows_every_class_beside_chance() -> None:
    head = {"preset": "demo", "model": "m", "way": "w", "labels": 9}
    shares = {"point": 0.6, "point_low": 0.4, "point_high": 0.7, "centre": 0.2, "random": 0.1, "chance_tile": 0.25}
    rows = [
        head | shares | {"class": code, "labels_of": which} for code in ("all", "CJ", "TL") for which in (ALL, FOUND)
    ]
    axes = pointing_by_class(pd.DataFrame(rows), "demo", "m", "w").axes[0]
    assert [line.get_xdata().tolist() for line in axes.lines[1:]] == [[0.6] * 3, [0.25] * 3]
    assert axes.get_yticklabels()[0].get_text() == "all classes (9)"
