"""Parameters of notebook 09: pretraining on the clips' own frames, features, and heads that read bags of them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from vpipe_utils.data.params import DataParams
from vpipe_utils.learning.params import SuperImageParams, read_model
from vpipe_utils.project.parameters import Count, NotNegative, Positive, Share

Features = Literal["simclr", "mae", "imagenet"]
Head = Literal["transmil", "ml_decoder", "mean"]


class WeakParams(DataParams):
    """Notebook 09: frames of a clip as a bag. Meaning and source of each: `params/paper/weak.yaml`."""

    belongs = "params/<preset>/weak.yaml"
    layer = "weak"

    weak_in_report: bool
    weak_reference: str
    weak_beside: list[str]
    weak_features: list[Features] = Field(min_length=1)
    weak_heads: list[Head] = Field(min_length=1)
    weak_repetitions: int = Count
    weak_tile: int = Field(ge=8)
    weak_budget: float = Positive

    pretrain_warmup: float = Share
    pretrain_weight_decay: float = NotNegative
    pretrain_crop: float = Field(gt=0, le=1)

    simclr_start: Literal["random", "imagenet"]
    simclr_batch: int = Field(ge=2)
    simclr_lr: float = Positive
    simclr_temperature: float = Positive
    simclr_jitter: float = Share
    simclr_projection: int = Count

    mae_batch: int = Count
    mae_lr: float = Positive
    mae_mask: float = Field(gt=0, lt=1)
    mae_patch: int = Field(ge=2)
    mae_width: int = Field(ge=16, multiple_of=16)
    mae_depth: int = Count
    mae_heads: int = Count
    mae_decoder_width: int = Field(ge=16, multiple_of=16)
    mae_decoder_depth: int = Count

    bag_frames: int = Count
    bag_width: int = Field(ge=8, multiple_of=8)
    bag_epochs: int = Count
    bag_batch: int = Count
    bag_lr: float = Positive
    bag_weight_decay: float = NotNegative
    bag_dropout: float = Field(ge=0, lt=1)
    bag_validate_every: int = Count

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.weak_reference not in self.super_image_models:
            known = ", ".join(self.super_image_models) or "none"
            raise ValueError(
                f"weak_reference is '{self.weak_reference}', which is none of super_image_models ({known}): name one"
            )
        for name in self.weak_beside:
            if name not in [f"{approach}/{model}" for approach, model in self.runs]:
                raise ValueError(f"weak_beside: '{name}' is not trained here: name runs as frame/frame_lite0")
        if self.weak_tile > self.tile_size:
            raise ValueError(
                f"weak_tile {self.weak_tile} is larger than the cached tile_size {self.tile_size}: lower it, or raise "
                "tile_size in data.yaml (notebook 01 then rebuilds the cache)"
            )
        if self.weak_tile % self.mae_patch:
            raise ValueError(f"weak_tile {self.weak_tile} is no multiple of mae_patch {self.mae_patch}: change one")
        for width in ("mae_width", "mae_decoder_width"):
            if getattr(self, width) % self.mae_heads:
                raise ValueError(f"{width} {getattr(self, width)} is no multiple of mae_heads {self.mae_heads}")
        if self.bag_frames > self.cache_frames:
            raise ValueError(
                f"bag_frames is {self.bag_frames}, but cache_frames keeps {self.cache_frames} frames of a video: lower "
                "it, or raise cache_frames in data.yaml (notebook 01 then rebuilds the cache)"
            )
        return self

    def reference(self, fold: int) -> SuperImageParams:
        """The super-image run that weak supervision stands beside, on these data: its network, ImageNet weights, loss,
        precision and number of passes are used here. ValueError where it is no super-image model."""
        own = {key: getattr(self, key) for key in DataParams.model_fields}
        found = read_model(self.preset, self.weak_reference, fold)
        if not isinstance(found, SuperImageParams):
            raise ValueError(f"weak_reference '{self.weak_reference}' is of approach {found.approach}: name another")
        return SuperImageParams.from_values(found.model_dump() | own)
