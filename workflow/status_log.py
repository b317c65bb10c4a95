"""What Snakemake says of a dry run, kept for status.py: which files it would make, why, and with what. A logger plugin
of it."""

from __future__ import annotations

import logging

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

reasons: dict[str, str] = {}  # output -> why
resources: dict[str, dict[str, float]] = {}  # output -> what its job takes: threads, gpu, mem_mb, runtime (minutes)
faults: list[str] = []


class LogHandler(LogHandlerBase):
    writes_to_stream = False
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        reasons.clear()
        resources.clear()
        faults.clear()

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "event", None) == LogEvent.JOB_INFO:
            files = list(map(str, record.output))
            reasons.update(dict.fromkeys(files, record.reason))
            resources.update(dict.fromkeys(files, {**record.resources, "threads": record.threads}))
        elif record.levelno >= logging.ERROR and record.msg:
            faults.append(record.getMessage())
