"""Batches for data sets of a few videos: what fits, and what to say before any work is done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vpipe_utils.data.params import DataParams, TrainParams


def fitting_batch(batch_size: int, items: int) -> int:
    """Samples a step: `batch_size`, or all `items` that there are to train on, where these are fewer."""
    return max(1, min(batch_size, items))


def say_smaller_batches(n_videos: int, data: DataParams, models: Iterable[TrainParams]) -> str:
    """One sentence on the models whose batch_size is more than a fold trains on; empty where there is none.

    `n_videos`: labelled videos. Folds differ by a video or two, so the numbers are about right; the notebooks say the
    exact one.
    """
    videos = n_videos - -(-n_videos // data.n_folds)
    smaller = {}
    for params in models:
        fitting = fitting_batch(params.batch_size, videos * getattr(params, "frames_per_epoch", 1))
        if fitting < params.batch_size:
            smaller[params.model] = f"{params.model} {fitting} (not {params.batch_size})"
    if not smaller:
        return ""
    return (
        f"A fold trains on about {videos} videos, fewer than batch_size, so batches are smaller: "
        f"{', '.join(smaller.values())}. To choose them yourself: batch_size in params/{data.preset}/training.yaml."
    )
