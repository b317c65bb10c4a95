"""The record of the grid: what is written is read, and the user's own wins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_up_grid import made_up_record

from vpipe_utils.evaluation.sight import record
from vpipe_utils.project.parameter_files import layer_files, read_layers


def test_what_is_written_is_read(tmp_path) -> None:
    made = made_up_record(record.record_lies(tmp_path))
    again = record.read_record(tmp_path)
    for name in record.TABLES:
        pd.testing.assert_frame_equal(getattr(made, name), getattr(again, name))
    assert again.provenance["cpu_cores"] == 2
    assert np.isinf(again.turns.set_index("method").loc["Video Swin", "turn"])


def test_ones_own_record_wins_over_that_in_git(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "project_root", lambda: tmp_path / "project")
    assert record.read_record(tmp_path / "own") is None
    in_git = tmp_path / "project" / "outputs" / "reference" / "sight"
    made_up_record(in_git)
    assert record.record_folder(tmp_path / "own") == in_git
    made_up_record(record.record_lies(tmp_path / "own"))
    assert record.record_folder(tmp_path / "own") == tmp_path / "own" / "sight" / "record"


def test_the_presets_differ_in_the_share_in_sight_alone() -> None:
    first, *others = (read_layers(layer_files(preset)) for preset in record.PRESETS)
    assert [first["pipesim_sight"], *(other["pipesim_sight"] for other in others)] == [0.07, 0.3, 0.6]
    for other in others:
        assert {key for key in first if first[key] != other[key]} == {"preset", "pipesim_sight"}


def test_the_methods_are_models_of_the_presets() -> None:
    values = read_layers(layer_files(record.PRESETS[0]))
    for name, _ in record.METHODS.values():
        approach, model = name.split("/")
        assert model in values[f"{approach}_models"]
