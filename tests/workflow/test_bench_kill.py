"""`kill -9` in the middle of the bench, and the same command again: the same records, byte for byte.

A bench of two runs, smaller than smoke's. It is killed twice, while it trains and while it writes its records.
"""

from __future__ import annotations

from pathlib import Path
from subprocess import Popen

import pytest
from killing import finish, kill_when, start
from projects import copy_project

TINY = {
    "data.yaml": "preset: tiny\nextends: smoke\npipesim_train: 60\npipesim_test: 20\n",
    "training.yaml": "epochs: 8\nvalidate_every: 1\n",
}


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


def bench(project: Path, outputs: Path, *more: str) -> Popen[str]:
    return start(project, "bench", "--preset", "tiny", "--jobs", "1", "--outputs", str(outputs), *more, "--")


def records_of(outputs: Path) -> dict[str, bytes]:
    folder = outputs / "tiny" / "tricks" / "runs"
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if not file.name.startswith(".")}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.whole
def test_a_killed_bench_leaves_the_same_records(project: Path, tmp_path: Path) -> None:
    finish(bench(project, tmp_path / "undisturbed"))
    undisturbed = records_of(tmp_path / "undisturbed")
    assert len(undisturbed) == 3, "two runs and the labels"
    outputs = tmp_path / "killed"
    records = outputs / "tiny" / "tricks" / "runs"
    kill_when(bench(project, outputs), lambda: any(outputs.glob("tiny/runs/*/*/fold_0/checkpoint.ckpt")))
    assert not any(outputs.glob("tiny/runs/*/*/fold_0/metrics.json")), "no training had ended"
    kill_when(bench(project, outputs), lambda: any(records.glob("*.parquet")))
    assert len(list(records.glob("*.parquet"))) == 1, "one of two records was written"
    finish(bench(project, outputs))
    assert records_of(outputs) == undisturbed
    finish(bench(project, tmp_path / "together", "--together", "2"))
    assert records_of(tmp_path / "together") == undisturbed, "without notebooks, both at a time"
