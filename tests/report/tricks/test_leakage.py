"""What is said of sibling clips follows from the tables."""

from __future__ import annotations

import pytest
from made_up_leakage import made_up_sides

from vpipe_utils.evaluation.leakage import siblings as measured
from vpipe_utils.evaluation.tricks.effects import WORTH
from vpipe_utils.report.tricks import leakage


@pytest.mark.parametrize(("gain", "said"), [(0.0, "is not shown"), (2.0, "flatters validation here")])
def test_a_gain_is_said_where_the_interval_shows_it(gain: float, said: str) -> None:
    tables = measured.gather(*made_up_sides(gain), 100, 1)
    lines = leakage.lines(tables)
    assert any(said in line for line in lines) and len(lines) == 4
    swapped = tables["scores"].set_index("row").loc[measured.SWAPPED]
    assert f"{100 * swapped['difference']:+.1f} [{100 * swapped['low']:+.1f}" in lines[1]
    assert "33.3% of the labelled clips" in lines[3] and f"{100 * swapped['at_qv_pipe']:+.1f}" in lines[3]
    scores, clips = leakage.score_table(tables), leakage.clip_table(tables)
    assert scores["mAP"].notna().all() and scores.loc[2, "plain folds"] == "" and len(scores) == 4
    assert clips["measure"].notna().all() and clips.loc[2, "how many"] == ""
    assert clips.loc[0, "how many"].endswith(" recordings") and len(clips) == 6


def test_a_small_gain_is_none_and_the_names_are_those_of_the_tables() -> None:
    row = {"low": -0.004, "high": 0.009}
    assert "less than a point" in leakage._verdict(row)
    assert "cannot be told" in leakage._verdict(row | {"high": 0.02})
    assert "lowers" in leakage._verdict({"low": -0.02, "high": -0.01})
    assert list(leakage.NAMES) == [measured.VALIDATION, measured.HELD_OUT, measured.FLATTERY, measured.SWAPPED]
    assert set(leakage.CLIPS) == set(measured.MEASURES) and leakage.WORTH == WORTH
