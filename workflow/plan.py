"""What the Snakefile asks before it plans: which runs there are, with which values, and how much memory they take.

Nothing is written here. Snakemake remembers with which values it ran a job. It runs the job again when they differ
(`params` in workflow/profiles). A new comment in a parameter file changes no value, so no job runs again. A new model
in data.yaml is trained; the other models stay.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sources import record

from vpipe_utils.evaluation.sight.record import PROVENANCE, TABLES, record_folder
from vpipe_utils.learning.params import fits, read_model
from vpipe_utils.project.dependencies import PACKAGES, code_of, deciding_versions, state_of_weights
from vpipe_utils.project.names import require_model_name
from vpipe_utils.project.parameter_files import (
    LIST_OF_RUNS,
    MAKES_DATA,
    NAMES,
    PLACE,
    layer_files,
    model_names,
    read_layers,
    runs_benchmarks,
    runs_weak,
)
from vpipe_utils.project.paths import APPROACHES, Layout, RunName, project_root, resolve
from vpipe_utils.report.tricks.bench_tables import BENCH, coverage_file, table_files

# Of each step: its notebook, and what it is called, behind the notebook's number, where users are told of it.
STEPS = {
    "data": ("01_data_preparation", "data"),
    "folds": ("02_folds", "folds"),
    "frame": ("03_frame_baseline", "frame"),
    "video": ("04_video_swin", "video"),
    "super_image": ("05_super_image", "super-image"),
    "ensemble": ("06_ensemble", "ensemble"),
    "boosting": ("07_boosting_tricks", "boosting tricks"),
    "lowering": ("08_lowering_tricks", "lowering tricks"),
    "weak": ("09_weak_supervision", "weak supervision"),
    "report": ("10_report", "report"),
    "review": ("11_predict", "predict"),
    "benchmarks": ("12_benchmarks", "benchmarks"),
    "sight": ("13_when_super_images_pay", "when super-images pay"),
}
NOTEBOOKS = {step: notebook for step, (notebook, _) in STEPS.items()}
TITLES = {step: f"{notebook[:2]} {title}" for step, (notebook, title) in STEPS.items()} | {"site": "HTML pages"}
# Of a run, beside its notebook.
TRAINED = ("params.yaml", "metrics.json", "history.csv", "val_predictions.parquet", "weights.safetensors")


class Plan:
    """One preset's runs and values; `outputs`: another folder for everything that is written.

    `tricks`: what every model is trained with besides. `missing`: runs without which the pages are made, by the names
    of their folders, as in super_image/lite0/fold_0.
    """

    def __init__(
        self,
        preset: str,
        outputs: str | None = None,
        memory_mb: int | None = None,
        tricks: Sequence[str] = (),
        missing: Sequence[str] = (),
    ) -> None:
        self.preset, self.memory_mb = preset, memory_mb
        self.data = read_layers(layer_files(preset))
        folder = resolve(outputs or self.data["outputs"])
        # Relative inside the project, so that a project that is moved has nothing to do again.
        inside = folder.is_relative_to(project_root())
        self.layout = Layout(folder.relative_to(project_root()) if inside else folder, preset)
        self.models = [(approach, model) for approach in APPROACHES for model in self.data[f"{approach}_models"]]
        for _, model in self.models:
            require_model_name(model)
        self.folds: list[int] = self.data["train_folds"]
        self.missing = set(missing)
        self.with_tricks = [
            (approach, model, trick) for trick in tricks for approach, model in self.models if fits(trick, approach)
        ]
        self.jobs = int(self.data["data_jobs"])
        self.with_benchmarks = runs_benchmarks(preset, self.data["source"])
        self.with_weak = runs_weak(preset)

    def runs(self) -> list[Path]:
        """The folders of all runs that the pages wait for."""
        return [folder for folder in self._folders(self.models) if self._name(folder) not in self.missing]

    def trick_runs(self) -> list[Path]:
        """The folders of the runs with tricks: no page but their own waits for them."""
        return [folder for folder in self._folders(self.with_tricks) if self._name(folder) not in self.missing]

    def unfinished(self) -> list[str]:
        """Names of the runs, with tricks or without, that have no result."""
        folders = self._folders([*self.models, *self.with_tricks])
        return [self._name(folder) for folder in folders if not resolve(folder / "metrics.json").is_file()]

    def _folders(self, recipes: Sequence[tuple[str, ...]]) -> list[Path]:
        """The folders of the runs of recipes: approach, model and, where there is one, trick."""
        return [
            self.layout.run(approach, model, fold, *trick)
            for approach, model, *trick in recipes
            for fold in self.folds
        ]

    def _name(self, folder: Path) -> str:
        return folder.relative_to(self.layout.root / "runs").as_posix()

    def values(self) -> str:
        """The effective values of notebooks 01 and 02."""
        return _text(self._values(self.preset, PLACE | NAMES | LIST_OF_RUNS))

    def values_of_training(self, recipe: str, part: str) -> str:
        """Of a run by the names of its folders, as `RunName` makes them."""
        run = RunName.of_folders(recipe, part)
        values = self._values(self.preset, PLACE | NAMES | LIST_OF_RUNS | MAKES_DATA, run.model, run.fold, run.trick)
        values |= {key: value for key, value in run._asdict().items() if value}  # nothing new of a plain run
        return _text(values | deciding_versions() | {"weight_file": state_of_weights(values)})

    def values_of_results(self) -> str:
        """Of notebooks 06 and 10, which show names and list the runs."""
        return _text(self._values(self.preset, PLACE, "ensemble"))

    def values_of_weak(self) -> str:
        """Of notebook 09, which takes network, weights, loss and budget from a super-image run."""
        values = self._values(self.preset, PLACE | NAMES | LIST_OF_RUNS | MAKES_DATA, "weak")
        return _text({"own": values, "reference": self.values_of_training(*self.weak_reference)})

    @property
    def weak_reference(self) -> tuple[str, str]:
        """The super-image run from which notebook 09 takes network and budget, by the names of its folders."""
        return read_layers(layer_files(self.preset, "weak"))["weak_reference"], f"fold_{self.folds[0]}"

    def weak_beside(self) -> list[Path]:
        """The runs beside which notebook 09 stands, on the fold that it takes, with as many repetitions as its own."""
        values = read_layers(layer_files(self.preset, "weak"))
        repetitions = range(values["weak_repetitions"])
        names = [name.split("/") for name in values["weak_beside"]]
        return [self.layout.run(*name, self.folds[0], None, k) for k in repetitions for name in names]

    def values_of_benchmarks(self) -> str:
        """Of notebook 12, which counts every model of `paper` and measures those of this preset."""
        unwanted = PLACE | NAMES | {"train_folds"}
        wanted = [("paper", name) for name in model_names("paper")] + [(self.preset, model) for _, model in self.models]
        models = {f"{preset}/{model}": self._values(preset, unwanted, model) for preset, model in wanted}
        return _text({"own": self._values(self.preset, unwanted, "benchmarks"), **models})

    def _values(self, preset: str, unwanted: set[str], *layers: Any) -> dict[str, Any]:
        """The merged layers, but for what changes nothing that the step computes; `layers`: model, fold, trick."""
        values = read_layers(layer_files(preset, *layers))
        return {key: value for key, value in values.items() if key not in unwanted}

    @property
    def held_out(self) -> list[Path]:
        """The table of held-out labels, where notebook 01 writes one."""
        there = self.data["source"] == "pipesim" or self.data["test_annotations"]
        return [self.layout.test_labels_table] if there else []

    def made_otherwise(self) -> list[str]:
        """Files of finished jobs that must be made again though Snakemake cannot tell.

        Its notes on the values of earlier jobs lie in .snakemake; a copied outputs folder comes without. So training
        runs are compared by the parameters and versions that they kept themselves, which finds those made by hand, too.
        """
        files = []
        for approach, model in self.models:
            for fold in self.folds:
                folder = self.layout.run(approach, model, fold)
                made = folder / "metrics.json"
                if made.is_file() and self._differs(folder, model, fold):
                    note = _note(made)
                    if note is None or repr(self.values_of_training(model, str(fold))) in note["params"]:
                        files.append(made)  # else Snakemake sees it, too, and says which value has changed
        return [str(file) for file in files]

    def without_notes(self) -> str:
        """A sentence where Snakemake has no note on the data; else empty."""
        if not self.layout.videos_table.is_file() or _note(self.layout.videos_table) is not None:
            return ""
        return (
            f"There are no notes on how {self.layout.root} was made (.snakemake is gone, the folder was copied, or "
            "notebooks were run by hand). Changed parameters of training are seen all the same. If the clips, the "
            f"labels or data.yaml have changed since, delete {self.layout.root / 'data'}"
        )

    def _differs(self, folder: Path, model: str, fold: int) -> bool:
        # As checked and saved: a file may say "0.1" where the run kept the number, and must not train for ever.
        wanted = read_model(self.preset, model, fold).model_dump(exclude=PLACE | NAMES | LIST_OF_RUNS | MAKES_DATA)
        try:
            kept = read_layers([folder / "params.yaml"])
            packages = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["packages"]
        except (OSError, ValueError, KeyError):
            return True
        versions = {name: packages.get(name) for name in PACKAGES}
        return versions != deciding_versions() or any(kept.get(key) != value for key, value in wanted.items())

    def raw_files(self) -> str:
        """What own data is now: a digest of names, sizes and dates of videos and of the annotation files' content."""
        if self.data["source"] != "files":
            return ""
        annotations = [resolve(self.data[key]) for key in ("annotations", "test_annotations") if self.data[key]]
        return _digest(record(resolve(self.data["videos_dir"] or ""), annotations))

    def memory(self, recipe: str, part: str, attempt: int = 1) -> int:
        """Main memory of a training job in MB, for Slurm and for the limit of one machine; never more than that.

        A further attempt, of which there are some on a cluster, gets half as much again: a lack of memory may have
        ended the last one. Its notebook goes on from its checkpoint.
        """
        wanted = 1000 * self._of_run(recipe, part)["memory_gb"] * (1 + (attempt - 1) / 2)
        return int(min(wanted, self.memory_mb or wanted))

    def minutes(self, recipe: str, part: str, attempt: int = 1) -> int:
        """After how many minutes a cluster ends a training job; a further attempt gets as much again."""
        return int(60 * self._of_run(recipe, part)["time_limit_h"] * attempt)

    def threads(self, recipe: str, part: str) -> int:
        """Cores of a training job on a cluster, where it has a GPU and cores of its own: one and its loaders each."""
        return self.devices(recipe, part) * (1 + int(self._of_run(recipe, part)["loader_workers"]))

    def devices(self, recipe: str, part: str) -> int:
        """GPUs of a training job."""
        return int(self._of_run(recipe, part)["devices"])

    def most_threads(self) -> int:
        """Cores of notebooks 09 and 12 on a cluster: as many as the preset's largest training job."""
        return max((self.threads(model, str(fold)) for _, model in self.models for fold in self.folds), default=1)

    def _of_run(self, recipe: str, part: str) -> dict[str, Any]:
        run = RunName.of_folders(recipe, part)
        return read_layers(layer_files(self.preset, run.model, run.fold, run.trick))

    def sight_record(self) -> list[Path]:
        """The files of the record that notebook 13 shows; none before the first `make sight`."""
        folder = record_folder(resolve(self.layout.root.parent))
        inside = folder is not None and folder.is_relative_to(project_root())
        folder = folder.relative_to(project_root()) if inside else folder
        return [] if folder is None else [folder / name for name in (*(f"{table}.csv" for table in TABLES), PROVENANCE)]

    def bench_tables(self, preset: str = BENCH) -> list[Path]:
        """What pages show of the bench, or of what was measured beside it; none before the first `make bench`."""
        return self._there(table_files(resolve(self.layout.root.parent), preset))

    def coverage(self) -> list[Path]:
        """What notebook 07 shows of the simulation."""
        return self._there([coverage_file()])

    def evidence_record(self) -> list[Path]:
        """What notebook 11 shows of `make evidence`."""
        folder = project_root() / "outputs" / "reference" / "evidence"
        return self._there(sorted(file for file in folder.glob("*") if file.suffix in (".csv", ".json")))

    def _there(self, files: Sequence[Path]) -> list[Path]:
        """Those that exist; relative inside the project."""
        found = [file for file in files if file.is_file()]
        return [file.relative_to(project_root()) if file.is_relative_to(project_root()) else file for file in found]

    def most_memory(self) -> int:
        """What notebook 12 takes, which builds the preset's networks one after another."""
        return max(self.memory(model, str(fold)) for _, model in self.models for fold in self.folds)


def mark_of(file: Path, kind: str) -> Path:
    """Where Snakemake keeps what it knows of a file: `metadata`, how it was made, or `incomplete`, being made."""
    name = base64.urlsafe_b64encode(str(file).encode()).decode()
    parts = [name[i : i + 254] for i in range(0, len(name), 254)]  # as Snakemake cuts names too long for a disk
    return Path(".snakemake", kind, *(f"@{part}" for part in parts[:-1]), parts[-1])


def _note(file: Path) -> dict[str, Any] | None:
    """Snakemake's note on how a file was made."""
    try:
        return json.loads(mark_of(file, "metadata").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def job_words(recipe: str, part: str) -> str:
    """What job.py is told of a run, from the names of its folders."""
    words = {key: value for key, value in RunName.of_folders(recipe, part)._asdict().items() if value or key == "fold"}
    return " ".join(f"--{key} {value}" for key, value in words.items())


def notebook(step: str) -> str:
    return f"notebooks/{NOTEBOOKS[step]}.ipynb"


def code_digest(step: str) -> str:
    """Of the cells that load, train and finish a run: text and figures may be improved without days of training."""
    path = Path(notebook(step))
    return _digest(code_of(path, "fold_run.")) if path.is_file() else "missing"


def _text(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, ensure_ascii=False)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
