"""The models of the paper preset at their real size: counted without weights, and (slow) one update of each."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import torch

from vpipe_utils.benchmarks import model_cost
from vpipe_utils.learning.device import Device
from vpipe_utils.learning.models import count_parameters
from vpipe_utils.learning.params import TrainParams, read_model
from vpipe_utils.learning.training import parameter_groups
from vpipe_utils.report import paper_tables

COSTS = Path(__file__).resolve().parents[2] / "outputs" / "reference" / "costs" / "costs.csv"
PRINTED = {
    **paper_tables.table_ii().set_index("model")["parameters_m"],
    **paper_tables.table_i().set_index("model")["parameters_m"],
}
BEYOND = ["convnext_base_dinov3", "convnextv2_large", "eva02_base_tiles"]
ALL = ["frame_tresnet", *PRINTED, *BEYOND]
# 17 classes in place of 1000 take up to 5.5 M away from what the paper prints. TResNet-XL's 78 M are those of the
# plain ImageNet network, though its row says MLDecoder, which has 7.6 M more: counted like that, the table is right.
AS_PRINTED = {"tresnet_xl": {"head": "linear", "classes": [f"C{k}" for k in range(1000)], "normal_class": None}}


def changed(params: TrainParams, **changes: object) -> TrainParams:
    return type(params).from_values({**params.model_dump(), **changes})


@cache
def network_of(model: str) -> torch.nn.Module:
    """Without weights; built once for all tests that only look at it."""
    return model_cost.meta_model(read_model("paper", model))


@pytest.mark.parametrize("model", PRINTED)
def test_parameters_are_those_of_the_tables(model: str) -> None:
    network = network_of(model)
    if model in AS_PRINTED:
        network = model_cost.meta_model(changed(read_model("paper", model), **AS_PRINTED[model]))
    assert count_parameters(network) / 1e6 == pytest.approx(PRINTED[model], rel=0.03)


def test_ml_decoder_is_what_the_table_leaves_out() -> None:
    network = network_of("tresnet_xl")
    decoder = sum(p.numel() for p in network.head_parameters())
    assert decoder / 1e6 == pytest.approx(7.6, abs=0.1)
    assert (count_parameters(network) - decoder) / 1e6 == pytest.approx(76, abs=1)


@pytest.mark.parametrize("model", ALL)
def test_input_sizes_are_those_of_the_tables(model: str) -> None:
    params = read_model("paper", model)
    size = model_cost.input_size(params)
    in_table = paper_tables.table_ii().set_index("model")["input_size"]
    if model in in_table:
        assert size == f"{in_table[model]}x{in_table[model]}"
    assert (params.epochs, params.schedule, params.ema) == (30, "onecycle", True)
    assert params.pretrained


CONVOLUTIONS = {"Conv2d.weight", "Linear.weight"}
DECODER = {"MultiheadAttention.in_proj_weight", "NonDynamicallyQuantizableLinear.weight", "MLDecoder.duplicate_pooling"}
BIASES = {"Conv2d.bias", "Linear.bias"}
BATCH_NORM = {"BatchNormAct2d.weight", "BatchNormAct2d.bias"}
LAYER_NORM = {"LayerNorm.weight", "LayerNorm.bias"}
OF_DECODER = {
    "MultiheadAttention.in_proj_bias",
    "NonDynamicallyQuantizableLinear.bias",
    "MLDecoder.duplicate_pooling_bias",
}
CONVNEXT = CONVOLUTIONS, BIASES | LAYER_NORM | {"LayerNorm2d.weight", "LayerNorm2d.bias"}
SCALED = {"ScaledStdConv2dSame.bias", "ScaledStdConv2dSame.gain", "NormFreeBlock.skipinit_gain"}
SWIN = {"Conv3d.bias", "Linear.bias", "WindowAttention3D.relative_position_bias_table"}
# Of each model the kinds of parameters that decay, and those that do not.
KINDS = {
    "frame_tresnet": (CONVOLUTIONS, BIASES | BATCH_NORM),
    "tresnet_xl": (CONVOLUTIONS | DECODER, BIASES | BATCH_NORM | LAYER_NORM | OF_DECODER),
    "convnext_base": (CONVNEXT[0], CONVNEXT[1] | {"ConvNeXtBlock.gamma"}),
    "convnext_base_dinov3": (CONVNEXT[0], CONVNEXT[1] | {"ConvNeXtBlock.gamma"}),
    "convnextv2_large": (CONVNEXT[0], CONVNEXT[1] | {"GlobalResponseNorm.weight", "GlobalResponseNorm.bias"}),
    "efficientnet_l2": (CONVOLUTIONS | {"Conv2dSame.weight"}, BIASES | BATCH_NORM),
    "eva02_base_tiles": (
        CONVOLUTIONS | DECODER,
        BIASES | LAYER_NORM | OF_DECODER | {"Eva.cls_token", "Eva.pos_embed"},
    ),
    **dict.fromkeys(("nfnet_f3", "nfnet_f6"), (CONVOLUTIONS | {"ScaledStdConv2dSame.weight"}, BIASES | SCALED)),
    **dict.fromkeys(
        ("video_swin_k400", "video_swin_k600", "video_swin_ssv2"),
        ({"Conv3d.weight", "Linear.weight"}, SWIN | LAYER_NORM),
    ),
}


@pytest.mark.parametrize("model", ALL)
def test_weight_decay_is_for_matrices_and_filters(model: str) -> None:
    params = read_model("paper", model)
    network = network_of(model)
    decay = {id(p): group["weight_decay"] for group in parameter_groups(network, params) for p in group["params"]}
    assert set(decay.values()) == {0.0, params.weight_decay}
    kinds: dict[float, set[str]] = {0.0: set(), params.weight_decay: set()}
    for module in network.modules():
        for name, p in module.named_parameters(recurse=False):
            if p.requires_grad:
                kinds[decay[id(p)]].add(f"{type(module).__name__}.{name}")
    assert (kinds[params.weight_decay], kinds[0.0]) == KINDS[model]
    assert len(decay) == sum(p.requires_grad for p in network.parameters()), "each once"


def test_a_backbone_that_spares_matrices_is_heard() -> None:
    """Swin V2 makes its position bias by a small network, whose matrices it names itself; EVA names its tokens."""
    params = changed(
        read_model("paper", "convnext_base"),
        backbone="swinv2_tiny_window8_256",
        input_tile=256,
        grad_checkpointing=False,
    )
    network = model_cost.meta_model(params)
    spared = {
        id(p) for group in parameter_groups(network, params) if not group["weight_decay"] for p in group["params"]
    }
    names = {name for name, p in network.named_parameters() if id(p) in spared and p.ndim == 2}
    assert names and all(".cpb_mlp." in name for name in names)


def test_dropout_and_batch_norm_are_those_of_the_pretraining() -> None:
    """Sources beside each value in params/paper; a few images a step give no statistics of a batch."""
    params = {model: read_model("paper", model) for model in ALL}
    dropout = {model: p.drop_rate for model, p in params.items() if p.drop_rate}
    swin = dict.fromkeys(("video_swin_k400", "video_swin_k600", "video_swin_ssv2"), 0.5)
    assert dropout == {"nfnet_f3": 0.4, "nfnet_f6": 0.5, "efficientnet_l2": 0.5, **swin}
    for model, p in params.items():
        norms = [m for m in network_of(model).modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
        assert p.freeze_batch_norm == (bool(norms) and p.batch_size < 8), model


@pytest.mark.slow
@pytest.mark.parametrize("model", ALL)
def test_the_kept_table_of_costs_is_what_is_counted(model: str) -> None:
    kept = pd.read_csv(COSTS).set_index("model").loc[model]
    counted = model_cost.count(read_model("paper", model))
    for name in ("parameters_m", "head_m", "gflops"):
        assert kept[name] == pytest.approx(counted[name], rel=1e-3)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("model", ALL)
def test_one_update_of_the_whole_model(model: str) -> None:
    """Full width and depth, small tiles: every parameter gets a gradient and the loss stays finite."""
    small = {"input_tile": 32, "batch_size": 2, "grad_checkpointing": model in ("efficientnet_l2", "nfnet_f6")}
    if model.startswith("video_swin"):
        small |= {"clip_frames": 4}
    if model == "eva02_base_tiles":  # its position embeddings are made for one size
        small |= {"input_tile": 56, "backbone_args": {"img_size": 56}}
    result = model_cost.measure(changed(read_model("paper", model), **small), steps=1, device=Device("cpu"))
    assert all(math.isfinite(loss) for loss in result["losses"])
    assert result["train_per_s"] > 0
