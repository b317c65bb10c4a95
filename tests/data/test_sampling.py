"""Frames are spread evenly or are neighbours, and every video gives as many as are asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpipe_utils.data.sampling import consecutive_indices, uniform_indices


@given(st.integers(1, 10_000), st.integers(1, 600))
def test_uniform_indices(n_frames, n):
    indices = uniform_indices(n_frames, n)
    assert indices.shape == (n,)
    assert indices.dtype == np.int64
    steps = np.diff(indices)
    assert 0 <= indices[0] <= indices[-1] < n_frames
    assert (steps >= 0).all()
    if n <= n_frames:
        assert (steps >= 1).all()  # no frame twice while there are enough
    else:
        assert set(indices.tolist()) == set(range(n_frames))  # every frame is used
    if n > 1:
        assert steps.max() - steps.min() <= 1  # evenly spread
    assert abs((n_frames - 1 - indices[-1]) - indices[0]) <= 1  # as far from the end as from the start


def test_uniform_indices_by_hand():
    assert uniform_indices(9, 3).tolist() == [1, 4, 7]
    assert uniform_indices(1, 4).tolist() == [0, 0, 0, 0]
    assert uniform_indices(2, 4).tolist() == [0, 0, 1, 1]
    assert uniform_indices(5, 5).tolist() == [0, 1, 2, 3, 4]


@given(st.integers(1, 1000), st.integers(1, 100), st.one_of(st.none(), st.integers(-50, 2000)))
def test_consecutive_indices(n_frames, n, start):
    indices = consecutive_indices(n_frames, n, start)
    assert indices.shape == (n,)
    assert 0 <= indices[0] <= indices[-1] < n_frames
    if n <= n_frames:
        assert (np.diff(indices) == 1).all()
        if start is not None and 0 <= start <= n_frames - n:
            assert indices[0] == start
    else:
        assert indices.tolist() == uniform_indices(n_frames, n).tolist()


@pytest.mark.parametrize("call", [uniform_indices, consecutive_indices])
@pytest.mark.parametrize(("n_frames", "n"), [(0, 3), (3, 0), (-1, 1)])
def test_impossible_counts(call, n_frames, n):
    with pytest.raises(ValueError, match="at least 1"):
        call(n_frames, n)

