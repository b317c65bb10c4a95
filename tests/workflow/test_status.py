"""What `make status` and `make dag` say of a report that is partly done. Jobs are played: nothing is trained here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from played import played_project
from projects import run

ROOT = Path(__file__).resolve().parents[2]


def status(project: Path, *words: str, preset: str = "own") -> str:
    command = [sys.executable, "workflow/status.py", "--preset", preset, *words]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lines_with(text: str, *words: str) -> list[str]:
    return [line for line in text.splitlines() if all(word in line for word in words)]


@pytest.fixture(scope="module")
def half_done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of three folds the second has failed."""
    project = played_project(tmp_path_factory.mktemp("status") / "project", folds=3)
    (project / "play.json").write_text(json.dumps({"fails": ["05 convnext_small 1"]}))
    assert run(project, "--keep-going", preset="own").returncode == 1
    logs = project / "outputs/own/logs"
    error = {"output_type": "error", "ename": "ValueError", "evalue": "as it was told to"}
    kept = json.dumps({"cells": [{"outputs": [error]}]})
    (logs / "super_image.convnext_small.fold_1.ipynb").write_text(kept)  # as papermill leaves it
    return project


def test_before_anything_has_run(tmp_path: Path) -> None:
    project = played_project(tmp_path / "project")
    said = status(project)
    assert said.startswith("own: ") and "done" not in said.split("(")[0]
    assert lines_with(said, "super_image · convnext_small", "to do")
    assert "1 runs to train, a GPU each; their time limits add up to 1 GPU-hours" in said
    assert not (project / "outputs").exists(), "looking writes nothing"


def test_done_failed_and_to_do(half_done: Path) -> None:
    said = status(half_done)
    (row,) = lines_with(said, "super_image · convnext_small")
    assert row.split("convnext_small")[1].split() == ["done", "FAILED", "done"]
    (reason,) = lines_with(said, "super_image convnext_small fold 1: ValueError: as it was told to")
    assert "super_image.convnext_small.fold_1.ipynb" in reason, "the notebook to open"
    assert lines_with(said, "01 data", "done")


def test_a_changed_parameter_is_named(half_done: Path) -> None:
    file = half_done / "params/own/training.yaml"
    file.write_text("lr: 0.123\n")
    try:
        said = status(half_done)
    finally:
        file.unlink()
    assert lines_with(said, "super_image convnext_small fold 0", "→ 0.123")


def test_resources_of_every_job_and_the_picture(half_done: Path) -> None:
    said = status(half_done, "--resources", "--picture")
    (row,) = [line for line in said.splitlines() if line.startswith("super_image convnext_small fold 1 ")]
    assert row.split()[-6:] == ["1", "1", "2", "GB", "1", "h"]
    picture = half_done / "outputs/own/dag.svg"
    assert f"drawn: {picture}" in said and picture.read_text().startswith("<?xml")


def test_the_papers_runs_without_its_data() -> None:
    said = status(ROOT, preset="paper")
    assert "45 runs to train, a GPU each; their time limits add up to 840 GPU-hours" in said
    page = (ROOT / "docs" / "FULL_MODELS.md").read_text()
    assert "45 runs, whose limits add\nup to 840 GPU-hours" in page, "as it says"
