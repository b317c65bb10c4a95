"""The workflow on a real Slurm of one node, whose GPUs are names: `make test-slurm`. It takes minutes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import slurm_cluster
from played import lines, played_project, wait_for
from projects import copy_project

from vpipe_utils.learning.weights.checkpoints import CHECKPOINT

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
        slurm_cluster.kill(killed)
        wait_for(lambda: len([line for line in lines(began) if line.startswith("05")]) >= 4, 300)
        (project / "go.txt").touch()
        output, _ = going.communicate(timeout=600)
    assert going.returncode == 0, output
    assert (project / "outputs/own/report/index.html").is_file()
    again = [line for line in lines(began) if line.startswith("05")]
    assert len(again) == 5, "two of three ran twice"
    assert {line.split()[-1] for line in again} <= {"0", "1"}, "each had a GPU of its own"
    assert "Traceback" not in output and "Stopped" not in output and "account" not in output, output


def small_jobs(project: Path) -> None:
    """As users set their own limits: jobs that say nothing ask for 2 GB, so that a small machine runs two at a time."""
    settings = project / "workflow" / "profiles" / "slurm" / "config.yaml"
    text = settings.read_text(encoding="utf-8")
    assert "mem_mb: 16000" in text
    settings.write_text(text.replace("mem_mb: 16000", "mem_mb: 2000"), encoding="utf-8")


def lose_two(root: Path) -> list[str]:
    """Cancel one training that has come as far as a checkpoint and kill another; names of both."""
    lost: list[str] = []
    for number in range(2):
        found: list[tuple[int, str]] = []
        wait_for(lambda found=found: found.extend(trained(root, lost)) or found, 2000)
        job, run = found[0]
        if number == 0:
            subprocess.run(["scancel", str(job)], check=True)
        else:
            slurm_cluster.kill(job)
        lost.append(run)
    return lost


def trained(root: Path, but: list[str]) -> list[tuple[int, str]]:
    """Jobs of Slurm that train and have a checkpoint, with the folder of their run, but for those named."""
    found = []
    for checkpoint in root.rglob(CHECKPOINT):
        run = str(checkpoint.parent.relative_to(root))
        wildcards = "_".join(checkpoint.parent.parts[-3:]).replace("fold_", "")
        for job, comment in slurm_cluster.comments().items():
            if run not in but and comment.endswith(wildcards):
                found.append((int(job), run))
    return found


@pytest.mark.timeout(3600)
def test_the_smoke_report_by_slurm_is_that_of_this_machine(tmp_path: Path) -> None:
    """All of it, trained, one training cancelled and one killed: predictions and scores are the same, to 1e-5."""
    roots = {}
    with slurm_cluster.one_node(tmp_path / "slurm", gpus=2):
        for profile in ("slurm", "default"):
            project = copy_project(tmp_path / profile)
            shutil.copytree(Path(__file__).resolve().parents[2] / "outputs/reference", project / "outputs/reference")
            small_jobs(project)
            command = [sys.executable, "workflow/run.py", "--preset", "smoke", "--profile", profile]
            with (project / "said.txt").open("w") as said:
                going = subprocess.Popen(command, cwd=project, stdout=said, stderr=subprocess.STDOUT)
            roots[profile] = project / "outputs" / "smoke"
            if profile == "slurm":
                lost = lose_two(roots[profile])
            assert going.wait(3000) == 0, (project / "said.txt").read_text()
    for run in lost:
        assert json.loads((roots["slurm"] / run / "metrics.json").read_text())["resumed_after"] > 0, run
    tables = sorted(path.relative_to(roots["default"]) for path in roots["default"].rglob("*predictions*.parquet"))
    assert len(tables) >= 2 * 6
    for table in [*tables, Path("ensemble/scores.parquet"), Path("ensemble/per_class.parquet")]:
        pd.testing.assert_frame_equal(*(pd.read_parquet(root / table) for root in roots.values()))
    assert (roots["slurm"] / "report" / "index.html").is_file()
