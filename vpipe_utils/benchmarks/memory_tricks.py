"""What mixed precision and gradient checkpointing cost and save: two of the three ways in one row of Table IV.

Both are said to allow larger batches, and change the result by rounding alone. So they are measured by time, memory and
the largest difference of what a network says and of its gradients, on one batch of made-up pixels.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from vpipe_utils.data.sampling import frames_per_sample
from vpipe_utils.learning.device import MIB, Device, sentence_for_lack_of_memory, this_device
from vpipe_utils.learning.inputs import make_input
from vpipe_utils.learning.models import build_model
from vpipe_utils.learning.params import TrainParams
from vpipe_utils.learning.training import make_loss

NEITHER, CHECKPOINTING, MIXED = "32 bit, all kept", "gradient checkpointing", "mixed precision"
COLUMNS = ["way", "seconds", "peak_mib", "output", "gradient"]


def measure(params: TrainParams, steps: int = 3, device: Device | None = None, seed: int = 0) -> pd.DataFrame:
    """One forward and backward pass of a batch, without either trick, with checkpointing, with mixed precision.

    Columns: way; seconds (median of ``steps`` passes after the first); peak_mib, the most memory held at a time beyond
    what there was before; output and gradient, the largest difference to the first row as a share of its largest value.
    The row MIXED is there where `precision: auto` of the device is not 32 bit. Raises MemoryError in one sentence.
    """
    device = device or this_device()
    ways = {NEITHER: ("32", False), CHECKPOINTING: ("32", True)}
    ways |= {MIXED: ("auto", False)} if device.precision("auto") != "32" else {}
    torch.manual_seed(seed)
    size = (params.batch_size, frames_per_sample(params), 3, params.input_tile, params.input_tile)
    tiles = torch.randint(0, 256, size, dtype=torch.uint8).to(device.type)
    targets = (torch.rand(params.batch_size, len(params.class_codes)) < 0.1).float().to(device.type)
    rows, first = [], None
    for way, (precision, checkpointing) in ways.items():
        changes = {"precision": precision, "grad_checkpointing": checkpointing, "pretrained": False}
        own = params.model_copy(update=changes)
        with sentence_for_lack_of_memory(own):
            torch.manual_seed(seed)
            network = build_model(own).to(device.type).train()
            one_pass = partial(_forwards_and_backwards, network, own, tiles, targets, device, seed)
            peak = peak_memory(one_pass, device)
            seconds = [_seconds(one_pass, device) for _ in range(steps)]
            found = one_pass(), torch.cat([p.grad.float().cpu().flatten() for p in network.parameters()])
        first = first or found
        apart = [float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, first, strict=True)]
        rows.append((way, median(seconds), peak, *apart))
    return pd.DataFrame(rows, columns=COLUMNS)


def peak_memory(call: Callable[[], object], device: Device) -> float:
    """MiB that a call holds at most at a time, beyond what was held before it.

    On a CPU from the profiler's list of what was taken and given back, which needs no sampling; on a GPU as it counts.
    """
    if device.type == "cuda":
        device.forget_peak()
        before = device.held_memory()
        call()
        device.synchronize()
        return device.peak_memory()["gpu_memory_mib"] - before
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # it writes of GPUs that are not there
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        call()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.json"
        profiled.export_chrome_trace(str(file))
        events = json.loads(file.read_text(encoding="utf-8"))["traceEvents"]
    changes = [event["args"]["Bytes"] for event in sorted(
        (event for event in events if event.get("name") == "[memory]"), key=lambda event: event["args"]["Ev Idx"]
    )]  # fmt: skip
    return float(max(np.cumsum([0, *changes]))) / MIB


def lines(table: pd.DataFrame, model: str, device: str) -> list[str]:
    """What the table says, and what was not measured on this device."""
    rows = table.set_index("way")
    plain, checked = rows.loc[NEITHER], rows.loc[CHECKPOINTING]
    said = [
        f"Gradient checkpointing of `{model}` on {device}: {checked.peak_mib / plain.peak_mib:.0%} of the memory of a "
        f"pass, {checked.seconds / plain.seconds:.0%} of its time, gradients apart by at most {checked.gradient:.0e} "
        "of the largest."
    ]
    if MIXED not in rows.index:
        return [*said, "Mixed precision is not measured here: on this device `precision: auto` is 32 bit."]
    mixed = rows.loc[MIXED]
    return [
        *said,
        f"Mixed precision: {mixed.peak_mib / plain.peak_mib:.0%} of the memory, {mixed.seconds / plain.seconds:.0%} of "
        f"the time, gradients apart by at most {mixed.gradient:.0e} of the largest.",
    ]


def _forwards_and_backwards(
    network: nn.Module, params: TrainParams, tiles: Tensor, targets: Tensor, device: Device, seed: int
) -> Tensor:
    """One pass; gives the logits. The seed: the same blocks are dropped in every pass."""
    torch.manual_seed(seed)
    network.zero_grad()
    with device.autocast(params.precision):
        logits = network(make_input(tiles, params))
    make_loss(params)(logits.float(), targets).backward()
    return logits.detach().float().cpu()


def _seconds(call: Callable[[], object], device: Device) -> float:
    began = time.perf_counter()
    call()
    device.synchronize()
    return time.perf_counter() - began
