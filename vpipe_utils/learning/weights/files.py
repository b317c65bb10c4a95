"""Weight files of others: fetched, and read without running what is in them.

A PyTorch file is a pickle, which can name any function of Python and have it called. PyTorch's own reader
(`weights_only=True`) calls only what builds tensors, and refuses files that also hold, say, the scores of a training
run. Here the classes of such harmless extras are replaced by stand-ins that do nothing; any other class is refused.
"""

from __future__ import annotations

import glob
import os
import re
import zipfile
from _compat_pickle import IMPORT_MAPPING
from collections import OrderedDict
from pathlib import Path
from urllib.parse import urlparse

import timm.models
import torch
from torch import Tensor

from vpipe_utils.project.paths import resolve
from vpipe_utils.storage.locks import lock

# Packages whose classes may lie beside the weights: scores, configurations, arguments. None of their code is run.
HARMLESS = {
    *("mmengine", "mmcv", "mmaction", "mmdet", "mmcls", "mmpretrain"),  # message hub, HistoryBuffer, ConfigDict
    *("numpy", "argparse", "pathlib", "datetime", "collections"),  # scores, arguments, folders, times
    *("addict", "easydict", "yacs", "omegaconf"),  # configurations
}
BUILTINS = {"getattr", "object", "slice", "range", "frozenset", "list", "dict", "tuple", "int", "float", "str", "bool"}
DICTIONARIES = ("defaultdict", "ConfigDict", "Dict", "EasyDict", "CfgNode", "DictConfig")  # filled item by item
# As PyTorch, timm and OpenMMLab name their files. What is all digits is taken for a date.
HASH_IN_NAME = re.compile(r"-(?!\d+\.)([0-9a-f]{8,64})\.[a-z]+$")


class Refused(RuntimeError):
    """A file that is there and is not read: the sentence says why and what to do."""


class StandIn:
    """Takes the place of an object that is no weight: made, called and filled with anything, it does nothing."""

    def __init__(self, *arguments: object, **named: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


class DictStandIn:
    """In place of a kind of dictionary, one that PyTorch's reader knows how to fill."""

    def __new__(cls, *arguments: object, **named: object) -> OrderedDict:  # type: ignore[misc]
        return OrderedDict()


def fetch(source: str) -> Path:
    """The file of `source`, a path or an http(s) URL that is downloaded once, whole or not at all, into torch's cache.

    A hash in the file's name is checked. FileNotFoundError for a path that is not there; whatever the transport raises
    for a URL.
    """
    if urlparse(source).scheme not in ("http", "https"):
        path = Path(resolve(source))
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there")
        return path
    name = Path(urlparse(source).path).name
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    held = lock(f"{path}.lock", wait=True)  # the runs of several folds begin at once: one of them fetches
    try:
        if not path.is_file():
            for part in path.parent.glob(f"{glob.escape(name)}.*.partial"):  # of a process that was killed
                part.unlink()
            found = HASH_IN_NAME.search(name)
            torch.hub.download_url_to_file(source, str(path), found and found[1], progress=False)
    finally:
        os.close(held)
    return path


def read_state(path: Path) -> dict[str, Tensor]:
    """The weights in a file by name: safetensors, or a PyTorch file that holds them as they are or under one of
    `state_dict_ema`, `model_ema`, `state_dict`, `model` (the first there is); `module.` and `_orig_mod.` are cut off.

    Raises `Refused`.
    """
    stand_ins: dict[str, type] = {}
    while True:  # PyTorch's reader names one class at a time that it does not know
        try:
            with torch.serialization.safe_globals([(kind, name) for name, kind in stand_ins.items()]):
                state = timm.models.load_state_dict(str(path))
            break
        except Exception as error:
            words = " ".join(str(error.__cause__ or error).split())
            name = found[1] if (found := re.search(r"GLOBAL (\S+)", words)) else ""
            name = f"builtins.{name}" if name and "." not in name else name
            if name in stand_ins or not _is_harmless(name):
                raise _refusal(path, name, type(error).__name__, words) from None
        stand_ins[name] = DictStandIn if name.endswith(DICTIONARIES) else StandIn
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    if not tensors:
        raise Refused(f"{path} holds no weights: under its names {', '.join(map(str, list(state)[:5]))} lies no tensor")
    return tensors


def _refusal(path: Path, name: str, kind: str, words: str) -> Refused:
    """Why a file is not read. `name`: the class or function that it asks for, if any; else what its reader raised."""
    module, dot, rest = name.partition(".")
    name = f"{IMPORT_MAPPING.get(module, module)}{dot}{rest}"  # a pickle of protocol 2 has Python 2's names
    if "Unsupported operand" in words and zipfile.is_zipfile(path):  # PyTorch's reader knows protocol 2 alone
        name = "what a pickle protocol above 2 allows"
    if not name:
        return Refused(
            f"{path} is no whole weight file ({kind}: {words[:200]}): fetch it again, or set checkpoint to another"
        )
    weights = path.with_name(f"{path.stem}-weights.pth")
    return Refused(
        f"{path} holds more than weights: to read it would run {name}, which can be any code. If you trust its source, "
        f"save its weights alone (python -c \"import torch; torch.save({{'state_dict': torch.load('{path}', "
        f"map_location='cpu', weights_only=False)['state_dict']}}, '{weights}')\") and set checkpoint to {weights}"
    )


def _is_harmless(name: str) -> bool:
    package, _, rest = name.partition(".")
    return package in HARMLESS or (package == "builtins" and rest in BUILTINS)
