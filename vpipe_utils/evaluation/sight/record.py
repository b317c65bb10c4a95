"""The record of the grid: small tables that stay in git, so that the page needs no hours of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vpipe_utils.project.paths import Layout, project_root
from vpipe_utils.storage.files import atomic_path
from vpipe_utils.storage.tables import read_json, write_json

PRESETS = ("sight_10", "sight_30", "sight_60")  # by rising share in sight
TABLES = ("sets", "runs", "cells", "classes", "turns")
PROVENANCE = "provenance.json"

SUPER_IMAGE = "super-image"
FRAMES = "frames, mean"
COLOUR = "colour alone"
# Method -> its model ('approach/model') and, for frames, the suffix of the files of a pooling.
METHODS = {
    SUPER_IMAGE: ("super_image/lite0", ""),
    "tiles one by one": ("super_image/lite0_tiles", ""),
    FRAMES: ("frame/frame_lite0", ""),
    "frames, mean of logits": ("frame/frame_lite0", "_logit_mean"),
    "frames, median": ("frame/frame_lite0", "_median"),
    "frames, maximum": ("frame/frame_lite0", "_max"),
    "Video Swin": ("video/video_swin_small", ""),
}


@dataclass(frozen=True)
class Record:
    """The tables of `gather` and where they were made."""

    folder: Path
    sets: pd.DataFrame
    runs: pd.DataFrame
    cells: pd.DataFrame
    classes: pd.DataFrame
    turns: pd.DataFrame
    provenance: Mapping[str, object]


def write_record(folder: Path, tables: Mapping[str, pd.DataFrame], provenance: Mapping[str, object]) -> Record:
    """Write the tables as CSV, six decimals, and last provenance.json, by which a record counts as whole; read it."""
    (folder / PROVENANCE).unlink(missing_ok=True)
    for name in TABLES:
        with atomic_path(folder / f"{name}.csv") as part:
            tables[name].to_csv(part, index=False, float_format="%.6f")
    write_json(provenance, folder / PROVENANCE)
    return _read(folder)


def record_lies(outputs: Path) -> Path:
    """Where `make sight` writes the record."""
    return Layout(outputs, "sight").record


def record_folder(outputs: Path) -> Path | None:
    """Where a whole record lies: the user's own below ``outputs``, else the one in git; None where there is none."""
    for folder in (record_lies(outputs), project_root() / "outputs" / "reference" / "sight"):
        if (folder / PROVENANCE).is_file():
            return folder
    return None


def read_record(outputs: Path) -> Record | None:
    """The record that `record_folder` finds. Raises FileNotFoundError where one of its tables is missing."""
    folder = record_folder(outputs)
    return None if folder is None else _read(folder)


def _read(folder: Path) -> Record:
    tables = {name: pd.read_csv(folder / f"{name}.csv") for name in TABLES}
    return Record(folder, **tables, provenance=read_json(folder / PROVENANCE))
