from __future__ import annotations

import numpy as np
import pytest
import torch
from fakes import smoke_params

from vpipe_utils.learning.inputs import as_pictures, make_input, resize
from vpipe_utils.learning.superimage import assemble


def tiles(count: int, size: int = 32) -> torch.Tensor:
    return torch.randint(0, 256, (2, count, 3, size, size), generator=torch.Generator().manual_seed(0)).byte()


def test_shapes_and_range() -> None:
    assert make_input(tiles(1), smoke_params("frame_tresnet")).shape == (2, 3, 32, 32)
    assert make_input(tiles(4), smoke_params("frame_tresnet")).shape == (8, 3, 32, 32)
    assert make_input(tiles(9), smoke_params("video_swin_k400")).shape == (2, 3, 9, 32, 32)
    image = make_input(tiles(9), smoke_params("convnext_base"))
    assert image.shape == (2, 3, 96, 96)
    assert 0 <= image.min() < 0.01 and 0.99 < image.max() <= 1


def test_evaluation_changes_nothing_but_the_range() -> None:
    batch = tiles(9)
    image = make_input(batch, smoke_params("convnext_base"))
    assert torch.equal(image, assemble(batch, 3).float() / 255)


def test_training_follows_the_generator_alone() -> None:
    params = smoke_params("convnext_base")
    first, again, other = (make_input(tiles(9), params, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    plain = smoke_params("convnext_base", hflip=False, tile_shuffle=False)
    assert torch.equal(make_input(tiles(9), plain, torch.Generator().manual_seed(1)), make_input(tiles(9), plain))


def test_a_clip_is_mirrored_as_a_whole() -> None:
    params, batch = smoke_params("video_swin_k400"), tiles(9)
    straight = make_input(batch, params)
    for seed in range(6):
        clips = make_input(batch, params, torch.Generator().manual_seed(seed))
        for clip, before in zip(clips, straight, strict=True):
            assert torch.equal(clip, before) or torch.equal(clip, before.flip(-1))


def test_smaller_input_is_averaged_not_picked() -> None:
    checker = torch.zeros(1, 1, 3, 32, 32, dtype=torch.uint8)
    checker[..., ::2] = 255
    small = resize(checker, 16)
    assert small.shape == (1, 1, 3, 16, 16) and small.dtype == torch.uint8
    assert abs(small[..., 4:12].float().mean() - 127.5) < 2


@pytest.mark.parametrize(
    ("model", "changes", "count", "size"),
    [
        ("frame_tresnet", {}, 18, 32), ("video_swin_k400", {}, 18, 32), ("convnext_base", {}, 2, 96),
        ("convnext_base", {"tile_tokens": True}, 2, 96),
    ],
)  # fmt: skip
def test_any_input_can_be_looked_at(model: str, changes: dict, count: int, size: int) -> None:
    batch, params = tiles(9), smoke_params(model, **changes)
    pictures = as_pictures(make_input(batch, params), params)
    assert len(pictures) == count and {picture.shape for picture in pictures} == {(size, size, 3)}
    upper_left = batch[0, 0].permute(1, 2, 0).numpy().astype(int)
    assert np.abs(pictures[0][:32, :32].astype(int) - upper_left).max() <= 1
