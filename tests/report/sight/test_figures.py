"""What the figures of notebook 13 draw."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_grid import IN_SIGHT, made_up_record

from vpipe_utils.evaluation.sight.record import COLOUR, METHODS
from vpipe_utils.report.sight import figures


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return made_up_record(tmp_path_factory.mktemp("record"))


def test_a_line_a_method_and_an_interval_a_cell(record) -> None:
    level, lead = figures.grid(record).axes
    assert [line.get_label() for line in level.lines] == list(figures.MAIN)
    assert all(len(bars.get_segments()) == 3 for bars in level.collections)
    rows = record.cells[record.cells["method"] == "frames, mean"]
    line = next(line for line in level.lines if line.get_label() == "frames, mean")
    np.testing.assert_allclose(line.get_ydata(), rows["mAP"])
    assert np.abs(line.get_xdata() - 100 * np.array(IN_SIGHT)).max() < 1.5, "set apart, but not far"
    ahead = next(line for line in lead.lines if line.get_label() == "frames, mean")
    np.testing.assert_allclose(ahead.get_ydata(), rows["ahead"])


def test_every_pooling_is_drawn(record) -> None:
    level, lead = figures.poolings(record).axes
    assert len(level.lines) == 5 and len([line for line in lead.lines if line.get_label() in figures.POOLINGS]) == 4


def test_classes_are_ordered_by_how_far_their_lead_changes(record) -> None:
    figure = figures.classes(record)
    axes = figure.axes[0]
    shown = axes.images[0].get_array()
    assert shown.shape == (17, 3)
    change = shown[:, 0] - shown[:, -1]
    assert (np.diff(change) <= 1e-9).all()
    table = record.classes[record.classes["method"] == "frames, mean"]
    bold = [text for text in axes.texts if text.get_weight() == "bold"]
    assert len(bold) == ((table["ahead_low"] > 0) | (table["ahead_high"] < 0)).sum() > 0
    assert axes.get_yticklabels()[0].get_text().count("(") == 1


def test_every_method_has_a_style() -> None:
    assert set(figures.STYLES) == {*METHODS, COLOUR}
    assert len({style for style in figures.STYLES.values()}) == len(figures.STYLES)
