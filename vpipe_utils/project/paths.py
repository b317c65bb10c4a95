"""Where everything lies: the project, and what each preset and run writes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

APPROACHES = ("frame", "video", "super_image")
TRICKS = "+"  # between a model and its tricks, and between tricks: no name has one


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


class RunName(NamedTuple):
    """What tells the runs of an approach apart, and how their folders are called after it."""

    model: str
    fold: int
    trick: str | None = None  # several are joined by +
    repetition: int = 0

    @property
    def recipe(self) -> str:
        """`lite0`, with tricks `lite0+no_ema+no_flip`."""
        return TRICKS.join((self.model, self.trick)) if self.trick else self.model

    @property
    def part(self) -> str:
        """`fold_0`; further runs of the same fold are `fold_0_1`, `fold_0_2`, ..."""
        return f"fold_{self.fold}_{self.repetition}" if self.repetition else f"fold_{self.fold}"

    @classmethod
    def of_folders(cls, recipe: str, part: str) -> RunName:
        model, _, trick = recipe.partition(TRICKS)
        fold, _, repetition = part.removeprefix("fold_").partition("_")
        return cls(model, int(fold), trick or None, int(repetition or 0))


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
        self.tricks = self.root / "tricks"  # of `make bench`: a record a run and, made of them, its tables

    def run(self, approach: str, model: str, fold: int, trick: str | None = None, repetition: int = 0) -> Path:
        """The folder of a run: runs/<approach>/<recipe>/<fold>, see `RunName`."""
        if approach not in APPROACHES:
            raise ValueError(f"approach '{approach}' is unknown; it is one of {', '.join(APPROACHES)}")
        name = RunName(model, fold, trick, repetition)
        return self.root / "runs" / approach / name.recipe / name.part

    def weak(self, name: str, fold: int, repetition: int = 0) -> Path:
        """Of notebook 09: features (`simclr`) or a run (`simclr_transmil`); another repetition has another seed."""
        return self.root / "weak" / name / RunName(name, fold, None, repetition).part
