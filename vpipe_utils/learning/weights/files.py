"""Weight files of others: fetched, and read without running what is in them.

A PyTorch file is a pickle, which can name any function of Python and have it called. PyTorch's own reader
(`weights_only=True`) calls only what builds tensors, and refuses files that also hold, say, the scores of a training
run. Here the classes of such harmless extras are replaced by stand-ins that do nothing; any other class is refused.
"""

from __future__ import annotations

import contextlib
import glob
import os
import pickletools
import re
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from collections.abc import Iterator
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
MADE_BY_TORCH = {"collections.OrderedDict", "collections.Counter"} | {
    f"builtins.{n}" for n in ("set", "complex", "bytearray")
}
DICTIONARIES = ("defaultdict", "ConfigDict", "Dict", "EasyDict", "CfgNode", "DictConfig")  # filled item by item
LEGACY_PICKLES = 4  # before PyTorch 1.6: a magic number, a version, the machine, and then what was saved
# As PyTorch, timm and OpenMMLab name their files. What is all digits is taken for a date.
HASH_IN_NAME = re.compile(r"-(?!\d+\.)([0-9a-f]{8,64})\.[a-z]+$")


class Refused(RuntimeError):
    """A file that is there and is not read: the sentence says why and what to do."""


class StandIn:
    """Takes the place of an object that is no weight: made, called and filled with anything, it does nothing."""

    def __new__(cls, *arguments: object, **named: object) -> StandIn:
        return object.__new__(cls)

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
    with _harmless_extras(path), _reading(path):
        state = timm.models.load_state_dict(str(path))
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    if not tensors:
        raise Refused(f"{path} holds no weights: under its names {', '.join(map(str, list(state)[:5]))} lies no tensor")
    return tensors


@contextlib.contextmanager
def _harmless_extras(path: Path) -> Iterator[None]:
    """Within it, `torch.load(path, weights_only=True)` passes over harmless extras. Raises `Refused` for others."""
    names = set() if path.suffix == ".safetensors" else _globals(path) - MADE_BY_TORCH
    extras = {name for name in names if _is_harmless(name)}
    others = sorted(name for name in names - extras if not name.startswith(("torch.", "_codecs.")))
    if others:
        raise _more_than_weights(path, others)
    stand_ins = [(DictStandIn if name.endswith(DICTIONARIES) else StandIn, name) for name in extras]
    with torch.serialization.safe_globals(stand_ins):
        yield


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what a refused or damaged file makes its reader raise into `Refused`."""
    try:
        yield
    except Refused:
        raise
    except Exception as error:
        words = " ".join(str(error.__cause__ or error).split())
        if named := re.search(r"GLOBAL (\S+)", words):  # one of PyTorch's own that does more than build tensors
            raise _more_than_weights(path, [named[1]]) from None
        if "Unsupported operand" in words and zipfile.is_zipfile(path):  # PyTorch's reader knows protocol 2 alone
            raise _more_than_weights(path, ["what a pickle protocol above 2 allows"]) from None
        raise Refused(
            f"{path} is no whole weight file ({type(error).__name__}: {words[:200]}): fetch it again, or set "
            "checkpoint to another"
        ) from None


def _more_than_weights(path: Path, names: list[str]) -> Refused:
    weights = path.with_name(f"{path.stem}-weights.pth")
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return Refused(
        f"{path} holds more than weights: to read it would run {', '.join(names[:5])}{more}, which can be any code. If "
        f"you trust its source, save its weights alone (python -c \"import torch; torch.save({{'state_dict': "
        f"torch.load('{path}', map_location='cpu', weights_only=False)['state_dict']}}, '{weights}')\") and set "
        f"checkpoint to {weights}"
    )


def _is_harmless(name: str) -> bool:
    package, _, rest = name.partition(".")
    return package in HARMLESS or (package == "builtins" and rest in BUILTINS)


def _globals(path: Path) -> set[str]:
    """Full names of the classes and functions that a PyTorch file asks for; none where it is no such file."""
    names: set[str] = set()
    with contextlib.suppress(ValueError, EOFError, OSError, StopIteration, zipfile.BadZipFile), path.open("rb") as file:
        streams = [file] * LEGACY_PICKLES
        if zipfile.is_zipfile(path):
            archive = zipfile.ZipFile(file)
            streams = [archive.open(next(name for name in archive.namelist() if name.endswith("data.pkl")))]
        for stream in streams:
            for operation, value, _ in pickletools.genops(stream):
                if operation.name == "GLOBAL":
                    module, name = value.split(" ", 1)
                    module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
                    names.add(f"{module}.{name}")
    return names
