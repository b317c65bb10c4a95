from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_up_trained import made_up_labels, made_up_predictions

from vpipe_utils.evaluation.trust.record import Trust, make_trust
from vpipe_utils.review.predicting import words


@pytest.fixture(scope="module")
def trust() -> Trust:
    labels = made_up_labels(300)
    predictions = made_up_predictions(labels)
    colours = np.random.default_rng(0).normal(size=(300, 2))
    return make_trust(predictions, [predictions], colours, labels, "ZC", splits=10)


def test_calibration_and_lists_are_said_with_what_was_measured(trust: Trust) -> None:
    said = words.describe_calibration(trust)
    assert trust.calibrator.words() in said and "300 clips of 150 recordings" in said and "out of fold" in said
    error = trust.error
    assert f"(ECE) {error['ece_before']:.3f} before and {error['ece_after']:.3f} after" in said
    level = trust.level()
    assert f"{level.watch:.0%} of the clips of calibration are watched" in words.describe_levels(trust)
    assert "Another camera" in words.describe_levels(trust)
    table = words.levels_table(trust)
    assert table["may miss"].tolist() == ["5%", "10%", "5%", "10%"] and table["to watch"].between(0, 1).all()
    assert table["holds"].iloc[0] == "of this calibration, 90% confidence"


def test_the_diagram_shows_both_curves(trust: Trust) -> None:
    lines = words.reliability_diagram(trust).axes[0].lines
    np.testing.assert_allclose(lines[1].get_xdata(), trust.before["said"])
    np.testing.assert_allclose(lines[2].get_ydata(), trust.after["found"])


def test_without_clips_to_review_it_says_so(trust: Trust) -> None:
    assert words.what_it_shows(trust, None).startswith("Every clip of this preset has labels")
    assert isinstance(words.levels_table(trust), pd.DataFrame)
