"""Super-images: n x n frames of a video as one picture for an image classifier (paper, section III.C).

Pure tensor operations on batches of tiles `(B, n, C, H, W)`, n = grid² frames in order of time. They keep the type,
so uint8 tiles can be moved to the device first and worked on there.
"""

from __future__ import annotations

import torch
from torch import Tensor


def assemble(tiles: Tensor, grid: int) -> Tensor:
    """Tiles `(B, grid², C, H, W)` as super-images `(B, C, grid·H, grid·W)`, row-major: the first frame at the upper
    left, the last at the lower right (SIFAR, arXiv 2106.14104: `b (th tw) c h w -> b c (th h) (tw w)`)."""
    batch, count, channels, height, width = tiles.shape
    if count != grid * grid:
        raise ValueError(f"a {grid}x{grid} super-image takes {grid * grid} tiles, got {count}")
    rows = tiles.reshape(batch, grid, grid, channels, height, width)
    if tiles.stride(2) == 1:  # the colours of a pixel lie together, as in the tile cache: they stay so, which is faster
        images = rows.permute(0, 1, 4, 2, 5, 3).reshape(batch, grid * height, grid * width, channels)
        return images.permute(0, 3, 1, 2)
    return rows.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, grid * height, grid * width)


def flip_tiles(tiles: Tensor, p: float = 0.5, generator: torch.Generator | None = None) -> Tensor:
    """Mirror each tile left to right with probability `p`, each by itself (paper, section II.C; Table IV: +0.6)."""
    draw = torch.rand(tiles.shape[:2], generator=generator)
    mirrored = (draw < p).to(tiles.device)[:, :, None, None, None]
    return torch.where(mirrored, tiles.flip(-1), tiles)


def shuffle_tiles(tiles: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Put the tiles of each sample in a random order of its own (Table IV, "Tiles shuffle": +1)."""
    order = torch.rand(tiles.shape[:2], generator=generator).argsort(dim=1).to(tiles.device)
    sample = torch.arange(tiles.shape[0], device=tiles.device)[:, None]
    return tiles[sample, order]
