"""What the figure of the tricks that train nothing draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.evaluation.tricks.untrained_pairs import AGAINST, COLUMNS
from vpipe_utils.report.tricks import untrained_figures
from vpipe_utils.report.tricks.paper_tricks import NO_TRAINING, stand_ins


@pytest.fixture
def table():
    """One trick is tuned, the last has no run."""
    rows = [(trick, against, 0.02, 0.01, 0.03, 0.01, 6, *[np.nan] * 4) for trick, against in AGAINST.items()]
    found = pd.DataFrame(rows, columns=COLUMNS)
    found.loc[found["trick"] == "class_thresholds", ["on_scored", "self_deception"]] = 0.05, 0.03
    found.loc[len(found) - 1, ["difference", "low", "high", "p", "runs"]] = *[np.nan] * 4, 0
    return found.astype({"runs": int})


def test_effects_in_points_with_the_self_deception_hollow_and_the_papers_beside(table) -> None:
    figure = untrained_figures.untrained_effects(table)
    axes = figure.axes[0]
    filled, hollow, paper = axes.lines[1:]
    np.testing.assert_allclose(filled.get_xdata()[:-1], 2)
    assert np.isnan(filled.get_xdata()[-1])
    place = list(AGAINST).index("class_thresholds")
    assert hollow.get_markerfacecolor() == "none" and hollow.get_xdata()[place] == pytest.approx(5)
    assert np.isnan(np.delete(hollow.get_xdata(), place)).all()
    assert paper.get_xdata()[place] == -1.3 and paper.get_xdata()[0] == 1.8
    assert np.isnan(paper.get_xdata()[list(AGAINST).index("weighted_mean")]), "the paper prints none for it"
    assert [paper.get_xdata()[list(AGAINST).index(f"tta_{flip}")] for flip in ("hflip", "vflip", "flips")] == [-3] * 3
    ends = axes.collections[0].get_segments()[0][:, 0]
    np.testing.assert_allclose(ends, [1, 3])
    assert [text.get_text() for text in axes.get_yticklabels()] == list(untrained_figures.NAMES.values())
    assert axes.texts[place].get_text() == "6 · the same runs without"


def test_every_trick_has_a_name_and_every_one_of_the_paper_is_measured() -> None:
    assert list(untrained_figures.NAMES) == list(AGAINST)
    stands = stand_ins()
    assert set(stands.loc[stands["kind"] == NO_TRAINING, "trick"]) <= set(AGAINST)
