"""`kill -9` to a command of the project in the middle of its work, and the same command to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

WAIT = 900  # seconds: a busy machine


def start(project: Path, script: str, *words: str) -> subprocess.Popen[str]:
    """A script of workflow/ in a process of its own, with the package of this very project."""
    command = [sys.executable, f"workflow/{script}.py", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    environment = {**os.environ, "PYTHONPATH": str(project)}  # a copy has no commit that could change meanwhile
    return subprocess.Popen(command, cwd=project, env=environment, text=True, **pipes)


def kill_when(command: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    """The command alone, as the system does when memory runs out: what it has started must end by itself."""
    deadline = time.monotonic() + WAIT
    while not reached():
        assert command.poll() is None, command.communicate()[0]
        assert time.monotonic() < deadline, "it never came so far"
        time.sleep(0.01)
    os.kill(command.pid, signal.SIGKILL)
    command.wait()


def finish(command: subprocess.Popen[str]) -> str:
    """Wait for its end, which must be a good one; gives what it said."""
    said, _ = command.communicate(timeout=WAIT)
    assert command.returncode == 0, said
    return said
