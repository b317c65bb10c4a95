"""Where a run's artefacts lie, how they are written and read, and where they came from."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from vpipe_utils.storage.files import atomic_path, make_folder, writing

__all__ = ["atomic_path", "make_folder", "writing"]  # files', which many take from here
APPROACHES = ("frame", "video", "super_image")


def project_root() -> Path:
    """Folder that holds `params/`, `notebooks/` and `outputs/`: the one above this package."""
    return Path(__file__).resolve().parents[2]


def resolve(path: str | Path) -> Path:
    """Absolute path; a relative one counts from the project root, wherever the notebook was started.

    Raises ValueError for a `~` where the system knows no home folder.
    """
    try:
        path = Path(path).expanduser()
    except RuntimeError:
        raise ValueError(f"'{path}' begins with '~', but there is no such home folder here: write it out") from None
    return path if path.is_absolute() else project_root() / path


@dataclass(frozen=True)
class Layout:
    """Paths of one preset's artefacts. A file's path says what it is."""

    outputs: Path
    preset: str

    @property
    def root(self) -> Path:
        return Path(self.outputs) / self.preset

    @property
    def videos_table(self) -> Path:
        return self.root / "data" / "videos.parquet"

    @property
    def labels_table(self) -> Path:
        return self.root / "data" / "labels.parquet"

    @property
    def test_labels_table(self) -> Path:
        """Held-out labels: there for PipeSim and for own data that brings them, absent for QV-Pipe."""
        return self.root / "data" / "test_labels.parquet"

    @property
    def probes(self) -> Path:
        """What earlier runs found out about each video: the journal of notebook 01, or one a part of the videos."""
        return self.root / "data" / "probes"

    @property
    def folds_table(self) -> Path:
        return self.root / "data" / "folds.parquet"

    @property
    def pipesim(self) -> Path:
        return self.root / "pipesim"

    @property
    def tiles(self) -> Path:
        return self.root / "tiles"

    @property
    def ensemble(self) -> Path:
        return self.root / "ensemble"

    @property
    def costs_table(self) -> Path:
        return self.root / "benchmarks" / "costs.parquet"

    @property
    def rehearsal(self) -> Path:
        """What `make rehearse` writes: its table, and a small run of the whole preset."""
        return self.root / "rehearsal"

    @property
    def headline(self) -> Path:
        """What the start page of the HTML report shows; written by notebook 10."""
        return self.root / "headline"

    @property
    def report(self) -> Path:
        return self.root / "report"

    def run(self, approach: str, model: str, fold: int) -> Path:
        if approach not in APPROACHES:
            raise ValueError(f"approach '{approach}' is unknown; it is one of {', '.join(APPROACHES)}")
        return self.root / "runs" / approach / model / f"fold_{fold}"


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as Parquet, whole or not at all."""
    with atomic_path(path) as part:
        table.to_parquet(part, index=False)


def read_table(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table, or some columns of it.

    Raises FileNotFoundError for a missing one and ValueError for one that is damaged or lacks a column, and says what
    to do.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: run the notebook that writes it first (its head says which)")
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
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: run the notebook that writes it first (its head says which)")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): delete it and run the notebook that writes it again") from None


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


def validate_predictions(
    table: pd.DataFrame, classes: Sequence[str], videos: Sequence[str] | None = None, where: str = "predictions"
) -> pd.DataFrame:
    """Check that `table` is one row a video of probabilities in [0, 1]; return it in the order of `videos`.

    Raises ValueError naming `where`, the first offending video and the fault.
    """
    expected = ["video", *classes]
    if list(table.columns) != expected:
        raise ValueError(f"{where}: columns are {list(table.columns)}, expected {expected}")
    twice = table["video"][table["video"].duplicated()]
    if len(twice):
        raise ValueError(f"{where}: video '{twice.iloc[0]}' has more than one row")
    if videos is not None:
        missing = sorted(set(videos) - set(table["video"]))
        if missing:
            raise ValueError(f"{where}: {len(missing)} of {len(videos)} videos are missing, first '{missing[0]}'")
        extra = sorted(set(table["video"]) - set(videos))
        if extra:
            raise ValueError(f"{where}: video '{extra[0]}' is not one of the {len(videos)} expected")
        table = table.set_index("video").loc[list(videos)].reset_index()
    values = table[list(classes)].to_numpy(dtype=np.float32)
    bad = ~((values >= 0) & (values <= 1))  # also true for NaN
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"{where}: video '{table['video'].iloc[row]}', class {classes[column]}: "
            f"{values[row, column]} is no probability in [0, 1]"
        )
    values = pd.DataFrame(values, columns=list(classes), index=table.index)
    return pd.concat([table[["video"]], values], axis=1)


def write_predictions(
    table: pd.DataFrame, path: str | Path, videos: Sequence[str] | None, classes: Sequence[str]
) -> None:
    """Validate and write probabilities, one row a video (`videos`: those that must be there, no other)."""
    write_table(validate_predictions(table, classes, videos, str(path)), path)


def read_predictions(path: str | Path, classes: Sequence[str], videos: Sequence[str] | None = None) -> pd.DataFrame:
    """Read and validate probabilities, in the order of `videos` where given."""
    return validate_predictions(read_table(path), classes, videos, str(path))


def derive_seed(seed: int, *names: object) -> int:
    """A 31-bit seed that differs for every (seed, names…) and is the same on every machine."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def provenance() -> dict[str, object]:
    """Git commit, versions and hardware of this process, to be stored beside every run."""
    packages = ("torch", "timm", "lightning", "mmaction2", "numpy", "opencv-python", "av", "scikit-learn")
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain")),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_cores": os.cpu_count(),
        "packages": {name: _version(name) for name in packages},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(*words: str) -> str | None:
    """Output of a git command in the project, None where there is no git or no repository."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=project_root(), capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
