"""The bench of tricks: the runs that params/<preset>/plan.yaml asks for, a small record of each, and what they say.

    python workflow/bench.py --jobs 2 -- further Snakemake options
    python workflow/bench.py --together 16

Training is workflow/run.py's, some runs at a time, so that it goes on where a stopped one was, on this machine or on a
cluster. With --together it is done in processes of this script, a run each, by the calls that the notebook makes: one
such small run keeps no GPU busy, sixteen do. Each finished run leaves a record in outputs/<preset>/tricks/runs/. A run
that has a record there, or in git under outputs/reference/<preset>/runs/, with the parameters that it would have today,
is not trained again.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
import where
from here import ROOT, faults_told
from job import require_usable_gpus
from run import hold_lock

from vpipe_utils.data.params import DataParams
from vpipe_utils.data.prepared_tables import read_held_out, read_labels, read_test_videos
from vpipe_utils.evaluation.params import EnsembleParams
from vpipe_utils.evaluation.tricks.plan import Plan, read_plan
from vpipe_utils.evaluation.tricks.records import LABELS, PLAIN, RunRecord, known_labels, read_records, write_record
from vpipe_utils.evaluation.tricks.tuning import chosen_rates
from vpipe_utils.learning.params import read_model
from vpipe_utils.project.parallel import run_parallel, usable_cores
from vpipe_utils.project.parameter_files import LIST_OF_RUNS, NAMES, PLACE
from vpipe_utils.project.paths import Layout, RunName
from vpipe_utils.project.seeds import derive_seed
from vpipe_utils.storage.files import atomic_path
from vpipe_utils.storage.tables import read_json, read_table

FIGURES = ("weights", "best_epoch", "epochs", "val_mAP", "parameters", "precision", "device")
VARIES = ("time",)  # in provenance.json, from one making of the same run to the next
WEIGHTS = "weights.safetensors"
A_TIME = 8  # runs a job slot between two rounds of records: what a stopped bench would have to train again is less


def main() -> None:
    parser = argparse.ArgumentParser(description="run the bench of tricks and write its records")
    parser.add_argument("--preset", default="bench", help="a folder of params/ with a plan.yaml")
    parser.add_argument("--together", type=int, help="runs at a time that share one GPU, or this machine's cores")
    arguments, further = where.parsed(parser)
    os.chdir(ROOT)
    with faults_told("make bench"):
        bench = Bench(arguments.preset, arguments.outputs, arguments.jobs, further, arguments.profile)
        if arguments.together is not None:
            bench.share_this_machine(arguments.together)
        first = [*bench.plan.screening(), *bench.plan.tuning()]
        bench.make(f"screening and tuning of {arguments.preset}", first)
        confirmation = bench.plan.confirmation(chosen_rates(bench.plan, bench.records()))
        if not further and first and confirmation:  # hours lie between: what screening tells can be read meanwhile
            print(f"the tables so far: {write_tables(bench.data.layout.tricks, bench.tables())}", file=sys.stderr)
        bench.make(f"confirmation of {arguments.preset}", confirmation)
        if not further:
            folder = write_tables(bench.data.layout.tricks, bench.tables())
            print(f"the tables: {folder}; make report shows them", file=sys.stderr)


class Bench:
    """One preset's plan, and the records that there are of its runs.

    Beside those in git there may be some of the same runs made on a CPU, in cpu/, with which they are compared.
    """

    def __init__(
        self, preset: str, outputs: str | None, jobs: int | None, further: list[str], profile: str = "default"
    ) -> None:
        self.preset, self.outputs, self.further, self.profile = preset, outputs, further, profile
        self.jobs_given, self.jobs = jobs, jobs or usable_cores()
        self.plan: Plan = read_plan(preset)
        self.data = DataParams.from_preset(preset, outputs)
        self.approach = read_model(preset, self.plan.model).approach
        self.folder = self.data.layout.tricks / "runs"  # where records are written
        self.kept = ROOT / "outputs" / "reference" / preset / "runs"  # those in git
        self.others: list[Path] = []  # more folders of records that count
        self.together: int | None = None  # runs at a time in processes of this script; None: by the workflow
        self.locked = False  # whether this process holds the preset's lock, as it then does until it ends
        self.augmented = True  # whether the paper's own recipe predicts under test-time augmentation, too
        for name in [*self.plan.screening(), *self.plan.tuning(), *self.plan.confirmation({})]:
            self.values(name)  # tricks that cannot be trained together are told now, not after hours

    def records(self) -> dict[RunName, RunRecord]:
        """Records with the parameters of today, the user's own first."""
        found = read_records([self.folder, self.kept, *self.others])
        return {name: record for name, record in found.items() if record.values == self.values(name)}

    def values(self, name: RunName) -> Mapping[str, object]:
        """The effective parameters of a run that decide what it computes."""
        params = read_model(self.preset, name.model, name.fold, name.trick)
        params = params.model_copy(update={"repetition": name.repetition})
        return params.model_dump(mode="json", exclude=PLACE | NAMES | LIST_OF_RUNS)

    def share_this_machine(self, together: int) -> None:
        """Train so many runs at a time from now on, in processes of this script. ValueError where that cannot be."""
        if together < 1:
            raise ValueError(f"--together is {together}: say how many runs are to be trained at a time, 1 or more")
        if self.further or self.profile != "default":
            unwanted = " ".join(self.further) or f"--profile {self.profile}"
            raise ValueError(f"--together trains on this machine, without Snakemake: leave {unwanted} out")
        require_usable_gpus(os.environ)
        self.together = together

    def make(self, what: str, names: Iterable[RunName]) -> None:
        """Train, predict and record those of these runs that have no record."""
        wanted = list(dict.fromkeys(names))
        done = self.records().keys()
        missing = [name for name in wanted if name not in done]
        print(f"{what}: {len(wanted)} runs, {len(wanted) - len(missing)} of them are recorded", file=sys.stderr)
        if self.together:
            self.train_together(missing)
            print(f"{what}: {len(wanted)} of {len(wanted)}", file=sys.stderr)
            return
        step = A_TIME * self.jobs
        for start in range(0, len(missing), step):
            chunk = missing[start : start + step]
            self.train(chunk)
            if not self.further:  # else it may be a plan, or a part
                self.record(chunk)
                print(f"{what}: {len(wanted) - len(missing) + start + len(chunk)} of {len(wanted)}", file=sys.stderr)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Those of `evaluation.tricks.gather`."""
        from vpipe_utils.evaluation.tricks.gather import gather  # statistics, seconds of imports

        elsewhere = read_records([self.kept.with_name("cpu")])
        elsewhere = {name: record for name, record in elsewhere.items() if record.values == self.values(name)}
        return gather(self.plan, self.records(), self.labels(), *self.draws(), elsewhere)

    def labels(self) -> pd.DataFrame:
        """Of all clips that the records predict."""
        places = (self.folder, self.kept, *self.others)
        return known_labels(next((each for each in places if (each / LABELS).is_file()), self.folder))

    def draws(self) -> tuple[int, int]:
        """Draws of recordings for an interval, and their seed."""
        return EnsembleParams.from_preset(self.preset).bootstrap, derive_seed(self.data.seed, "bootstrap")

    def train(self, names: Iterable[RunName]) -> None:
        # As the Snakefile has them: relative inside the project.
        root = self.data.layout.root
        root = root.relative_to(ROOT) if root.is_relative_to(ROOT) else root
        targets = [str(root / "runs" / self.approach / name.recipe / name.part / "metrics.json") for name in names]
        where.run(self.preset, self.jobs_given, self.profile, self.outputs, [*targets, *self.further])

    def train_together(self, names: Sequence[RunName]) -> None:
        """Train and record these runs, so many at a time; the data of notebooks 01 and 02 are brought up to date first.

        Where a run fails, those that are recorded stay. Raises ValueError for what a user can mend.
        """
        if not names:
            return
        root = self.data.layout.root.resolve()
        if not self.locked:
            where.run(self.preset, self.jobs_given, self.profile, self.outputs, ["--until", "folds"])
            hold_lock(root)
            self.locked = True
        train = partial(train_run, preset=self.preset, root=root.parent)
        try:
            self.record(names, before=train, workers=self.together, description="training and predicting")
        except (MemoryError, FloatingPointError) as error:
            raise ValueError(f"{error}; or lower --together (TOGETHER, now {self.together})") from error

    def record(
        self,
        names: Iterable[RunName],
        before: Callable[[RunName], object] | None = None,
        workers: int | None = None,
        description: str = "predicting held-out clips",
    ) -> None:
        """Write the records of these runs; ``before``: what is called with each, in the same process."""
        layout = self.data.layout
        labels = [read(layout, self.data.class_codes) for read in (read_labels, read_held_out)]
        known_labels(self.folder, pd.concat(labels, ignore_index=True))
        folders = {name: layout.run(self.approach, *name) for name in names}
        values = {name: self.values(name) for name in folders}
        make = partial(record_run, folder=self.folder, values=values, augmented=self.augmented, before=before)
        for _ in run_parallel(make, list(folders.items()), workers or self.jobs, description=description):
            pass


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> Path:
    """Write tables as CSV into a folder, where no others stay; give it."""
    for old in folder.glob("*.csv"):
        old.unlink()  # of a part that this plan has no longer
    for name, table in tables.items():
        with atomic_path(folder / f"{name}.csv") as part:
            table.to_csv(part, index=False, float_format="%.6f")
    return folder


def train_run(name: RunName, preset: str, root: Path) -> None:
    """Train one run of a preset as its notebook does, on one core beside the GPU; ``root``: the outputs folder."""
    import torch  # takes seconds

    from vpipe_utils.learning.fold_run import finish, load_fold, train_fold

    torch.set_num_threads(1)  # others train beside it
    params = read_model(preset, name.model, name.fold, name.trick)
    params = params.model_copy(update={"repetition": name.repetition, "outputs": str(root)})
    data = load_fold(params, params.approach)
    finish(data, *train_fold(data, progress=False), progress=False)


def record_run(
    run: tuple[RunName, Path],
    folder: Path,
    values: Mapping[RunName, Mapping[str, object]],
    augmented: bool = True,
    before: Callable[[RunName], object] | None = None,
) -> Path:
    """Write the record of one finished run; if ``augmented``, the paper's own recipe under test-time augmentation, too.

    Nothing that differs from one making of the same run to the next is kept: no time, no duration. ``before`` is called
    with the run first.
    """
    from vpipe_utils.learning.fold_run import predict_augmented, predict_others  # PyTorch takes seconds

    name, lies = run
    if before:
        before(name)
    metrics = read_json(lies / "metrics.json")
    made = {key: value for key, value in read_json(lies / "provenance.json").items() if key not in VARIES}
    validated = read_table(lies / "val_predictions.parquet")
    if name.trick or not augmented:
        predict_others(lies, progress=False)
        val, held_out = {PLAIN: validated}, {PLAIN: read_table(lies / "test_predictions.parquet")}
    else:
        layout = Layout(lies.parents[4], lies.parents[3].name)
        parts = list(validated["video"]), read_test_videos(layout)
        val, held_out = (predict_augmented(lies, videos, progress=False) for videos in parts)
    figures = {key: metrics[key] for key in FIGURES}
    path = write_record(folder, RunRecord(name, val, held_out, figures, values[name], made))
    if name.trick:
        (lies / WEIGHTS).unlink()  # 14 MB; the predictions are what is compared
    return path


if __name__ == "__main__":
    main()
