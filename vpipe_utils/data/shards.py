"""Which videos lie together: in one file of the tile cache, and in one of several jobs that prepare a data set.

A video's shard follows from its name and the number of videos, so a new video touches one shard and not its
neighbours, and jobs that know nothing of each other agree on who does what.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

VIDEOS_PER_SHARD = 256


def shard_count(n_videos: int, videos_per_shard: int = VIDEOS_PER_SHARD) -> int:
    """Number of shards, a power of two: while it stays the same, so does every video's shard."""
    return 1 << max(0, -(-n_videos // videos_per_shard) - 1).bit_length()


def shard_of(video: str, n_shards: int) -> int:
    """Shard of a video, 0 to `n_shards` - 1."""
    return int.from_bytes(hashlib.sha256(video.encode(errors="surrogateescape")).digest()[:8], "big") * n_shards >> 64


def of_part(shards: Iterable[int], part: Sequence[int]) -> np.ndarray:
    """Whether each shard belongs to `part` = (k, n), the k-th of n jobs, k from 0: bool."""
    k, n = part
    if not 0 <= k < n:
        raise ValueError(f"part {k} of {n} does not exist; with {n} parts they are 0 to {n - 1}")
    return np.array([shard % n == k for shard in shards], bool)
