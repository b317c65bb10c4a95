"""A trained network as evidence needs it: from the tiles of one clip to logits, and from one tile alone."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from vpipe_utils.data.sampling import consecutive_indices, uniform_indices
from vpipe_utils.learning.datasets import eval_count
from vpipe_utils.learning.inference import NEAREST
from vpipe_utils.learning.inputs import resize, to_unit
from vpipe_utils.learning.params import FrameParams, SuperImageParams, TrainParams, VideoParams
from vpipe_utils.learning.superimage import assemble
from vpipe_utils.tiles.tile_cache import cached_indices


class ClipLogits(nn.Module):
    """Tiles of clips `(B, n, 3, s, s)` in [0, 1] -> logits `(B, C)`, as prediction computes them.

    `separate`: whether a tile's part in a clip's logits can be had from this tile alone: frames, and super-images whose
    tiles are read one by one and averaged. Weights get no gradients, inputs do. Raises ValueError for a clip network
    (Video Swin), which has no answer for one frame.
    """

    def __init__(self, params: TrainParams, network: nn.Module) -> None:
        super().__init__()
        if isinstance(params, VideoParams):
            raise ValueError(f"'{params.model}' looks at clips, not at tiles: evidence needs frames or a super-image")
        self.params, self.network = params, network.eval().requires_grad_(False)
        by_one = isinstance(params, SuperImageParams) and params.tile_tokens and params.head == "linear"
        self.separate = by_one or isinstance(params, FrameParams)

    def forward(self, tiles: Tensor) -> Tensor:
        if isinstance(self.params, FrameParams):
            return _pooled(self.network(tiles.flatten(0, 1)).unflatten(0, tiles.shape[:2]), self.params.pooling)
        if self.params.tile_tokens:
            return self.network(tiles)
        images = assemble(tiles, self.params.grid)
        layout = torch.channels_last if self.params.channels_last else torch.contiguous_format
        return self.network(images.contiguous(memory_format=layout))

    def alone(self, tiles: Tensor) -> Tensor:
        """Logits `(n, C)` of single tiles `(n, 3, s, s)`, each as if the clip showed nothing else.

        A super-image that is read as one picture gets the tile in every place.
        """
        if isinstance(self.params, FrameParams):
            return self.network(tiles)
        if self.params.tile_tokens:
            return self.network(tiles[:, None])
        return self(tiles[:, None].expand(-1, self.params.grid**2, -1, -1, -1))


def sampled_frames(params: TrainParams, frames: int) -> np.ndarray:
    """Which frames of a clip of `frames` the network looks at in prediction, in order, int64 `(n,)`."""
    count = eval_count(params)
    cached = cached_indices(frames, params.cache_frames, params.cache_run)
    if params.sampling == "consecutive":
        return cached[params.cache_frames + consecutive_indices(min(frames, params.cache_run), count)]
    return cached[uniform_indices(params.cache_frames, count)]


def as_tiles(pictures: Iterable[np.ndarray], params: TrainParams) -> np.ndarray:
    """Frames, uint8 `(H, W, 3)` RGB, as the cache has them: uint8 `(n, S, S, 3)`."""
    size = (params.tile_size, params.tile_size)
    return np.stack([cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures])


def as_picture(frame: np.ndarray, side: int) -> Tensor:
    """One frame, uint8 `(H, W, 3)`, at a size of its own: float32 `(1, 3, side, side)` in [0, 1]."""
    way = cv2.INTER_AREA if side <= min(frame.shape[:2]) else cv2.INTER_LINEAR
    picture = cv2.resize(frame, (side, side), interpolation=way)
    return to_unit(torch.from_numpy(picture).permute(2, 0, 1)[None]).contiguous()


def network_tiles(tiles: np.ndarray, params: TrainParams) -> Tensor:
    """Tiles as the cache has them, uint8 `(n, S, S, 3)`, as the network gets them, float32 `(n, 3, s, s)`."""
    return to_unit(resize(torch.from_numpy(tiles).permute(0, 3, 1, 2)[None], params.tile_px)[0]).contiguous()


def _pooled(logits: Tensor, pooling: str) -> Tensor:
    """Logits of frames `(B, n, C)` to those of clips, by the pooling of the run, with gradients."""
    if pooling == "logit_mean":
        return logits.mean(1)
    if pooling == "max":
        return logits.amax(1)
    probabilities = logits.sigmoid().mean(1) if pooling == "mean" else logits.sigmoid().quantile(0.5, dim=1)
    return torch.logit(probabilities, eps=NEAREST)
