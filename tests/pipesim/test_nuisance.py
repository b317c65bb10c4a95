"""What spoils a clip keeps its evidence true and is repeatable."""

from __future__ import annotations

import numpy as np
import pytest

from vpipe_utils.pipesim import nuisance, render
from vpipe_utils.pipesim.nuisance import Nuisance
from vpipe_utils.pipesim.scene import N_THETA, N_Z, Scene, noise

FRAMES, HEIGHT, WIDTH = 20, 48, 64


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(40, 220, (FRAMES, HEIGHT, WIDTH, 3), dtype=np.uint8)


def rows(n: int = FRAMES) -> list:
    return [("PL", k, 1, 2, 30 + k, 40, 0.02) for k in range(n)]


def test_a_clean_clip_is_left_as_it_is(frames):
    out, evidence = nuisance.apply(frames, rows(), Nuisance(), np.random.default_rng(0))
    np.testing.assert_array_equal(out, frames)
    assert evidence == rows()


def test_frames_that_show_nothing_have_no_evidence(frames):
    spoilt = Nuisance(title=0.1, dark=(0.5, 0.6))
    out, evidence = nuisance.apply(frames, rows(), spoilt, np.random.default_rng(0))
    blank = [0, 1, 10, 11]
    assert [k for k, source in enumerate(spoilt.shown(FRAMES)) if source < 0] == blank
    assert {row[1] for row in evidence} == set(range(FRAMES)) - set(blank)
    assert out[10:12].mean() < 10 and out[0].max() > 150  # black, and a card with text
    np.testing.assert_array_equal(out[2:10], frames[2:10])


def test_repeated_pictures_repeat_their_evidence(frames):
    out, evidence = nuisance.apply(frames, rows(), Nuisance(hold=3), np.random.default_rng(0))
    np.testing.assert_array_equal(out, frames[np.arange(FRAMES) // 3 * 3])
    assert [(row[1], row[4]) for row in evidence] == [(k, 30 + k // 3 * 3) for k in range(FRAMES)]


@pytest.mark.parametrize(
    "spoilt",
    [
        Nuisance(pixels=0.5),
        Nuisance(defocus=0.02),
        Nuisance(mist=0.4),
        Nuisance(spots=((0.5, 0.5, 0.2, -1.0), (0.9, 0.3, 0.2, 1.0))),
    ],
)
def test_a_spoilt_lens_changes_pixels_and_no_evidence(spoilt, frames):
    out, evidence = nuisance.apply(frames, rows(), spoilt, np.random.default_rng(0))
    assert out.shape == frames.shape and out.dtype == np.uint8
    assert evidence == rows()
    assert out.std() < frames.std()  # all of them take contrast away


def test_haze_takes_contrast_away_far_in_and_keeps_evidence():
    scene = Scene(np.zeros((2, N_Z), np.float32), mouth=0.0)
    scene.radius[:], scene.color[:] = 1.0, 0.4
    scene.detail += 0.3 * noise(np.random.default_rng(0), 0.3, 0.3)
    scene.mark("PL", np.ones((N_THETA, N_Z), bool))
    clear = render.picture(scene, np.random.default_rng(0))
    hazy = nuisance.veil(clear, Nuisance(haze=0.5))
    kept = hazy.rgb.std((0, 2)) / clear.rgb.std((0, 2))
    assert kept[-50] < 0.6 and kept[60] > 0.8  # columns go from near to far
    assert hazy.rgb.mean() == pytest.approx(clear.rgb.mean(), rel=0.05)
    assert hazy.evidence is clear.evidence
    assert nuisance.veil(clear, Nuisance()) is clear


def test_draws_are_repeatable_and_leave_most_of_each_clip():
    drawn = [nuisance.draw(np.random.default_rng(k)) for k in range(400)]
    assert drawn == [nuisance.draw(np.random.default_rng(k)) for k in range(400)]
    assert all((each.shown(36) >= 0).mean() > 0.8 for each in drawn)
    for wanted, found in (
        (0.2, [each.pixels < 1 for each in drawn]),
        (0.15, [each.hold > 1 for each in drawn]),
        (0.12, [each.title > 0 for each in drawn]),
        (0.12, [each.dark != (0, 0) for each in drawn]),
        (0.4, [each.coarser > 0 for each in drawn]),
    ):
        assert np.mean(found) == pytest.approx(wanted, abs=0.08)
