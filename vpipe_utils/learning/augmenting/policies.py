"""Heavier augmentation of the tiles in training, which lowered the paper's score (section II.C, Table V).

RandAugment (arXiv 1909.13719), AutoAugment (arXiv 1805.09501) and turning, mirroring upside down and colour jitter are
torchvision's. Each frame of a super-image is changed by itself (paper, section III.C.1), a clip for a video network as
a whole. The paper says neither how often nor how strongly: the strengths here are the papers' of each policy or, for
rotation and jitter, ours.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torchvision.transforms import v2

from vpipe_utils.learning.params import TrainParams, VideoParams

DEGREES = 30  # largest turn, either way
JITTER = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}  # shares of the full range


def augmented(tiles: Tensor, params: TrainParams, generator: torch.Generator) -> Tensor:
    """Tiles `(B, n, 3, S, S)` uint8, changed by the policies that `params` asks for; unchanged without any.

    All that is random follows from `generator`.
    """
    names = tuple(name for name in POLICIES if getattr(params, name))
    if not names:
        return tiles
    seed = int(torch.randint(2**31, (), generator=generator))
    pictures = tiles.unbind() if isinstance(params, VideoParams) else tiles.flatten(0, 1).unbind()
    with torch.random.fork_rng(devices=[]):  # torchvision draws from the global generator
        torch.manual_seed(seed)
        changed = [_policy(names)(picture) for picture in pictures]
    return torch.stack(changed).reshape(tiles.shape)


def _heavy() -> v2.Transform:
    bilinear = v2.InterpolationMode.BILINEAR
    return v2.Compose([v2.RandomRotation(DEGREES, bilinear), v2.RandomVerticalFlip(), v2.ColorJitter(**JITTER)])


POLICIES = {"randaug": v2.RandAugment, "autoaug": v2.AutoAugment, "heavy_augment": _heavy}


@cache
def _policy(names: tuple[str, ...]) -> v2.Transform:
    return v2.Compose([POLICIES[name]() for name in names])
