"""Tables as Parquet and records as JSON: written whole or not at all, read with a sentence for what is wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from vpipe_utils.storage.files import atomic_path


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as Parquet, whole or not at all."""
    with atomic_path(path) as part:
        table.to_parquet(part, index=False)


def read_table(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table, or some columns of it.

    Raises FileNotFoundError for a missing one and ValueError for one that is damaged or lacks a column, and says what
    to do.
    """
    path = _required(path)
    try:
        return pd.read_parquet(path, columns=None if columns is None else list(columns))
    except (ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # the disk's fault, not the file's; Arrow gives no number
            raise
        fault = str(error).splitlines()[0]
        raise ValueError(
            f"{path} is damaged or of another version ({fault}): delete it and run the notebook that writes it again"
        ) from None


def write_json(value: object, path: str | Path) -> None:
    """Write JSON, whole or not at all; NaN becomes null."""
    with atomic_path(path) as part:
        part.write_text(json.dumps(_plain(value), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> object:
    path = _required(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): delete it and run the notebook that writes it again") from None


def _required(path: str | Path) -> Path:
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} is not there: run the notebook that writes it first (its head says which)")
    return Path(path)


def _plain(value: object) -> object:
    """NumPy scalars, arrays and paths as what JSON knows."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value
