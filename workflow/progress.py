"""What a user sees of a run: one line when a job starts and one when it ends. A logger plugin of Snakemake,
registered by run.py.

            05 super-image · lite0 · fold 1 …
    [ 7/22] 05 super-image · lite0 · fold 1   48 s   val mAP 0.41

The counter says how many jobs are done, so it only grows, in whatever order they end. A dry run numbers its list.
"""

from __future__ import annotations

import ast
import contextlib
import json
import logging
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plan import TITLES
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from vpipe_utils.data.label_checks import could_not_be_read

GOAL = "all"  # a rule that runs nothing
NOTHING = "Nothing to be done"
# Snakemake's own words about a failed job; the job has already said what happened.
REPEATED = (
    "Exiting because a job",
    "WorkflowError:\nAt least one job did not",
    "RuleException:\nCalledProcessError",
    # Of the executor for Slurm, which asks for an account that many clusters do not have.
    "No SLURM account given",
    "No account was given",
    "Unable to guess SLURM account",
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
        self.total = self.finished = 0
        self.failed: set[str] = set()  # names: a job that is sent again may still come to its end
        self.goal = 0
        self.ended = False
        self.started = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.handle_event(getattr(record, "event", None), record)
        except Exception:  # a line less must never stop a run
            self.handleError(record)

    def handle_event(self, event: LogEvent | None, record: logging.LogRecord) -> None:
        message = record.getMessage() if record.msg else ""
        if event == LogEvent.RUN_INFO and not self.total:
            self.goal = record.stats.get(GOAL, 0)
            self.total = record.stats["total"] - self.goal
        elif event == LogEvent.PROGRESS:
            # Fewer, once notebook 02 has found that no training clip has changed.
            self.total = min(self.total, record.total - self.goal)
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
        if info["rule_name"] == GOAL:
            return
        rule, wildcards = info["rule_name"], info["wildcards"]
        step = wildcards.get("approach", "data" if rule == "part" else rule)  # of a run: its approach
        words = [TITLES.get(step, rule)]
        words += [wildcards["model"]] if "model" in wildcards else []
        words += [f"fold {wildcards['fold']}"] if "fold" in wildcards else []
        words += [f"part {wildcards['scatteritem'].replace('-', ' ')}"] if "scatteritem" in wildcards else []
        words += ["predictions"] if info["rule_name"] == "predict" else []
        job = Job(" · ".join(words), list(info["output"]), time.monotonic())
        self.jobs[info["jobid"]] = job
        if self.common_settings.dryrun:
            self.say_about(job, why(info["reason"], info["rule_name"]), len(self.jobs))
        else:
            self.say_about(job, "…")

    def job_ends(self, jobid: int) -> None:
        job = self.jobs.get(jobid)
        if job is None:
            return
        self.finished += 1
        self.failed.discard(job.name)
        self.say_about(job, f"{duration(time.monotonic() - job.started)}{score(job.output)}", self.finished)
        if self.finished == self.total:
            self.all_done()

    def all_done(self) -> None:
        took = duration(time.monotonic() - self.started)
        say(f"All {self.finished} jobs done in {took}.\n{self.where()}")
        self.ended = True

    def job_fails(self, jobid: int) -> None:
        job = self.jobs[jobid]
        self.failed.add(job.name)
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
            say(f"Stopped: {self.finished} of {self.total} jobs done, {len(self.failed)} failed. "
                "The same command goes on from here.")  # fmt: skip
            self.failed.clear()
        elif self.finished and self.finished == self.total and not self.ended:
            self.all_done()
        super().close()


def say(text: str) -> None:
    print(text.rstrip(), file=sys.stderr, flush=True)


def why(reason: str, rule: str = "") -> str:
    """Snakemake's reason to run a job, short."""
    if reason.startswith("Missing output files"):
        return "not there yet"
    if reason.startswith("Params have changed"):
        return changed_values(reason)
    if rule == "train" and reason.startswith("Input files updated by another job"):
        return "only if its training clips have changed, which notebook 02 will tell"
    return shortened(reason)


def changed_values(reason: str) -> str:
    """Which parameters differ from those the job last ran with: "lr 0.001 → 0.002"."""
    values = re.findall(r"(before|now): .*?('\{.*?\}')(?=,| (?:now:|$)|$)", reason)
    try:
        of = {when: json.loads(ast.literal_eval(text)) for when, text in values}
        keys = [key for key in {**of["before"], **of["now"]} if of["before"].get(key) != of["now"].get(key)]
        told = [f"{key} {json.dumps(of['before'].get(key))} → {json.dumps(of['now'].get(key))}" for key in keys]
    except (ValueError, SyntaxError, KeyError):
        told = []
    return shortened(", ".join(told)) if told else "its parameters, its data or its notebook's code have changed"


def shortened(text: str) -> str:
    return text if len(text) < 160 else text[:157] + "..."


def duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def score(outputs: list[str]) -> str:
    """What to know of a finished job: its validation or held-out mAP, the videos that cannot be read."""
    for file in outputs:
        if Path(file).name == "videos.parquet":
            with contextlib.suppress(ValueError, OSError):  # a line must not depend on what it is about
                said = could_not_be_read(Path(file))
                return f"   {said}" if said else ""
            return ""
        if Path(file).name != "metrics.json":
            continue
        metrics = json.loads(Path(file).read_text(encoding="utf-8"))
        for key, words in (("val_mAP", "val mAP"), ("ensemble_mAP", "held-out mAP")):
            if isinstance(metrics.get(key), int | float):
                return f"   {words} {metrics[key]:.3f}"
    return ""
