from __future__ import annotations

import numpy as np
import pytest
import torch
from bright import HEIGHT, WIDTH, bright_frame, bright_logits, bright_params, square
from fakes import MemoryCache, smoke_params, three_class_targets

from vpipe_utils.learning.datasets import TileDataset, eval_count, eval_loader
from vpipe_utils.learning.inference import main_pooling, pool_frames, predict
from vpipe_utils.learning.models import build_model
from vpipe_utils.review.evidence.networks import ClipLogits, as_picture, as_tiles, network_tiles, sampled_frames
from vpipe_utils.tiles.tile_cache import cached_indices


@pytest.mark.parametrize("kind", ["super_image", "tiles", "frame"])
@pytest.mark.parametrize("pooling", ["mean", "max", "median", "logit_mean"])
def test_logits_are_those_of_prediction(kind: str, pooling: str) -> None:
    if kind != "frame" and pooling != "mean":
        pytest.skip("only frames are pooled")
    more = {"pooling": pooling} if kind == "frame" else {"head": "linear"}
    params = bright_params(kind, input_tile=32, tile_size=32).model_copy(update=more)
    torch.manual_seed(0)
    network = build_model(params).eval()
    cache = MemoryCache(three_class_targets(2), frames=params.cache_frames, size=params.tile_size)
    wanted = pool_frames(predict(network, eval_loader(params, cache, cache.videos), params), main_pooling(params))
    positions = TileDataset(cache, cache.videos, None, eval_count(params)).positions(0, None)
    logits = ClipLogits(params, network)
    for row, name in zip(wanted, cache.videos, strict=True):
        pixels = cache.pixels[cache.videos.index(name)][positions]
        found = logits(network_tiles(pixels, params)[None]).sigmoid()[0]
        assert found.numpy() == pytest.approx(row, abs=1e-5)


def test_the_frames_are_those_of_prediction() -> None:
    params = smoke_params("convnext_base", grid=3, cache_frames=18, cache_run=9)
    positions = [1, 3, 5, 7, 9, 11, 13, 15, 17]  # the middles of nine stretches of 18
    assert list(sampled_frames(params, 100)) == list(cached_indices(100, 18)[positions])
    near = params.model_copy(update={"sampling": "consecutive"})
    assert list(sampled_frames(near, 100)) == list(range(45, 54))
    assert len(sampled_frames(near, 3)) == len(sampled_frames(params, 1)) == 9


def test_a_tile_alone_is_exact_where_tiles_are_read_one_by_one() -> None:
    logits = bright_logits("tiles")
    tiles = torch.rand(9, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert logits.alone(tiles).mean(0).numpy() == pytest.approx(logits(tiles[None])[0].numpy(), abs=1e-4)
    assert logits.separate and not bright_logits("super_image").separate


def test_frames_become_tiles() -> None:
    params = bright_params("super_image")
    small = as_tiles([bright_frame({0}), bright_frame(set())], params)
    assert small.shape == (2, params.tile_size, params.tile_size, 3) and small.dtype == np.uint8
    tiles = network_tiles(small, params)
    assert tiles.shape == (2, 3, params.tile_px, params.tile_px) and 0 <= tiles.min() and tiles.max() <= 1
    assert np.ptp(tiles[1].numpy()) == 0


@pytest.mark.parametrize("side", [16, 48, 100])
def test_a_frame_is_one_picture_at_any_size(side: int) -> None:
    frame = bright_frame({0})
    picture = as_picture(frame, side)
    assert picture.shape == (1, 3, side, side) and 0 <= picture.min() and picture.max() <= 1
    x0, y0, x1, y1 = square(0)
    x, y = int((x0 + x1) / 2 / WIDTH * side), int((y0 + y1) / 2 / HEIGHT * side)
    assert picture[0, 0, y, x] > 0.9 and picture[0, 1, y, x] < 0.3, "red where the square is"


def test_a_clip_network_is_refused() -> None:
    with pytest.raises(ValueError, match="looks at clips"):
        ClipLogits(smoke_params("video_swin_k400"), torch.nn.Identity())
