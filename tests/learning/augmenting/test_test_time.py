"""Networks whose answer to a changed input is known: what does not see a change is not changed by it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fakes import MemoryCache, smoke_params, three_class_targets

from vpipe_utils.learning.augmenting.test_time import PASSES, VARIANTS, predict_variants, variants_of
from vpipe_utils.learning.datasets import TileDataset, eval_loader


class Brightness(torch.nn.Module):
    """Logits that follow from the mean of each colour: blind to flips and to the order of tiles."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 4 * images.flatten(2).mean(dim=2)


class Watching(torch.nn.Module):
    """Logits that follow from the first tile's half at one side, of the network's 3 x 3 tiles of 32 px."""

    def __init__(self, side: str) -> None:
        super().__init__()
        rows, columns = {"left": (32, 16), "top": (16, 32)}[side]
        self.rows, self.columns = rows, columns

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 4 * images[:, :, : self.rows, : self.columns].mean(dim=(2, 3))


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache(three_class_targets(7), frames=27, run=9)


def sigmoid(pixels: np.ndarray) -> np.ndarray:
    """What `Watching` and `Brightness` give for pixels (V, ..., 3) 0-255."""
    means = pixels.reshape(len(pixels), -1, 3).mean(axis=1) / 255
    return 1 / (1 + np.exp(-4 * means))


def test_a_network_that_sees_no_flip_and_no_order_is_not_changed_by_them(cache: MemoryCache) -> None:
    found = predict_variants(Brightness(), smoke_params(), cache, cache.videos, progress=False)
    assert tuple(found) == VARIANTS and all(each.shape == (7, 3) for each in found.values())
    for blind in ("hflip", "vflip", "grid_shuffle"):
        np.testing.assert_allclose(found[blind], found["plain"], atol=1e-6)
    assert np.abs(found["resample"] - found["plain"]).max() > 1e-4, "other frames, other pixels"


@pytest.mark.parametrize(("side", "variant", "other"), [("left", "hflip", "vflip"), ("top", "vflip", "hflip")])
def test_a_flip_shows_each_tile_in_its_place_from_the_other_side(
    cache: MemoryCache, side: str, variant: str, other: str
) -> None:
    """The first tile's two halves averaged: neither the whole picture is mirrored nor the order of tiles."""
    found = predict_variants(Watching(side), smoke_params(), cache, cache.videos, progress=False)
    first = cache.pixels[:, TileDataset(cache, cache.videos, None, 9).positions(0, None)[0]]
    halves = (first[:, :, :16], first[:, :, 16:]) if side == "left" else (first[:, :16], first[:, 16:])
    np.testing.assert_allclose(found["plain"], sigmoid(halves[0]), atol=1e-5)
    np.testing.assert_allclose(found[variant], (sigmoid(halves[0]) + sigmoid(halves[1])) / 2, atol=1e-5)
    np.testing.assert_allclose(found[other], found["plain"], atol=1e-6, err_msg="the half is mirrored in itself")


def test_shuffled_orders_are_of_the_same_tiles_and_each_video_has_its_own(cache: MemoryCache) -> None:
    seen = []
    watching = lambda images: seen.append(images.unfold(2, 32, 32).unfold(3, 32, 32)) or images.mean(dim=(2, 3))  # noqa: E731
    network = torch.nn.Module()
    network.forward = watching
    predict_variants(network, smoke_params(eval_batch_size=16), cache, cache.videos, progress=False)
    as_tiles = [batch.permute(0, 2, 3, 1, 4, 5).reshape(7, 9, -1).cpu().numpy() for batch in seen]
    plain, shuffled = as_tiles[0], as_tiles[-PASSES:]
    orders = set()
    for batch in shuffled:
        for before, after in zip(plain, batch, strict=True):
            order = [int(np.flatnonzero((before == tile).all(axis=1))[0]) for tile in after]
            assert sorted(order) == list(range(9))
            orders.add(tuple(order))
    assert len(orders) > 2 * PASSES, "not one order for all videos, nor one for all passes"


@pytest.mark.parametrize("model", ["convnext_base", "frame_tresnet", "video_swin_k400"])
def test_other_frames_come_from_the_cached_ones_of_their_own_segments(cache: MemoryCache, model: str) -> None:
    params = smoke_params(model, cache_frames=27)
    loader = eval_loader(params, cache, cache.videos)
    count = loader.dataset.count
    drawn = set()
    for draw in range(20):
        again = eval_loader(params, cache, cache.videos, draw=draw)
        assert [item for batch in again.batch_sampler for item in batch] == [(draw, k) for k in range(7)]
        taken = np.array([again.dataset.positions(item, draw) for item in range(7)])
        borders = np.arange(count + 1) * 27 // count
        assert ((taken >= borders[:-1]) & (taken < borders[1:])).all()
        drawn |= set(taken.ravel().tolist())
    assert drawn == set(range(27)), "and every cached frame can be drawn"


def test_the_same_bytes_twice_and_with_any_batch_size(cache: MemoryCache) -> None:
    ways = [{}, {}, {"eval_batch_size": 2}, {"eval_batch_size": 5}]
    found = [
        predict_variants(Watching("left"), smoke_params(**way), cache, cache.videos, progress=False) for way in ways
    ]
    for variant in VARIANTS:
        assert found[0][variant].tobytes() == found[1][variant].tobytes()
        for other in found[2:]:
            np.testing.assert_allclose(other[variant], found[0][variant], atol=1e-6)
    other_fold = predict_variants(Watching("left"), smoke_params(fold=1), cache, cache.videos, progress=False)
    np.testing.assert_array_equal(other_fold["hflip"], found[0]["hflip"])
    for drawn in ("resample", "grid_shuffle"):
        assert (other_fold[drawn] != found[0][drawn]).any(), "another run draws for itself"


def test_frames_are_pooled_before_passes_are_averaged(cache: MemoryCache) -> None:
    params = smoke_params("frame_tresnet", pooling="max", eval_frames=3)
    found = predict_variants(Watching("left"), params, cache, cache.videos, progress=False)
    assert tuple(found) == VARIANTS[:-1], "single frames have no grid"
    frames = cache.pixels[:, TileDataset(cache, cache.videos, None, 3).positions(0, None)]
    left, right = (
        np.max([sigmoid(frames[:, k, :, half]) for k in range(3)], axis=0) for half in (slice(16), slice(16, 32))
    )
    np.testing.assert_allclose(found["hflip"], (left + right) / 2, atol=1e-5)


def test_a_run_has_the_variants_that_change_anything() -> None:
    targets = three_class_targets(2)
    nine, more = MemoryCache(targets, frames=9, run=9), MemoryCache(targets, frames=18, run=12)
    image, clip = smoke_params(), smoke_params("video_swin_k400")
    assert variants_of(image, nine) == ("plain", "hflip", "vflip", "grid_shuffle"), "no other frame is there"
    assert variants_of(image, more) == VARIANTS
    assert variants_of(clip, more) == ("plain", "hflip", "vflip", "resample")
    in_a_row = smoke_params(sampling="consecutive")
    assert "resample" not in variants_of(in_a_row, nine) and "resample" in variants_of(in_a_row, more)
    tokens = smoke_params(tile_tokens=True)
    assert variants_of(tokens, more) == VARIANTS
