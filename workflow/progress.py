"""What a user sees of a run: one line when a job starts and one when it ends. A logger plugin of Snakemake,
registered by run.py.

            05 super-image · convnext_base · fold 1 …
    [ 7/22] 05 super-image · convnext_base · fold 1   48 s   val mAP 0.41

The counter says how many jobs are done, so it only grows, in whatever order they end. A dry run numbers its list.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from vpipe_utils.data.label_checks import could_not_be_read

STEPS = {
    "part": "01 data", "data": "01 data", "folds": "02 folds", "frame": "03 frame", "video": "04 video",
    "super_image": "05 super-image", "ensemble": "06 ensemble", "report": "10 report",
    "benchmarks": "12 benchmarks", "site": "HTML pages",
}  # fmt: skip
NOTHING = "Nothing to be done"
# Snakemake's own words about a failed job; the job has already said what happened.
REPEATED = (
    "Exiting because a job",
    "WorkflowError:\nAt least one job did not",
    "RuleException:\nCalledProcessError",
)


@dataclass
class Job:
    name: str
    output: list[str]
    started: float


class LogHandler(LogHandlerBase):
    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        self.jobs: dict[int, Job] = {}
        self.total = self.finished = self.failed = 0
        self.started = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.handle_event(getattr(record, "event", None), record)
        except Exception:  # a line less must never stop a run
            self.handleError(record)

    def handle_event(self, event: LogEvent | None, record: logging.LogRecord) -> None:
        message = record.getMessage() if record.msg else ""
        if event == LogEvent.RUN_INFO and not self.total:
            self.total = record.stats["total"]
        elif event == LogEvent.JOB_INFO:
            self.job_starts(vars(record))
        elif event == LogEvent.JOB_FINISHED:
            self.job_ends(record.job_id)
        elif event == LogEvent.JOB_ERROR:
            self.job_fails(record.jobid)
        elif record.levelno >= logging.WARNING and not message.startswith(REPEATED):
            say(message)
        elif message.startswith(NOTHING):
            say(f"Nothing to do: everything is up to date.\n{self.where()}")

    def job_starts(self, info: dict[str, Any]) -> None:
        wildcards = info["wildcards"]
        words = [STEPS.get(info["rule_name"], info["rule_name"])]
        words += [wildcards["model"]] if "model" in wildcards else []
        words += [f"fold {wildcards['fold']}"] if "fold" in wildcards else []
        words += [f"part {wildcards['k']} of {wildcards['n']}"] if "k" in wildcards else []
        job = Job(" · ".join(words), list(info["output"]), time.monotonic())
        self.jobs[info["jobid"]] = job
        if self.common_settings.dryrun:
            self.say_about(job, why(info["reason"]), len(self.jobs))
        else:
            self.say_about(job, "…")

    def job_ends(self, jobid: int) -> None:
        job = self.jobs[jobid]
        self.finished += 1
        self.say_about(job, f"{duration(time.monotonic() - job.started)}{score(job.output)}", self.finished)
        if self.finished == self.total:
            took = duration(time.monotonic() - self.started)
            say(f"All {self.total} jobs done in {took}.\n{self.where()}")

    def job_fails(self, jobid: int) -> None:
        job = self.jobs[jobid]
        self.failed += 1
        self.say_about(job, f"FAILED after {duration(time.monotonic() - job.started)}", self.finished)

    def say_about(self, job: Job, what: str, number: int | None = None) -> None:
        width = len(str(self.total))
        counter = " " * (2 * width + 3) if number is None else f"[{number:>{width}}/{self.total}]"
        say(f"{counter} {job.name}  {what}")

    def where(self) -> str:
        root = os.environ.get("VPIPE_ROOT")
        page = Path(root, "report", "index.html") if root else None
        return f"Open {page} in a browser." if page and page.is_file() else ""

    def close(self) -> None:
        if self.failed and self.total:
            say(f"Stopped: {self.finished} of {self.total} jobs done, {self.failed} failed. "
                "The same command goes on from here.")  # fmt: skip
            self.failed = 0
        super().close()


def say(text: str) -> None:
    print(text.rstrip(), file=sys.stderr, flush=True)


def why(reason: str) -> str:
    """Snakemake's reason to run a job, short."""
    if reason.startswith("Missing output files"):
        return "not there yet"
    return reason if len(reason) < 160 else reason[:157] + "..."


def duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def score(outputs: list[str]) -> str:
    """What to know of a finished job: its validation or held-out mAP, the videos that cannot be read."""
    for file in outputs:
        if Path(file).name == "videos.parquet":
            said = could_not_be_read(Path(file))
            return f"   {said}" if said else ""
        if Path(file).name != "metrics.json":
            continue
        metrics = json.loads(Path(file).read_text(encoding="utf-8"))
        for key, words in (("val_mAP", "val mAP"), ("ensemble_mAP", "held-out mAP")):
            if isinstance(metrics.get(key), int | float):
                return f"   {words} {metrics[key]:.3f}"
    return ""
