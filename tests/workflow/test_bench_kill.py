"""`kill -9` in the middle of the bench, and the same command again: the same records, byte for byte.

A bench of two runs, smaller than smoke's. It is killed twice, while it trains and while it writes its records.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import copy_project

TINY = {
    "data.yaml": "preset: tiny\nextends: smoke\npipesim_train: 60\npipesim_test: 20\n",
    "training.yaml": "epochs: 8\nvalidate_every: 1\n",
}
WAIT = 900  # seconds: a busy machine


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_project(tmp_path_factory.mktemp("killed") / "project")
    folder = project / "params" / "tiny"
    folder.mkdir()
    for name, text in TINY.items():
        (folder / name).write_text(text)
    plan = (project / "params" / "smoke" / "plan.yaml").read_text()
    (folder / "plan.yaml").write_text(plan.replace("repetitions: 2", "repetitions: 1"))
    return project


def start(project: Path, outputs: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "workflow/bench.py", "--preset", "tiny", "--jobs", "1", "--outputs", str(outputs)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    environment = {**os.environ, "PYTHONPATH": str(project)}  # the copy has no commit that could change meanwhile
    return subprocess.Popen([*command, "--"], cwd=project, env=environment, text=True, **pipes)


def kill_when(bench: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    """The bench alone, as the system does when memory runs out: what it has started must end by itself."""
    deadline = time.monotonic() + WAIT
    while not reached():
        assert bench.poll() is None, bench.communicate()[0]
        assert time.monotonic() < deadline, "it never came so far"
        time.sleep(0.05)
    os.kill(bench.pid, signal.SIGKILL)
    bench.wait()


def finish(bench: subprocess.Popen[str]) -> dict[str, bytes]:
    said, _ = bench.communicate(timeout=WAIT)
    assert bench.returncode == 0, said
    folder = Path(bench.args[-2]) / "tiny" / "tricks" / "runs"
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if not file.name.startswith(".")}


@pytest.mark.slow
@pytest.mark.whole
def test_a_killed_bench_leaves_the_same_records(project: Path, tmp_path: Path) -> None:
    undisturbed = finish(start(project, tmp_path / "undisturbed"))
    assert len(undisturbed) == 3, "two runs and the labels"
    outputs = tmp_path / "killed"
    records = outputs / "tiny" / "tricks" / "runs"
    kill_when(start(project, outputs), lambda: any(outputs.glob("tiny/runs/*/*/fold_0/checkpoint.ckpt")))
    assert not any(outputs.glob("tiny/runs/*/*/fold_0/metrics.json")), "no training had ended"
    kill_when(start(project, outputs), lambda: any(records.glob("*.parquet")))
    assert len(list(records.glob("*.parquet"))) == 1, "one of two records was written"
    assert finish(start(project, outputs)) == undisturbed
