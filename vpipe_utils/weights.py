"""Published weights: where they come from, what of them fits, and one clear sentence when they do not.

timm models take them from the hub by name, or from a file or URL; Video Swin takes checkpoints of mmaction2 and of the
original repository. In both, what was loaded is counted, since both libraries pass over a mismatch in silence.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import timm
from torch import Tensor, nn

from vpipe_utils.params import TrainParams
from vpipe_utils.runs import resolve

LEAST_LOADED = 0.95  # share of a backbone's tensors that a weight file must fill


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
        """Return itself; RuntimeError when too little fitted to be the weights of this network."""
        if self.share < LEAST_LOADED:
            raise RuntimeError(
                f"the weights do not fit the backbone of '{model}': {self}. At least {LEAST_LOADED:.0%} must: "
                "this is the checkpoint of another network"
            )
        return self


def fill(backbone: nn.Module, state: Mapping[str, Tensor], source: str) -> Loaded:
    """Copy into a backbone every tensor of `state` that has its name and shape."""
    own = backbone.state_dict()
    fitting = {name: value for name, value in state.items() if name in own and value.shape == own[name].shape}
    backbone.load_state_dict(fitting, strict=False)
    return Loaded(
        source,
        filled=tuple(fitting),
        missing=tuple(name for name in own if name not in state),
        mismatched=tuple(name for name in own if name in state and name not in fitting),
        unused=tuple(name for name in state if name not in own),
    )


# ---------------------------------------------------------------- Video Swin


def load_video_swin(backbone: nn.Module, params: TrainParams) -> Loaded:
    """Fill Video Swin from `params.checkpoint`, a URL or a local file.

    Reads mmaction2's layout and the original repository's (`state_dict`, names with `backbone.`, the classifier under
    `cls_head.`); the relative position tables depend on the window, so a checkpoint of another window is refused.
    RuntimeError with the reason where the file cannot be had or fills less than 95 % of the backbone.
    """
    from mmengine.runner.checkpoint import CheckpointLoader

    source = params.checkpoint
    if not source:
        raise RuntimeError(f"'{params.model}' is pretrained but names no checkpoint: set checkpoint to a URL or a file")
    if not urlparse(source).scheme:
        source = str(resolve(source))
    try:
        loaded = CheckpointLoader.load_checkpoint(source, map_location="cpu")
    except Exception as error:  # the loader raises whatever its transport raises
        raise RuntimeError(unavailable(params, source, error)) from None
    state = loaded.get("state_dict", loaded)
    state = {name.removeprefix("module.").removeprefix("backbone."): value for name, value in state.items()}
    return fill(backbone, state, source).check(params.model)


# ---------------------------------------------------------------- timm


def create_timm(params: TrainParams, arguments: Mapping[str, Any]) -> tuple[nn.Module, Loaded | None]:
    """A timm model, with `params.pretrained` its published weights or those of `params.checkpoint`.

    timm renames what older files call differently and drops a classifier of other classes; what then fits is counted.
    """
    overlay = None
    try:
        if params.pretrained and params.checkpoint:
            overlay = _overlay(params.checkpoint)
        with _loading(params) as found:
            backbone = timm.create_model(
                params.backbone, pretrained=params.pretrained, pretrained_cfg_overlay=overlay, **arguments
            )
    except TypeError as error:
        raise ValueError(f"backbone_args of '{params.model}' do not fit {params.backbone}: {error}") from None
    except Exception as error:
        if not params.pretrained:
            raise
        raise RuntimeError(unavailable(params, params.checkpoint or f"timm/{params.backbone}", error)) from None
    if not params.pretrained:
        return backbone, None
    classifier = backbone.pretrained_cfg.get("classifier") or ()
    heads = tuple(f"{name}." for name in ([classifier] if isinstance(classifier, str) else classifier))
    # Batch norm's counters do not count: PyTorch never reports them missing.
    own = [name for name in backbone.state_dict() if not name.startswith(heads)]
    own = [name for name in own if not name.endswith("num_batches_tracked")]
    missing = tuple(name for name in own if name in found["missing"])
    loaded = Loaded(
        params.checkpoint or f"timm/{params.backbone}",
        filled=tuple(name for name in own if name not in found["missing"]),
        missing=missing,
        mismatched=(),  # torch raises on these
        unused=tuple(found["unexpected"]),
    )
    return backbone, loaded.check(params.model)


@contextlib.contextmanager
def _loading(params: TrainParams) -> Iterator[dict[str, list[str]]]:
    """Note what `load_state_dict` leaves out while timm builds a model: without its classifier it takes anything."""
    found: dict[str, list[str]] = {"missing": [], "unexpected": []}
    original = nn.Module.load_state_dict

    def noting(module: nn.Module, *arguments: Any, **named: Any) -> Any:
        result = original(module, *arguments, **named)
        found.update(missing=list(result.missing_keys), unexpected=list(result.unexpected_keys))
        return result

    if params.pretrained:
        nn.Module.load_state_dict = noting  # type: ignore[method-assign]
    try:
        yield found
    finally:
        nn.Module.load_state_dict = original  # type: ignore[method-assign]


def _overlay(checkpoint: str) -> dict[str, object]:
    if urlparse(checkpoint).scheme:
        return {"url": checkpoint, "hf_hub_id": None}
    path = Path(resolve(checkpoint))
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there")
    return {"file": str(path)}


def unavailable(params: TrainParams, source: object, error: Exception) -> str:
    """What failed, and which file to put where."""
    reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    if params.checkpoint:
        file, place = params.checkpoint, f"data/weights/{Path(urlparse(params.checkpoint).path).name}"
    else:
        file = f"model.safetensors of https://huggingface.co/timm/{params.backbone}"
        place = f"data/weights/{params.backbone}.safetensors"
    return (
        f"pretrained weights of '{params.model}' could not be loaded from {source} ({reason}). Without internet: fetch "
        f"{file} elsewhere, put it at {place} and set checkpoint to that path; or set pretrained to false to start "
        "from random weights"
    )
