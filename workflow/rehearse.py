"""A rehearsal before GPU days are spent: every model of a preset through its real notebook, for a few updates.

    python workflow/rehearse.py --preset paper                  (or: make rehearse PRESET=paper)

Notebooks 01 and 02 make a handful of PipeSim clips and folds; then each model's notebook trains on the first fold at
its real size, is killed after its first validation, goes on from there, validates and predicts. The table at the end
says what failed, what it holds in memory, how fast it is and how long the whole would take. On a CPU tiles and batches
are small: what fails there fails everywhere, but memory and hours are those of a GPU alone. Own data need not be there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import home
import pandas as pd
from here import ROOT
from job import job_environment, last_line, papermill, plain_ipython, require_usable_gpus, visible_gpus, why_stopped
from plan import NOTEBOOKS
from run import REHEARSAL, end_leftovers, hold_lock

from vpipe_utils.data import video_table
from vpipe_utils.data.label_checks import read_own_labels
from vpipe_utils.data.params import DataParams
from vpipe_utils.learning.params import FrameParams, TrainParams, VideoParams, read_model
from vpipe_utils.project.parameter_files import model_names
from vpipe_utils.project.paths import Layout
from vpipe_utils.storage.files import atomic_path, make_folder, sweep, temporary_folder
from vpipe_utils.storage.tables import read_json

EPOCHS, CPU_EPOCHS = 3, 2  # one before it is killed, one that warms up, on a GPU one that is timed
CPU_TILE, CPU_BATCH = 32, 2
FIXED_TILE = 56  # of backbones that take one size only: four patches of 14 px
NO_WEIGHTS = "pretrained weights of"  # how the sentence begins that says they cannot be had


def main() -> int:
    parser = argparse.ArgumentParser(description="take every model of a preset through its notebook for a few updates")
    parser.add_argument("--preset", default="paper", help="a folder of params/")
    parser.add_argument("--models", nargs="+", help="these alone")
    parser.add_argument("--outputs", help="where everything is written; else outputs/<preset>/rehearsal")
    parser.add_argument("--random-weights", action="store_true", help="do not ask the hub for pretrained weights")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    home.provide(os.environ)
    try:
        models = models_of(arguments.preset)
        chosen = {name: of for name, of in models.items() if name in (arguments.models or models)}
        unknown = set(arguments.models or ()) - set(models)
        if unknown:
            raise ValueError(f"preset '{arguments.preset}' has no model '{min(unknown)}'; it has {', '.join(models)}")
        require_usable_gpus(os.environ)
        gpu = bool(visible_gpus(os.environ))
        outputs = arguments.outputs or next(iter(models.values())).layout.rehearsal
        rehearsal = Rehearsal(arguments.preset, Path(outputs), gpu, arguments.random_weights)
        table = rehearse_all(rehearsal, chosen)
    except (ValueError, OSError) as error:
        sys.exit(f"make rehearse: {error}")
    except KeyboardInterrupt:
        end_leftovers(rehearsal.root)
        sys.exit(f"make rehearse: stopped. The models that were done: {rehearsal.table}; it begins anew next time")
    print(describe(table, rehearsal))
    return int((table["result"] != "ok").any())


def rehearse_all(rehearsal: Rehearsal, models: dict[str, TrainParams]) -> pd.DataFrame:
    """A row for each model; the table on disk grows with them."""
    rehearsal.prepare(models)
    rows = []
    for number, (model, of) in enumerate(models.items(), start=1):
        line, began = f"[{number:2d}/{len(models)}] {model}", time.monotonic()
        print(f"{line} …", flush=True)
        rows.append(rehearsal.rehearse(model, of))
        table = pd.DataFrame(rows)
        with atomic_path(rehearsal.table) as part:
            table.to_csv(part, index=False, float_format="%.4g")
        print(f"{line}   {time.monotonic() - began:.0f} s   {rows[-1]['result']}", flush=True)
    return table


def models_of(preset: str) -> dict[str, TrainParams]:
    """Every model the preset trains, then those that lie in its folder without being named: by name, checked."""
    data = DataParams.from_preset(preset)
    names = [model for _, model in data.runs]
    fold = data.train_folds[0]
    return {name: read_model(preset, name, fold) for name in dict.fromkeys([*names, *model_names(preset)])}


def changes_for(of: TrainParams, gpu: bool) -> dict[str, object]:
    """What a rehearsal of a model changes in its parameters: little on a GPU, its size too on a CPU."""
    changes: dict[str, object] = {"validate_every": 1, "accumulate": min(of.accumulate, 2)}
    changes["epochs"] = EPOCHS if gpu else CPU_EPOCHS
    if not gpu:
        # A loader's process keeps a copy of every page of memory that training then changes: gigabytes on a CPU.
        changes |= {"input_tile": CPU_TILE, "loader_workers": 0}
        changes |= {"batch_size": min(of.batch_size, CPU_BATCH), "eval_batch_size": min(of.eval_batch_size, CPU_BATCH)}
        if isinstance(of, FrameParams):
            changes |= {"frames_per_epoch": 1, "eval_frames": min(of.eval_frames, 4)}
        if takes_one_size(of):
            changes |= {"input_tile": FIXED_TILE, "backbone_args": {**of.backbone_args, "img_size": FIXED_TILE}}
    return changes


def takes_one_size(of: TrainParams) -> bool:
    """Whether a timm backbone is built for one size of picture (position embeddings)."""
    from timm.models import get_pretrained_cfg  # seconds; only on a CPU

    known = None if isinstance(of, VideoParams) else get_pretrained_cfg(of.backbone)
    return bool(known and known.fixed_input_size)


def clips_needed(models: dict[str, TrainParams], gpu: bool) -> int:
    """Labelled clips, so that one fold's training part fills one update of every model."""
    most = 20 if gpu else 10
    for of in models.values():
        changed = of.model_copy(update=changes_for(of, gpu))
        items = changed.frames_per_epoch if isinstance(changed, FrameParams) else 1
        videos = -(-changed.batch_size * changed.accumulate // items)
        most = max(most, -(-videos * of.n_folds // (of.n_folds - 1)) + of.n_folds)
    return most


class Rehearsal:
    """Where a rehearsal writes, and on what it runs."""

    def __init__(self, preset: str, outputs: Path, gpu: bool, random_weights: bool) -> None:
        self.preset, self.outputs, self.gpu, self.random_weights = preset, outputs.resolve(), gpu, random_weights
        self.root = Layout(self.outputs, preset).root
        self.table = self.outputs / "rehearsal.csv"
        self.data: dict[str, object] = {}

    def prepare(self, models: dict[str, TrainParams]) -> None:
        """Clips, index, tile cache and folds for all models, by notebooks 01 and 02."""
        first = next(iter(models.values()))
        self.labelled = labelled_videos(first)  # faulty labels stop it here, not after hours
        tile = max(of.input_tile for of in models.values()) if self.gpu else FIXED_TILE
        self.data = {
            "outputs": str(self.outputs), "source": "pipesim", "data_jobs": 1,
            "videos_dir": None, "annotations": None, "test_annotations": None, "classes": None, "normal_class": "ZC",
            "class_names": None, "by_recording": False, "tile_size": tile,
            "pipesim_train": clips_needed(models, self.gpu), "pipesim_test": 4, "pipesim_frames": 60,
            "pipesim_temper": 0.5, "workers": min(first.workers, os.cpu_count() or 1),
        }  # fmt: skip
        if not self.gpu:
            self.data |= {"pipesim_width": 160, "pipesim_height": 120}
        where = "a GPU at full size" if self.gpu else f"a CPU with tiles of {CPU_TILE} px and batches of {CPU_BATCH}"
        print(f"rehearsing {len(models)} models of {self.preset} on {where}", flush=True)
        print("made-up clips and their folds first …", flush=True)
        marker = self.root / REHEARSAL
        if self.root.is_dir() and any(self.root.iterdir()) and not marker.is_file():
            raise ValueError(f"{self.root} holds what no rehearsal made: choose another folder by --outputs")
        make_folder(self.root)
        marker.touch()
        hold_lock(self.root)  # before anything of an earlier rehearsal is ended or removed
        end_leftovers(self.root)
        sweep(self.root, inner=True)
        if (self.root / "runs").is_dir():
            shutil.rmtree(self.root / "runs")
        for notebook in ("01_data_preparation", "02_folds"):
            error = self.run(notebook, notebook, {})
            if error:
                raise ValueError(f"{notebook} failed: {error}")

    def rehearse(self, model: str, of: TrainParams) -> dict[str, object]:
        """One row of the table: the notebook killed after its first validation, then run to its end."""
        changes = changes_for(of, self.gpu) | ({"pretrained": False} if self.random_weights else {})
        changed = of.model_copy(update=changes)
        row = {"model": model, "approach": of.approach, "tile": changed.input_tile, "batch": changed.batch_size}
        error = self.twice(model, of, changes)
        weights = "not asked for" if self.random_weights else "loaded"
        if error and NO_WEIGHTS in error and changed.pretrained:
            weights = error
            error = self.twice(model, of, changes | {"pretrained": False})
        row |= {"result": error or "ok", "weights": weights if of.pretrained else "none wanted"}
        folder = Layout(self.outputs, self.preset).run(of.approach, model, of.fold)
        if error is None:
            history = pd.read_csv(folder / "history.csv")
            row |= figures(of, changed, read_json(folder / "metrics.json"), history, self.gpu, self.labelled)
            if not row["resumed_after"]:
                row["result"] = "it was not killed in time, so going on was not tried"
        if folder.is_dir():
            shutil.rmtree(folder)  # gigabytes of weights that nobody wants
        return row

    def twice(self, model: str, of: TrainParams, changes: dict[str, object]) -> str | None:
        """Run, kill after the first checkpoint, run again, predict; the error that stopped it or None."""
        name = NOTEBOOKS[of.approach]
        run = {"model": model, "fold": of.fold, **changes}
        folder = Layout(self.outputs, self.preset).run(of.approach, model, of.fold)
        error = self.run(name, f"{name}.{model}", run, kill_at=folder / "checkpoint.ckpt")
        return error or self.run(name, f"{name}.{model}", run) or self.predict(folder, model)

    def predict(self, folder: Path, model: str) -> str | None:
        """The clips without labels by the trained model; the error that stopped it or None."""
        log = self.root / "logs" / f"predict.{model}.log"
        command = [sys.executable, "workflow/predict.py", str(folder)]
        environment = job_environment(os.cpu_count() or 1, str(self.root))
        with log.open("w", encoding="utf-8") as file:
            done = subprocess.run(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
        return last_line(log) if done.returncode else None

    def run(self, notebook: str, name: str, given: dict[str, object], kill_at: Path | None = None) -> str | None:
        """One notebook by papermill; killed when `kill_at` appears. The error that stopped it or None."""
        kept, log = self.root / "notebooks" / f"{name}.ipynb", self.root / "logs" / f"{name}.log"
        for path in (kept, log):
            path.parent.mkdir(parents=True, exist_ok=True)
        kept.unlink(missing_ok=True)
        values = {"preset": self.preset, **self.data, **given}
        command = papermill(Path(f"notebooks/{notebook}.ipynb"), kept, ["-y", json.dumps(values)])
        environment = job_environment(os.cpu_count() or 1, str(self.root))
        with log.open("w", encoding="utf-8") as file, temporary_folder() as folder:
            environment["IPYTHONDIR"] = str(plain_ipython(folder))
            process = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
            while process.poll() is None and not (kill_at and kill_at.is_file()):
                time.sleep(0.02)
            if process.poll() is None:
                process.kill()
                end_leftovers(self.root)  # its kernel
                process.wait()
                return None
        return (why_stopped(kept, log) or last_line(log)) if process.returncode else None


def figures(
    of: TrainParams,
    changed: TrainParams,
    metrics: dict[str, object],
    history: pd.DataFrame,
    gpu: bool,
    labelled: int,
) -> dict[str, object]:
    """What a finished run says: memory in GiB, speed in samples a second, hours for all folds at full length."""
    from vpipe_utils.benchmarks.model_cost import gpu_hours

    per_video = changed.eval_frames if isinstance(changed, FrameParams) else 1
    train, predict = history["samples_per_s"].iloc[-1], history["validated_per_s"].iloc[-1] * per_video
    hours = float("nan")
    if gpu:
        all_folds = gpu_hours(of, train, predict, of.epochs, of.n_folds, labelled)
        hours = all_folds * len(of.train_folds) / of.n_folds
    return {
        "resumed_after": metrics["resumed_after"],
        "device": metrics["device"],
        "precision": metrics["precision"],
        "gpu_gib": (metrics["gpu_memory_mib"] or float("nan")) / 1024,
        "memory_gib": metrics["memory_mib"] / 1024,
        "train_per_s": train,
        "predict_per_s": predict,
        "hours": hours,
    }


def labelled_videos(of: TrainParams) -> int:
    """Labelled videos of the data the preset is meant for; QV-Pipe's where they are not there to be counted."""
    if of.source == "pipesim":
        return of.pipesim_train
    if of.annotations_path.is_file():
        return len(read_own_labels(of)[0].table)
    return video_table.QV_PIPE["labelled"]


def describe(table: pd.DataFrame, rehearsal: Rehearsal) -> str:
    """The table in text, and what it says in a sentence or two."""
    shown = table.drop(columns=["result", "weights"]).dropna(axis="columns", how="all")
    lines = ["", shown.to_string(index=False, float_format=lambda value: f"{value:.2f}"), ""]
    failed = table[table["result"] != "ok"]
    lines += [f"{row.model} would fail: {row.result}" for row in failed.itertuples()]
    without = table[table["weights"].str.contains(NO_WEIGHTS)]
    lines += [f"{row.model} has no weights here: {row.weights}" for row in without.itertuples()]
    lines.append(f"{len(table) - len(failed)} of {len(table)} models trained, went on after a kill and predicted.")
    if "hours" in shown:
        lines.append(f"All of them: {table['hours'].sum():.0f} GPU hours. Memory is the most that was held at once.")
    else:
        lines.append("Hours and a GPU's memory are known only where there is one; here tiles and batches were small.")
    lines.append(f"The table: {rehearsal.table}; the notebooks and what they printed lie beside it.")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
