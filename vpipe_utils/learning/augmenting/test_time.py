"""Test-time augmentation: a trained network predicts a video several times, changed a little each time (Table V, TTA).

The paper names three, and says no more of them: "Horizontal flip, Vertical flip" (-3), "Resample video" (-0.3) and
"Grid shuffle" (-0.5). What is open is our choice:

- **flips** mirror each tile and leave the order of the tiles, as the flip of training does, so that what a tile shows
  is all that changes;
- **resample** takes other cached frames of the same segments, as training does; **grid_shuffle** puts the tiles of a
  super-image in another order, one for each video. Each is done PASSES times;
- a variant's scores are the mean of the probabilities of the plain pass and of its changed passes, all alike: that is
  what one would submit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from vpipe_utils.learning.datasets import eval_count, eval_loader
from vpipe_utils.learning.device import Device
from vpipe_utils.learning.inference import main_pooling, pool_frames, predict
from vpipe_utils.learning.params import SuperImageParams, TrainParams
from vpipe_utils.learning.superimage import shuffle_tiles
from vpipe_utils.project.seeds import derive_seed, run_seed
from vpipe_utils.tiles.tile_cache import TileCache

VARIANTS = ("plain", "hflip", "vflip", "resample", "grid_shuffle")
PASSES = 3  # of what is drawn at random: a mean of four halves the noise of the draw; our choice, by the cost

Change = Callable[[Tensor], Tensor]  # of tiles (B, n, 3, S, S)


def variants_of(params: TrainParams, cache: TileCache) -> tuple[str, ...]:
    """Those of VARIANTS that are any different from "plain" for a run: only super-images have a grid to shuffle, and
    other frames can be taken only where the cache holds more than evaluation takes."""
    held = cache.run if params.sampling == "consecutive" else cache.frames_per_video
    possible = {"resample": held > eval_count(params), "grid_shuffle": isinstance(params, SuperImageParams)}
    return tuple(variant for variant in VARIANTS if possible.get(variant, True))


def predict_variants(
    network: nn.Module,
    params: TrainParams,
    cache: TileCache,
    videos: Sequence[str],
    device: Device | None = None,
    progress: bool = True,
) -> dict[str, np.ndarray]:
    """Video probabilities `(V, C)` float32 by variant, those of `variants_of`, "plain" first.

    Frames are pooled in each pass, by the run's own pooling, before passes are averaged. Random draws follow from the
    seed of the run (`run_seed`): the same call gives the same bytes, with any batch size and number of loader
    processes but for the rounding of the network's own arithmetic.
    """

    def scores(draw: int | None, change: Change | None) -> np.ndarray:
        batches = eval_loader(params, cache, videos, draw=draw)
        return pool_frames(predict(network, batches, params, device, progress, change), main_pooling(params))

    found = {"plain": scores(None, None)}
    for variant in variants_of(params, cache)[1:]:
        passes = [found["plain"], *(scores(draw, change) for draw, change in _passes(variant, params))]
        found[variant] = np.mean(passes, axis=0, dtype=np.float64).astype(np.float32)
    return found


def _passes(variant: str, params: TrainParams) -> Iterator[tuple[int | None, Change | None]]:
    """The changed passes of a variant: which draw of frames, and what is done to the tiles."""
    if variant == "hflip":
        yield None, lambda tiles: tiles.flip(-1)
    elif variant == "vflip":
        yield None, lambda tiles: tiles.flip(-2)
    for k in range(PASSES):
        if variant == "resample":
            yield k, None
        elif variant == "grid_shuffle":
            seed = derive_seed(run_seed(params.seed, variant, params.name), k)
            yield None, partial(shuffle_tiles, generator=torch.Generator().manual_seed(seed))
