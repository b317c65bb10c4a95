"""`make weak`: what it plans, and what it refuses. Nothing is trained here."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from projects import copy_project

COMMAND = [sys.executable, "workflow/weak.py", "--jobs", "2", "--", "--dry-run"]


def test_it_plans_every_repetition_of_the_runs_beside_and_no_pages(tmp_path) -> None:
    project = copy_project(tmp_path / "project")
    done = subprocess.run(COMMAND, cwd=project, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    runs = [
        f"{name} · fold {part}"
        for name in ("03 frame · frame_lite0", "05 super-image · lite0")
        for part in ("0", "0_1", "0_2")
    ]
    expected = ["01 data", "02 folds", *runs, *(f"{run} · predictions" for run in runs), "09 weak supervision"]
    assert sorted(re.findall(r"^\[ *\d+/\d+\] (.+?)  ", done.stderr, flags=re.MULTILINE)) == sorted(expected)


@pytest.mark.parametrize("line", ["weak_in_report: false\nweak_repetitions: 3\n", "weak_repetitions: 1\n"])
def test_a_preset_that_gives_no_interval_is_refused(tmp_path, line) -> None:
    project = copy_project(tmp_path / "project")
    file = project / "params" / "weak" / "weak.yaml"
    kept = [text for text in file.read_text().splitlines() if text.split(":")[0] not in line]
    file.write_text("\n".join([*kept, line]))
    done = subprocess.run(COMMAND, cwd=project, capture_output=True, text=True, timeout=300)
    assert done.returncode != 0 and "must set weak_in_report: true and weak_repetitions: 2 or more" in done.stderr
