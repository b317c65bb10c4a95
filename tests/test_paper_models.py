"""The models of the paper preset at their real size: counted without weights, and (slow) one update of each."""

from __future__ import annotations

import math

import pytest

from vpipe_utils import costs, reference
from vpipe_utils.device import Device
from vpipe_utils.models import count_parameters
from vpipe_utils.params import TrainParams, read_model

PRINTED = {
    **reference.table_ii().set_index("model")["parameters_m"],
    **reference.table_i().set_index("model")["parameters_m"],
}
BEYOND = ["convnext_base_dinov3", "convnextv2_large", "eva02_base_tiles"]
ALL = ["frame_tresnet", *PRINTED, *BEYOND]
# 17 classes in place of 1000 take up to 5.5 M away from what the report prints. TResNet-XL's 78 M are those of the
# plain ImageNet network, though its row says MLDecoder, which has 7.6 M more: counted like that, the table is right.
AS_PRINTED = {"tresnet_xl": {"head": "linear", "classes": [f"C{k}" for k in range(1000)], "normal_class": None}}


def changed(params: TrainParams, **changes: object) -> TrainParams:
    return type(params).from_values({**params.model_dump(), **changes})


@pytest.mark.parametrize("model", PRINTED)
def test_parameters_are_those_of_the_tables(model: str) -> None:
    params = changed(read_model("paper", model), **AS_PRINTED.get(model, {}))
    assert count_parameters(costs.meta_model(params)) / 1e6 == pytest.approx(PRINTED[model], rel=0.03)


def test_ml_decoder_is_what_the_table_leaves_out() -> None:
    params = read_model("paper", "tresnet_xl")
    network = costs.meta_model(params)
    decoder = sum(p.numel() for p in network.head_parameters())
    assert decoder / 1e6 == pytest.approx(7.6, abs=0.1)
    assert (count_parameters(network) - decoder) / 1e6 == pytest.approx(76, abs=1)


@pytest.mark.parametrize("model", ALL)
def test_input_sizes_are_those_of_the_tables(model: str) -> None:
    params = read_model("paper", model)
    size = costs.input_size(params)
    in_table = reference.table_ii().set_index("model")["input_size"]
    if model in in_table:
        assert size == f"{in_table[model]}x{in_table[model]}"
    assert (params.epochs, params.schedule, params.ema) == (30, "onecycle", True)
    assert params.pretrained


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
    result = costs.measure(changed(read_model("paper", model), **small), steps=1, device=Device("cpu"))
    assert all(math.isfinite(loss) for loss in result["losses"])
    assert result["train_per_s"] > 0
