"""Every video has a shard; more videos move few of them."""

from __future__ import annotations

import numpy as np
import pytest

from vpipe_utils.data.shards import of_part, shard_count, shard_of


@pytest.mark.parametrize(("videos", "shards"), [(0, 1), (1, 1), (256, 1), (257, 2), (9601, 64), (100_000, 512)])
def test_shard_count(videos: int, shards: int) -> None:
    assert shard_count(videos) == shards


def test_shards_are_of_even_size_and_split_in_halves() -> None:
    names = [f"{number}.mp4" for number in range(20_000)]
    few, many = (np.array([shard_of(name, n) for name in names]) for n in (64, 128))
    sizes = np.bincount(few)
    assert len(sizes) == 64 and sizes.min() > 200 and sizes.max() < 430
    assert (many // 2 == few).all()
    assert shard_of("a.mp4", 1) == 0


def test_parts_cover_all_shards_once() -> None:
    shards = np.arange(10)
    parts = np.array([of_part(shards, (k, 4)) for k in range(4)])
    assert (parts.sum(0) == 1).all()
    with pytest.raises(ValueError, match="part -1 of 4"):
        of_part(shards, (-1, 4))
