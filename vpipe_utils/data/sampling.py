"""Which frames of a video are taken, `n` spread over all of it or `n` neighbours, and how many make a sample."""

from __future__ import annotations

import numpy as np


def uniform_indices(n_frames: int, n: int) -> np.ndarray:
    """`n` ascending frame indices spread evenly over `n_frames`: the middle of each of `n` equal stretches.

    Where the video is shorter than `n`, frames repeat (a video is never dropped). int64 (n,), values in
    [0, n_frames). The paper's uniform sampling (sections III.B and III.C), which does not say where in its
    stretch a frame is taken: the middle is our choice. Raises ValueError for n_frames or n below 1.
    """
    _require_positive(n_frames, n)
    return (2 * np.arange(n, dtype=np.int64) + 1) * n_frames // (2 * n)


def consecutive_indices(n_frames: int, n: int, start: int | None = None) -> np.ndarray:
    """`n` neighbouring frame indices from `start`; without it, the middle of the video. int64 (n,).

    A late `start` is moved forward so that `n` frames fit; a video shorter than `n` gives `uniform_indices`.
    The "sequence sample" of the paper's Table V. Raises ValueError for n_frames or n below 1.
    """
    _require_positive(n_frames, n)
    if n_frames < n:
        return uniform_indices(n_frames, n)
    latest = n_frames - n
    first = latest // 2 if start is None else min(max(int(start), 0), latest)
    return first + np.arange(n, dtype=np.int64)


def frames_per_sample(params: object) -> int:
    """Frames that one training sample holds: grid² of a super-image, a clip's, else 1."""
    return getattr(params, "grid", 0) ** 2 or getattr(params, "clip_frames", 1)


def fitting_batch(batch_size: int, samples: int) -> int:
    """Samples a step: `batch_size`, or all `samples` that there are to train on, where these are fewer."""
    return max(1, min(batch_size, samples))


def _require_positive(n_frames: int, n: int) -> None:
    if n_frames < 1 or n < 1:
        raise ValueError(f"cannot take {n} frames of {n_frames}; both must be at least 1")
