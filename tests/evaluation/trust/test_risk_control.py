from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.evaluation.trust import risk_control
from vpipe_utils.evaluation.trust.risk_control import GRID, Watched


def drawn(recordings: int, seed: int, a_recording: int = 3) -> Watched:
    """Clips whose score says something of their defects, and whose recordings differ in how much."""
    rng = np.random.default_rng(seed)
    clips = recordings * a_recording
    defects = rng.integers(0, 3, clips) * (rng.random(clips) < 0.6)
    hard = np.repeat(rng.normal(0, 1, recordings), a_recording)
    score = 1 / (1 + np.exp(-(2.5 * (defects > 0) - 2 + hard + rng.normal(0, 1, clips))))
    return Watched(score, defects, np.repeat([f"r{k:05d}" for k in range(recordings)], a_recording))


def test_losses_of_a_hand_made_table() -> None:
    clips = Watched(np.array([0.9, 0.2, 0.3, 0.1]), np.array([1, 3, 2, 0]), np.array(["a", "a", "b", "c"]))
    risks = risk_control.losses(clips)
    at = {limit: risks[:, np.searchsorted(GRID, limit)] for limit in (0.0, 0.25, 0.5, 0.95)}
    np.testing.assert_allclose(at[0.0], [0, 0])  # c has no defect to miss
    np.testing.assert_allclose(at[0.25], [0.75, 0])
    np.testing.assert_allclose(at[0.5], [0.75, 1])
    np.testing.assert_allclose(at[0.95], [1, 1])


def test_the_normal_class_is_no_defect() -> None:
    probabilities = pd.DataFrame({"video": ["1.mp4"], "ZC": [0.9], "A": [0.3], "B": [0.2]})
    labels = pd.DataFrame({"video": ["1.mp4"], "ZC": [1], "A": [1], "B": [0]})
    clips = risk_control.watched(probabilities, labels, "ZC", ["1"])
    assert clips.score.tolist() == [0.3] and clips.defects.tolist() == [1]
    assert risk_control.watched(probabilities, labels, None, ["1"]).score.tolist() == [0.9]


def test_mean_risk_is_controlled_as_in_the_paper() -> None:
    """Conformal risk control by its own definition: the highest limit with (n risk + 1) / (n + 1) below the level."""
    risks = risk_control.losses(drawn(150, 0))
    limit = risk_control.threshold(risks, 0.1)
    bound = (risks.sum(axis=0) + 1) / (len(risks) + 1)
    assert limit == GRID[np.flatnonzero(bound <= 0.1).max()] > 0


@pytest.mark.parametrize("confidence", [None, 0.9])
def test_with_too_few_recordings_everything_is_watched(confidence: float | None) -> None:
    assert risk_control.threshold(np.zeros((5, len(GRID))), 0.05, confidence) == 0
    assert risk_control.threshold(np.zeros((0, len(GRID))), 0.05, confidence) == 0
    assert risk_control.threshold(np.zeros((500, len(GRID))), 0.05, confidence) == GRID[-1]
    assert risk_control.threshold(np.concatenate([np.zeros((50, 1)), np.ones((50, len(GRID) - 1))], 1), 0.1) == 0


def test_the_true_risk_is_kept_with_the_stated_confidence() -> None:
    """200 calibrations on 150 recordings; the truth is that of 20,000 recordings."""
    true = risk_control.losses(drawn(20000, 99)).mean(axis=0)
    reached = {None: [], 0.9: []}
    for seed in range(200):
        risks = risk_control.losses(drawn(150, seed))
        for confidence, found in reached.items():
            found.append(true[np.searchsorted(GRID, risk_control.threshold(risks, 0.1, confidence))])
    assert np.mean(reached[None]) <= 0.1 and np.mean(reached[None]) > 0.06, "kept on average, and not by watching all"
    assert np.mean(np.array(reached[0.9]) <= 0.1) >= 0.9
    assert np.mean(np.array(reached[None]) <= 0.1) < 0.9, "the mean alone does not promise it of one calibration"


def test_splits_are_by_recording_and_say_what_the_other_half_shows() -> None:
    clips = drawn(200, 3)
    table = risk_control.repeated_splits(clips, 0.1, 0.9, n=20, seed=1)
    assert len(table) == 20 and table["missed"].between(0, 1).all() and table["watch"].between(0, 1).all()
    pd.testing.assert_frame_equal(table, risk_control.repeated_splits(clips, 0.1, 0.9, n=20, seed=1))
    names = np.unique(clips.recordings)
    inside = np.isin(clips.recordings, np.random.default_rng(1).permutation(names)[:100])
    limit = risk_control.threshold(risk_control.losses(Watched(*(each[inside] for each in clips))), 0.1, 0.9)
    other = pd.DataFrame(clips._asdict())[~inside].assign(lost=lambda table: table.defects * (table.score < limit))
    total = other.groupby("recordings")[["lost", "defects"]].sum().query("defects > 0")
    assert table.loc[0, "threshold"] == limit
    assert table.loc[0, "missed"] == pytest.approx((total.lost / total.defects).mean())
    assert table.loc[0, "watch"] == (other.score >= limit).mean()
