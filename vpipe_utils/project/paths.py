"""Where everything lies: the project, and what each preset and run writes."""

from __future__ import annotations

from dataclasses import dataclass
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
    def training_clips(self) -> Path:
        """A digest a fold of all that training sees of the data."""
        return self.root / "data" / "training_clips.json"

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
