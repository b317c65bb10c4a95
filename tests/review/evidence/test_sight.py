from __future__ import annotations

import numpy as np
import pytest
import torch
from fakes import smoke_params

from vpipe_utils.review.evidence.sight import (
    AGAIN,
    MOST_FRAMES,
    Span,
    look,
    looked_at,
    most_telling,
    overlap,
    own_segment,
    score_frames,
    true_span,
    walk,
)


def test_the_walk_ends_where_the_score_has_fallen() -> None:
    scores = np.array([0, 0, 4, 5, 5, 4, 0, 0.0])
    assert walk(scores, 3, 0, share=0.7, gap=0) == Span(2, 5)
    assert walk(scores, 3, 0, share=0.9, gap=0) == Span(3, 4)
    assert walk(scores, 3, -20, share=0.7, gap=0) == Span(0, 7)
    assert walk(np.full(8, 2.0), 3, 2.0) == Span(0, 7)


def test_a_wink_is_stepped_over_and_an_end_is_not() -> None:
    scores = np.array([5, 0, 5, 5, 0, 0, 5.0])
    assert walk(scores, 3, 0, gap=1) == Span(0, 3)
    assert walk(scores, 3, 0, gap=2) == Span(0, 6)
    assert walk(scores, 3, 0, gap=0) == Span(2, 3)
    apart = np.array([0, 10, 20, 21, 22, 30, 40])
    assert walk(scores, 3, 0, apart, gap=1) == Span(2, 3), "gaps are counted in frames, not in frames read"


def test_all_frames_are_read_or_some_spread_evenly() -> None:
    sampled = np.array([5, 15, 25])
    assert list(looked_at(sampled, 30)) == list(range(30))
    long = looked_at(sampled * 100, 3000)
    assert len(long) <= MOST_FRAMES + 3 and {0, 500, 1500, 2500, 2999} <= set(long.tolist())
    assert np.diff(long).max() == 19
    assert list(looked_at(np.array([0, 0, 0]), 1)) == [0]


class LeftHalf:
    """What `sight` asks of a network: its score is the brightness of the left half of a picture."""

    separate = True
    params = smoke_params("convnext_base", tile_size=32, input_tile=32)

    def alone(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures[..., :16].mean((1, 2, 3))[:, None] * 10


def tiles_of(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Pictures, uint8 `(F, 32, 32, 3)`, whose halves are as bright as said, in [0, 1]."""
    tiles = np.zeros((len(left), 32, 32, 3), np.uint8)
    tiles[:, :, :16] = (255 * left)[:, None, None, None]
    tiles[:, :, 16:] = (255 * right)[:, None, None, None]
    return tiles


@pytest.mark.parametrize("frames", [9, 90, 400, 2500])
def test_first_and_last_frame_are_exact_in_long_clips_too(frames: int) -> None:
    """Of a long clip only some frames are read at first; where the class comes and goes all are."""
    seen = np.zeros(frames)
    first, last = frames // 3 + 1, frames * 2 // 3
    seen[first : last + 1] = 0.8
    tiles, read = tiles_of(seen, seen), []

    def reader(wanted: np.ndarray) -> np.ndarray:
        read.extend(wanted.tolist())
        return tiles[wanted]

    sampled = (np.arange(9) * 2 + 1) * frames // 18
    found, told = look(LeftHalf(), reader, sampled, frames, [0])
    assert told[0].span == Span(first, last) and first <= found.frames[told[0].place] <= last
    assert len(read) == len(set(read)) <= min(frames, 2 * MOST_FRAMES), "no frame is read twice"


def test_a_class_that_goes_and_comes_again_in_a_long_clip_is_two_stretches() -> None:
    seen = np.zeros(2500)
    seen[400:1000], seen[1025:1600] = 0.8, 0.6
    found, told = look(LeftHalf(), tiles_of(seen, seen).__getitem__, np.array([500, 1200]), 2500, [0])
    assert told[0].span == Span(400, 999)


def test_to_the_very_last_frame() -> None:
    seen = np.zeros(500)
    seen[300:] = 0.8
    _, told = look(LeftHalf(), tiles_of(seen, seen).__getitem__, np.array([10, 450]), 500, [0])
    assert told[0].span == Span(300, 499)


def test_the_mirror_image_decides_between_the_best_frames() -> None:
    """A network that looks at the left half only: of the frames bright there, the one that is bright on both wins."""
    left, right = np.zeros(30), np.zeros(30)
    left[3], left[7], right[7], right[20] = 1.0, 0.9, 0.9, 1.0
    left[8 : 8 + AGAIN] = 0.01  # so that frame 20, dark where the network looks, is none of the best
    found = score_frames(LeftHalf(), tiles_of(left, right).__getitem__, np.arange(30), [0])
    assert found.scores[:, 0].argmax() == 3 and most_telling(LeftHalf(), found, 0, 0) == 7


def test_a_tile_stands_for_a_stretch() -> None:
    sampled = np.array([5, 15, 25])
    spans = [own_segment(sampled, tile, 30) for tile in range(3)]
    assert spans == [Span(0, 10), Span(10, 20), Span(20, 29)]
    assert own_segment(np.array([3]), 0, 8) == Span(0, 7)


def test_overlap_counts_frames() -> None:
    assert overlap(Span(0, 9), Span(5, 14)) == pytest.approx(5 / 15)
    assert overlap(Span(0, 3), Span(4, 6)) == 0
    assert overlap(Span(2, 2), Span(2, 2)) == 1


def test_the_true_stretch_is_the_one_around_the_frame_or_the_nearest() -> None:
    seen = np.array([2, 3, 4, 10, 11, 30])
    assert true_span(seen, 3) == Span(2, 4)
    assert true_span(seen, 8) == Span(10, 11)
    assert true_span(seen, 50) == Span(30, 30)
