"""Where everything lies: the project, and what each preset and run writes."""

from __future__ import annotations

from pathlib import Path

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


class Layout:
    """Paths of one preset's artefacts. A file's path says what it is."""

    def __init__(self, outputs: str | Path, preset: str) -> None:
        self.root = Path(outputs) / preset
        data = self.root / "data"
        self.videos_table = data / "videos.parquet"
        self.labels_table = data / "labels.parquet"
        # Held-out labels: there for PipeSim and for own data that brings them, absent for QV-Pipe.
        self.test_labels_table = data / "test_labels.parquet"
        # What earlier runs found out about each video: the journal of notebook 01, or one a part of the videos.
        self.probes = data / "probes"
        self.folds_table = data / "folds.parquet"
        self.training_clips = data / "training_clips.json"  # a digest a fold of all that training sees of the data
        self.pipesim = self.root / "pipesim"
        self.tiles = self.root / "tiles"
        self.ensemble = self.root / "ensemble"
        self.costs_table = self.root / "benchmarks" / "costs.parquet"
        self.rehearsal = self.root / "rehearsal"  # of `make rehearse`: its table, and a small run of the whole preset
        self.headline = self.root / "headline"  # what the start page of the report shows; written by notebook 10
        self.record = self.root / "record"  # of preset sight alone: what `make sight` found (notebook 13)
        self.report = self.root / "report"

    def run(self, approach: str, model: str, fold: int) -> Path:
        if approach not in APPROACHES:
            raise ValueError(f"approach '{approach}' is unknown; it is one of {', '.join(APPROACHES)}")
        return self.root / "runs" / approach / model / f"fold_{fold}"
