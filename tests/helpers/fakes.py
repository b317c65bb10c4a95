"""A tile cache in memory, and small parameters, for tests that need no video."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from vpipe_utils.learning.device import Device
from vpipe_utils.learning.params import FrameParams, SuperImageParams, TrainParams, VideoParams
from vpipe_utils.project.parameter_files import layer_files, read_layers

PLAYED_GPU = Device("cpu", bf16=True, fused=True)  # what a GPU does, on a CPU
KINDS = {"frame_tresnet": FrameParams, "video_swin_k400": VideoParams}


class MemoryCache:
    """What datasets use of `TileCache`. A video of class c shows a bright square in channel c of most frames."""

    def __init__(self, targets: np.ndarray, frames: int = 9, size: int = 32, seed: int = 0, run: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.videos = [f"{k}.mp4" for k in range(len(targets))]
        self.frames_per_video, self.tile_size, self.run, self.length = frames, size, run, 100
        pixels = rng.integers(0, 90, (len(targets), frames + run, size, size, 3))
        half = size // 2
        for video, row in enumerate(targets):
            for channel in np.flatnonzero(row[:3]):
                pixels[video, :, :half, :half, channel] += 150
        self.pixels = pixels.astype(np.uint8)

    def content(self, name: str) -> str:
        return name

    def frames(self, name: str) -> int:
        return self.length

    def tiles(self, name: str, positions: Sequence[int], out: np.ndarray) -> np.ndarray:
        out[:] = self.pixels[self.videos.index(name)][np.asarray(positions)]
        return out


def smoke_params(model: str = "convnext_base", **changes: object) -> TrainParams:
    values = {**read_layers(layer_files("smoke", model, 0)), **changes}
    return KINDS.get(model, SuperImageParams).from_values(values)


def three_class_targets(n: int, seed: int = 0) -> np.ndarray:
    """Random 0/1 targets `(n, 17)` in the first three classes, each video with at least one."""
    rng = np.random.default_rng(seed)
    targets = np.zeros((n, 17), np.float32)
    targets[np.arange(n), rng.integers(0, 3, n)] = 1
    targets[:, :3] = np.maximum(targets[:, :3], rng.random((n, 3)) < 0.2)
    return targets


def on_a_gpu(module: torch.nn.Module) -> torch.nn.Module:
    """What `.to("cuda")` moves, as tensors that say they are there; call it under a FakeTensorMode."""
    for part in module.modules():
        for name, value in part._parameters.items():
            if value is not None:
                part._parameters[name] = torch.nn.Parameter(torch.empty(value.shape, device="cuda"))
        for name, value in part._buffers.items():
            if value is not None:
                part._buffers[name] = torch.empty(value.shape, dtype=value.dtype, device="cuda")
    return module
