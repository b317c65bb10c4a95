"""What the figures of effects draw."""

from __future__ import annotations

from vpipe_utils.report.tricks import effect_figures
from vpipe_utils.report.tricks.resolution import papers_spread, resolution


def test_every_printed_effect_is_a_point_filled_where_four_folds_resolve_it() -> None:
    table = resolution()
    axes = effect_figures.printed_effects(table, papers_spread()).axes[0]
    points = [line for line in axes.lines if line.get_marker() in "o<"]
    assert len(points) == len(table)
    assert [line.get_markerfacecolor() != "white" for line in points] == table["resolved"].tolist()
    shown = [line.get_xdata()[0] for line in points]
    assert shown == table["points"].clip(lower=effect_figures.FARTHEST).tolist()
    assert {text.get_text() for text in axes.texts} >= {"-19.4", "-25.0", "830"}, "beyond the edge; pairs at the right"
    assert [label.get_text() for label in axes.get_yticklabels()][0] == "IV · larger tiles"
