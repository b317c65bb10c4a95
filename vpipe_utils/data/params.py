"""Parameters of the data: what all notebooks share."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from vpipe_utils.data.classes import CLASSES, long_names
from vpipe_utils.project.names import require_model_name, require_preset_name
from vpipe_utils.project.parameters import Count, NotNegative, Parameters, Share
from vpipe_utils.project.paths import APPROACHES, Layout, resolve


class DataParams(Parameters):
    """What data there is and how it is prepared. Meaning and source of each: `params/paper/data.yaml`."""

    belongs = "params/<preset>/data.yaml"

    preset: str
    outputs: str

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
    pipesim_width: int = Field(ge=32, le=1920, multiple_of=2)
    pipesim_height: int = Field(ge=32, le=1080, multiple_of=2)
    pipesim_frames: int = Field(ge=9)
    pipesim_fps: float = Field(gt=0, le=120)
    pipesim_temper: float = Share
    pipesim_sight: float = Field(ge=0.03, le=0.97)
    pipesim_size: float = Field(ge=0.01, le=0.5)
    pipesim_contrast: float = Field(gt=0, le=1)

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
