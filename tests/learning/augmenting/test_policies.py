from __future__ import annotations

import pytest
import torch
from fakes import smoke_params

from vpipe_utils.learning.augmenting.policies import POLICIES, augmented
from vpipe_utils.learning.inputs import make_input

SHAPE = (4, 9, 3, 16, 16)


def tiles(seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, SHAPE, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def change(params: object, of: torch.Tensor, seed: int = 1) -> torch.Tensor:
    return augmented(of, params, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_changes_pictures_as_its_generator_says(policy: str) -> None:
    params, before = smoke_params(**{policy: True}), tiles()
    kept, state = before.clone(), torch.random.get_rng_state()
    changed = change(params, before)
    assert changed.shape == SHAPE and changed.dtype == torch.uint8
    assert torch.equal(before, kept) and torch.equal(torch.random.get_rng_state(), state)  # nothing else is touched
    assert torch.equal(changed, change(params, before))
    assert not torch.equal(changed, change(params, before, seed=2))
    assert (changed != before).flatten(2).any(2).float().mean() > 0.5  # most tiles


def test_each_tile_is_changed_by_itself_but_a_clip_as_a_whole() -> None:
    same = tiles()[:, :1].expand(SHAPE).contiguous()  # nine times the same frame
    for model, alike in (("convnext_base", False), ("video_swin_k400", True)):
        changed = change(smoke_params(model, heavy_augment=True), same)
        assert bool((changed == changed[:, :1]).all()) is alike


def test_without_a_policy_nothing_is_drawn() -> None:
    before, generator = tiles(), torch.Generator().manual_seed(1)
    state = generator.get_state()
    assert augmented(before, smoke_params(), generator) is before
    assert torch.equal(generator.get_state(), state)


def test_evaluation_sees_the_tiles_as_they_are() -> None:
    params = smoke_params(input_tile=16, randaug=True, autoaug=True, heavy_augment=True)
    plain = smoke_params(input_tile=16)
    assert torch.equal(make_input(tiles(), params), make_input(tiles(), plain))
    generators = (torch.Generator().manual_seed(1) for _ in range(2))
    assert not torch.equal(*(make_input(tiles(), p, g) for p, g in zip((params, plain), generators, strict=True)))
