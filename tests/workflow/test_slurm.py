"""The workflow on a real Slurm of one node, whose GPUs are names: `make test-slurm`. It takes minutes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import slurm_cluster
from played import lines, played_project, wait_for
from projects import copy_project

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(slurm_cluster.why_not()), reason=slurm_cluster.why_not() or "there is one"),
]


def start(project: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "workflow/run.py", "--preset", "own", *words]
    return subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_slurm_runs_the_workflow_and_lost_jobs_are_sent_again(tmp_path: Path) -> None:
    """A real Slurm on this machine: one training is cancelled, one is killed; both are submitted again."""
    project = played_project(tmp_path / "project", folds=3)
    waits = [f"05 convnext_small {fold}" for fold in range(3)]
    (project / "play.json").write_text(json.dumps({"waits": waits}))
    began = project / "began.txt"
    with slurm_cluster.one_node(tmp_path / "slurm", gpus=2):
        going = start(project, "--profile", "slurm")
        wait_for(lambda: len([line for line in lines(began) if line.startswith("05")]) >= 2, 300)
        cancelled, killed = sorted(int(number) for number in slurm_cluster.jobs("running"))
        subprocess.run(["scancel", str(cancelled)], check=True)
        for path in Path("/proc").glob("[0-9]*/environ"):
            if of_job(path, killed):
                os.kill(int(path.parent.name), signal.SIGKILL)
        wait_for(lambda: len([line for line in lines(began) if line.startswith("05")]) >= 4, 300)
        (project / "go.txt").touch()
        output, _ = going.communicate(timeout=600)
    assert going.returncode == 0, output
    assert (project / "outputs/own/report/index.html").is_file()
    again = [line for line in lines(began) if line.startswith("05")]
    assert len(again) == 5, "two of three ran twice"
    assert {line.split()[-1] for line in again} <= {"0", "1"}, "each had a GPU of its own"
    assert "Traceback" not in output and "Stopped" not in output and "account" not in output, output


def of_job(environ: Path, number: int) -> bool:
    try:
        return f"SLURM_JOB_ID={number}".encode() in environ.read_bytes().split(b"\0")
    except OSError:
        return False


@pytest.mark.timeout(3600)
def test_the_smoke_report_by_slurm_is_that_of_this_machine(tmp_path: Path) -> None:
    """All of it, trained: predictions, scores and tables are the same."""
    roots = {}
    with slurm_cluster.one_node(tmp_path / "slurm", gpus=2):
        for profile in ("slurm", "default"):
            project = copy_project(tmp_path / profile)
            shutil.copytree(Path(__file__).resolve().parents[2] / "outputs/reference", project / "outputs/reference")
            command = [sys.executable, "workflow/run.py", "--preset", "smoke", "--profile", profile]
            done = subprocess.run(command, cwd=project, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            roots[profile] = project / "outputs" / "smoke"
    tables = sorted(path.relative_to(roots["default"]) for path in roots["default"].rglob("*predictions*.parquet"))
    assert len(tables) >= 2 * 6
    for table in [*tables, Path("ensemble/scores.parquet"), Path("ensemble/per_class.parquet")]:
        pd.testing.assert_frame_equal(*(pd.read_parquet(root / table) for root in roots.values()))
    assert (roots["slurm"] / "report" / "index.html").is_file()
