"""Batches fit the videos there are, and what is smaller than asked for is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from fakes import MemoryCache, smoke_params, three_class_targets
from torch import nn

from vpipe_utils.data.params import DataParams
from vpipe_utils.data.sampling import fitting_batch
from vpipe_utils.learning import params
from vpipe_utils.learning.datasets import eval_loader, train_loader
from vpipe_utils.learning.models import build_model
from vpipe_utils.learning.training import fit
from vpipe_utils.project.parameter_files import layer_files, read_layers


def data(**changes: object) -> DataParams:
    return DataParams.from_values(read_layers(layer_files("demo")) | {"annotations": "labels.csv"} | changes)


def test_smaller_batches_are_named_by_model() -> None:
    models = [smoke_params("convnext_base"), smoke_params("frame_tresnet"), smoke_params("nfnet_f3", batch_size=8)]
    said = params.say_smaller_batches(11, data(), models)  # 8 videos to train on, 16 frames
    assert "about 8 videos" in said and "convnext_base 8 (not 16)" in said
    assert "frame_tresnet" not in said and "nfnet_f3" not in said
    assert params.say_smaller_batches(20, data(), models) == ""
    assert fitting_batch(16, 0) == 1


def test_a_batch_of_one_sample_trains(tmp_path: Path) -> None:
    """32-px frames leave TResNet maps of 1 x 1: batch norm has one value a channel, which PyTorch refuses."""
    params = smoke_params("frame_tresnet", batch_size=1, eval_batch_size=1, frames_per_epoch=1, epochs=2)
    targets = three_class_targets(2)
    cache = MemoryCache(targets)
    loaders = [load(params, cache, cache.videos, targets) for load in (train_loader, eval_loader)]
    network, figures = fit(params, 1, *loaders, tmp_path)
    assert np.isfinite(figures["val_mAP"])
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms and all((norm.running_mean == 0).all() for norm in norms), "the statistics it began with"
    start = build_model(params).state_dict()
    assert any(not torch.equal(start[name], value) for name, value in network.state_dict().items() if "weight" in name)
