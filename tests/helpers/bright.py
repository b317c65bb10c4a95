"""A network whose evidence is known exactly, and clips for it: class 0 is a red square, 1 a green one, 2 a blue one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import av
import numpy as np
import torch
from fakes import smoke_params
from torch import Tensor, nn

from vpipe_utils.learning.params import TrainParams
from vpipe_utils.review.evidence.networks import ClipLogits

WIDTH, HEIGHT = 96, 64  # px of a clip
SQUARE = (54, 12, 78, 28)  # x0, y0, x1, y1 in pixels of the clip
COLOURS = {0: (250, 40, 40), 1: (40, 250, 40), 2: (40, 40, 250)}


class Bright(nn.Module):
    """Logit k: how much of the picture is coloured as class k's square is, less 3; of the other classes always -3."""

    def __init__(self, classes: int, strength: float = 200.0) -> None:
        super().__init__()
        self.classes = classes
        self.register_buffer("strength", torch.tensor(strength))
        self.backbone = nn.Module()
        self.backbone.first, self.backbone.second, self.backbone.last = nn.Identity(), nn.Identity(), nn.Identity()
        self.backbone.feature_info = [{"module": name} for name in ("first", "second", "last")]

    def forward(self, pictures: Tensor) -> Tensor:
        if pictures.ndim == 5:  # tiles one by one, averaged
            return self(pictures.flatten(0, 1)).unflatten(0, pictures.shape[:2]).mean(1)
        others = pictures.sum(dim=1, keepdim=True) - pictures
        coloured = self.backbone.last(self.backbone.second(self.backbone.first((pictures - others / 2 - 0.3).relu())))
        known = coloured.mean(dim=(2, 3)) * self.strength
        rest = known.new_zeros(len(known), self.classes - 3)
        return torch.cat([known, rest], dim=1) - 3


def bright_params(kind: str, **changes: object) -> TrainParams:
    """`kind`: "super_image" (one picture), "tiles" (one by one) or "frame"."""
    if kind == "frame":
        return smoke_params("frame_tresnet", eval_frames=9, cache_frames=9, pooling="mean", **changes)
    return smoke_params("convnext_base", grid=3, cache_frames=9, tile_tokens=kind == "tiles", **changes)


def bright_logits(kind: str, strength: float = 200.0) -> ClipLogits:
    params = bright_params(kind)
    return ClipLogits(params, Bright(len(params.class_codes), strength))


def bright_tiles(seen: Mapping[int, int], side: int = 32, count: int = 9) -> Tensor:
    """Grey tiles `(9, 3, s, s)`; `seen`: tile -> class whose square it shows at the same part as SQUARE."""
    frames = [bright_frame({seen[tile]} if tile in seen else set()) for tile in range(count)]
    tiles = np.stack([np.asarray(frame, np.float32) / 255 for frame in frames]).transpose(0, 3, 1, 2)
    return nn.functional.interpolate(torch.from_numpy(tiles), size=(side, side), mode="area")


def bright_frame(classes: set[int]) -> np.ndarray:
    """A grey frame `(H, W, 3)`; class 1's square lies 24 px lower, so that two do not cover each other."""
    frame = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for of_class in classes:
        x0, y0, x1, y1 = square(of_class)
        frame[y0:y1, x0:x1] = COLOURS[of_class]
    return frame


def square(of_class: int) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = SQUARE
    down = 24 * (of_class == 1)
    return x0, y0 + down, x1, y1 + down


def bright_clip(path: Path, frames: int, seen: Mapping[int, range], fps: int = 10) -> Path:
    """A clip; `seen`: class -> the frames that show it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "8", "x264-params": "mbtree=0"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(frames):
            picture = bright_frame({of_class for of_class, when in seen.items() if number in when})
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p", threads=1)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
