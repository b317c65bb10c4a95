"""The tables of the bench, of what was measured beside it and of the simulation, for the pages that show them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vpipe_utils.project.paths import Layout, project_root

BENCH, LEAKAGE, WEAK = "bench", "leakage", "weak"  # what `make` calls them, and the presets


def table_files(outputs: Path, preset: str = BENCH) -> list[Path]:
    """The tables (CSV) of the user's own bench below ``outputs``, else those in git; none before the first bench.

    ``preset``: BENCH, LEAKAGE or WEAK.
    """
    for folder in (Layout(outputs, preset).tricks, project_root() / "outputs" / "reference" / preset):
        if files := sorted(file for file in folder.glob("*.csv") if file.stem != "labels"):
            return files
    return []


def read_everything(outputs: Path) -> dict[str, pd.DataFrame]:
    """The bench's tables and, as `weak`, the effects that `make weak` found (`report.weak.results.effect_table`)."""
    weak = read_tables(outputs, WEAK)
    return read_tables(outputs) | ({"weak": weak["effects"]} if "effects" in weak else {})


def coverage_file() -> Path:
    """What `workflow/simulate.py` writes."""
    return project_root() / "outputs" / "reference" / "coverage" / "coverage.csv"


def read_coverage() -> pd.DataFrame | None:
    """The simulated coverage of intervals (`simulation.table`); None where there is no record."""
    return pd.read_csv(coverage_file()) if coverage_file().is_file() else None


def read_tables(outputs: Path, preset: str = BENCH) -> dict[str, pd.DataFrame]:
    """The tables by name; {} before the first bench. A part that was not run has no table."""
    return {file.stem: pd.read_csv(file) for file in table_files(outputs, preset)}
