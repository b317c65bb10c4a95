"""One notebook of the workflow: papermill with limited threads, its own GPU, and an error a user can read.

    python workflow/job.py NOTEBOOK EXECUTED --preset demo --model lite0 --fold 0 --kept KEPT --log LOG --root ROOT

papermill writes to KEPT cell by cell; EXECUTED appears only when every cell ran, so a notebook that failed
is kept with its error. Imports nothing heavy: one of these runs beside every notebook.
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from here import ROOT

from vpipe_utils.project.parameter_files import TEXT, layer_files, read_layers
from vpipe_utils.storage.files import atomic_path, temporary_folder
from vpipe_utils.storage.locks import lock

PR_SET_PDEATHSIG = 1  # from linux/prctl.h
GPU_WAIT_SECONDS = 2.0
DIED = "its kernel died (out of memory, or killed)"


def main() -> int:
    parser = argparse.ArgumentParser(description="run one notebook of the workflow")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("executed", type=Path)
    parser.add_argument("--kept", type=Path, required=True, help="where papermill writes while it runs")
    parser.add_argument("--log", type=Path, required=True, help="text the notebook prints")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--root", required=True, help="outputs/<preset>; marks the processes of this run")
    parser.add_argument("--gpus", type=int, default=0, help="GPUs to take for itself, where there are any")
    parser.add_argument("--preset", required=True, help="a folder of params/")
    parser.add_argument("--model", help="a model, ensemble or benchmarks; without it the parameters of the data alone")
    parser.add_argument("--fold", type=int)
    parser.add_argument("--trick", help="of params/tricks; several are joined by +")
    parser.add_argument("--repetition", type=int, help="another run of the same fold")
    parser.add_argument("--outputs", help="another folder for everything that is written")
    arguments = parser.parse_args()

    die_with_parent()
    environment = job_environment(arguments.threads, arguments.root)
    try:
        devices = claim_gpus(environment, arguments.gpus)  # held, by their locks, until this process ends
    except ValueError as error:
        print(f"{arguments.executed.stem} failed: {error}", file=sys.stderr)
        return 1
    if devices:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(devices)

    files = layer_files(arguments.preset, arguments.model, arguments.fold, arguments.trick)
    more = {name: getattr(arguments, name) for name in ("outputs", "trick", "repetition")}
    command = papermill(arguments.notebook, arguments.kept, papermill_options(files, more))
    arguments.kept.unlink(missing_ok=True)  # an older error must not be taken for this run's
    for _attempt in (1, 2):
        with temporary_folder() as folder:
            failed = run(command, environment | {"IPYTHONDIR": str(plain_ipython(folder))}, arguments.log)
        if not failed:
            with atomic_path(arguments.executed) as part:
                shutil.copyfile(arguments.kept, part)
            return 0
        error = why_stopped(arguments.kept, arguments.log)
        if error != DIED and (error or failed >= 0):
            break  # a second try would end the same way; after a killed process it may not
        error = "its kernel died before the end (out of memory, or killed), twice"
    print(f"{arguments.executed.stem} failed: {error or last_line(arguments.log)}", file=sys.stderr)
    if arguments.kept.is_file():
        print(f"  the notebook as far as it came: {arguments.kept}", file=sys.stderr)
    print(f"  everything it printed: {arguments.log}", file=sys.stderr)
    return 1


def papermill(notebook: Path, kept: Path, options: Iterable[str]) -> list[str]:
    """The command that runs a notebook; `options`: its parameters."""
    words = ["-k", "python3", "--no-progress-bar", "--log-output", "--cwd", "notebooks"]
    return [sys.executable, "-m", "papermill", str(notebook), str(kept), *words, *options]


def papermill_options(files: list[Path], more: Mapping[str, Any]) -> list[str]:
    """The layers for papermill (-f, later wins) and what no file says: a moved outputs folder, trick, repetition.

    Names are given again as text: papermill, which reads plain YAML, takes `preset: 007` for 7 and `[NO]` for [False].
    """
    again = {key: value for key, value in read_layers(files).items() if key in TEXT and value is not None}
    again |= {key: value for key, value in more.items() if value is not None}
    return [*(part for file in files for part in ("-f", str(file))), "-y", json.dumps(again, ensure_ascii=False)]


def die_with_parent() -> None:
    """Let Linux end this process when the one that started it is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == 1:  # it was gone before we asked
            sys.exit(1)


def job_environment(threads: int, root: str) -> dict[str, str]:
    libraries = ("OMP", "MKL", "OPENBLAS", "NUMEXPR")
    packages = filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(packages),  # this checkout's package, where several share one environment
        **{f"{library}_NUM_THREADS": str(threads) for library in libraries},
        "JUPYTER_PREFER_ENV_PATH": "1",  # this environment's kernel, not one of the user's home
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a warning of the kernel's debugger, in every log otherwise
        "TQDM_DISABLE": "1",  # bars are for JupyterLab; in a log every step would be a line
        "VPIPE_LAB": "0",  # nobody looks: no widgets, also where this is started from JupyterLab's terminal
        "VPIPE_RUN": root,  # run.py finds what a killed run left behind by this
    }


def plain_ipython(folder: Path) -> Path:
    """A folder of IPython's without the user's start-up files and settings, which would change what a notebook does.

    Nor is there a data base of what was typed: on network disks all kernels of a user wait for its lock.
    """
    profile = folder / "profile_default"
    profile.mkdir()
    (profile / "ipython_kernel_config.py").write_text('get_config().HistoryManager.hist_file = ":memory:"\n')
    return folder


def run(command: list[str], environment: dict[str, str], log: Path) -> int:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as file:
        return subprocess.run(
            command, env=environment, stdout=file, stderr=subprocess.STDOUT, preexec_fn=die_with_parent
        ).returncode


def cell_error(notebook: Path) -> str | None:
    """The error of the cell that stopped the notebook, in one line; None if no cell failed."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError):
        return None
    for cell in reversed(cells):
        for output in reversed(cell.get("outputs", [])):
            if output.get("output_type") == "error":
                value = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", output["evalue"]).split())
                return f"{output['ename']}: {value}"
    return None


def why_stopped(kept: Path, log: Path) -> str | None:
    """The error of a notebook's cell, or that its kernel died; None where neither stopped it."""
    if error := cell_error(kept):
        return error
    died = log.is_file() and "DeadKernelError" in log.read_text(encoding="utf-8", errors="replace")
    return DIED if died else None


def last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "papermill said nothing"


def claim_gpus(environment: Mapping[str, str], count: int = 1) -> list[str]:
    """The numbers of that many free GPUs, once there are so many; empty without GPUs, or where none is asked for.

    All or none: two jobs that each hold one and wait for another would wait for ever. Inside a Slurm allocation several
    jobs may share its GPUs; other allocations on the machine number theirs anew. Raises ValueError where there will
    never be so many.
    """
    devices = visible_gpus(environment)
    if not devices or not count:
        return []
    if len(devices) < count:
        raise ValueError(f"devices is {count}, but this job sees {len(devices)} GPUs: lower devices in training.yaml")
    whose = f"{os.getuid()}-{environment.get('SLURM_JOB_ID', '')}"
    said = False
    while True:
        held: dict[str, int] = {}
        for device in devices:
            name = f"vpipe-gpu-{whose}-{device.replace('/', '_')}.lock"
            if (claimed := lock(Path(tempfile.gettempdir()) / name)) is not None:
                held[device] = claimed  # given back by the end of the process
            if len(held) == count:
                return list(held)
        for claimed in held.values():
            os.close(claimed)
        if not said:
            print(f"GPU {', '.join(devices)} is held by another notebook; waiting", file=sys.stderr, flush=True)
            said = True
        time.sleep(GPU_WAIT_SECONDS * (1 + random.random()))  # two that need several must not look in step


def visible_gpus(environment: Mapping[str, str]) -> list[str]:
    """The GPUs that PyTorch would see: CUDA_VISIBLE_DEVICES up to the first word that names none, else all."""
    if "CUDA_VISIBLE_DEVICES" in environment:
        words = (word.strip() for word in environment["CUDA_VISIBLE_DEVICES"].split(","))
        return list(itertools.takewhile(re.compile(r"\d+|GPU-.+|MIG-.+").fullmatch, words))
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return re.findall(r"^GPU (\d+):", listed.stdout, flags=re.MULTILINE) if listed.returncode == 0 else []


def require_usable_gpus(environment: Mapping[str, str]) -> None:
    """Raise ValueError, with PyTorch's reason, where GPUs are listed that it cannot use."""
    devices = visible_gpus(environment)
    if not (devices and visible_gpus({})):  # none wanted, or none there
        return
    code = "import torch; torch.cuda.is_available() or torch.zeros(1, device='cuda')"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise ValueError(
            f"there is a GPU ({', '.join(devices)}), but PyTorch cannot use it ({reason}). Mend that, or put "
            "CUDA_VISIBLE_DEVICES= before the command to train on the CPU on purpose"
        )


if __name__ == "__main__":
    sys.exit(main())
