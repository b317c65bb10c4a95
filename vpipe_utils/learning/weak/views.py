"""Frames of the training clips, cropped and coloured at random: what the self-supervised networks learn from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from vpipe_utils.learning.datasets import EpochShuffle, TileDataset, batches
from vpipe_utils.learning.params import TrainParams
from vpipe_utils.learning.weak.params import WeakParams
from vpipe_utils.project.seeds import derive_seed
from vpipe_utils.tiles.tile_cache import TileCache


class FrameViews(Dataset):
    """Random views of random frames: a batch is uint8 `(B, views, 3, s, s)`; each follows from seed, epoch and item."""

    def __init__(self, frames: TileDataset, change: v2.Transform, views: int) -> None:
        self.frames, self.change, self.views = frames, change, views

    def __len__(self) -> int:
        return len(self.frames)

    def __getitems__(self, keys: Sequence[tuple[int, int]]) -> tuple[Tensor, ...]:
        tiles, *_ = self.frames.__getitems__(keys)
        batch = []
        with torch.random.fork_rng(devices=[]):
            for frame, (epoch, item) in zip(tiles[:, 0], keys, strict=True):
                torch.manual_seed(derive_seed(self.frames.seed, epoch, item))
                batch.append(torch.stack([self.change(frame) for _ in range(self.views)]))
        return (torch.stack(batch),)


def simclr_change(params: WeakParams) -> v2.Compose:
    """SimCLR's views (arXiv 2002.05709, appendix A): a random crop, mirrored, with other colours or none.

    Without the blur, which its authors leave out for small pictures (appendix B.9).
    """
    s = params.simclr_jitter
    return v2.Compose([
        *_crop(params),
        v2.RandomApply([v2.ColorJitter(0.8 * s, 0.8 * s, 0.8 * s, 0.2 * s)], p=0.8),
        v2.RandomGrayscale(p=0.2),
    ])  # fmt: skip


def mae_change(params: WeakParams) -> v2.Compose:
    """MAE's only augmentation: a random crop, mirrored (arXiv 2111.06377, appendix A.1). The mask does the rest."""
    return v2.Compose(_crop(params))


def _crop(params: WeakParams) -> list[v2.Transform]:
    crop = v2.RandomResizedCrop(params.weak_tile, scale=(params.pretrain_crop, 1.0), antialias=True)
    return [crop, v2.RandomHorizontalFlip()]


def view_loader(
    cache: TileCache,
    videos: Sequence[str],
    change: v2.Transform,
    views: int,
    frames: int,
    batch_size: int,
    seed: int,
    recipe: TrainParams,
) -> DataLoader:
    """Shuffled batches of views, `frames` of every video an epoch, a random one of each of as many parts of it."""
    data = FrameViews(TileDataset(cache, videos, None, 1, seed, jitter=True, items_per_video=frames), change, views)
    order = EpochShuffle(len(data), seed)
    return batches(data, recipe, batch_size=min(batch_size, len(data)), sampler=order, drop_last=True)
