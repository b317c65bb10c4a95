"""Every way of attribution finds the bright square, and finds nothing in a network that looks at nothing."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from bright import HEIGHT, WIDTH, bright_frame, bright_logits, bright_tiles, square
from fakes import smoke_params
from torch import nn

from vpipe_utils.learning.models import build_model
from vpipe_utils.review.evidence.attribution import (
    MAP_WAYS,
    TILE_WAYS,
    _products,
    has_maps,
    looks_closer,
    map_tile,
    score_tiles,
)
from vpipe_utils.review.evidence.clips import ONE_SIZE, map_way
from vpipe_utils.review.evidence.networks import ClipLogits
from vpipe_utils.review.evidence.places import area, holds, hottest, inside

KINDS = ["super_image", "tiles", "frame"]
SIZE = WIDTH, HEIGHT


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", TILE_WAYS)
def test_the_tile_that_shows_a_class_scores_highest(way: str, kind: str) -> None:
    scores = score_tiles(way, bright_logits(kind), bright_tiles({2: 0, 7: 1}), [0, 1])
    assert scores.shape == (2, 9)
    assert list(scores.argmax(axis=1)) == [2, 7]
    assert np.ptp(np.delete(scores[0], 2)) < 0.02 * np.ptp(scores[0])


def map_of(way: str, logits: ClipLogits) -> np.ndarray | None:
    return map_tile(way, logits, bright_tiles({4: 1}), 4, 1, bright_frame({1}))


WAYS_OF_KINDS = [
    (way, kind) for way in MAP_WAYS for kind in KINDS if not (MAP_WAYS[way].closer and kind == "super_image")
]


@pytest.mark.parametrize(("way", "kind"), WAYS_OF_KINDS)
def test_the_map_is_hot_where_the_square_is(way: str, kind: str) -> None:
    heat = map_of(way, bright_logits(kind))
    assert heat.shape == (32, 32) and heat.min() >= 0
    assert holds(square(1), *hottest(heat, SIZE))
    assert inside(heat, square(1), SIZE) > 5 * area(square(1)) / (WIDTH * HEIGHT)  # a hidden patch is coarse


@pytest.mark.parametrize(("way", "kind"), WAYS_OF_KINDS)
def test_a_network_that_looks_at_nothing_gives_no_map(way: str, kind: str) -> None:
    assert map_of(way, bright_logits(kind, strength=0.0)) is None


@pytest.mark.parametrize("way", MAP_WAYS)
def test_nothing_is_drawn_by_chance(way: str) -> None:
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        found.append(map_of(way, bright_logits("tiles")))
    assert np.array_equal(*found)


def test_looking_closer_needs_a_frame_and_a_network_that_reads_tiles_alone() -> None:
    way = next(name for name, way in MAP_WAYS.items() if way.closer)
    for kind, frame in (("super_image", bright_frame({1})), ("tiles", None)):
        with pytest.raises(ValueError, match="the whole frame"):
            map_tile(way, bright_logits(kind), bright_tiles({4: 1}), 4, 1, frame)


def test_the_parts_of_all_tiles_are_the_whole() -> None:
    """Integrated gradients add up to the logit above that of tiles of one colour."""
    logits, tiles = bright_logits("tiles"), bright_tiles({2: 0, 7: 0})
    scores = score_tiles("integrated gradients", logits, tiles, [0])
    assert scores.sum() == pytest.approx(float(logits(tiles[None])[0, 0]) + 3, rel=0.05)


@pytest.mark.parametrize("model", ["convnext_base", "nfnet_f3", "efficientnet_l2", "frame_tresnet"])
def test_the_papers_networks_have_maps(model: str) -> None:
    params = smoke_params(model)
    logits = ClipLogits(params, build_model(params))
    assert has_maps(logits.network) and looks_closer(logits) == (model == "frame_tresnet")
    heat = map_tile(map_way(logits), logits, torch.rand(9, 3, 32, 32), 4, 1, bright_frame({1}))
    assert heat is None or heat.shape == (32, 32)


def of_tiles(head: str = "linear") -> ClipLogits:
    """A real network that reads tiles one by one, at random weights."""
    torch.manual_seed(0)
    params = smoke_params("efficientnet_l2", tile_tokens=True, head=head, decoder_dim=64)
    return ClipLogits(params, build_model(params))


def test_a_network_that_keeps_to_one_size_is_not_asked_for_others() -> None:
    assert looks_closer(of_tiles())
    fixed = of_tiles()
    plain = fixed.network.forward

    def one_size(tiles: torch.Tensor) -> torch.Tensor:
        assert tiles.shape[-1] == fixed.params.tile_px, "this one takes one size"
        return plain(tiles)

    fixed.network.forward = one_size
    assert not looks_closer(fixed) and map_way(fixed) == ONE_SIZE


def test_the_map_of_a_tile_read_one_by_one_is_its_own_whatever_the_head() -> None:
    """With a decoder over all tiles the map is still of the tile that is asked for: the only one that is not grey."""
    logits = of_tiles("ml_decoder")
    assert not logits.separate
    tiles = torch.full((9, 3, 32, 32), 0.5)
    tiles[7, :, 8:16, 8:16] = torch.rand(3, 8, 8)
    own = np.abs(_products(logits, tiles, 7, tiles[7:8], 0, [-3])[0])
    grey = np.abs(_products(logits, tiles, 2, tiles[2:3], 0, [-3])[0])
    assert own[6:18, 6:18].std() > 2 * grey[6:18, 6:18].std()


def test_a_network_of_tokens_has_no_maps() -> None:
    network = nn.Module()
    network.backbone = timm.create_model("test_vit", num_classes=3)
    assert not has_maps(network)


def test_both_kinds_of_ways_are_there() -> None:
    assert {way.kind for way in TILE_WAYS.values()} == {way.kind for way in MAP_WAYS.values()} == {
        "gradient", "occlusion",
    }  # fmt: skip
