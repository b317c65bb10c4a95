"""Batches for data sets of a few videos: what fits, and what to say before any work is done."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpipe_utils.params import DataParams, TrainParams


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


@contextmanager
def sentence_for_batch_norm(params: TrainParams) -> Iterator[None]:
    """Say what to change where batch norm gets one value a channel, as with one sample and a last map of 1 x 1."""
    try:
        yield
    except ValueError as error:
        if "Expected more than 1 value per channel" not in str(error):
            raise
        raise ValueError(
            f"'{params.model}' normalises over its batch, and a batch of one sample of this size leaves nothing to "
            f"normalise over: set batch_size (now {params.batch_size}) to 2 or more, or raise input_tile "
            f"(now {params.input_tile} px)"
        ) from error
