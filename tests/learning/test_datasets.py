from __future__ import annotations

import numpy as np
import pytest
import torch
from fakes import MemoryCache, smoke_params, three_class_targets

from vpipe_utils.data.sampling import frames_per_sample, uniform_indices
from vpipe_utils.learning.datasets import EpochShuffle, TileDataset, eval_loader, first_batch, train_loader
from vpipe_utils.tiles.tile_cache import cached_indices

TARGETS = three_class_targets(20)


def test_evaluation_takes_the_centres_in_order() -> None:
    cache = MemoryCache(TARGETS, frames=36)
    data = TileDataset(cache, cache.videos, TARGETS, count=9)
    tiles, target = data[3]
    assert tiles.dtype == torch.uint8 and tiles.shape == (9, 3, 32, 32)
    positions = data.positions(3, None)
    assert [p // 4 for p in positions] == list(range(9)), "one from each segment of four"
    np.testing.assert_array_equal(tiles.permute(0, 2, 3, 1).numpy(), cache.pixels[3][positions])
    np.testing.assert_array_equal(target.numpy(), TARGETS[3])


def test_jitter_stays_in_its_segment_and_reaches_all_of_it() -> None:
    data = TileDataset(MemoryCache(TARGETS, frames=36), ["0.mp4"], None, count=9, jitter=True)
    drawn = np.array([data.positions(0, epoch) for epoch in range(200)])
    assert (drawn // 4 == np.arange(9)).all()
    assert all(set(column % 4) == {0, 1, 2, 3} for column in drawn.T)


def test_jitter_depends_on_seed_epoch_and_item_alone() -> None:
    cache = MemoryCache(TARGETS, frames=36)
    one, two = (TileDataset(cache, cache.videos, TARGETS, 9, seed=5, jitter=True) for _ in range(2))
    one[(0, 7)], one[(3, 2)]  # what was read before does not matter
    assert torch.equal(one[(2, 4)][0], two[(2, 4)][0])
    assert not np.array_equal(one.positions(4, 2), one.positions(4, 3))


def test_frames_of_one_epoch_come_from_all_parts_of_a_video() -> None:
    data = TileDataset(MemoryCache(TARGETS, frames=36), ["0.mp4", "1.mp4"], None, 1, items_per_video=4)
    assert len(data) == 8
    parts = [int(data.positions(item, None)[0]) // 9 for item in range(0, 8, 2)]
    assert parts == [0, 1, 2, 3]


def test_fewer_cached_frames_than_asked_are_repeated() -> None:
    data = TileDataset(MemoryCache(TARGETS, frames=5), ["0.mp4"], None, count=9, jitter=True)
    for epoch in (None, 0, 1):
        positions = data.positions(0, epoch)
        assert len(positions) == 9 and positions.min() >= 0 and positions.max() <= 4
        assert (np.diff(positions) >= 0).all()


def test_of_45_cached_frames_evaluation_takes_exactly_those_of_uniform_sampling() -> None:
    data = TileDataset(MemoryCache(TARGETS, frames=45), ["0.mp4"], None, count=9)
    for frames in (9, 100, 613):
        cached = cached_indices(frames, 45)
        assert cached[data.positions(0, None)].tolist() == uniform_indices(frames, 9).tolist()


@pytest.mark.parametrize("frames", [3, 9, 14, 25, 500])
def test_consecutive_sampling_takes_neighbours_from_the_run(frames: int) -> None:
    cache = MemoryCache(TARGETS, frames=36, run=25)
    cache.length = frames
    data = TileDataset(cache, ["0.mp4"], None, count=9, jitter=True, sampling="consecutive")
    cached = cached_indices(frames, 36, 25)
    assert len(cached) == 61
    starts = set()
    for epoch in (None, *range(200)):
        taken = cached[data.positions(0, epoch)]
        assert len(taken) == 9
        if frames >= 9:
            assert (np.diff(taken) == 1).all()
            starts.add(int(taken[0]))
        else:
            assert set(taken.tolist()) == set(range(frames)) and (np.diff(taken) >= 0).all()
    if frames >= 9:
        assert len(starts) == min(frames, 25) - 8, "training starts anywhere in the run"
    middle = cached[data.positions(0, None)]
    assert abs((middle[0] + middle[-1]) - (frames - 1)) <= 2, "evaluation takes the middle of the video"


def test_a_batch_is_made_of_its_items() -> None:
    cache = MemoryCache(TARGETS, frames=36)
    data = TileDataset(cache, cache.videos, TARGETS, 9, seed=5, jitter=True)
    keys = [(1, 4), (1, 0), (1, 17)]
    tiles, targets = data.__getitems__(keys)
    for row, key in enumerate(keys):
        assert torch.equal(tiles[row], data[key][0]) and torch.equal(targets[row], data[key][1])
    assert tiles.permute(0, 1, 3, 4, 2).is_contiguous(), "the colours of a pixel lie together, as in the cache"


def test_shuffle_is_a_new_permutation_every_epoch_and_the_same_after_a_resume() -> None:
    sampler = EpochShuffle(50, seed=1)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert sorted(i for _, i in first) == sorted(i for _, i in second) == list(range(50))
    assert [i for _, i in first] != [i for _, i in second]
    resumed = EpochShuffle(50, seed=1)
    resumed.set_epoch(1)
    assert list(resumed) == second


@pytest.mark.parametrize("model", ["frame_tresnet", "video_swin_k400", "convnext_base"])
def test_loaders_of_every_approach(model: str) -> None:
    params = smoke_params(model, batch_size=4)
    cache = MemoryCache(TARGETS)
    tiles, targets = next(iter(train_loader(params, cache, cache.videos, TARGETS)))
    assert tiles.shape == (4, frames_per_sample(params), 3, 32, 32) and targets.shape == (4, 17)
    rows = [batch[1] for batch in eval_loader(params, cache, cache.videos, TARGETS)]
    np.testing.assert_array_equal(torch.cat(rows).numpy(), TARGETS)


def test_worker_processes_change_nothing() -> None:
    cache = MemoryCache(TARGETS)
    batches = [
        next(iter(train_loader(smoke_params(loader_workers=n, batch_size=4), cache, cache.videos, TARGETS)))[0]
        for n in (0, 2)
    ]
    assert torch.equal(*batches)


def test_too_few_items_for_a_batch_are_one_batch_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    cache = MemoryCache(TARGETS[:3])
    for _ in range(2):  # a notebook shows a batch before it trains
        loader = train_loader(smoke_params(), cache, cache.videos, TARGETS[:3])
        assert [len(targets) for _, targets in loader] == [3]
    assert capsys.readouterr().out == "batch_size 3, not 16: fold 0 has no more to train on\n"


@pytest.mark.parametrize("size", [1, 2, 4, 5])
def test_no_batch_is_smaller_than_the_others(size: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Batch norm must not meet a rest of one sample."""
    cache = MemoryCache(TARGETS[:5])
    loader = train_loader(smoke_params(batch_size=size), cache, cache.videos, TARGETS[:5])
    assert {len(targets) for _, targets in loader} == {size} and not capsys.readouterr().out


def test_a_first_look_starts_no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would stay through the whole training, with batches nobody wants."""
    monkeypatch.setattr(torch.utils.data.DataLoader, "__iter__", lambda self: pytest.fail("the loader is started"))
    targets = three_class_targets(8)
    cache, params = MemoryCache(targets), smoke_params(batch_size=4, loader_workers=2)
    tiles, labels = first_batch(train_loader(params, cache, cache.videos, targets))
    assert tiles.shape[:2] == (4, 9) and labels.shape == (4, 17)
    assert torch.equal(first_batch(eval_loader(params, cache, cache.videos))[0][0, 0], _tile(cache, 0, 0))


def _tile(cache: MemoryCache, video: int, position: int) -> torch.Tensor:
    return torch.from_numpy(cache.pixels[video, position]).permute(2, 0, 1)
