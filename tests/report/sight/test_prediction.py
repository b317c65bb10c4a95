"""The prediction of the grid can hold, fail and stay open."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from made_up_grid import made_up_record

from vpipe_utils.evaluation.sight.record import METHODS, PRESETS
from vpipe_utils.report.sight import prediction
from vpipe_utils.report.sight.prediction import PREDICTIONS, Prediction


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.0, 0.04, "held"), (0.06, 0.2, "failed"), (-0.3, -0.1, "failed"), (0.02, 0.08, "open"), (np.nan, 0.1, "open")],
)
def test_verdicts(low: float, high: float, verdict: str) -> None:
    assert prediction._verdict(Prediction("", "", None, -0.05, 0.05), low, high) == verdict


def test_each_stands_beside_what_was_measured(tmp_path) -> None:
    record = made_up_record(tmp_path)
    table = prediction.against(record)
    assert len(table) == len(PREDICTIONS) == len(prediction.as_table())
    first, turn = table.loc[1], table.loc[4]
    row = record.cells.set_index(["preset", "method"]).loc[(PRESETS[0], "frames, mean")]
    assert (first["measured"], first["low"]) == (row["ahead"], row["ahead_low"]) and first["verdict"] == "held"
    assert 0.32 < turn["measured"] < 0.58
    changed = record.cells.assign(ahead=-0.2, ahead_low=-0.3, ahead_high=-0.1)
    failed = prediction.against(dataclasses.replace(record, cells=changed))
    assert failed.loc[[1, 2, 5], "verdict"].eq("failed").all() and failed.loc[3, "verdict"] == "held"


def test_they_are_of_methods_and_presets_of_the_grid() -> None:
    assert {p.method for p in PREDICTIONS} <= set(METHODS)
    assert {p.preset for p in PREDICTIONS} <= {*PRESETS, None}
