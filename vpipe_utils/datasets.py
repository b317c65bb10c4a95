"""Torch datasets over the tile cache: frames, clips and super-images differ only in which tiles they take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from vpipe_utils.frames import TileCache
from vpipe_utils.params import FrameParams, SuperImageParams, TrainParams, VideoParams
from vpipe_utils.runs import derive_seed
from vpipe_utils.video import uniform_indices


class TileDataset(Dataset):
    """Tiles of videos as uint8 `(n, 3, S, S)`, with targets `(C,)` float32 where there are any.

    In training an item is `(epoch, index)`: which tiles it holds then follows from the seed, the epoch and the index
    alone, so a resumed run sees what an uninterrupted one would, with any number of loader processes.

    Args:
        cache: the tile cache, S px a tile.
        videos: names of the videos, in the order of the items.
        targets: `(V, C)` 0/1, or None for prediction.
        count: tiles an item.
        items_per_video: items a video and epoch; item j takes its tiles from the j-th part of the video.
        jitter: in training take any cached frame of a segment instead of its centre.
    """

    def __init__(
        self,
        cache: TileCache,
        videos: Sequence[str],
        targets: np.ndarray | None,
        count: int,
        seed: int = 0,
        jitter: bool = False,
        items_per_video: int = 1,
    ) -> None:
        self.cache, self.videos, self.count = cache, list(videos), count
        self.targets = None if targets is None else torch.from_numpy(np.array(targets, dtype=np.float32))
        self.seed, self.jitter, self.items_per_video = seed, jitter, items_per_video
        self.segments = count * items_per_video
        self.centres = uniform_indices(cache.frames_per_video, self.segments)

    def __len__(self) -> int:
        return len(self.videos) * self.items_per_video

    def positions(self, item: int, epoch: int | None) -> np.ndarray:
        """Which of the cached frames item `item` takes, `(count,)`; epoch None: the segments' centres."""
        part = item // len(self.videos)
        segments = np.arange(part * self.count, (part + 1) * self.count)
        if epoch is None or not self.jitter:
            return np.asarray(self.centres)[segments]
        cached = self.cache.frames_per_video
        first = segments * cached // self.segments
        last = np.maximum((segments + 1) * cached // self.segments - 1, first)
        return np.random.default_rng((self.seed, epoch, item)).integers(first, last + 1)

    def __getitem__(self, key: int | tuple[int, int]) -> tuple[torch.Tensor, ...]:
        epoch, item = key if isinstance(key, tuple) else (None, key)
        row = item % len(self.videos)
        tiles = self.cache.tiles(self.videos[row], self.positions(item, epoch))
        tiles = torch.from_numpy(np.ascontiguousarray(tiles)).permute(0, 3, 1, 2)
        return (tiles,) if self.targets is None else (tiles, self.targets[row])


class EpochShuffle(Sampler):
    """Items in a random order that follows from the seed and the epoch alone; yields `(epoch, index)`.

    Lightning calls `set_epoch` before every epoch, also after a resume.
    """

    def __init__(self, length: int, seed: int) -> None:
        self.length, self.seed, self.epoch = length, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.length)
        return iter([(self.epoch, int(index)) for index in order])


def train_loader(params: TrainParams, cache: TileCache, videos: Sequence[str], targets: np.ndarray) -> DataLoader:
    """Batches for training: shuffled, jittered, the last incomplete one left out (batch norm dislikes tiny batches)."""
    seed = derive_seed(params.seed, "data", params.model, params.fold)
    items = params.frames_per_epoch if isinstance(params, FrameParams) else 1
    data = TileDataset(cache, videos, targets, tiles_per_item(params), seed, params.jitter, items)
    if len(data) < params.batch_size:
        raise ValueError(
            f"{len(data)} training items are fewer than batch_size {params.batch_size}: lower batch_size in "
            f"params/{params.preset}/{params.model}.yaml"
        )
    return DataLoader(
        data,
        batch_size=params.batch_size,
        sampler=EpochShuffle(len(data), seed),
        drop_last=True,
        num_workers=params.loader_workers,
        pin_memory=torch.cuda.is_available(),
    )


def eval_loader(
    params: TrainParams, cache: TileCache, videos: Sequence[str], targets: np.ndarray | None = None
) -> DataLoader:
    """Batches for evaluation: one item a video, in the order of `videos`, tiles at the segments' centres."""
    count = params.eval_frames if isinstance(params, FrameParams) else tiles_per_item(params)
    batch = max(1, params.eval_batch_size // count) if isinstance(params, FrameParams) else params.eval_batch_size
    return DataLoader(
        TileDataset(cache, videos, targets, count),
        batch_size=batch,
        num_workers=params.loader_workers,
        pin_memory=torch.cuda.is_available(),
    )


def tiles_per_item(params: TrainParams) -> int:
    """Frames that one training item holds: 1, a clip's, or grid²."""
    if isinstance(params, SuperImageParams):
        return params.grid**2
    return params.clip_frames if isinstance(params, VideoParams) else 1
