"""What a user sees of a run of the workflow: a counter that only grows."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow"))

import progress  # noqa: E402
from snakemake_interface_logger_plugins.common import LogEvent  # noqa: E402


def handler(total: int, dry: bool = False) -> progress.LogHandler:
    made = progress.LogHandler.__new__(progress.LogHandler)
    made.common_settings = SimpleNamespace(dryrun=dry)
    made.__post_init__()
    made.handle_event(LogEvent.RUN_INFO, record(stats={"total": total}))
    return made


def record(**values: object) -> SimpleNamespace:
    return SimpleNamespace(msg="", levelno=20, getMessage=lambda: "", **values)


def start(log: progress.LogHandler, jobid: int) -> None:
    wildcards = {"approach": "frame", "model": f"m{jobid}"}
    info = {"jobid": jobid, "rule_name": "train", "wildcards": wildcards, "output": [], "reason": "new"}
    log.handle_event(LogEvent.JOB_INFO, record(**info))


def test_the_counter_never_runs_backwards(capsys: pytest.CaptureFixture[str]) -> None:
    log = handler(12)
    for jobid in (4, 2, 7):
        start(log, jobid)
    for jobid in (7, 4):
        log.handle_event(LogEvent.JOB_FINISHED, record(job_id=jobid))
    start(log, 9)
    log.handle_event(LogEvent.JOB_ERROR, record(jobid=2))
    lines = capsys.readouterr().err.splitlines()
    assert [re.findall(r"\[ *(\d+)/12\]", line) for line in lines] == [[], [], [], ["1"], ["2"], [], ["2"]]
    assert lines[3].startswith("[ 1/12] 03 frame · m7  ") and "FAILED" in lines[-1]
    assert len({line.index("03 frame") for line in lines}) == 1, "names stand below each other"


def test_a_dry_run_numbers_its_list(capsys: pytest.CaptureFixture[str]) -> None:
    log = handler(2, dry=True)
    start(log, 5)
    start(log, 3)
    assert capsys.readouterr().err.splitlines() == ["[1/2] 03 frame · m5  new", "[2/2] 03 frame · m3  new"]
