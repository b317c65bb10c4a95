"""Tables and records: read back as they were, or one sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.storage import tables


def test_json_takes_numpy_and_turns_nan_into_null(tmp_path: Path) -> None:
    tables.write_json({"a": np.float32(0.5), "b": np.array([1, 2]), "c": float("nan"), "d": Path("x")}, tmp_path / "x")
    assert tables.read_json(tmp_path / "x") == {"a": 0.5, "b": [1, 2], "c": None, "d": "x"}


def test_missing_artefact_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run the notebook that writes it first"):
        tables.read_table(tmp_path / "none.parquet")


def test_a_damaged_table_says_what_to_do(tmp_path: Path) -> None:
    tables.write_table(pd.DataFrame({"video": ["a.mp4"], "CJ": [0.5]}), path := tmp_path / "p.parquet")
    assert list(tables.read_table(path, ["CJ"]).columns) == ["CJ"]
    again = "p.parquet is damaged or of another version .*: delete it and run the notebook that writes it again"
    with pytest.raises(ValueError, match=again):
        tables.read_table(path, ["video", "why_not"])
    whole = path.read_bytes()
    for broken in (b"", whole[:100], whole[:4] + bytes(len(whole) - 8) + whole[-4:], bytes(len(whole))):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=again):
            tables.read_table(path)
    (tmp_path / "m.json").write_bytes(b'{"val_mAP": 0.\xff')
    with pytest.raises(ValueError, match="m.json is damaged .*: delete it and run the notebook"):
        tables.read_json(tmp_path / "m.json")
