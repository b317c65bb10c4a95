"""Parameters of notebook 12."""

from __future__ import annotations

from pydantic import Field

from vpipe_utils.data.params import DataParams
from vpipe_utils.project.parameters import Count


class BenchmarkParams(DataParams):
    """Notebook 12: what is measured, and how often. Meaning of each: `params/paper/benchmarks.yaml`."""

    belongs = "params/<preset>/benchmarks.yaml"
    layer = "benchmarks"

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
