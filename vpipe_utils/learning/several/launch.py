"""The notebook's side: start a process a GPU, watch the history grow, take over what they have trained.

A notebook cannot fork a process that has used a GPU, so PyTorch's own launcher starts them as programs
(`several.worker`); what passes between them and the notebook are files in the folder of the run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from torch import nn

from vpipe_utils.learning.device import count_gpus
from vpipe_utils.learning.models import build_model
from vpipe_utils.learning.params import TrainParams
from vpipe_utils.learning.weights.checkpoints import load_best
from vpipe_utils.storage.tables import read_json

WORKER = "vpipe_utils.learning.several.worker"
FIGURES, ERROR = "several.figures.json", "several.error.json"  # in the folder of the run, until it is finished
LOOK_SECONDS = 1.0
RAISED = {kind.__name__: kind for kind in (ValueError, FloatingPointError, MemoryError, FileNotFoundError)}


def fit_on_several(
    params: TrainParams, folder: Path, watch: Callable[[pd.DataFrame], object] | None = None
) -> tuple[nn.Module, dict[str, object]]:
    """What `training.fit` gives, trained by `params.devices` processes; a killed run goes on from its checkpoint.

    ``folder``: of the run, with its params.yaml. Raises ValueError where there are fewer GPUs than asked for, what
    `fit` raises, and RuntimeError where a process ends without a reason.
    """
    gpus = count_gpus()
    if 0 < gpus < params.devices:
        raise ValueError(f"devices is {params.devices}, but there are {gpus} GPUs: lower devices in training.yaml")
    for old in (FIGURES, ERROR):
        (folder / old).unlink(missing_ok=True)
    threads = max(1, int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1) // params.devices)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(params.devices)]
    command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "--local-addr", "localhost"]
    command += ["--max-restarts", "0", "-m", WORKER, str(folder), str(os.getpid())]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = _follow(process, folder / "history.csv", watch)
    if process.returncode:
        _raise(folder, process.returncode, said)
    figures = read_json(folder / FIGURES)
    network = build_model(params.model_copy(update={"pretrained": False}))
    load_best(network, folder, figures["best_epoch"])
    (folder / FIGURES).unlink()
    return network, figures


def _follow(process: subprocess.Popen, history: Path, watch: Callable[[pd.DataFrame], object] | None) -> list[str]:
    """Print the lines of the first process as they come, show its history; gives the last lines of all."""
    last: list[str] = []
    shown, looked = "", 0.0
    try:
        for line in process.stdout:
            last = [*last[-40:], line]
            if line.startswith("epoch "):  # History's own; the rest are the libraries'
                print(line, end="", flush=True)
            if watch and time.monotonic() > looked + LOOK_SECONDS and history.is_file():
                looked, text = time.monotonic(), history.read_text(encoding="utf-8")
                if text != shown:
                    shown = text
                    watch(pd.read_csv(history))
        process.wait()
    finally:
        if process.poll() is None:  # the cell was interrupted
            process.terminate()
            process.wait()
    if watch and not process.returncode and history.is_file():
        watch(pd.read_csv(history))
    return last


def _raise(folder: Path, code: int, said: list[str]) -> None:
    """The first process's error as an error of the notebook."""
    error = folder / ERROR
    if error.is_file():
        told = json.loads(error.read_text(encoding="utf-8"))
        raise RAISED.get(told["kind"], RuntimeError)(told["text"])
    text = "".join(said).strip()
    raise RuntimeError(f"a process of this run ended with code {code} (killed, or out of memory). It said: {text}")
