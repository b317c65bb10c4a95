from __future__ import annotations

import pytest
import torch
from einops import rearrange
from hypothesis import given
from hypothesis import strategies as st

from vpipe_utils.learning.superimage import assemble, flip_tiles, shuffle_tiles

sizes = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 5), st.integers(1, 5))


def random_tiles(batch: int, grid: int, channels: int, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (batch, grid * grid, channels, height, width)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def test_hand_drawn_grid() -> None:
    tiles = torch.arange(4).reshape(1, 4, 1, 1, 1).expand(1, 4, 1, 2, 3)
    drawn = torch.tensor([[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1], [2, 2, 2, 3, 3, 3], [2, 2, 2, 3, 3, 3]])
    assert torch.equal(assemble(tiles, 2)[0, 0], drawn)


@given(sizes)
def test_colours_that_lie_together_stay_so_and_change_nothing(size: tuple[int, ...]) -> None:
    tiles = random_tiles(*size)
    together = tiles.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    image = assemble(together, size[1])
    assert torch.equal(image, assemble(tiles, size[1]))
    assert image.is_contiguous(memory_format=torch.channels_last) or size[2] == 1


@given(sizes)
def test_every_tile_lies_at_its_place_row_by_row(size: tuple[int, ...]) -> None:
    batch, grid, channels, height, width = size
    tiles = random_tiles(*size)
    image = assemble(tiles, grid)
    assert image.shape == (batch, channels, grid * height, grid * width)
    for k in range(grid * grid):
        top, left = k // grid * height, k % grid * width
        assert torch.equal(image[:, :, top : top + height, left : left + width], tiles[:, k])
    written = rearrange(tiles, "b (th tw) c h w -> b c (th h) (tw w)", th=grid)  # as in SIFAR, arXiv 2106.14104
    assert torch.equal(image, written)


def test_wrong_number_of_tiles_is_refused() -> None:
    with pytest.raises(ValueError, match="a 3x3 super-image takes 9 tiles, got 8"):
        assemble(torch.zeros(1, 8, 3, 4, 4), 3)


@given(sizes, st.integers(0, 2**31))
def test_shuffle_keeps_the_tiles_of_each_sample(size: tuple[int, ...], seed: int) -> None:
    tiles = random_tiles(*size)
    shuffled = shuffle_tiles(tiles, torch.Generator().manual_seed(seed))
    for before, after in zip(tiles, shuffled, strict=True):
        assert sorted(t.flatten().tolist() for t in before) == sorted(t.flatten().tolist() for t in after)


def test_shuffle_gives_each_sample_an_order_of_its_own() -> None:
    tiles = torch.arange(9).reshape(1, 9, 1, 1, 1).repeat(64, 1, 1, 1, 1)
    orders = {tuple(row.flatten().tolist()) for row in shuffle_tiles(tiles, torch.Generator().manual_seed(0))}
    assert len(orders) > 60


def test_flip_mirrors_whole_tiles_each_by_itself() -> None:
    tiles = random_tiles(50, 3, 3, 4, 5)
    flipped = flip_tiles(tiles, 0.5, torch.Generator().manual_seed(0))
    same = (flipped == tiles).flatten(2).all(-1)
    mirrored = (flipped == tiles.flip(-1)).flatten(2).all(-1)
    assert bool((same | mirrored).all())
    assert 0.4 < mirrored.float().mean() < 0.6
    assert torch.equal(flip_tiles(tiles, 0.0), tiles)
    assert torch.equal(flip_tiles(tiles, 1.0), tiles.flip(-1))
