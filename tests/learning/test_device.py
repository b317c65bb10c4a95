"""The one place that asks what the machine has: every branch for a GPU is taken here, without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from fakes import PLAYED_GPU, MemoryCache, on_a_gpu, smoke_params, three_class_targets
from lightning.pytorch.plugins.precision import MixedPrecision
from mmaction.models.backbones.swin import compute_mask
from torch._subclasses.fake_tensor import FakeTensorMode

from vpipe_utils.benchmarks import model_cost
from vpipe_utils.data.sampling import frames_per_sample
from vpipe_utils.learning import device
from vpipe_utils.learning.datasets import eval_loader
from vpipe_utils.learning.device import Device, sentence_for_lack_of_memory, this_device
from vpipe_utils.learning.inputs import make_input
from vpipe_utils.learning.params import FrameParams, TrainParams, read_model
from vpipe_utils.learning.training import Labeller
from vpipe_utils.learning.weights.checkpoints import Ema

PAPER = ["frame_tresnet", "video_swin_k400", "video_swin_ssv2", "tresnet_xl", "convnext_base", "nfnet_f6"]
PAPER += ["efficientnet_l2", "eva02_base_tiles", "convnextv2_large"]
SIBLINGS = ["video_swin_k600", "nfnet_f3", "convnext_base_dinov3"]  # of the same code as one of these, at another size
PAPER += [pytest.param(model, marks=pytest.mark.slow) for model in SIBLINGS]


def play_gpu(monkeypatch: pytest.MonkeyPatch, bf16: bool) -> None:
    for name, answer in {
        "is_available": True, "get_device_name": "A card", "is_bf16_supported": bf16, "max_memory_allocated": 3 << 30,
        "synchronize": None, "empty_cache": None, "reset_peak_memory_stats": None,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, lambda *_, answer=answer, **__: answer)


def test_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    cpu = this_device()
    assert cpu == Device("cpu", "CPU", bf16=False, fused=False, tuned=False)
    assert [cpu.precision(asked) for asked in ("auto", "32", "bf16", "16")] == ["32", "32", "bf16", "16"]
    assert cpu.peak_memory()["gpu_memory_mib"] is None and cpu.peak_memory()["memory_mib"] > 100
    cpu.synchronize(), cpu.forget_peak()


@pytest.mark.parametrize(("bf16", "auto"), [(True, "bf16"), (False, "16")])
def test_a_gpu(monkeypatch: pytest.MonkeyPatch, bf16: bool, auto: str) -> None:
    play_gpu(monkeypatch, bf16)
    gpu = this_device()
    assert (gpu.type, gpu.name, gpu.fused, gpu.tuned) == ("cuda", "A card", True, True)
    assert gpu.precision("auto") == auto and gpu.precision("32") == "32"
    plugin = gpu.precision_plugin("auto")
    assert isinstance(plugin, MixedPrecision) and (plugin.precision, plugin.device) == (f"{auto}-mixed", "cuda")
    assert gpu.peak_memory()["gpu_memory_mib"] == 3 * 1024
    gpu.synchronize(), gpu.forget_peak()


def test_batches_are_pinned_for_a_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    params, cache = smoke_params(), MemoryCache(three_class_targets(4))
    assert not eval_loader(params, cache, cache.videos).pin_memory
    play_gpu(monkeypatch, bf16=True)
    assert eval_loader(params, cache, cache.videos).pin_memory


def test_autocast_is_what_the_precision_says() -> None:
    weight = torch.ones(2, 2)
    for asked, dtype in {"32": torch.float32, "bf16": torch.bfloat16, "16": torch.float16}.items():
        with Device("cpu").autocast(asked):
            assert (weight @ weight).dtype is dtype
    with PLAYED_GPU.autocast("auto"):
        assert (weight @ weight).dtype is torch.bfloat16


def test_lack_of_memory_is_a_sentence_with_what_to_turn() -> None:
    params = smoke_params(batch_size=8, accumulate=2)
    with pytest.raises(MemoryError, match="this machine .*'convnext_base': in training, lower batch_size .now 8. and"):
        with sentence_for_lack_of_memory(params):
            torch.empty(1 << 55)
    advice = "the GPU .*grad_checkpointing to true; in validation and prediction, lower eval_batch_size"
    with pytest.raises(MemoryError, match=advice), sentence_for_lack_of_memory(params):
        raise torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="something else"), sentence_for_lack_of_memory(params):
        raise RuntimeError("something else")


@pytest.fixture(autouse=True)
def no_remembered_masks() -> Iterator[None]:
    """mmaction2 remembers attention masks by shape and device: a fake one must not reach the next model or test."""
    compute_mask.cache_clear()
    yield
    compute_mask.cache_clear()


def fake_batch(params: TrainParams) -> tuple[torch.Tensor, torch.Tensor]:
    size = (2, frames_per_sample(params), 3, params.input_tile, params.input_tile)
    return torch.zeros(size, dtype=torch.uint8, device="cuda"), torch.zeros(2, 17, device="cuda")


@pytest.mark.parametrize("model", PAPER)
def test_every_tensor_of_a_training_step_is_on_the_gpu(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fake tensors say they are on a GPU and refuse to meet one that is not: full size, flips, shuffles, loss."""
    params = read_model("paper", model).model_copy(update={"pretrained": False, "grad_checkpointing": False})
    monkeypatch.setattr("vpipe_utils.learning.training.build_model", model_cost.meta_model)
    labeller = Labeller(params, 0)
    monkeypatch.setattr(torch, "isfinite", lambda loss: True)  # a fake loss has no value to ask for
    with FakeTensorMode():
        on_a_gpu(labeller)
        labeller.generator = torch.Generator().manual_seed(0)
        loss = labeller.training_step(fake_batch(params), 0)
        assert loss.device.type == "cuda" and loss.shape == ()


def test_the_check_for_the_wrong_device_works() -> None:
    with FakeTensorMode(), pytest.raises(RuntimeError, match="device"):
        torch.zeros(2, device="cuda") + torch.zeros(2)


@pytest.mark.parametrize("model", ["frame_tresnet", "video_swin_k400", "convnext_base"])
def test_every_tensor_of_a_prediction_is_on_the_gpu(model: str) -> None:
    params = smoke_params(model)
    network = model_cost.meta_model(params)
    with FakeTensorMode():
        on_a_gpu(network)
        probabilities = network(make_input(fake_batch(params)[0], params)).float().sigmoid()
        count = 2 * (frames_per_sample(params) if isinstance(params, FrameParams) else 1)
        assert probabilities.device.type == "cuda" and probabilities.shape == (count, 17)


def test_the_average_is_where_the_weights_will_be() -> None:
    """Lightning moves the module after `setup`; the meta device stands for the GPU."""
    labeller = Labeller(smoke_params(), 0)
    ema = Ema(0.9)
    ema.setup(_Trainer(), labeller, "fit")
    assert {p.device.type for p in ema.averaged.parameters()} == {"meta"}
    assert {p.device.type for p in labeller.parameters()} == {"cpu"}


class _Trainer:
    class strategy:  # noqa: N801 - as Lightning names it
        root_device = torch.device("meta")


def test_nothing_else_asks_for_a_gpu() -> None:
    """`torch.cuda` stands in one module; whatever branches on it elsewhere would have no test that takes it."""
    package = Path(device.__file__).parents[1]
    asking = [path.name for path in package.rglob("*.py") if "torch.cuda" in path.read_text(encoding="utf-8")]
    assert asking == ["device.py"]
