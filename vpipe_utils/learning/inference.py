"""From a trained network to probabilities: one row a video, and for frames the pooling to video scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized

import numpy as np
import torch
from torch import Tensor, nn

from vpipe_utils.learning.device import Device, this_device
from vpipe_utils.learning.inputs import make_input
from vpipe_utils.learning.params import FrameParams, TrainParams
from vpipe_utils.project.progress import progress_bar

NEAREST = 2.0**-25  # how near to 0 and 1 a probability is taken to be, for its logit: half a step of float32 below 1


def logit_mean(probabilities: np.ndarray, axis: int) -> np.ndarray:
    """The probability whose logit is the mean of theirs: the ratio of yes to no, averaged by factors and not by sums.

    A frame at exactly 0 or 1 counts as one at 3e-8 or 1 - 3e-8, so it pulls hard but decides nothing alone. The paper
    has no such pooling; as the geometric mean of odds it combines forecasts (Satopää et al. 2014,
    doi 10.1016/j.ijforecast.2013.09.009).
    """
    clipped = np.clip(np.asarray(probabilities, np.float64), NEAREST, 1 - NEAREST)
    return 1 / (1 + np.exp(-np.mean(np.log(clipped) - np.log1p(-clipped), axis=axis)))


POOLINGS = {"mean": np.mean, "max": np.max, "median": np.median, "logit_mean": logit_mean}


def predict(
    network: nn.Module,
    batches: Iterable[tuple[Tensor, ...]],
    params: TrainParams,
    device: Device | None = None,
    progress: bool = True,
    change: Callable[[Tensor], Tensor] | None = None,
) -> np.ndarray:
    """Probabilities `(V, k, C)` float32 of a loader's videos: k = 1, for frames k = frames a video.

    The network runs at the precision at which it was validated. `device` is `this_device()` where it is not given.
    `change` is done to every batch of tiles `(B, n, 3, S, S)` uint8, on the device, before it becomes input
    (`augmenting.test_time`).
    """
    device = device or this_device()
    network = network.to(device.type).eval()
    total = len(batches) if isinstance(batches, Sized) else None
    parts = []
    with torch.inference_mode(), device.autocast(params.precision):
        for tiles, *_ in progress_bar(batches, total, "predicting", progress):
            tiles = tiles.to(device.type, non_blocking=True)
            tiles = tiles if change is None else change(tiles)
            probabilities = network(make_input(tiles, params)).float().sigmoid()
            parts.append(probabilities.reshape(tiles.shape[0], -1, probabilities.shape[-1]).cpu())
    return torch.cat(parts).numpy()


def main_pooling(params: TrainParams) -> str:
    """The pooling by which a run's video scores are meant; the mean where an item is a video, which it leaves alone."""
    return params.pooling if isinstance(params, FrameParams) else "mean"


def pool_frames(probabilities: np.ndarray, pooling: str) -> np.ndarray:
    """Frame probabilities `(V, k, C)` to video probabilities `(V, C)`, by one of POOLINGS.

    Mean, max and median are those of the paper's section III.A.3.
    """
    if pooling not in POOLINGS:
        raise ValueError(f"pooling '{pooling}' is unknown; it is one of {', '.join(POOLINGS)}")
    return POOLINGS[pooling](probabilities, axis=1).astype(np.float32)
