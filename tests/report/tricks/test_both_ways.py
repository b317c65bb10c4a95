from __future__ import annotations

import pandas as pd
import pytest

from vpipe_utils.report.tricks import both_ways

PAIRS = pd.DataFrame({
    "trick": ["no_ema", "consecutive", "grid_5"], "difference": [0.05, -0.03, 0.01],
    "low": [0.03, -0.04, 0.0], "high": [0.07, -0.02, 0.02],
})  # fmt: skip
SCREENED = pd.DataFrame({
    "term": ["consecutive", "no_ema", "no_ema:grid_4"], "difference": [-0.02, 0.01, 0.0],
    "low": [-0.03, -0.005, -0.01], "high": [-0.01, 0.025, 0.01],
})  # fmt: skip


def test_a_trick_that_differs_between_the_two_is_named() -> None:
    found = both_ways.both_ways({"effects": PAIRS, "screening": SCREENED})
    assert list(found.index) == ["no_ema", "consecutive"], "grid_5 was not screened"
    half = (0.02**2 + 0.015**2) ** 0.5
    apart = found.loc["no_ema", ["apart", "apart_low", "apart_high"]]
    assert apart.tolist() == pytest.approx([0.04, 0.04 - half, 0.04 + half])
    line = both_ways.both_ways_line(found)
    assert "Of 2 tricks" in line and "no_ema (+4.0 points); by chance 0.1 would" in line and "consecutive" not in line
    assert both_ways.both_ways_line(found.loc[["consecutive"]]).endswith("none is shown to do another thing there.")
    table = both_ways.both_ways_table(found)
    assert table.iloc[1].tolist() == [
        "consecutive", "-3.0 [-4.0, -2.0]", "-2.0 [-3.0, -1.0]", "-1.0 [-2.4, +0.4]",
    ]  # fmt: skip
