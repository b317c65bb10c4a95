"""Parameters of every notebook: one strict model each, checked before any work starts."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vpipe_utils.data.classes import CLASSES, long_names
from vpipe_utils.project.names import require_model_name, require_preset_name
from vpipe_utils.project.notebook_cells import PARAMETERS, names_set
from vpipe_utils.project.parameter_files import file_with, layer_files, read_layers
from vpipe_utils.project.paths import APPROACHES, Layout, derive_seed, resolve

Share = Field(ge=0, le=1)
Positive = Field(gt=0)
NotNegative = Field(ge=0)
Count = Field(ge=1)


class DataParams(BaseModel):
    """What data there is and how it is prepared. Meaning and source of each: `params/paper/data.yaml`."""

    model_config = ConfigDict(extra="forbid", strict=False, protected_namespaces=())

    preset: str
    outputs: str
    extends: str | None  # read by `parameter_files.layer_files`; kept here so that it is part of the saved parameters

    source: Literal["pipesim", "files"]
    videos_dir: str | None
    annotations: str | None
    test_annotations: str | None
    classes: list[str] | None = Field(min_length=1)
    class_names: dict[str, str] | None
    normal_class: str | None

    n_folds: int = Field(ge=2)
    train_folds: list[int] = Field(min_length=1)
    by_recording: bool
    seed: int = NotNegative

    cache_frames: int = Count
    cache_run: int = NotNegative
    tile_size: int = Field(ge=8)
    tile_format: Literal["uint8", "jpeg"]
    workers: int = Count
    data_jobs: int = Count

    frame_models: list[str]
    video_models: list[str]
    super_image_models: list[str]

    pipesim_train: int = Count
    pipesim_test: int = Count
    pipesim_width: int = Field(ge=32, multiple_of=2)
    pipesim_height: int = Field(ge=32, multiple_of=2)
    pipesim_frames: int = Field(ge=9)
    pipesim_fps: float = Positive
    pipesim_temper: float = Share

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        require_preset_name(self.preset)
        for name in (*self.frame_models, *self.video_models, *self.super_image_models):
            require_model_name(name)
        if self.source == "files" and not (self.videos_dir and self.annotations):
            raise ValueError("source 'files' needs videos_dir and annotations: name both in data.yaml")
        if self.source != "files" and self.data_jobs > 1:
            raise ValueError("data_jobs is for source 'files': notebook 01 makes the clips of PipeSim itself")
        outside = [k for k in self.train_folds if not 0 <= k < self.n_folds]
        if outside:
            last = self.n_folds - 1
            raise ValueError(f"train_folds holds {outside[0]}; with n_folds {self.n_folds} folds are 0 to {last}")
        if self.normal_class is not None and self.normal_class not in self.class_codes:
            raise ValueError(f"normal_class '{self.normal_class}' is not one of the classes; name one of them or null")
        if self.class_codes == (self.normal_class,):
            raise ValueError("the only class is the normal one, so there is nothing to find; add a class to classes")
        for code, name in (self.class_names or {}).items():
            if code not in self.class_codes:
                known = ", ".join(self.class_codes)
                raise ValueError(f"class_names: '{code}' is not one of the classes {known}")
            if not name.strip():
                raise ValueError(f"class_names gives '{code}' an empty name; write one or take the line out")
        return self

    @property
    def class_codes(self) -> tuple[str, ...]:
        return tuple(self.classes) if self.classes else CLASSES

    @property
    def long_names(self) -> dict[str, str]:
        """Code → long name, of the classes that have one."""
        return long_names(self.class_codes, self.class_names)

    @property
    def layout(self) -> Layout:
        return Layout(resolve(self.outputs), self.preset)

    @property
    def runs(self) -> list[tuple[str, str]]:
        """(approach, model) of every model this preset trains."""
        names = (self.frame_models, self.video_models, self.super_image_models)
        return [(approach, model) for approach, models in zip(APPROACHES, names, strict=True) for model in models]

    @property
    def videos_path(self) -> Path:
        return self.layout.pipesim / "videos" if self.source == "pipesim" else resolve(self.videos_dir)

    @property
    def annotations_path(self) -> Path:
        return self.layout.pipesim / "annotations.json" if self.source == "pipesim" else resolve(self.annotations)

    @property
    def test_annotations_path(self) -> Path | None:
        if self.source == "pipesim":
            return self.layout.pipesim / "test_annotations.json"
        return resolve(self.test_annotations) if self.test_annotations else None

    @classmethod
    def from_notebook(cls, variables: Mapping[str, Any]) -> Self:
        """Parameters of a running notebook, from `globals()`.

        The files named in the variable `parameter_files` come first, later ones win; what else the parameters cell and
        papermill's cell behind it set wins over them (`notebook_cells.names_set`; of a script without cells: every
        variable). A name that is no parameter is an error, so a mistyped key never passes silently.
        """
        ran = any(source.strip() for source in variables.get("In", ()))  # nbval has its kernel keep no history
        names = names_set(variables["In"]) if ran else _plain_names(variables)
        own = {name: variables[name] for name in names if name in variables}
        return cls.from_values({**read_layers(variables.get("parameter_files", ())), **own})

    @classmethod
    def from_values(cls, values: Mapping[str, Any], where: str = "parameters", files: Sequence[Path] = ()) -> Self:
        """Validate; one sentence a fault, naming the key, which of ``files`` sets it (else ``where``), the nearest."""
        try:
            return cls(**values)
        except ValidationError as error:
            places = [file_with(item["loc"][0], files) if item["loc"] else None for item in error.errors()]
            faults = [_fault(item, cls.model_fields) for item in error.errors()]
            told = [f"{place or where}: {fault}" for place, fault in zip(places, faults, strict=True)]
            raise ValueError("; ".join(told)) from None

    def save(self, folder: Path) -> None:
        """Write the effective parameters beside the run's artefacts."""
        folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(self.model_dump(), sort_keys=False, allow_unicode=True)
        (folder / "params.yaml").write_text(text, encoding="utf-8")


class EnsembleParams(DataParams):
    """Notebooks 06 and 10: which models are averaged, with which weights, and the rule after it."""

    ensemble_models: list[str] = Field(min_length=1)
    ensemble_weights: list[float] | None
    zc_threshold: float = Share
    bootstrap: int = Field(ge=100)

    @model_validator(mode="after")
    def _weights(self) -> Self:
        if self.ensemble_weights is not None and len(self.ensemble_weights) != len(self.ensemble_models):
            raise ValueError(
                f"{len(self.ensemble_models)} ensemble_models but {len(self.ensemble_weights)} ensemble_weights: "
                "give one weight a model"
            )
        known = [f"{approach}/{model}" for approach, model in self.runs]
        for name in self.ensemble_models:
            if name not in known:
                raise ValueError(
                    f"ensemble_models: '{name}' is not trained here; there are {', '.join(known)}: "
                    "set ensemble_models in params/<preset>/ensemble.yaml"
                )
        return self


class BenchmarkParams(DataParams):
    """Notebook 12: what is measured, and how often. Meaning of each: `params/paper/benchmarks.yaml`."""

    measured_models: list[str] | None
    measured_steps: int = Count

    read_heights: list[int] = Field(min_length=1)
    read_frames: int = Field(ge=9)
    read_rendered: int = Field(ge=9)
    read_keyframes: int = Count
    read_rounds: int = Count
    load_tile: int = Field(ge=8)
    load_items: int = Count
    load_rounds: int = Count


class TrainParams(DataParams):
    """The recipe that all three approaches share. Meaning and source of each: `params/paper/<model>.yaml`."""

    model: str
    fold: int = NotNegative

    backbone: str
    backbone_args: dict[str, Any]
    pretrained: bool
    checkpoint: str | None
    head: Literal["linear", "ml_decoder"]
    decoder_dim: int = Field(ge=8, multiple_of=8)
    drop_path: float = Share
    drop_rate: float = Field(ge=0, lt=1)
    freeze_batch_norm: bool
    input_tile: int = Field(ge=8)

    hflip: bool
    sampling: Literal["uniform", "consecutive"]
    jitter: bool

    loss: Literal["asl", "bce"]
    asl_gamma_negative: float = NotNegative
    asl_gamma_positive: float = NotNegative
    asl_clip: float = Share
    asl_ladder: float = Share

    epochs: int = Count
    batch_size: int = Count
    accumulate: int = Count
    lr: float = Positive
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
    memory_gb: float = Positive
    eval_batch_size: int = Count

    @property
    def tiles_per_item(self) -> int:
        """Frames that one training item holds: 1, a clip's, or grid²."""
        return 1

    @model_validator(mode="after")
    def _trainable(self) -> Self:
        if self.fold >= self.n_folds:
            raise ValueError(f"fold is {self.fold}; with n_folds {self.n_folds} folds are 0 to {self.n_folds - 1}")
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
        if self.tiles_per_item > held:
            raise ValueError(
                f"a sample takes {self.tiles_per_item} frames of a video, but {key} keeps {held}: "
                f"raise {key} in data.yaml (notebook 01 then rebuilds the cache)"
            )
        return self

    def run_seed(self, approach: str) -> int:
        return derive_seed(self.seed, approach, self.model, self.fold)


class FrameParams(TrainParams):
    """Notebook 03: single frames that inherit their video's labels (report section III.A)."""

    frames_per_epoch: int = Count
    eval_frames: int = Count
    pooling: Literal["mean", "max", "median"]


class VideoParams(TrainParams):
    """Notebook 04: a clip of uniformly sampled frames for Video Swin (report section III.B)."""

    clip_frames: int = Field(ge=2)

    @property
    def tiles_per_item(self) -> int:
        return self.clip_frames


class SuperImageParams(TrainParams):
    """Notebook 05: grid² frames as one image (report section III.C)."""

    grid: int = Count
    tile_shuffle: bool
    tile_tokens: bool

    @property
    def tiles_per_item(self) -> int:
        return self.grid**2


def read_model(preset: str, model: str, fold: int = 0) -> TrainParams:
    """The parameters of one model of a preset, all layers merged."""
    files = layer_files(preset, model, fold)
    values = read_layers(files)
    kind = VideoParams if "clip_frames" in values else SuperImageParams if "grid" in values else FrameParams
    return kind.from_values(values, f"params/{preset}, model {model}", files)


def _plain_names(variables: Mapping[str, Any]) -> list[str]:
    """The variables of a script, or of a kernel without history, that are neither imported, private nor IPython's."""
    not_set = {PARAMETERS, "In", "Out", "exit", "quit", "open", "get_ipython"}
    names = [name for name in variables if not name.startswith("_") and name not in not_set]
    return [name for name in names if not isinstance(variables[name], ModuleType | type)]


def _fault(item: Mapping[str, Any], fields: Iterable[str]) -> str:
    key = ".".join(map(str, item["loc"]))
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, list(fields), n=1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        of_a_model = key in SuperImageParams.model_fields or key in FrameParams.model_fields
        if key in EnsembleParams.model_fields:  # near 'frame_models', but another file's
            hint = "; it belongs in params/<preset>/ensemble.yaml"
        elif of_a_model and not near:
            hint = "; it belongs in params/<preset>/training.yaml, for all models, or in the file of one, <model>.yaml"
        return f"'{key}' is no parameter here{hint}"
    if item["type"] == "missing":
        return f"'{key}' is missing: set it in one of the parameter files"
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    quotes = "; put it in quotes (YAML reads NO, ON, Y and 007 otherwise)" if item["type"] == "string_type" else ""
    return f"'{key}' is {item['input']!r}: {item['msg'].lower()}{quotes}"
