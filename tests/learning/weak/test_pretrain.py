"""Pretraining sees training clips alone, keeps its budget, and is done once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import MemoryCache, three_class_targets
from weak_folds import weak_fold

from vpipe_utils.learning.weak import pretrain
from vpipe_utils.learning.weak.mae import MaskedAutoencoder


class Spy(MemoryCache):
    """Refuses the frames of validation and held-out clips."""

    def tiles(self, name: str, positions: Sequence[int], out: np.ndarray) -> np.ndarray:
        if name in self.videos[24:]:
            raise AssertionError(f"{name} is no training clip")
        return super().tiles(name, positions, out)


@pytest.mark.parametrize("kind", ["simclr", "mae"])
def test_only_frames_of_training_clips_are_read_and_the_budget_is_kept(tmp_path: Path, kind: str) -> None:
    weak = weak_fold(tmp_path, Spy(three_class_targets(36)), weak_budget=0.6)
    notes = pretrain.pretrain(weak, kind, progress=False).notes
    views = 2 if kind == "simclr" else 1
    assert notes["frames"] == views * 12 * len(notes["losses"]), "views of 12 frames an update"
    assert notes["budget"] == weak.budget == 518 and 518 - views * 12 < notes["frames"] <= 518
    assert np.isfinite(notes["losses"]).all() and notes["cpu_seconds"] > 0


def test_the_spy_would_tell(tmp_path: Path) -> None:
    spy = Spy(three_class_targets(36))
    with pytest.raises(AssertionError, match="24.mp4 is no training clip"):
        spy.tiles("24.mp4", [0], np.empty((1, 32, 32, 3), np.uint8))


def test_it_is_done_once_until_something_that_decides_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = pretrain.pretrain(weak_fold(tmp_path), "mae", progress=False)
    calls = []
    monkeypatch.setattr(pretrain, "_train", lambda weak, *more: calls.append(weak.params.mae_mask) or first.notes)
    again = pretrain.pretrain(weak_fold(tmp_path, bag_lr=0.1), "mae", progress=False)
    assert calls == [] and again.notes == first.notes, "a head's learning rate changes no pretraining"
    assert again.fingerprint == first.fingerprint
    for name, value in first.method.state_dict().items():
        assert torch.equal(value, again.method.state_dict()[name]), name
    pretrain.pretrain(weak_fold(tmp_path, mae_mask=0.5), "mae", progress=False)
    assert calls == [0.5]


def test_a_half_written_file_is_not_taken_for_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pretrain.pretrain(weak_fold(tmp_path), "mae", progress=False)
    file = weak_fold(tmp_path).folder("mae") / pretrain.PRETRAINED
    file.write_bytes(file.read_bytes()[:-500])
    calls = []
    monkeypatch.setattr(pretrain, "_train", lambda *all_of_them: calls.append(1) or first.notes)
    pretrain.pretrain(weak_fold(tmp_path), "mae", progress=False)
    assert calls == [1]


def test_killed_between_epochs_it_ends_as_if_it_had_not_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"weak_budget": 0.8}  # 57 updates, 18 an epoch
    whole = pretrain.pretrain(weak_fold(tmp_path / "whole", **changes), "mae", progress=False)
    step, calls = MaskedAutoencoder.forward, []

    def dies(method: MaskedAutoencoder, frames: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 40:  # in the third epoch
            raise KeyboardInterrupt
        return step(method, frames)

    monkeypatch.setattr(MaskedAutoencoder, "forward", dies)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        pretrain.pretrain(weak_fold(tmp_path / "cut", **changes), "mae", progress=False)
    calls.clear()
    resumed = pretrain.pretrain(weak_fold(tmp_path / "cut", **changes), "mae", progress=False)
    assert len(calls) == 57 - 36, "it goes on after the second"
    assert resumed.notes["losses"] == whole.notes["losses"]
    assert not list(weak_fold(tmp_path / "cut").folder("mae").glob("*.ckpt"))


def test_a_loss_that_is_not_finite_stops_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MaskedAutoencoder, "forward", lambda *_: torch.tensor(float("nan"), requires_grad=True))
    with pytest.raises(FloatingPointError, match="the loss of the pretraining is nan in update 0 of an epoch: lower"):
        pretrain.pretrain(weak_fold(tmp_path), "mae", progress=False)
