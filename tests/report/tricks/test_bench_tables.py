"""The tables of the bench: the user's own before those in git, and none before there is one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from vpipe_utils.report.tricks import bench_tables as tables


def write(folder: Path, difference: float) -> None:
    folder.mkdir(parents=True)
    for name in ("effects", "labels"):
        pd.DataFrame({"difference": [difference]}).to_csv(folder / f"{name}.csv", index=False)


def test_the_users_own_tables_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "project_root", lambda: tmp_path / "project")
    outputs = tmp_path / "outputs"
    assert tables.read_tables(outputs) == {} and tables.read_coverage() is None
    write(tmp_path / "project" / "outputs" / "reference" / "bench", 0.1)
    assert tables.read_tables(outputs)["effects"]["difference"].tolist() == [0.1]
    write(outputs / "bench" / "tricks", 0.2)
    found = tables.read_tables(outputs)
    assert list(found) == ["effects"] and found["effects"]["difference"].tolist() == [0.2], "labels are no table"


def test_the_committed_coverage_is_what_intervals_claim() -> None:
    """From five pairs on within 92 and 97 %; three pairs may be held more often, never less."""
    found = tables.read_coverage()
    assert found is not None and found["experiments"].min() >= 150
    few = found["case"].str.startswith("3 pairs")
    assert found.loc[~few, "held"].between(0.92, 0.97).all() and found.loc[few, "held"].between(0.95, 0.99).all()
    assert (tables.coverage_file().with_name("provenance.json")).is_file()
