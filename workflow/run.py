"""Checks what can be checked in a second, then runs Snakemake in this very process.

    python workflow/run.py --preset demo --jobs 2 -- further Snakemake options
    python workflow/run.py --preset paper --profile slurm -- further Snakemake options

Only one run of a preset at a time: this process locks outputs/<preset>. The operating system releases the lock when the
process ends, even by `kill -9` (Snakemake's own lock would stay). Before a run starts, it ends the processes that a
killed run has left.

With --keep-going, which the profiles of clusters have, runs that fail do not stop the others; at the end the pages are
made from what there is, and say what is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import home
import where
from clean import WRITTEN
from here import ROOT, faults_told
from job import require_usable_gpus, visible_gpus
from plan import Plan

from vpipe_utils.benchmarks.params import BenchmarkParams
from vpipe_utils.data.classes import are_official
from vpipe_utils.data.label_checks import check_labels
from vpipe_utils.data.params import DataParams
from vpipe_utils.evaluation.params import EnsembleParams
from vpipe_utils.learning.params import fits, read_model, say_smaller_batches
from vpipe_utils.project.parallel import usable_cores
from vpipe_utils.project.parameter_files import read_yaml
from vpipe_utils.project.paths import Layout, resolve
from vpipe_utils.storage.files import make_folder, sweep, writing
from vpipe_utils.storage.locks import lock
from vpipe_utils.user_files.user_text import listed

PROFILES = ROOT / "workflow" / "profiles"
HERE = "default"  # the profile of one machine
REHEARSAL = ".rehearsal"  # in a root that rehearse.py made: what lies there is small, and goes at its next start


def main() -> None:
    parser = argparse.ArgumentParser(description="run the report of one preset")
    parser.add_argument("--preset", default="demo", help="a folder of params/")
    parser.add_argument("--trick", default="", help="train every model with these tricks besides, one after another")
    parser.add_argument("--missing", type=json.loads, default=[], help="runs without which the pages are made, as JSON")
    arguments, further = where.parsed(parser)
    os.chdir(ROOT)
    said = home.provide(os.environ)
    with faults_told("make report"):
        tricks = arguments.trick.split()
        data = checked(arguments.preset, arguments.outputs, tricks)
        profile = read_profile(arguments.profile or HERE)
        if not profile.remote:
            require_usable_gpus(os.environ)
        root = root_of(data, arguments.outputs)
        hold_lock(root)
        os.chdir(work_folder(root))
    if said:
        print(said, file=sys.stderr)
    left = end_leftovers(root)
    if left:
        print(f"ended {left} processes that an earlier, killed run had left behind")
    sweep(root, inner=True)

    plan = Plan(arguments.preset, arguments.outputs, None, tricks, arguments.missing)
    if line := plan.without_notes():
        print(line, file=sys.stderr)
    again = [] if "--forcerun" in further or arguments.missing else plan.made_otherwise()
    again = ["--forcerun", *again] if again else []
    # Values inside braces stay text; one that stands alone Snakemake would take for a number, as in preset=007.
    values = {"preset": arguments.preset} | ({"outputs": arguments.outputs} if arguments.outputs else {})
    values |= {"tricks": tricks, "missing": arguments.missing}
    place, settings = limits(profile, arguments.jobs)
    settings = [f"run={json.dumps(values, ensure_ascii=False)}", *(f"{key}={of}" for key, of in settings.items())]
    os.environ["VPIPE_ROOT"] = str(root)
    failed = snakemake([*again, "--logger", "vpipe", *place, "--nolock", *further, "--config", *settings])
    # Where targets are named, as by the bench, no pages are asked for.
    whole = all(word.startswith("-") for word in further)
    going_on = whole and (profile.keep_going or {"--keep-going", "-k"} & set(further))
    if arguments.missing and not failed:
        without = f"The pages are made without {listed(arguments.missing)}: {plan.layout.root / 'logs'} says why. "
        print(f"{without}The same command tries again.", file=sys.stderr)
    if arguments.missing:
        sys.exit(1)
    missing = plan.unfinished() if failed and going_on else []
    if missing and len(missing) < len(plan.runs()) + len(plan.trick_runs()):
        print(f"{len(missing)} runs failed; the pages are made of the others", file=sys.stderr, flush=True)
        words = [word for word in sys.argv[1:] if word != "--"]
        os.execv(sys.executable, [sys.executable, __file__, "--missing", json.dumps(missing), *words])
    sys.exit(failed)


class Profile(NamedTuple):
    """What is asked of a profile of Snakemake before it runs."""

    folder: Path
    remote: bool  # jobs run on machines that a scheduler chooses
    keep_going: bool


def read_profile(name: str) -> Profile:
    """Raises ValueError for a profile that is not there."""
    folder = PROFILES / name
    if not (folder / "config.yaml").is_file():
        there = ", ".join(sorted(path.parent.name for path in PROFILES.glob("*/config.yaml")))
        raise ValueError(f"profile '{name}' has no workflow/profiles/{name}/config.yaml; profiles are {there}")
    values = read_yaml(folder / "config.yaml")
    return Profile(folder, values.get("executor", "local") != "local", bool(values.get("keep-going")))


def limits(profile: Profile, jobs: int | None) -> tuple[list[str], dict[str, int]]:
    """Snakemake's options on where and how many jobs run, and what the Snakefile must know of it.

    On one machine jobs share its cores, its memory and its GPUs; a cluster's scheduler looks after that by itself.
    """
    words = ["--workflow-profile", str(profile.folder)]
    if profile.remote:
        return [*words, *(["--jobs", str(jobs)] if jobs else [])], {"cluster": 1}
    jobs = jobs or usable_cores()
    gpus = len(visible_gpus(os.environ))
    memory = machine_memory_mb()
    settings = {"memory_mb": memory} | ({"train_threads": max(1, jobs // gpus)} if gpus else {})
    shared = [f"mem_mb={memory}", *([f"gpu={gpus}"] if gpus else [])]
    return [*words, "--resources", *shared, "--cores", str(jobs)], settings


def machine_memory_mb(proc: Path = Path("/proc/self/cgroup"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Main memory of this machine, or what its cgroups (version 2: container, Slurm job) leave us: jobs share it."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    own = [line[3:].strip("/") for line in _text(proc).splitlines() if line.startswith("0::")]
    for folder in (parent for name in own or [""] for parent in (groups / name, *(groups / name).parents)):
        if folder.is_relative_to(groups) and (limit := _text(folder / "memory.max").strip()).isdigit():  # or "max"
            limits.append(int(limit))
    return min(limits) // 10**6


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def snakemake(words: list[str]) -> int:
    """Run Snakemake with command-line words, after those of workflow/profiles/default; 0 if all went well."""
    import progress  # these take seconds: a mistyped preset need not wait for them
    from snakemake import cli
    from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

    LoggerPluginRegistry().register_plugin("snakemake_logger_plugin_vpipe", progress)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):  # it announces its profile at every start
            parser, arguments = cli.parse_args(words)
    except SystemExit:
        print(said.getvalue(), file=sys.stderr)
        raise
    try:
        return 0 if cli.args_to_api(arguments, parser) else 1
    except Exception as error:
        cli.print_exception(error)
        return 1


def checked(
    preset: str, outputs: str | None = None, tricks: Sequence[str] = (), with_files: bool = True
) -> DataParams:
    """Check every parameter file and, for own data, the annotations: a sentence for what is wrong or worth knowing.

    `with_files`: false where the preset is only looked at, so that its videos need not be on this machine.
    """
    data = DataParams.from_preset(preset)
    if data.preset != preset:
        raise ValueError(
            f"params/{preset}/data.yaml: preset is '{data.preset}', but the folder is '{preset}': write "
            f"preset: {preset}, so that nothing is written over another preset's outputs"
        )
    if data.source == "pipesim" and not are_official(data.class_codes):
        raise ValueError(
            f"params/{preset}/data.yaml: classes are own ones, but the clips of source: pipesim have QV-Pipe's: write "
            "source: files, or classes: null"
        )
    for approach, model in data.runs:
        for fold in data.train_folds:
            for trick in (None, *(trick for trick in tricks if fits(trick, approach))):
                read_model(preset, model, fold, trick)
    for kind in (EnsembleParams, BenchmarkParams):
        kind.from_preset(preset)
    if data.source == "files" and with_files:
        for key, path in (("videos_dir", data.videos_path), ("annotations", data.annotations_path)):
            if not path.exists():
                raise ValueError(f"params/{preset}/data.yaml: {key} '{path}' is not there")
    require_own_place(root_of(data, outputs), data)
    if data.source == "files" and with_files:
        labels = check_labels(data, Layout(resolve(outputs or data.outputs), preset).videos_table)
        print("\n".join(labels.lines), file=sys.stderr)
        models = [read_model(preset, model) for _, model in data.runs]
        if line := say_smaller_batches(len(labels.train), data, models):
            print(line, file=sys.stderr)
    return data


def root_of(data: DataParams, outputs: str | None) -> Path:
    """Where everything of this preset is written, the same however the path is said."""
    return Layout(resolve(outputs or data.outputs), data.preset).root.resolve()


def require_own_place(root: Path, data: DataParams) -> None:
    """Raise ValueError where outputs would go among files that are not the project's, or nowhere Snakemake can go."""
    seen = str(root.relative_to(ROOT) if root.is_relative_to(ROOT) else root)
    if set(seen) & set("{}\n"):
        raise ValueError(f"outputs {seen!r} has a brace or a line break, which Snakemake cannot take: choose another")
    if (root / REHEARSAL).exists():
        raise ValueError(f"{root} is a rehearsal's, which the next one empties: set outputs to another folder")
    own = (data.videos_path, data.annotations_path, data.test_annotations_path) if data.source == "files" else ()
    for path in (path.resolve() for path in own if path):
        if path.is_relative_to(root):
            raise ValueError(f"{path} lies in {root}, where runs write and make clean removes: set outputs elsewhere")
    found = [path.name for path in root.iterdir()] if root.is_dir() else []
    others = [name for name in found if name not in (*WRITTEN, "lost+found") and not name.startswith(".")]
    if others and not (root / ".lock").exists():  # no run has been here yet
        raise ValueError(f"{root} holds '{sorted(others)[0]}', which no run makes: set outputs to another folder")


def hold_lock(root: Path) -> None:
    """Take the preset's lock for as long as this process lives."""
    with writing(make_folder(root)):
        if lock(root / ".lock") is None:
            raise ValueError(f"another run is writing to {root}; wait for it or stop it first")


def work_folder(root: Path) -> Path:
    """Where Snakemake runs and keeps its notes: the project; where that cannot be written, links to it in `root`."""
    if os.access(ROOT, os.W_OK):
        return ROOT
    folder = make_folder(root / ".project")
    for name in ("docs", "notebooks", "outputs", "params", "vpipe_utils", "workflow"):
        link = folder / name
        if not link.is_symlink() or os.readlink(link) != str(ROOT / name):
            link.unlink(missing_ok=True)
            link.symlink_to(ROOT / name)
    return folder


def end_leftovers(root: Path) -> int:
    """End what a killed run of this preset left running, and say how many: job.py marks its processes (Linux)."""
    mark = f"VPIPE_RUN={root}".encode()
    left = 0
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in environment.read_bytes().split(b"\0"):
                os.kill(int(environment.parent.name), signal.SIGKILL)
                left += 1
        except OSError:  # not ours to look at, or just gone
            continue
    return left


if __name__ == "__main__":
    main()
