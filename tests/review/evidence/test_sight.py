from __future__ import annotations

import numpy as np
import pytest

from vpipe_utils.review.evidence.sight import MOST_FRAMES, Span, neighbourhood, overlap, own_segment, true_span, walk


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


def test_frames_are_read_from_the_tile_before_to_the_one_after() -> None:
    sampled = np.array([5, 15, 25, 35, 45])
    scores = np.array([0, 0, 5, 5, 0.0])
    assert list(neighbourhood(sampled, scores, 2, 60)) == list(range(15, 46))
    assert neighbourhood(sampled, np.full(5, 1.0), 0, 60)[[0, -1]].tolist() == [0, 59]
    long = neighbourhood(sampled * 100, scores, 2, 6000)
    assert len(long) <= MOST_FRAMES + 2 and {1500, 2500, 4500} <= set(long.tolist())


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
