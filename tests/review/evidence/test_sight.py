from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vpipe_utils.review.evidence.sight import (
    AGAIN,
    MOST_FRAMES,
    Span,
    frame_scores,
    looked_at,
    most_telling,
    overlap,
    own_segment,
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


def test_all_frames_are_read_or_some_spread_evenly() -> None:
    sampled = np.array([5, 15, 25])
    assert list(looked_at(sampled, 30)) == list(range(30))
    long = looked_at(sampled * 100, 3000)
    assert len(long) <= MOST_FRAMES + 3 and {500, 1500, 2500} <= set(long.tolist())
    assert np.diff(long).max() == 19 and long[0] == 0 and long[-1] >= 3000 - 19
    assert list(looked_at(np.array([0, 0, 0]), 1)) == [0]


def test_the_mirror_image_decides_between_the_best_frames() -> None:
    """A network that looks at the left half only: of the frames bright there, the one that is bright on both wins."""
    left_half = SimpleNamespace(separate=True, alone=lambda pictures: pictures[..., :8].mean((1, 2, 3))[:, None])
    pictures = torch.zeros(30, 3, 16, 16)
    pictures[3, ..., :8], pictures[7, ..., :8], pictures[7, ..., 8:] = 1.0, 0.9, 0.9
    pictures[20, ..., 8:] = 5.0  # dark where the network looks: no mirror makes it one of the best
    scores = frame_scores(left_half, pictures, [0])[:, 0]
    scores[8 : 8 + AGAIN] += 0.01
    assert scores.argmax() == 3 and most_telling(left_half, pictures, scores, 0) == 7


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
