"""The command that simulates the coverage writes its record whole."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow"))
import simulate  # noqa: E402

from vpipe_utils.evaluation.tricks import simulation  # noqa: E402


def test_a_record_of_every_case_and_where_it_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "CASES", (simulation.Case("two pairs", 2, 60, 0.0, 30),))
    simulate.main(["--folder", str(tmp_path / "record"), "--share", "0.1"])
    table = pd.read_csv(tmp_path / "record" / "coverage.csv")
    assert table[["case", "clips", "experiments", "intervals"]].to_numpy().tolist() == [["two pairs", 60, 3, 3]]
    assert (tmp_path / "record" / "provenance.json").is_file()
