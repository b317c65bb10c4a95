"""Counting and measuring, against known figures and against arithmetic."""

from __future__ import annotations

import pytest
import torch
from fakes import PLAYED_GPU, smoke_params

from vpipe_utils.benchmarks import model_cost
from vpipe_utils.learning.device import Device, this_device
from vpipe_utils.learning.models import build_model, count_parameters
from vpipe_utils.learning.params import read_model


@pytest.mark.parametrize("model", ["convnext_base", "nfnet_f3", "nfnet_f6", "efficientnet_l2"])
def test_operations_agree_with_timms_at_its_size(model: str) -> None:
    """Convolutions cost in proportion to the area, so timm's multiply-adds give ours at another size."""
    params = read_model("paper", model)
    known = model_cost.timm_figures().loc[params.backbone.split(".")[0]]
    expected = 2 * known["gmacs"] * (params.grid * params.input_tile / known["px"]) ** 2
    assert model_cost.count(params)["gflops"] == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("model", ["convnext_base", "tresnet_xl", "video_swin_k400", "frame_tresnet"])
def test_what_is_counted_is_what_is_built(model: str) -> None:
    params = smoke_params(model)
    counted = model_cost.count(params)
    network = build_model(params)
    assert counted["parameters_m"] * 1e6 == count_parameters(network)
    assert counted["head_m"] * 1e6 == sum(p.numel() for p in network.head_parameters())
    assert counted["gflops"] > 0


def test_measuring_trains() -> None:
    params = smoke_params(batch_size=4, input_tile=16, lr=3e-3)
    ours = model_cost.measure(params, steps=5)
    assert len(ours["losses"]) == 6 and ours["losses"][-1] < ours["losses"][0]
    assert ours["train_per_s"] > 0 and ours["predict_per_s"] > 0
    assert model_cost.measure(params, steps=5)["losses"] == ours["losses"], "same seed, same losses"


def test_accumulating_costs_an_update_once_in_so_many_batches() -> None:
    params = smoke_params(batch_size=4, input_tile=16, accumulate=32)
    measured = model_cost.measure(params, steps=3)
    assert len(measured["losses"]) == 8 and measured["train_per_s"] > 0
    clock = model_cost._Clock(Device("cpu"))
    clock.seconds = {False: [1.0, 1.0], True: [5.0]}
    assert clock.seconds_a_batch(4) == pytest.approx((3 * 1 + 5) / 4)
    assert clock.seconds_a_batch(1) == 5


def test_a_gpus_ways_are_measured_with_a_gpus_ways() -> None:
    """bf16, fused and channels last as on a GPU, here on the CPU; the plain step is without the last two."""
    params = smoke_params(batch_size=4, input_tile=16, channels_last=True)
    ours, plain = (model_cost.measure(params, 2, plain, device=PLAYED_GPU) for plain in (False, True))
    assert ours["losses"][0] == pytest.approx(plain["losses"][0], rel=1e-2)
    assert (ours["gpu_memory_mib"] is None) is (this_device().type == "cpu") and ours["memory_mib"] > 100


def test_hours() -> None:
    """Two folds of ten videos: 2 x 3 epochs x (5 trained at 1/s + 5 validated at 10/s) = 33 s."""
    image, frame = smoke_params(), smoke_params("frame_tresnet", frames_per_epoch=2, eval_frames=4)
    schedule = {"epochs": 3, "folds": 2, "videos": 10}
    assert model_cost.gpu_hours(image, 1.0, 10.0, **schedule) * 3600 == pytest.approx(33)
    assert model_cost.gpu_hours(frame, 1.0, 10.0, **schedule) * 3600 == pytest.approx(6 * (10 + 2))


def test_the_meta_model_holds_no_content() -> None:
    network = model_cost.meta_model(read_model("paper", "efficientnet_l2"))
    assert sum(p.numel() * p.element_size() for p in network.parameters() if p.device != torch.device("meta")) == 0


def test_hours_estimated_from_timms_speed_follow_the_operations() -> None:
    params = read_model("paper", "nfnet_f3")
    schedule = {"epochs": 30, "folds": 5, "videos": 6399}
    known = model_cost.timm_figures().loc["dm_nfnet_f3"]
    same = model_cost.estimated_hours(params, 2 * known["gmacs"], schedule)
    assert same["samples/s at our size"] == pytest.approx(known["predict_per_s"])
    assert model_cost.estimated_hours(params, 4 * known["gmacs"], schedule)["hours"] == pytest.approx(2 * same["hours"])
    assert model_cost.estimated_hours(read_model("paper", "video_swin_k400"), 100.0, schedule) is None
