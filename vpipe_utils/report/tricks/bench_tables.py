"""The tables of the bench and of the simulation, for the pages that show them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vpipe_utils.project.paths import Layout, project_root

PRESET = "bench"


def table_files(outputs: Path) -> list[Path]:
    """The tables (CSV) of the user's own bench below ``outputs``, else those in git; none before the first bench."""
    for folder in (Layout(outputs, PRESET).tricks, project_root() / "outputs" / "reference" / PRESET):
        if files := sorted(file for file in folder.glob("*.csv") if file.stem != "labels"):
            return files
    return []


def coverage_file() -> Path:
    """What `workflow/simulate.py` writes."""
    return project_root() / "outputs" / "reference" / "coverage" / "coverage.csv"


def read_coverage() -> pd.DataFrame | None:
    """The simulated coverage of intervals (`simulation.table`); None where there is no record."""
    return pd.read_csv(coverage_file()) if coverage_file().is_file() else None


def read_tables(outputs: Path) -> dict[str, pd.DataFrame]:
    """The bench's tables by name; {} before the first bench. A part that was not run has no table."""
    return {file.stem: pd.read_csv(file) for file in table_files(outputs)}
