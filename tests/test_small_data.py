"""Batches fit the videos there are, and what is smaller than asked for is said."""

from __future__ import annotations

import pytest
import torch
from fakes import smoke_params
from torch import nn

from vpipe_utils import small_data
from vpipe_utils.layers import layer_files, read_layers
from vpipe_utils.params import DataParams


def data(**changes: object) -> DataParams:
    return DataParams.from_values(read_layers(layer_files("demo")) | {"annotations": "labels.csv"} | changes)


def test_smaller_batches_are_named_by_model() -> None:
    models = [smoke_params("convnext_base"), smoke_params("frame_tresnet"), smoke_params("nfnet_f3", batch_size=8)]
    said = small_data.say_smaller_batches(11, data(), models)  # 8 videos to train on, 16 frames
    assert "about 8 videos" in said and "convnext_base 8 (not 16)" in said
    assert "frame_tresnet" not in said and "nfnet_f3" not in said
    assert small_data.say_smaller_batches(20, data(), models) == ""
    assert small_data.fitting_batch(16, 0) == 1


def test_one_value_a_channel_is_a_sentence() -> None:
    norm = nn.BatchNorm2d(3).train()
    with (
        pytest.raises(ValueError, match=r"'convnext_base' normalises over its.*batch_size \(now 1\) to 2 or more"),
        small_data.sentence_for_batch_norm(smoke_params(batch_size=1)),
    ):
        norm(torch.zeros(1, 3, 1, 1))
    with pytest.raises(ValueError, match="^other$"), small_data.sentence_for_batch_norm(smoke_params()):
        raise ValueError("other")
