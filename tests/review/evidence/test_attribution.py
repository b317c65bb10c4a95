"""Every way of attribution finds the bright square, and finds nothing in a network that looks at nothing."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from bright import HEIGHT, WIDTH, bright_logits, bright_tiles, square
from fakes import smoke_params
from torch import nn

from vpipe_utils.learning.models import build_model
from vpipe_utils.review.evidence.attribution import MAP_WAYS, TILE_WAYS, has_maps, map_tile, score_tiles
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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", MAP_WAYS)
def test_the_map_is_hot_where_the_square_is(way: str, kind: str) -> None:
    heat = map_tile(way, bright_logits(kind), bright_tiles({4: 1}), 4, 1)
    assert heat.shape == (32, 32) and heat.min() >= 0
    assert holds(square(1), *hottest(heat, SIZE))
    assert inside(heat, square(1), SIZE) > 5 * area(square(1)) / (WIDTH * HEIGHT)  # a hidden patch is coarse


@pytest.mark.parametrize("way", MAP_WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_network_that_looks_at_nothing_gives_no_map(way: str, kind: str) -> None:
    assert map_tile(way, bright_logits(kind, strength=0.0), bright_tiles({4: 1}), 4, 1) is None


@pytest.mark.parametrize("way", MAP_WAYS)
def test_nothing_is_drawn_by_chance(way: str) -> None:
    tiles, found = bright_tiles({4: 1}), []
    for seed in (0, 1):
        torch.manual_seed(seed)
        found.append(map_tile(way, bright_logits("super_image"), tiles, 4, 1))
    assert np.array_equal(*found)


def test_the_parts_of_all_tiles_are_the_whole() -> None:
    """Integrated gradients add up to the logit above that of tiles of one colour."""
    logits, tiles = bright_logits("tiles"), bright_tiles({2: 0, 7: 0})
    scores = score_tiles("integrated gradients", logits, tiles, [0])
    assert scores.sum() == pytest.approx(float(logits(tiles[None])[0, 0]) + 3, rel=0.05)


@pytest.mark.parametrize("model", ["convnext_base", "nfnet_f3", "efficientnet_l2", "frame_tresnet"])
def test_the_papers_networks_have_maps(model: str) -> None:
    params = smoke_params(model)
    logits = ClipLogits(params, build_model(params))
    assert has_maps(logits.network)
    heat = map_tile("Grad-CAM, two stages, mirrored", logits, torch.rand(9, 3, 32, 32), 4, 1)
    assert heat is None or heat.shape == (32, 32)


def test_a_network_of_tokens_has_no_maps() -> None:
    network = nn.Module()
    network.backbone = timm.create_model("test_vit", num_classes=3)
    assert not has_maps(network)


def test_both_kinds_of_ways_are_there() -> None:
    assert {way.kind for way in TILE_WAYS.values()} == {way.kind for way in MAP_WAYS.values()} == {
        "gradient", "occlusion",
    }  # fmt: skip
