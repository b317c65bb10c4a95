"""Every class can be filmed, is seen in part of its clip, and only what is labelled is evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.pipesim import clips
from vpipe_utils.pipesim.clips import Filming, make_clip
from vpipe_utils.pipesim.filming.camera import MIN_SHARE
from vpipe_utils.pipesim.labelsets import Clip

WIDTH, HEIGHT = 80, 60


def film(*labels: str, video: str = "11111.mp4", seed: int = 0, frames: int = 16):
    return make_clip(Clip(video, video[:5], labels, "train"), seed, Filming(WIDTH, HEIGHT), frames)[0]


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
        assert MIN_SHARE <= share <= (x1 - x0) * (y1 - y0) / (WIDTH * HEIGHT) + 1e-5


def test_a_normal_clip_has_no_evidence():
    assert film("ZC").evidence == []


def test_several_defects_are_all_seen():
    labels = ("CJ", "CK", "JG", "FZ")
    assert {row[0] for row in film(*labels, frames=24).evidence} == set(labels)


def test_evidence_is_where_the_defect_is(monkeypatch):
    """The same clip with the defect left white differs in the box and hardly elsewhere."""
    filmed = film("ZW", frames=24)
    whitened = clips.faded

    def white(shot, contrast):
        rgb = shot.rgb.copy()
        rgb[shot.evidence > 0] = 4 * shot.rgb.max()
        return whitened(replace(shot, rgb=rgb), 1.0)

    monkeypatch.setattr(clips, "faded", white)
    marked = film("ZW", frames=24)
    _, frame, x0, y0, x1, y1, _ = max(filmed.evidence, key=lambda row: row[-1])
    brighter = marked.frames[frame].astype(float).mean(-1) - filmed.frames[frame].astype(float).mean(-1)
    inside = brighter[y0:y1, x0:x1].max()
    brighter[y0 - 2 : y1 + 2, x0 - 2 : x1 + 2] = 0
    assert inside > 40 > 10 > brighter.max()


def test_how_long_and_how_large_is_a_parameter_of_the_data():
    """Median share in sight and median largest share, over 32 clips a setting."""
    found = {}
    for sight, size in ((0.15, 0.05), (0.65, 0.1)):
        seen = []
        for k, code in enumerate(CLASSES[1:] * 2):
            clip = Clip(f"{k:05d}.mp4", f"{k:05d}", (code,), "train")
            filmed, _ = make_clip(clip, 7, Filming(WIDTH, HEIGHT, sight=sight, size=size), n_frames=24)
            seen.append((len(filmed.evidence) / 24, max(row[-1] for row in filmed.evidence)))
        found[sight, size] = np.median(seen, axis=0)
    for (sight, size), (median, largest) in found.items():
        assert sight / 1.35 < median < sight * 1.35, found
        assert size / 2 < largest < size * 2, found


def test_less_contrast_brings_a_defect_nearer_to_its_surroundings():
    clip = Clip("11111.mp4", "11111", ("AJ",), "train")
    bright, faint = (make_clip(clip, 0, Filming(WIDTH, HEIGHT, contrast=c), 16)[0] for c in (1.0, 0.2))
    assert bright.evidence == faint.evidence
    _, frame, x0, y0, x1, y1, _ = max(bright.evidence, key=lambda row: row[-1])
    spread = [filmed.frames[frame][y0:y1, x0:x1].mean(-1).std() for filmed in (bright, faint)]
    assert spread[1] < 0.8 * spread[0]


def test_lengths_follow_the_real_clips():
    """Percentiles 10, 50 and 90 of QV-Pipe's clips: 209, 383 and 1,051 frames; the mean is what was asked for."""
    rng = np.random.default_rng(0)
    drawn = np.array([clips.draw_length(rng, 360) for _ in range(4000)])
    low, middle, high = np.percentile(drawn, [10, 50, 90])
    assert low / middle == pytest.approx(209 / 383, rel=0.1) and high / middle == pytest.approx(1051 / 383, rel=0.1)
    assert drawn.mean() == pytest.approx(360, rel=0.05)
    assert min(clips.draw_length(rng, 9) for _ in range(50)) == 9


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


def test_a_label_at_the_edge_of_sight_has_evidence():
    """Where a path is chosen pictures are small: what is in sight there must be at full size, too."""
    clip = Clip("02014.mp4", "02014", ("ZW",), "train")
    assert make_clip(clip, 5, Filming(frames=24), n_frames=24)[0].evidence
