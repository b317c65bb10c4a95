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
# The paper's models as networks of the same families that run in a blink, from random weights.
SMALL = {
    "pretrained": False, "checkpoint": None, "drop_path": 0.0, "drop_rate": 0.0, "freeze_stages": 0, "input_tile": 32,
    "epochs": 16, "batch_size": 16, "lr": 0.004, "head_lr_factor": 1.0, "validate_every": 2,
}  # fmt: skip
TRESNET = {"backbone": "tresnet_m", "backbone_args": {"layers": [1, 1, 1, 1], "width_factor": 0.25}}
SWIN_ARCH = {"embed_dims": 24, "depths": [1, 1, 2, 1], "num_heads": [2, 2, 4, 4]}
NETWORKS: dict[str, dict] = {
    "frame_tresnet": {**TRESNET, "frames_per_epoch": 2, "eval_frames": 4, "epochs": 12},
    "video_swin_k400": {
        "backbone_args": {"arch": SWIN_ARCH, "patch_size": [3, 4, 4], "window_size": [3, 6, 6]},
        "clip_frames": 9, "epochs": 8, "lr": 5e-4,
    },
    "tresnet_xl": {**TRESNET, "head": "ml_decoder", "decoder_dim": 64, "head_lr_factor": 0.25},
    "convnext_base": {
        "backbone": "test_convnext",
        "backbone_args": {"ls_init_value": None, "norm_layer": "batchnorm2d", "conv_mlp": True, "kernel_sizes": 3},
    },
    "nfnet_f3": {"backbone": "test_nfnet", "backbone_args": {"stem_chs": 32}},
    "nfnet_f6": {"backbone": "test_nfnet", "backbone_args": {"stem_chs": 32, "depths": [1, 2, 2, 1]}},
    "efficientnet_l2": {"backbone": "test_efficientnet"},
}  # fmt: skip


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
    values = {**read_layers(layer_files("smoke", model, 0)), **SMALL, **NETWORKS[model], **changes}
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
