"""One function over many items in several processes: in order, with progress, and without orphans."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2

from vpipe_utils.progress import progress_bar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4  # items a worker may be ahead of the consumer: enough to keep it busy, little enough for memory


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
    yield from progress_bar(results, len(items), description, progress)


def _pooled(function: Callable[[Item], Result], items: list[Item], workers: int) -> Iterator[Result]:
    pool = ProcessPoolExecutor(workers, mp_context=_context(function), initializer=_start_worker)
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
        pool.shutdown(wait=True, cancel_futures=True)


def _context(function: Callable[..., object]) -> multiprocessing.context.BaseContext:
    """Workers come from a clean server process that has imported the function's module once."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([getattr(function, "func", function).__module__])
    return context


def _start_worker() -> None:
    """Runs first in every worker: one thread each, and no life beyond the parent's."""
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:  # a killed notebook kernel must not leave idle workers behind
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
