"""Sentences of notebook 09 say what was measured, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest
from weak_folds import weak_fold
from weak_tables import prepared

from vpipe_utils.evaluation.resampling import Difference
from vpipe_utils.report.weak import results, words


def test_the_budget_is_told_in_frames(tmp_path: Path) -> None:
    text = words.budget(weak_fold(tmp_path, weak_budget=0.5))
    assert "passes 4 epochs x 24 clips x 9 tiles of 32 px" in text and "0.5 times as many" in text
    assert "That makes 432 frames of 32 px" in text
    assert "times as many" not in words.budget(weak_fold(tmp_path, weak_budget=1.0))


@pytest.mark.parametrize(
    ("gain", "rest", "said"),
    [
        (Difference(0.02, -0.01, 0.05), Difference(-0.3, -0.4, -0.2), "cannot be told here whether the features"),
        (Difference(-0.1, -0.2, -0.05), Difference(-0.3, -0.4, -0.2), "the features of ImageNet are the worse ones"),
        (Difference(0.3, 0.2, 0.4), Difference(-0.02, -0.06, 0.02), "the method is not shown to be behind"),
        (Difference(0.3, 0.2, 0.4), Difference(-0.1, -0.15, -0.05), "the features make most of the gap (75%)"),
        (Difference(0.2, 0.1, 0.3), Difference(-0.2, -0.3, -0.1), "about half of the gap (50%)"),
        (Difference(0.05, 0.01, 0.1), Difference(-0.2, -0.3, -0.1), "the smaller part of the gap (20%)"),
    ],
)
def test_the_verdict_follows_both_intervals(gain: Difference, rest: Difference, said: str) -> None:
    assert said in words.verdict(gain, rest)


def test_the_summary_has_the_papers_figure_beside_ours_and_says_what_single_runs_are(tmp_path: Path) -> None:
    signal = {"simclr_transmil": 0.2, "simclr_mean": 0.1, "imagenet_transmil": 0.9, "super_image/lite0": 1.5}
    signal |= {"frame/frame_lite0": 1.2}
    found = results.read_results(prepared(tmp_path, signal), 0)
    text = words.summary(found)
    assert "Measured on 60 held-out clips, fold 0, 1 run of each" in text
    assert f"SimCLR, TransMIL: {found.score('simclr_transmil'):.3f}, −" in text and "the paper −19.4" in text
    assert "TransMIL on the ImageNet features of the same network" in text and "The frame baseline has" in text
    assert "against the plain mean of a bag: TransMIL" in text and "SimCLR passed 90 of 100 frames" in text
    assert "These are single runs" in text and "MAE, " not in text


def test_without_the_super_image_nothing_is_claimed(tmp_path: Path) -> None:
    text = words.summary(results.read_results(prepared(tmp_path, {"mae_transmil": 0.3}), 0))
    assert "super\\_image/lite0 is not there" in text or "super_image/lite0 is not there" in text
    assert "the paper −22" not in text


def test_several_runs_are_not_called_single(tmp_path: Path) -> None:
    signal = {"mae_transmil": 0.3, "super_image/lite0": 1.0}
    text = words.summary(results.read_results(prepared(tmp_path, signal, repetitions=2), 0))
    assert "2 runs of each" in text and "single runs" not in text
    assert "95 % intervals, for other trainings on other recordings." in text


def test_a_pretraining_that_has_hardly_left_chance_is_called_so() -> None:
    hardly = words.chance_line([4.2] * 30 + [4.1] * 10, 32)
    assert "hardly left" in hardly and "40 updates" in hardly
    learned = words.chance_line([4.1] * 30 + [3.0] * 10, 32)
    assert learned.endswith("ends at 3.00; guessing among a batch of 32 gives 4.14.")
