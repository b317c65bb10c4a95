"""Torch datasets over the tile cache: frames, clips and super-images differ only in which tiles they take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler

from vpipe_utils.data.sampling import consecutive_indices, fitting_batch, frames_per_sample, uniform_indices
from vpipe_utils.learning.device import this_device
from vpipe_utils.learning.params import FrameParams, TrainParams
from vpipe_utils.project.seeds import run_seed
from vpipe_utils.tiles.tile_cache import TileCache


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
        jitter: in training take any cached frame of a segment instead of its centre, and a run from anywhere.
        sampling: "uniform" over the video, or "consecutive": neighbouring frames of the cached run.
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
        sampling: str = "uniform",
    ) -> None:
        self.cache, self.videos, self.count = cache, list(videos), count
        self.targets = None if targets is None else torch.from_numpy(np.array(targets, dtype=np.float32))
        self.seed, self.jitter, self.items_per_video, self.sampling = seed, jitter, items_per_video, sampling
        self.segments = count * items_per_video
        self.centres = uniform_indices(cache.frames_per_video, self.segments)

    def __len__(self) -> int:
        return len(self.videos) * self.items_per_video

    def positions(self, item: int, epoch: int | None) -> np.ndarray:
        """Which of the cached frames item `item` takes, `(count,)`; epoch None: the centres, the middle of the run."""
        draw = None if epoch is None or not self.jitter else np.random.default_rng((self.seed, epoch, item))
        if self.sampling == "consecutive":
            return self._neighbours(self.cache.frames(self.videos[item % len(self.videos)]), draw)
        part = item // len(self.videos)
        segments = np.arange(part * self.count, (part + 1) * self.count)
        if draw is None:
            return np.asarray(self.centres)[segments]
        cached = self.cache.frames_per_video
        first = segments * cached // self.segments
        last = np.maximum((segments + 1) * cached // self.segments - 1, first)
        return draw.integers(first, last + 1)

    def _neighbours(self, frames: int, draw: np.random.Generator | None) -> np.ndarray:
        """Positions of neighbouring frames; in a video with fewer than `count` they repeat (no video is dropped)."""
        different = min(frames, self.cache.run)  # the rest of the run repeats the last frame
        latest = different - self.count
        start = None if draw is None else int(draw.integers(0, max(latest, 0) + 1))
        return self.cache.frames_per_video + consecutive_indices(different, self.count, start)

    def __getitem__(self, key: int | tuple[int, int]) -> tuple[torch.Tensor, ...]:
        tiles, *targets = self.__getitems__([key])
        return (tiles[0], *(target[0] for target in targets))

    def __getitems__(self, keys: Sequence[int | tuple[int, int]]) -> tuple[torch.Tensor, ...]:
        """A batch: tiles `(B, n, 3, S, S)`, targets `(B, C)`. Each pixel is copied once, colours stay together."""
        size = self.cache.tile_size
        batch = np.empty((len(keys), self.count, size, size, 3), np.uint8)
        rows = []
        for tiles, key in zip(batch, keys, strict=True):
            epoch, item = key if isinstance(key, tuple) else (None, key)
            rows.append(item % len(self.videos))
            self.cache.tiles(self.videos[rows[-1]], self.positions(item, epoch), tiles)
        tiles = torch.from_numpy(batch).permute(0, 1, 4, 2, 3)
        return (tiles,) if self.targets is None else (tiles, self.targets[rows])


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


class PartOfBatches(BatchSampler):
    """Of every batch the part of one of several processes: all of them together take what a single one would."""

    def __init__(self, sampler: Sampler, batch_size: int, place: tuple[int, int]) -> None:
        super().__init__(sampler, batch_size, drop_last=True)
        self.rank, self.processes = place

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for batch in super().__iter__():
            yield batch[self.rank :: self.processes]


def train_loader(
    params: TrainParams, cache: TileCache, videos: Sequence[str], targets: np.ndarray, place: tuple[int, int] = (0, 1)
) -> DataLoader:
    """Batches for training: shuffled, jittered, the last incomplete one left out (batch norm dislikes tiny batches).

    `place` (k, n): the k-th of n processes, which share every batch. Where there are fewer items than batch_size, all
    of them are one batch, and a printed line says so.
    """
    seed = run_seed(params.seed, "data", params.name)
    items = params.frames_per_epoch if isinstance(params, FrameParams) else 1
    count = frames_per_sample(params)
    data = TileDataset(cache, videos, targets, count, seed, params.jitter, items, params.sampling)
    processes = place[1]
    batch_size = fitting_batch(params.batch_size, len(data)) // processes * processes
    if batch_size < params.batch_size:
        _say_once(f"batch_size {batch_size}, not {params.batch_size}: fold {params.fold} has no more to train on")
    shuffled = EpochShuffle(len(data), seed)
    if processes > 1:
        return batches(data, params, batch_sampler=PartOfBatches(shuffled, batch_size, place))
    return batches(data, params, batch_size=batch_size, sampler=shuffled, drop_last=True)


@cache
def _say_once(text: str) -> None:
    """A notebook makes the loader twice: to show a batch, and to train."""
    print(text)


def first_batch(loader: DataLoader) -> tuple[torch.Tensor, ...]:
    """The first batch of a loader, made in this process: for a look, without starting the loader's own."""
    return loader.dataset.__getitems__(next(iter(loader.batch_sampler)))


def eval_loader(
    params: TrainParams,
    cache: TileCache,
    videos: Sequence[str],
    targets: np.ndarray | None = None,
    draw: int | None = None,
) -> DataLoader:
    """Batches for evaluation: one item a video, in the order of `videos`, tiles at the segments' centres.

    With `draw`, a number from 0, tiles are drawn as in training, from the same segments; which ones follows from the
    run's seed, the draw and the place in `videos` alone.
    """
    count = eval_count(params)
    batch = max(1, params.eval_batch_size // count) if isinstance(params, FrameParams) else params.eval_batch_size
    seed = run_seed(params.seed, "resample", params.name)
    data = TileDataset(cache, videos, targets, count, seed, draw is not None, sampling=params.sampling)
    order = None if draw is None else [(draw, item) for item in range(len(data))]
    return batches(data, params, batch_size=batch, sampler=order)


def eval_count(params: TrainParams) -> int:
    """Frames of a video that are looked at in evaluation."""
    return params.eval_frames if isinstance(params, FrameParams) else frames_per_sample(params)


def batches(data: Dataset, params: TrainParams, **more: Any) -> DataLoader:
    """Batches as the data set makes them; processes stay, so that each tile's checksum is compared once."""
    workers = params.loader_workers
    return DataLoader(
        data,
        collate_fn=_as_it_is,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=this_device().type == "cuda",
        **more,
    )


def _as_it_is(batch: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return batch
