"""`make sight`: what it plans, and that its record is made when it must be, and only then. Nothing is trained here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from made_up_grid import made_up_record
from projects import copy_project

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow"))

import plan  # noqa: E402
import sight  # noqa: E402

from vpipe_utils.evaluation.sight import gather, record  # noqa: E402
from vpipe_utils.storage.tables import read_json  # noqa: E402


def test_it_plans_every_run_of_the_grid_and_no_pages(tmp_path) -> None:
    project = copy_project(tmp_path / "project")
    command = [sys.executable, "workflow/sight.py", "--jobs", "2", "--", "--dry-run"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    parts = re.split(r"^(sight_\d\d):$", done.stderr, flags=re.MULTILINE)[1:]
    assert parts[::2] == list(record.PRESETS)
    names = ["03 frame · frame_lite0", "04 video · video_swin_small"]
    names += ["05 super-image · lite0", "05 super-image · lite0_tiles"]
    expected = ["01 data", "02 folds", *(f"{name} · fold {fold}" for name in names for fold in range(3))]
    expected += [f"{name} · fold {fold} · predictions" for name in names for fold in range(3)]
    for said in parts[1::2]:
        assert sorted(re.findall(r"^\[ *\d+/\d+\] (.+?)  ", said, flags=re.MULTILINE)) == sorted(expected)
    assert not (project / "outputs" / "sight").exists(), "a plan writes no record"


def test_a_fault_of_one_preset_ends_it(tmp_path) -> None:
    project = copy_project(tmp_path / "project")
    (project / "params" / "sight" / "training.yaml").write_text("epoch: 3\n")
    command = [sys.executable, "workflow/sight.py", "--", "--dry-run"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300)
    assert done.returncode != 0 and "'epoch' is no parameter here" in done.stderr and "sight_30" not in done.stderr


@pytest.fixture
def gathered(tmp_path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grids that were gathered: the numbers of draws. What is gathered is made up."""
    made = made_up_record(tmp_path / "made_up")
    calls: list[int] = []

    def played(presets, n, seed):
        calls.append(n)
        return {name: getattr(made, name) for name in record.TABLES}

    monkeypatch.setattr(gather, "gather", played)
    return calls


def test_the_record_is_made_once_and_again_for_new_predictions(tmp_path, gathered) -> None:
    outputs = tmp_path / "outputs"
    run = outputs / "sight_30" / "runs" / "frame" / "frame_lite0" / "fold_0"
    run.mkdir(parents=True)
    (run / "test_predictions.parquet").write_bytes(b"first")
    folder = sight.make_record(str(outputs))
    assert folder == outputs / "sight" / "record" and gathered == [2000]
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")
    told = read_json(folder / "provenance.json")
    assert told["draws"] == 2000 and told["sizes"]["train_folds"] == [0, 1, 2] and told["packages"]["torch"]
    assert record.read_record(outputs).folder == folder
    sight.make_record(str(outputs))
    assert gathered == [2000], "nothing has changed"
    (run / "test_predictions.parquet").write_bytes(b"second")
    sight.make_record(str(outputs))
    assert gathered == [2000, 2000]


def test_the_page_of_every_preset_waits_for_the_record(tmp_path) -> None:
    found = plan.Plan("smoke", str(tmp_path)).sight_record()
    assert all(file.parent == Path("outputs/reference/sight") for file in found), "that in git, if there is one"
    made_up_record(tmp_path / "sight" / "record")
    found = plan.Plan("smoke", str(tmp_path)).sight_record()
    assert {file.parent for file in found} == {tmp_path / "sight" / "record"} and all(file.is_file() for file in found)
