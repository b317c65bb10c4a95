"""What the figures of effects draw."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

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


def rows() -> pd.DataFrame:
    return pd.DataFrame({
        "row": ["flip", "ema"], "name": ["horizontal flip", "EMA of the weights"], "trick": ["no_flip", "no_ema"],
        "points": [0.6, 5.0], "difference": [0.2, 3.1], "low": [-0.5, 1.0], "high": [0.9, 5.2], "runs": [10, 10],
        "verdict": ["no effect of 1 point", "helps"], "by": ["pairs", "pairs"],
    })  # fmt: skip


def test_measured_effects_lie_beside_the_papers_with_their_intervals() -> None:
    axes = effect_figures.measured_effects(rows()).axes[0]
    ours, papers = (line for line in axes.lines if line.get_marker() in "oD")
    assert list(ours.get_xdata()) == [0.2, 3.1] and list(papers.get_xdata()) == [0.6, 5.0]
    bars = next(part for part in axes.collections if len(part.get_paths()) == 2)
    assert [tuple(path.vertices[:, 0]) for path in bars.get_paths()] == [(-0.5, 0.9), (1.0, 5.2)]
    assert axes.get_yticklabels()[1].get_text() == "EMA of the weights (no_ema)"


def test_what_only_screening_tells_has_a_mark_of_its_own() -> None:
    axes = effect_figures.measured_effects(rows().assign(by=["screening", "pairs"])).axes[0]
    drawn = {line.get_marker(): list(line.get_xdata()) for line in axes.lines if line.get_marker() in "os"}
    assert drawn == {"o": [3.1], "s": [0.2]}


def test_no_interval_is_cut_off_at_the_edge() -> None:
    near = rows().assign(difference=[-5.5, 1.0], low=[-7.5, 0.5], high=[-3.5, 1.5])
    axes = effect_figures.measured_effects(near).axes[0]
    bars = next(part for part in axes.collections if len(part.get_paths()) == 2)
    assert [tuple(path.vertices[:, 0]) for path in bars.get_paths()] == [(-7.5, -3.5), (0.5, 1.5)]
    assert axes.get_xlim()[0] < -7.5


def test_the_half_normal_plot_names_what_is_off_the_line() -> None:
    sizes = np.array([1, 2, 3, 4, 5, 6, 17]) / 100
    table = pd.DataFrame({"term": list("abcdefg"), "size": sizes, "quantile": np.arange(1, 8) / 5})
    axes = effect_figures.half_normal(table).axes[0]
    assert [text.get_text() for text in axes.texts] == ["g"]
    points = next(line for line in axes.lines if line.get_marker() == "o")
    assert list(points.get_ydata()) == pytest.approx([1, 2, 3, 4, 5, 6, 17]), "in points"


def test_what_lies_beyond_the_edge_stands_there_as_a_number() -> None:
    far = rows().assign(difference=[-20.0, 1.0], low=[-22.0, 0.5], high=[-18.0, 1.5], points=[-25.0, 0.6])
    axes = effect_figures.measured_effects(far).axes[0]
    ours = next(line for line in axes.lines if line.get_marker() == "o")
    assert list(ours.get_xdata()) == [effect_figures.FARTHEST, 1.0]
    assert [text.get_text() for text in axes.texts if text.get_text()] == ["-20.0, -25.0"]


def test_gains_at_one_rate_and_at_the_own_ones_lie_beside_each_other() -> None:
    both = rows().assign(tuned_difference=[0.1, 0.5], tuned_low=[-0.4, -0.2], tuned_high=[0.6, 1.2])
    axes = effect_figures.tuned_effects(both).axes[0]
    first, second = (line for line in axes.lines if line.get_marker() == "o")
    assert list(first.get_xdata()) == [0.2, 3.1] and list(second.get_xdata()) == [0.1, 0.5]
    assert axes.get_yticklabels()[1].get_text() == "EMA of the weights"
