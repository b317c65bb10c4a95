"""What a model costs: parameters and operations counted without allocating it, speed and memory measured.

Counting builds the network on PyTorch's meta device, where tensors have a shape and no content. Measuring runs the
training step itself and, beside it, a plain one: the same without the memory layout, the fused optimizer and the
compiler that the parameters may ask for.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any
from unittest.mock import patch

import lightning.pytorch as L
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from vpipe_utils.data.sampling import frames_per_sample
from vpipe_utils.learning.device import Device, sentence_for_lack_of_memory, this_device
from vpipe_utils.learning.inference import predict
from vpipe_utils.learning.inputs import make_input
from vpipe_utils.learning.models import build_model, count_parameters, keep_statistics
from vpipe_utils.learning.params import FrameParams, SuperImageParams, TrainParams
from vpipe_utils.learning.training import Labeller, make_trainer, quiet_libraries
from vpipe_utils.learning.weights.checkpoints import Ema


def input_size(params: TrainParams) -> str:
    """Size of the network's input in words: '1344x1344', '9x448x448'."""
    tile = params.tile_px
    if isinstance(params, SuperImageParams) and not params.tile_tokens:
        return f"{params.grid * tile}x{params.grid * tile}"
    return f"{tile}x{tile}" if isinstance(params, FrameParams) else f"{frames_per_sample(params)}x{tile}x{tile}"


def meta_model(params: TrainParams) -> nn.Module:
    """The network of `params` with shapes and no weights: hundreds of millions of parameters in a second."""
    # Video Swin reads its stochastic depths out of a `linspace`, so that one tensor must have content.
    with torch.device("meta"), patch.object(torch, "linspace", partial(torch.linspace, device="cpu")):
        return build_model(params.model_copy(update={"pretrained": False}))


def count(params: TrainParams) -> dict[str, float]:
    """Of one sample at the parameters' own input size: parameters (millions), head (millions), GFLOPs forward.

    A multiplication and its addition are two operations; papers and timm often count the pair once (MACs).
    """
    params = params.model_copy(update={"grad_checkpointing": False})  # which is of no concern without a backward pass
    network = meta_model(params).eval()
    size = (1, frames_per_sample(params), 3, params.input_tile, params.input_tile)
    images = make_input(torch.zeros(size, dtype=torch.uint8, device="meta"), params)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.to("meta")(images)  # a few tensors are made on the CPU whatever the default
    return {
        "parameters_m": count_parameters(network) / 1e6,
        "head_m": sum(p.numel() for p in network.head_parameters()) / 1e6,
        "gflops": counter.get_total_flops() / 1e9,
    }


def measure(
    params: TrainParams, steps: int, plain: bool = False, seed: int = 0, device: Device | None = None
) -> dict[str, float | list[float] | None]:
    """Train on one made-up batch of `params.batch_size` for `steps` updates, then predict as often: what that takes.

    It is the step that trains (`training.Labeller` under its trainer). Only reading is left out, the network starts
    from random weights (so batch norm is not frozen), and no more than two batches are accumulated: the time of an
    update counts once in `params.accumulate` batches. `plain` leaves out the memory layout, the compiler and the fused
    optimizer. Gives train_per_s and predict_per_s (samples a second, medians over the steps after the first),
    gpu_memory_mib and memory_mib (`Device.peak_memory`) and losses (one a batch; it stays the same, so they must fall).
    """
    device = device or this_device()
    gc.collect()  # what the model before has left
    device.forget_peak()
    changes = {"pretrained": False, "epochs": 1, "accumulate": min(params.accumulate, 2), "schedule": "constant"}
    if plain:
        changes |= {"channels_last": False, "compile": False}
        device = replace(device, fused=False)
    every, params = params.accumulate, params.model_copy(update=changes)
    torch.manual_seed(seed)
    size = (params.batch_size, frames_per_sample(params), 3, params.input_tile, params.input_tile)
    tiles = torch.randint(0, 256, size, dtype=torch.uint8).to(device.type)
    targets = (torch.rand(params.batch_size, len(params.class_codes)) < 0.1).float().to(device.type)
    clock = _Clock(device)
    callbacks = [*([Ema(params.ema_decay)] if params.ema else []), clock]
    quiet = {"enable_progress_bar": False, "enable_checkpointing": False, "limit_val_batches": 0, "max_epochs": 1}
    quiet["benchmark"] = device.tuned  # as in a long run
    with quiet_libraries(), sentence_for_lack_of_memory(params):
        labeller = Labeller(params, seed, device.fused)
        if params.batch_size == 1:
            keep_statistics(labeller.network)
        trainer = make_trainer(params, device, callbacks, **quiet)
        same = DataLoader([(tiles, targets)] * ((steps + 1) * params.accumulate), batch_size=None)
        trainer.fit(labeller, same)
        network = labeller.network.to(device.type).train()
        times = []
        for _ in range(steps + 1):
            began = time.perf_counter()
            predict(network, [(tiles,)], params, device, progress=False)
            times.append(time.perf_counter() - began)
    return {
        "train_per_s": params.batch_size / clock.seconds_a_batch(every),
        "predict_per_s": params.batch_size / median(times[1:]),
        **device.peak_memory(),
        "losses": clock.losses,
    }


def compare(params: TrainParams, steps: int) -> dict[str, float | None]:
    """`measure` of our step, its speed divided by the plain one's (train_ratio, predict_ratio), first and last loss."""
    ours, plain = (measure(params, steps, plain) for plain in (False, True))
    ratios = {f"{key}_ratio": ours[f"{key}_per_s"] / plain[f"{key}_per_s"] for key in ("train", "predict")}
    losses = ours.pop("losses")
    return {**ours, **ratios, "first": losses[0], "last": losses[-1]}


class _Clock(Callback):
    """Times every batch from the first to the last thing that is done for it, and keeps its loss."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.seconds: dict[bool, list[float]] = {False: [], True: []}  # by whether the weights were updated
        self.losses: list[float] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.updates, self.began = 0, time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.device.synchronize()
        now = time.perf_counter()
        if batch_idx >= trainer.accumulate_grad_batches:  # the first update warms up
            self.seconds[trainer.global_step > self.updates].append(now - self.began)
        self.updates = trainer.global_step
        self.losses.append(float(outputs["loss"]) * trainer.accumulate_grad_batches)
        self.began = time.perf_counter()

    def seconds_a_batch(self, accumulate: int) -> float:
        """Seconds a batch where every `accumulate`-th updates the weights."""
        updating = median(self.seconds[True])
        return updating if accumulate == 1 else ((accumulate - 1) * median(self.seconds[False]) + updating) / accumulate


def gpu_hours(
    params: TrainParams, train_per_s: float, predict_per_s: float, epochs: int, folds: int, videos: int
) -> float:
    """Hours to train `folds` folds for `epochs` epochs and to validate after each, reading aside.

    `videos` are all labelled ones: each fold trains on (folds - 1) / folds of them and validates on the rest. Speeds
    are of samples; the frame baseline takes several from each video.
    """
    frames = isinstance(params, FrameParams)
    trained = videos * (folds - 1) / folds * (params.frames_per_epoch if frames else 1)
    validated = videos / folds * (params.eval_frames if frames else 1)
    return folds * epochs * (trained / train_per_s + validated / predict_per_s) / 3600


def estimated_hours(params: TrainParams, gflops: float, schedule: Mapping[str, int]) -> dict[str, float] | None:
    """Hours on timm's GPU, from its speed at another size; None where timm has no figure of the network.

    ``gflops``: of one of our samples. Speed goes by the ratio of operations; a trained sample counts as four forward
    passes: forward, recomputed for gradient checkpointing, backward worth two. ``schedule``: see `gpu_hours`.
    """
    published = timm_figures()
    network = params.backbone.split(".")[0]
    if network not in published.index:
        return None
    known = published.loc[network]
    speed = known["predict_per_s"] * known["gmacs"] / (gflops / 2)
    hours = gpu_hours(params, speed / 4, speed, **schedule)
    at_timm = {"timm px": known["px"], "timm images/s": known["predict_per_s"]}
    return {**at_timm, "samples/s at our size": speed, "hours": hours}


def timm_figures() -> pd.DataFrame:
    """timm's own benchmark, indexed by network: px, gmacs and predict_per_s (images a second).

    Inference with mixed precision and channels last on an RTX 4090, PyTorch 2.4: results/benchmark-infer-amp-nhwc-
    pt240-cu124-rtx4090.csv of github.com/huggingface/pytorch-image-models. Of two sizes the one nearer to Table II's.
    """
    rows = [
        ("tresnet_l", 448, 43.59, 657.82),
        ("tresnet_xl", 448, 60.77, 455.93),
        ("convnext_base", 384, 45.21, 720.01),
        ("dm_nfnet_f3", 416, 115.58, 206.43),
        ("dm_nfnet_f6", 448, 229.7, 104.84),
        ("tf_efficientnet_l2", 475, 172.11, 82.12),
        ("convnextv2_large", 384, 101.1, 198.73),
        ("eva02_base_patch14_448", 448, 107.11, 313.81),
    ]
    return pd.DataFrame(rows, columns=["network", "px", "gmacs", "predict_per_s"]).set_index("network")
