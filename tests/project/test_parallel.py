"""Work in several processes: in order, errors come through, no process outlives its parent."""

from __future__ import annotations

import operator
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from vpipe_utils.project.parallel import run_parallel, usable_cores
from vpipe_utils.project.progress import progress_bar

WORKERS = pytest.mark.parametrize("workers", [1, 3])


@WORKERS
def test_results_come_in_the_order_of_the_items(workers):
    results = run_parallel(partial(operator.mul, 2), range(40), workers, progress=False)
    assert list(results) == [2 * item for item in range(40)]


@WORKERS
def test_no_items(workers):
    assert list(run_parallel(operator.neg, [], workers, progress=False)) == []


@WORKERS
def test_an_error_comes_through(workers):
    results = run_parallel(partial(operator.truediv, 1), [2, 1, 0, 4], workers, progress=False)
    assert [next(results), next(results)] == [0.5, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_a_dead_worker_is_said_in_a_sentence():
    with pytest.raises(RuntimeError, match="a worker process died.*set `workers` lower"):
        list(run_parallel(os._exit, [3, 3], 2, progress=False))


def test_at_least_one_worker():
    with pytest.raises(ValueError, match="workers is 0"):
        list(run_parallel(operator.neg, [1], 0, progress=False))


def test_workers_end_with_a_killed_parent(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys, time\n"
        "def work(folder):\n"
        "    open(f'{folder}/{os.getpid()}', 'w').close()\n"
        "    time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    from vpipe_utils.project.parallel import run_parallel\n"
        "    from script import work\n"
        "    list(run_parallel(work, [sys.argv[1]] * 4, 2, progress=False))\n"
    )
    pids = tmp_path / "pids"
    pids.mkdir()
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, script, pids], env=environment)
    assert _wait_until(lambda: len(list(pids.iterdir())) == 2)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert _wait_until(lambda: not any(_runs(int(path.name)) for path in pids.iterdir()))


def _wait_until(condition, seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _runs(pid: int) -> bool:
    """True for a live process; one that ended and waits to be collected does not count."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.is_file() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z")


def test_the_bar_is_full_when_the_last_result_is_taken(monkeypatch):
    """Who takes as many results as there are items and closes (the tile cache does) must not leave a red bar."""
    bars = []
    monkeypatch.setenv("TQDM_DISABLE", "0")
    noting = lambda **words: bars.append(progress_bar(**words)) or bars[0]  # noqa: E731
    monkeypatch.setattr("vpipe_utils.project.parallel.progress_bar", noting)
    results = run_parallel(operator.neg, range(5), 1)
    assert [next(results) for _ in range(5)] == [0, -1, -2, -3, -4]
    results.close()
    assert bars[0].n == bars[0].total == 5


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a process keeps all cores on this system")
def test_cores_are_those_of_this_process() -> None:
    mine = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(mine)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, mine)
