"""The sentences of notebook 07 say what the tables say, and no more."""

from __future__ import annotations

from vpipe_utils.report.tricks import words
from vpipe_utils.report.tricks.resolution import Spread, papers_spread, resolution


def test_what_the_paper_can_say() -> None:
    spread = papers_spread()
    first, second, third, _ = words.papers_lines(resolution(spread), spread)
    assert "1.86 points" in first and "by 0.87" in first and "saves 89 %" in first
    assert "resolve ±1.4 points" in second and "12 of the 25" in second and "AutoAugment" in second
    assert "EMA" not in second and "11 or 17" in second
    assert "28 questions, takes 17 pairs" in third and third.endswith("takes 53.")


def test_the_sentences_follow_the_spread() -> None:
    spread = Spread(6, 4, 1.0, 0.1)
    lines = words.papers_lines(resolution(spread), spread)
    assert "1 of the 25" in lines[1] and "ZC rule" in lines[1]


def test_tables_have_a_row_a_trick_and_what_more_pairs_resolve() -> None:
    spread = papers_spread()
    table = words.effect_table(resolution(spread))
    assert len(table) == 25 and table.loc["ema"].tolist() == ["IV", "EMA of the weights", "+5.00", "yes", 3, 5]
    rows = words.spread_table(spread)["points"]
    assert rows["effect that 4 pairs resolve"] == "±1.38" and rows["effect that 20 pairs resolve"] == "±0.41"
