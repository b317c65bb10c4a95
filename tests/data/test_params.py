"""What the parameters of the data may be."""

from __future__ import annotations

import pytest

from vpipe_utils.data.params import DataParams
from vpipe_utils.project.parameter_files import layer_files, read_layers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pipesim_train", 0), ("pipesim_width", 65), ("pipesim_width", 1922), ("pipesim_height", 30),
        ("pipesim_frames", 8), ("pipesim_fps", 0), ("pipesim_fps", 121), ("pipesim_temper", -0.1), ("workers", 0),
        ("pipesim_sight", 0), ("pipesim_sight", 1), ("pipesim_size", 0), ("pipesim_contrast", 0),
        ("tile_format", "png"), ("cache_frames", 0), ("tile_size", 7), ("cache_run", -1),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_named(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        DataParams.from_values(read_layers(layer_files("smoke")) | {name: value})
