"""What of a preset's report is done, running, failed, out of date or still to do, and why.

    python workflow/status.py --preset paper

Starts nothing and holds no lock, so it can be asked while `make report` runs, here or on a cluster. What is to do, and
why, Snakemake says by a dry run; what runs, by the marks that it sets when a job starts.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import home
from here import ROOT, faults_told
from job import last_line, why_stopped
from plan import NOTEBOOKS, TITLES, Plan, mark_of
from run import checked, limits, read_profile, root_of, snakemake, work_folder

from vpipe_utils.project.parameter_files import layer_files, read_layers
from vpipe_utils.project.paths import RunName
from vpipe_utils.storage.locks import lock

DONE, RUNNING, FAILED, STALE, STOPPED, WAITING = "done", "running", "failed", "out of date", "stopped", "to do"
ORDER = (DONE, RUNNING, FAILED, STALE, STOPPED, WAITING)
COSTS = ROOT / "outputs" / "reference" / "costs" / "costs.csv"


class Item(NamedTuple):
    """A job of the report: a notebook, a run, its predictions, the pages."""

    step: str  # as users are told of it
    output: Path  # the file by which it is known
    log: str  # in logs/, without ending
    recipe: str = ""  # of a run: model and tricks, and its fold
    part: str = ""


class State(NamedTuple):
    item: Item
    state: str  # one of ORDER
    detail: str = ""  # score, epoch or reason


def main() -> None:
    parser = argparse.ArgumentParser(description="say what of a report is done and what is not")
    parser.add_argument("--preset", default="demo", help="a folder of params/")
    parser.add_argument("--outputs", help="another folder for everything that is written")
    parser.add_argument("--trick", default="", help="runs with these tricks besides")
    parser.add_argument("--resources", action="store_true", help="list what each job would take on a cluster, too")
    parser.add_argument("--picture", action="store_true", help="draw it, too: outputs/<preset>/dag.svg")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    home.provide(os.environ)
    with faults_told("make status"):
        states, plan = look(arguments.preset, arguments.outputs, arguments.trick.split(), arguments.resources)
    if arguments.resources:
        print(taken(states))
    print(told(states, plan))
    if arguments.picture:
        from dag import draw  # matplotlib takes a second

        print(f"drawn: {draw(states, plan)}")


def look(
    preset: str, outputs: str | None, tricks: Sequence[str], cluster: bool = False
) -> tuple[list[State], Plan]:
    """The state of every job; `cluster`: with the threads that it would have there.

    Raises what `run.checked` raises; own videos that are not there are no fault here.
    """
    data = checked(preset, outputs, tricks, with_files=False)
    root = root_of(data, outputs)
    plan = Plan(preset, outputs, None, tricks)
    if root.is_dir():
        os.chdir(work_folder(root))
    reasons = planned(preset, outputs, tricks, cluster)
    active = is_held(root / ".lock")
    return [state_of(item, reasons, active, plan) for item in items(plan)], plan


def items(plan: Plan) -> list[Item]:
    """Every job that a user knows of, in the order of the notebooks."""
    layout = plan.layout
    executed = layout.root / "notebooks"
    found = [of_step("data", layout.videos_table), of_step("folds", layout.folds_table)]
    for run in [*plan.runs(), *plan.trick_runs()]:
        approach, recipe, part = run.relative_to(layout.root / "runs").parts
        found.append(Item(approach, run / "metrics.json", f"{approach}.{recipe}.{part}", recipe, part))
        predicted = f"predict.{approach}.{recipe}.{part}"
        found.append(Item(f"{approach} predictions", run / "test_predictions.parquet", predicted, recipe, part))
    found.append(of_step("ensemble", layout.ensemble / "metrics.json"))
    for step in ("boosting", "lowering", *(["weak"] if plan.with_weak else []), "sight"):
        found.append(of_step(step, executed / f"{NOTEBOOKS[step]}.ipynb"))
    found.append(of_step("report", layout.headline / "headline.json"))
    found.append(of_step("review", executed / f"{NOTEBOOKS['review']}.ipynb"))
    if plan.with_benchmarks:
        found.append(of_step("benchmarks", layout.costs_table))
    return [*found, of_step("site", layout.report / "index.html")]


def of_step(step: str, output: Path) -> Item:
    """A job of which there is one, by its name in `plan.TITLES`."""
    return Item(TITLES[step], output, NOTEBOOKS.get(step, step))


def planned(preset: str, outputs: str | None, tricks: Sequence[str], cluster: bool = False) -> dict[str, str]:
    """Output file -> why `make report` would make it now, of all that it would make."""
    import status_log
    from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

    LoggerPluginRegistry().register_plugin("snakemake_logger_plugin_status", status_log)
    where, settings = limits(read_profile("default"), None)
    if cluster:  # planned here, without asking a cluster; no limit of this machine counts
        where, settings = [*where[:2], "--cores", "1000"], limits(read_profile("slurm"), None)[1]
    values = {"preset": preset, "tricks": list(tricks)} | ({"outputs": outputs} if outputs else {})
    settings = [f"run={json.dumps(values, ensure_ascii=False)}", *(f"{key}={of}" for key, of in settings.items())]
    with contextlib.redirect_stdout(io.StringIO()):
        failed = snakemake(["--logger", "status", *where, "--nolock", "--dry-run", "--config", *settings])
    if failed:
        raise ValueError(f"Snakemake cannot plan preset '{preset}': {' '.join(status_log.faults) or 'see above'}")
    return dict(status_log.reasons)


def state_of(item: Item, reasons: dict[str, str], active: bool, plan: Plan) -> State:
    """`active`: a run of the preset is going on."""
    from progress import why  # Snakemake's own modules: a second

    reason = reasons.get(str(item.output))
    if reason is None:
        return State(item, DONE, score(item.output))
    if active and begun(item.output):
        return State(item, RUNNING, epochs(item, plan))
    logs = plan.layout.root / "logs"
    if not item.output.exists():
        if error := failure(logs, item.log):
            return State(item, FAILED, error)
        epoch = epochs(item, plan)
        return State(item, STOPPED, f"{epoch}; goes on from there") if epoch else State(item, WAITING)
    return State(item, STALE, why(reason, "train" if item.recipe and "predictions" not in item.step else ""))


def begun(output: Path) -> bool:
    """Whether Snakemake has begun to make a file and has not come to its end."""
    return mark_of(output, "incomplete").exists()


def is_held(path: Path) -> bool:
    """Whether another process holds a lock; it is given back at once where none does."""
    if not path.exists():
        return False
    held = lock(path)
    if held is not None:
        os.close(held)
    return held is None


def epochs(item: Item, plan: Plan) -> str:
    """'epoch 3 of 30' of a run that has begun; else empty."""
    if not item.recipe or "predictions" in item.step:
        return ""
    try:
        rows = list(csv.DictReader((item.output.parent / "history.csv").open(encoding="utf-8")))
    except OSError:
        return ""
    run = RunName.of_folders(item.recipe, item.part)
    total = read_layers(layer_files(plan.preset, run.model, run.fold, run.trick))["epochs"]
    return f"epoch {len(rows)} of {total}" if rows else ""


def failure(logs: Path, name: str) -> str:
    """What a job's log says of its failure, in a line, and where to look; empty where it has not failed."""
    notebook, log = logs / f"{name}.ipynb", logs / f"{name}.log"
    if notebook.is_file():
        error = why_stopped(notebook, log)
        return f"{error}; see {notebook}" if error else ""
    if log.is_file() and "failed" in (said := last_line(log)):
        return f"{said}; see {log}"
    return ""


def score(output: Path) -> str:
    """The figure by which a finished run is known."""
    with contextlib.suppress(OSError, ValueError):
        if output.name == "metrics.json":
            metrics = json.loads(output.read_text(encoding="utf-8"))
            for key in ("val_mAP", "ensemble_mAP"):
                if isinstance(metrics.get(key), int | float):
                    return f"{metrics[key]:.3f}"
    return ""


def told(states: Sequence[State], plan: Plan) -> str:
    """The table: single steps a line each, runs a line a model and a column a fold, then every reason."""
    counts = Counter(state.state for state in states)
    head = ", ".join(f"{counts[state]} {state}" for state in ORDER if counts[state])
    lines = [f"{plan.preset}: {head}   ({plan.layout.root})", ""]
    runs = [state for state in states if state.item.recipe]
    for state in states:
        if not state.item.recipe:
            lines.append(f"  {state.item.step:<28}{short(state)}")
        elif state is runs[0]:
            lines += grid(runs)
    for kind in (FAILED, STALE, STOPPED):
        of_kind = [state for state in states if state.state == kind]
        lines += ["", f"{kind}:"] if of_kind else []
        lines += [f"  {name(state.item)}: {state.detail}" for state in of_kind]
    return "\n".join([*lines, "", *totals(states, plan)])


def taken(states: Iterable[State]) -> str:
    """A line a job that is to do: GPUs, cores, memory and time limit that it asks a cluster for."""
    import status_log

    rows = []
    for state in states:
        if wanted := status_log.resources.get(str(state.item.output)):
            limit = wanted.get("runtime")
            rows.append((
                name(state.item), str(wanted.get("gpu", 0)), str(wanted["threads"]),
                f"{wanted['mem_mb'] / 1000:.0f} GB" if "mem_mb" in wanted else "",
                f"{limit / 60:.0f} h" if limit else "",
            ))  # fmt: skip
    width = max([len(row[0]) for row in rows], default=0) + 2
    head = ("job", "GPU", "cores", "memory", "limit")
    lines = [f"{row[0]:<{width}}" + "".join(f"{cell:>8}" for cell in row[1:]) for row in (head, *rows)]
    empty = "Where nothing stands, the profile's default-resources count (workflow/profiles)."
    return "\n".join([*lines, empty, ""])


def grid(runs: Sequence[State]) -> list[str]:
    """A line a model, a column a fold: training, and its predictions once that is done."""
    parts = sorted({state.item.part for state in runs})
    rows: dict[str, dict[str, str]] = {}
    for trained, predicted in zip(runs[::2], runs[1::2], strict=True):
        cell = short(trained)
        if trained.state == DONE and predicted.state != DONE:
            cell += f", predictions {short(predicted)}"
        rows.setdefault(f"{trained.item.step} · {trained.item.recipe}", {})[trained.item.part] = cell
    width = max(len(row) for row in rows) + 2
    cell = max(len(text) for row in rows.values() for text in (*row.values(), *parts)) + 2
    lines = ["  " + " " * width + "".join(f"{part.replace('_', ' '):<{cell}}" for part in parts)]
    return lines + [
        "  " + f"{row:<{width}}" + "".join(f"{of.get(part, ''):<{cell}}" for part in parts) for row, of in rows.items()
    ]


def short(state: State) -> str:
    """A state in a cell: what is to be read elsewhere is left out."""
    if state.state == DONE:
        return f"{DONE} {state.detail}".strip()
    if state.state == RUNNING and state.detail:
        return state.detail
    return state.state.upper() if state.state == FAILED else state.state


def name(item: Item) -> str:
    return " ".join([item.step, *([item.recipe, item.part.replace("_", " ")] if item.recipe else [])])


def totals(states: Iterable[State], plan: Plan) -> list[str]:
    """How much there is still to train, on a GPU."""
    left = [state.item for state in states if state.item.recipe and state.state != DONE]
    left = [item for item in left if "predictions" not in item.step]
    if not left:
        return ["Every run is trained."]
    limit = sum(plan.minutes(item.recipe, item.part) for item in left) / 60
    line = f"{len(left)} runs to train, a GPU each; their time limits add up to {limit:,.0f} GPU-hours"
    known = [hours for item in left if (hours := estimated(plan, item)) is not None]
    if known:
        unknown = len(left) - len(known)
        line += f"; the estimate of notebook 12 is {sum(known):,.0f} on one RTX 4090 each" + (
            f", without {unknown} of networks for which timm has no figure" if unknown else ""
        )
    return [f"{line}."]


def estimated(plan: Plan, item: Item) -> float | None:
    """Hours of one run of preset `paper`, by notebook 12's table of all five folds; None where it has none."""
    model = RunName.of_folders(item.recipe, item.part).model
    if plan.preset != "paper":
        return None
    with COSTS.open(encoding="utf-8") as file:
        hours = {row["model"]: row["estimated_gpu_hours"] for row in csv.DictReader(file)}.get(model)
    return float(hours) / plan.data["n_folds"] if hours else None


if __name__ == "__main__":
    main()
