"""Every class can be filmed, is seen in part of its clip, and only what is labelled is evidence."""

from __future__ import annotations

import numpy as np
import pytest

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.pipesim import camera, clips
from vpipe_utils.pipesim.clips import make_clip
from vpipe_utils.pipesim.labelsets import Clip
from vpipe_utils.pipesim.scene import N_THETA

WIDTH, HEIGHT = 80, 60


def film(*labels: str, video: str = "11111.mp4", seed: int = 0, frames: int = 16):
    return make_clip(Clip(video, video[:5], labels, "train"), seed, WIDTH, HEIGHT, frames, 12.0)[0]


@pytest.mark.parametrize("code", CLASSES[1:])
def test_a_defect_is_seen_in_part_of_its_clip(code):
    filmed = film(code)
    assert filmed.frames.dtype == np.uint8 and filmed.frames.shape[1:] == (HEIGHT, WIDTH, 3)
    assert len(filmed.frames) >= 9
    assert {row[0] for row in filmed.evidence} == {code}
    assert len(filmed.evidence) >= 2
    for _, frame, x0, y0, x1, y1, share in filmed.evidence:
        assert 0 <= frame < len(filmed.frames)
        assert 0 <= x0 < x1 <= WIDTH and 0 <= y0 < y1 <= HEIGHT
        assert camera.MIN_SHARE <= share <= (x1 - x0) * (y1 - y0) / (WIDTH * HEIGHT) + 1e-5


def test_a_normal_clip_has_no_evidence():
    assert film("ZC").evidence == []


def test_several_defects_are_all_seen():
    labels = ("CJ", "CK", "JG", "FZ")
    assert {row[0] for row in film(*labels, frames=24).evidence} == set(labels)


def test_evidence_is_where_the_defect_is():
    """The same clip with and without a coloured obstacle differs in the box and hardly elsewhere."""
    filmed = film("ZW")
    _, frame, x0, y0, x1, y1, _ = max(filmed.evidence, key=lambda row: row[-1])
    image = filmed.frames[frame].astype(float)
    colorful = image.max(-1) - image.min(-1)
    inside = colorful[y0:y1, x0:x1].mean()
    colorful[y0:y1, x0:x1] = np.nan
    assert inside > 1.3 * np.nanmean(colorful)


def test_same_seed_same_pixels_and_the_name_matters():
    first, again, other_seed = film("JG"), film("JG"), film("JG", seed=1)
    np.testing.assert_array_equal(first.frames, again.frames)
    assert first.evidence == again.evidence
    for other in (other_seed, film("JG", video="11112.mp4")):
        assert other.frames.shape != first.frames.shape or (other.frames != first.frames).mean() > 0.5


def test_a_label_that_cannot_be_shown_is_an_error(monkeypatch):
    monkeypatch.setitem(clips.ON_WALL, "PL", lambda scene, z, rng: None)
    monkeypatch.setattr(clips, "MAX_SCENES", 2)
    with pytest.raises(RuntimeError, match="11111.mp4.*PL.*no scene"):
        film("PL")


def test_views_zoom_and_ray_maps_follow_them():
    views = camera.draw_views(np.random.default_rng(3), 30)
    assert len(views.slope) == len(views.aim) == len(views.blur) == 30
    assert views.slope.max() / views.slope.min() > 2.5
    still = camera.Views(np.float32([0.5]), np.zeros((1, 2), np.float32), np.zeros(1, np.float32))
    columns, rows = camera.ray_maps(still, np.array([0]), 40, 30)
    down, right, up = rows[-1, 20], rows[15, -1], rows[0, 20]
    assert down < N_THETA * 0.03 or down > N_THETA * 0.97
    assert right == pytest.approx(N_THETA / 4, abs=6) and up == pytest.approx(
        N_THETA / 2, abs=6
    )
    assert (np.diff(columns[15, 20:]) < 0).all()  # outwards the slope grows, the column falls
