"""Bags: one vector a frame, of every clip, kept in a file that is whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from weak_folds import weak_fold

from vpipe_utils.learning.weak import features
from vpipe_utils.learning.weak.encoders import vit_encoder
from vpipe_utils.learning.weak.pretrain import Pretrained


def untrained(weak: object) -> Pretrained:
    torch.manual_seed(0)
    return Pretrained(vit_encoder(weak.params).eval(), "of a test", {})


def test_a_bag_holds_the_frames_one_by_one_in_order(tmp_path: Path) -> None:
    weak = weak_fold(tmp_path)
    pretrained = untrained(weak)
    bags = features.make_bags(weak, "mae", pretrained, progress=False)
    assert bags.features.shape == (36, 4, 48) and bags.videos == weak.data.cache.videos
    frames = torch.from_numpy(weak.data.cache.pixels[5]).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        alone = pretrained.encoder(frames)
    for frame, vector in zip((1, 3, 5, 7), bags.of(["5.mp4"])[0], strict=True):  # the centres of four segments of nine
        torch.testing.assert_close(vector, alone[frame], rtol=2e-3, atol=2e-3)


def test_features_are_read_once_until_frames_or_encoder_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weak = weak_fold(tmp_path)
    first = features.make_bags(weak, "mae", untrained(weak), progress=False)
    calls, encode = [], features.encode
    monkeypatch.setattr(features, "encode", lambda *arguments: calls.append(1) or encode(*arguments))
    again = features.make_bags(weak, "mae", untrained(weak), progress=False)
    assert not calls and torch.equal(first.features, again.features) and again.cpu_seconds == first.cpu_seconds
    monkeypatch.setattr(weak.data.cache, "content", lambda name: f"another {name}")
    features.make_bags(weak, "mae", untrained(weak), progress=False)
    other = Pretrained(untrained(weak).encoder, "of another", {})
    features.make_bags(weak, "mae", other, progress=False)
    assert len(calls) == 2
