"""From a batch of uint8 tiles to what a network eats: done on the device, so that only bytes travel there."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vpipe_utils.learning import superimage
from vpipe_utils.learning.augmenting.policies import augmented
from vpipe_utils.learning.params import SuperImageParams, TrainParams, VideoParams


def make_input(tiles: Tensor, params: TrainParams, generator: torch.Generator | None = None) -> Tensor:
    """Network input in [0, 1] from tiles `(B, n, 3, S, S)` uint8.

    Gives `(B·n, 3, s, s)` for frames, `(B, 3, n, s, s)` for clips, `(B, 3, grid·s, grid·s)` for super-images and, where
    these are read tile by tile (`tile_tokens`), `(B, n, 3, s, s)`, with s = `params.tile_px`. With a `generator`
    (training) tiles are augmented, flipped and shuffled as `params` says; without one (evaluation) they stay as they
    are. A clip is flipped as a whole: its motion stays one motion.
    """
    tiles = resize(tiles, params.tile_px)
    if generator is not None:
        tiles = augmented(tiles, params, generator)
    if isinstance(params, VideoParams):
        if generator is not None and params.hflip:
            clips = tiles.flatten(1, 2)[:, None]  # (B, 1, n·3, s, s): one "tile" a clip
            tiles = superimage.flip_tiles(clips, generator=generator).reshape(tiles.shape)
        return to_unit(tiles.transpose(1, 2))
    if generator is not None and params.hflip:
        tiles = superimage.flip_tiles(tiles, generator=generator)
    if isinstance(params, SuperImageParams):
        if generator is not None and params.tile_shuffle:
            tiles = superimage.shuffle_tiles(tiles, generator=generator)
        if params.tile_tokens:
            return to_unit(tiles)
        images = superimage.assemble(tiles, params.grid)
    else:
        images = tiles.flatten(0, 1)
    layout = torch.channels_last if params.channels_last else torch.contiguous_format
    return to_unit(images.contiguous(memory_format=layout))  # put in order as bytes: a quarter of the memory


def as_pictures(inputs: Tensor, params: TrainParams) -> list[np.ndarray]:
    """What `make_input` gives, for people: uint8 `(H, W, 3)` each; of a clip its frames, of single tiles their grid."""
    if isinstance(params, VideoParams):
        inputs = inputs.transpose(1, 2).flatten(0, 1)
    elif inputs.ndim == 5:
        inputs = superimage.assemble(inputs, params.grid)
    return list(inputs.permute(0, 2, 3, 1).mul(255).byte().numpy())


def to_unit(tiles: Tensor) -> Tensor:
    """uint8 0–255 as float32 0–1."""
    return tiles.float().div_(255)


def resize(tiles: Tensor, size: int) -> Tensor:
    """Tiles `(B, n, 3, S, S)` uint8 at `size` px, anti-aliased; unchanged where they have it already."""
    if tiles.shape[-1] == size:
        return tiles
    small = F.interpolate(tiles.flatten(0, 1).float(), size=(size, size), mode="bilinear", antialias=True)
    return small.round_().clamp_(0, 255).to(torch.uint8).unflatten(0, tiles.shape[:2])
