"""Views of frames: random, and the same again in a run that goes on."""

from __future__ import annotations

from pathlib import Path

import torch
from weak_folds import weak_fold

from vpipe_utils.learning.datasets import first_batch
from vpipe_utils.learning.weak.pretrain import loader_of
from vpipe_utils.learning.weak.views import simclr_change


def test_views_follow_from_seed_epoch_and_item_alone(tmp_path: Path) -> None:
    weak = weak_fold(tmp_path)
    load = loader_of("simclr", weak)
    assert len(load.dataset) == 24 * 9 and first_batch(load)[0].shape == (12, 2, 3, 32, 32)
    keys = [(0, 3), (0, 5)]
    torch.manual_seed(7)
    before = torch.rand(1)
    torch.manual_seed(7)
    (first,), (again,) = load.dataset.__getitems__(keys), load.dataset.__getitems__(keys[::-1])
    assert torch.equal(torch.rand(1), before), "the training's own random numbers go on undisturbed"
    assert torch.equal(first, again.flip(0)) and first.dtype == torch.uint8
    assert not torch.equal(first[0, 0], first[0, 1]), "two views of a frame differ"
    assert not torch.equal(first, load.dataset.__getitems__([(1, 3), (1, 5)])[0]), "and every epoch has its own"


def test_simclr_changes_colours_and_mae_does_not(tmp_path: Path) -> None:
    """On a frame of one colour a crop shows nothing, so what differs is colour."""
    weak = weak_fold(tmp_path)
    red = torch.zeros(3, 32, 32, dtype=torch.uint8)
    red[0] = 200
    torch.manual_seed(0)
    coloured = [simclr_change(weak.params)(red).float().mean(dim=(1, 2)) for _ in range(8)]
    assert torch.stack(coloured).std(dim=0).max() > 5
    plain = loader_of("mae", weak).dataset.change(red)
    assert torch.equal(plain, red)
