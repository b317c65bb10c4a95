"""One function over many items in several processes: in order, with progress, and without orphans."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import cv2
from loky import BrokenProcessPool, ProcessPoolExecutor

from vpipe_utils.project.progress import progress_bar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4  # items a worker may be ahead of the consumer: enough to keep it busy, little enough for memory


def usable_cores() -> int:
    """Of this machine, those that this process may use: a container or a Slurm job may have fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2


def run_parallel(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    progress: bool = True,
    description: str = "",
) -> Iterator[Result]:
    """Yield `function(item)` for every item, in the order of the items.

    `function` must be importable, items and results picklable: workers are new processes, never forked from
    the caller, whose threads would not survive it. `workers` 1 stays in this process. The first exception of
    a worker is raised here and stops the rest. A bar shows in JupyterLab and terminals; the environment
    variable TQDM_DISABLE=1 silences it.
    """
    items = list(items)
    if workers < 1:
        raise ValueError(f"workers is {workers}; at least 1 process is needed")
    workers = min(workers, len(items))
    results = map(function, items) if workers <= 1 else _pooled(function, items, workers)
    with progress_bar(total=len(items), description=description, progress=progress) as bar:
        for result in results:
            bar.update()  # before it is handed on: who takes only as many as there are need not ask for one more
            yield result


def _pooled(function: Callable[[Item], Result], items: list[Item], workers: int) -> Iterator[Result]:
    # loky, not concurrent.futures: there a worker that dies while another starts can leave the caller waiting for ever.
    pool = ProcessPoolExecutor(workers, initializer=_start_worker, initargs=(os.getpid(),))
    try:
        waiting = iter(items)
        pending = deque(pool.submit(function, item) for item in itertools.islice(waiting, workers * AHEAD))
        while pending:
            yield pending.popleft().result()
            pending.extend(pool.submit(function, item) for item in itertools.islice(waiting, 1))
    except BrokenProcessPool:
        raise RuntimeError(
            "a worker process died, most likely for lack of memory: set `workers` lower and run again"
        ) from None
    finally:
        pool.shutdown(wait=True, kill_workers=True)


def _start_worker(parent: int) -> None:
    """Runs first in every worker: one thread each, and no life beyond the parent's."""
    cv2.setNumThreads(1)

    def end_with_parent() -> None:  # a killed notebook kernel must not leave idle workers behind
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
