"""Parameters of training: the recipe of a model, and what each of the three approaches adds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from vpipe_utils.data.params import DataParams
from vpipe_utils.data.sampling import fitting_batch, frames_per_sample
from vpipe_utils.project.parameter_files import approach_of, layer_files, read_layers, trick_files
from vpipe_utils.project.parameters import Count, NotNegative, Positive, Share
from vpipe_utils.project.paths import RunName


class TrainParams(DataParams):
    """The recipe that all three approaches share. Meaning and source of each: `params/paper/training.yaml`."""

    belongs = "params/<preset>/training.yaml, for all models, or in the file of one, <model>.yaml"

    model: str
    fold: int = NotNegative
    trick: str | None = None  # of params/tricks, laid over the model's own recipe; several are joined by +
    repetition: int = NotNegative

    backbone: str
    backbone_args: dict[str, Any]
    pretrained: bool
    checkpoint: str | None
    head: Literal["linear", "ml_decoder"]
    decoder_dim: int = Field(ge=8, multiple_of=8)
    drop_path: float = Share
    drop_rate: float = Field(ge=0, lt=1)
    freeze_batch_norm: bool
    freeze_stages: int = NotNegative
    input_tile: int = Field(ge=8)

    tile_factor: float = Field(gt=0, le=1)

    hflip: bool
    randaug: bool
    autoaug: bool
    heavy_augment: bool
    sampling: Literal["uniform", "consecutive"]
    jitter: bool

    loss: Literal["asl", "bce"]
    asl_gamma_negative: float = NotNegative
    asl_gamma_positive: float = NotNegative
    asl_clip: float = Share

    epochs: int = Count
    batch_size: int = Count
    accumulate: int = Count
    lr: float = Positive
    lr_factor: float = Positive
    head_lr_factor: float = Positive
    weight_decay: float = NotNegative
    schedule: Literal["onecycle", "constant"]
    warmup: float = Share
    grad_clip: float = NotNegative
    ema: bool
    ema_decay: float = Share
    validate_every: int = Count

    precision: Literal["auto", "32", "bf16", "16"]
    channels_last: bool
    grad_checkpointing: bool
    compile: bool
    loader_workers: int = NotNegative
    devices: int = Field(default=1, ge=1)
    memory_gb: float = Positive
    time_limit_h: float = Field(default=12, gt=0)  # the default: for params.yaml of runs that had no such key
    eval_batch_size: int = Count

    @model_validator(mode="after")
    def _trainable(self) -> Self:
        listed = [approach for approach, name in self.runs if name == self.model]
        if listed and self.approach not in listed:
            raise ValueError(
                f"{listed[0]}_models names '{self.model}', whose approach is {self.approach}: "
                f"name it in {self.approach}_models"
            )
        if self.batch_size % self.devices:
            raise ValueError(
                f"batch_size {self.batch_size} cannot be shared evenly by devices {self.devices}: take a multiple of it"
            )
        if self.fold >= self.n_folds:
            raise ValueError(f"fold is {self.fold}; with n_folds {self.n_folds} folds are 0 to {self.n_folds - 1}")
        if self.tile_px < 8:
            raise ValueError(
                f"input_tile {self.input_tile} times tile_factor {self.tile_factor} is under 8 px: raise one of them"
            )
        if self.input_tile > self.tile_size:
            raise ValueError(
                f"input_tile {self.input_tile} is larger than the cached tile_size {self.tile_size}: "
                "raise tile_size in data.yaml (notebook 01 then rebuilds the cache)"
            )
        if self.head == "ml_decoder" and self.drop_rate:
            raise ValueError(
                f"drop_rate is {self.drop_rate}, but the head ml_decoder has its own dropout, 0.1: set drop_rate to 0"
            )
        key, held = ("cache_frames", self.cache_frames)
        if self.sampling == "consecutive":
            key, held = ("cache_run", self.cache_run)
        if (taken := frames_per_sample(self)) > held:
            raise ValueError(
                f"a sample takes {taken} frames of a video, but {key} keeps {held}: "
                f"raise {key} in data.yaml (notebook 01 then rebuilds the cache)"
            )
        return self

    @property
    def tile_px(self) -> int:
        """Pixels a side of a tile as the network gets it."""
        return round(self.input_tile * self.tile_factor)

    @property
    def folder(self) -> Path:
        """Where this run lies."""
        return self.layout.run(self.approach, *self.name)

    @property
    def name(self) -> RunName:
        return RunName(self.model, self.fold, self.trick, self.repetition)


class FrameParams(TrainParams):
    """Notebook 03: single frames that inherit their video's labels (paper, section III.A)."""

    approach = "frame"

    frames_per_epoch: int = Count
    eval_frames: int = Count
    pooling: Literal["mean", "max", "median", "logit_mean"]


class VideoParams(TrainParams):
    """Notebook 04: a clip of uniformly sampled frames for Video Swin (paper, section III.B)."""

    approach = "video"

    clip_frames: int = Field(ge=2)


class SuperImageParams(TrainParams):
    """Notebook 05: grid² frames as one image (paper, section III.C)."""

    approach = "super_image"

    grid: int = Count
    tile_shuffle: bool
    tile_tokens: bool


KINDS = {kind.approach: kind for kind in (FrameParams, VideoParams, SuperImageParams)}


def read_model(preset: str, model: str, fold: int = 0, trick: str | None = None) -> TrainParams:
    """The parameters of one model of a preset, all layers merged; its approach is the one that it extends."""
    files = layer_files(preset, model, fold, trick)
    approach = approach_of(files)
    if approach is None:
        known = ", ".join(KINDS)
        raise ValueError(f"model '{model}' extends no approach: write extends: with {known} or another model's name")
    return KINDS[approach].from_values(read_layers(files) | {"trick": trick}, f"params/{preset}, model {model}", files)


def fits(trick: str, approach: str) -> bool:
    """Whether models of an approach have what the trick changes: single frames have no grid."""
    return read_layers(trick_files(trick)).keys() <= KINDS[approach].model_fields.keys()


def say_smaller_batches(n_videos: int, data: DataParams, models: Iterable[TrainParams]) -> str:
    """One sentence on the models whose batch_size is more than a fold trains on; empty where there is none.

    `n_videos`: labelled videos. Folds differ by a video or two, so the numbers are about right; the notebooks say the
    exact one.
    """
    videos = n_videos - -(-n_videos // data.n_folds)
    smaller = {}
    for params in models:
        fitting = fitting_batch(params.batch_size, videos * getattr(params, "frames_per_epoch", 1))
        if fitting < params.batch_size:
            smaller[params.model] = f"{params.model} {fitting} (not {params.batch_size})"
    if not smaller:
        return ""
    return (
        f"A fold trains on about {videos} videos, fewer than batch_size, so batches are smaller: "
        f"{', '.join(smaller.values())}. To choose them yourself: batch_size in params/{data.preset}/training.yaml."
    )
