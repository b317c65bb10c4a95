"""What trained models say of the clips without labels: a step of its own, so that new clips train nothing.

    python workflow/predict.py outputs/demo/runs/super_image/lite0/fold_0      one run
    python workflow/predict.py outputs/demo/runs/*/*/fold_*                            every run of the demo

Each run predicts by its own params.yaml and writes test_predictions.parquet beside its weights.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path

from job import claim_gpus, die_with_parent, job_environment


def main() -> int:
    parser = argparse.ArgumentParser(description="predict the clips without labels by trained models")
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs, or files in them")
    parser.add_argument("--root", help="outputs/<preset>; marks the process as one of this preset's workflow")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--gpus", type=int, default=0, help="GPUs to take for itself, where there are any: 1 is used")
    parser.add_argument("--log", type=Path, help="what the libraries say; the screen otherwise")
    arguments = parser.parse_args()
    if arguments.root:
        die_with_parent()
        os.environ |= job_environment(arguments.threads, arguments.root)
    if devices := claim_gpus(os.environ, arguments.gpus):  # held until this process ends
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(devices)
    folders = [(run if run.is_dir() else run.parent).absolute() for run in arguments.runs]
    with contextlib.ExitStack() as stack:
        if arguments.log:
            log = stack.enter_context(arguments.log.open("w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(log))
        from vpipe_utils.learning.fold_run import predict_others  # PyTorch takes seconds, and heeds the settings above

        for folder in folders:
            try:
                count = predict_others(folder)
            except (ValueError, OSError, MemoryError) as error:
                print(f"predictions of {folder} failed: {error}", file=sys.stderr)
                return 1
            print(f"{folder}: {count} clips without labels predicted", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
