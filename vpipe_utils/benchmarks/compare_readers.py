"""The ways of `video_readers` side by side on one video: CPU seconds, memory, and whether the frames are right.

Frame i is the i-th that OpenCV gives when it decodes the file from its start, as the paper does.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any, Self

import cv2
import numpy as np
import pandas as pd

from vpipe_utils.benchmarks.video_readers import JPEG, OURS, PAPER, WAYS, cv2_step
from vpipe_utils.data.sampling import uniform_indices
from vpipe_utils.project.paths import project_root
from vpipe_utils.storage.files import temporary_folder

PATIENCE = 600  # seconds after which a way is given up
NAN = float("nan")
# (way, PATH) -> why this machine cannot, once a process has said so. torchcodec's takes seconds to load and say it.
_MISSING: dict[tuple[str, str], str] = {}


class Reader:
    """A process that reads one way; where it dies over a video, the next one gets a new one."""

    def __init__(self, way: str) -> None:
        self.way = way
        self._place = way, os.environ.get("PATH", "")
        self._process = None
        if self._place not in _MISSING:
            self._start()

    @cached_property
    def missing(self) -> str:
        """Why this machine cannot read that way, a sentence; "" where it can."""
        if self._process is None:
            return _MISSING[self._place]
        said = self._receive()["why_not"]
        if said and self._process.wait() == 0:  # it has said so and ended; others died, and may not the next time
            _MISSING[self._place] = said
        return said

    def read(self, path: Path, indices: Collection[int], keep: Path | None = None) -> dict[str, Any]:
        """The answer of `video_readers.answer`; where the process dies over it, that as `why_not`."""
        if self.missing:
            return {"why_not": self.missing}
        if self._process.poll() is not None:
            self._stop()
            self._start()
            self._receive()
        request = {"path": str(path.absolute()), "indices": [int(index) for index in indices]}
        line = json.dumps({**request, "keep": None if keep is None else str(keep.absolute())})
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._receive()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "vpipe_utils.benchmarks.video_readers", self.way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=project_root(),  # so that it imports this package and no other
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENCV_FFMPEG_LOGLEVEL": "-8"},
        )

    def _receive(self) -> dict[str, Any]:
        if not select.select([self._process.stdout], [], [], PATIENCE)[0]:
            self._process.kill()
            self._process.wait()
            return {"why_not": f"it gave no answer in {PATIENCE} s"}
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"why_not": f"its process died (code {self._process.wait()})"}

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        with contextlib.suppress(BrokenPipeError):  # what it did not read any more
            self._process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self._stop()


@contextlib.contextmanager
def _readers(ways: Collection[str]) -> Iterator[dict[str, Reader]]:
    with contextlib.ExitStack() as stack:
        yield {way: stack.enter_context(Reader(way)) for way in ways}


def measure(path: Path, indices: Collection[int], rounds: int, ways: Collection[str] = tuple(WAYS)) -> pd.DataFrame:
    """Read the ascending `indices` every way: one row a way, in their order.

    After one reading that warms up and is checked, `rounds` rounds in which the ways take turns, every other round
    backwards. Columns: way, why_not (a sentence; then the rest is empty), seconds (CPU, median of the rounds), ratio
    (the paper's seconds / this way's, median of the rounds' ratios), ratio_low, ratio_high (their range), ours_ratio
    (this way's seconds / ours, likewise), memory_mib (by which the first reading raises the peak) and exact.
    """
    truth = cv2_step(str(path), list(indices))
    firsts, seconds = {}, {way: [] for way in ways}
    with _readers(ways) as readers:
        for way, reader in readers.items():
            firsts[way] = _checked_read(reader, way, path, indices, truth)
        for number in range(rounds):
            for way in list(ways)[:: -1 if number % 2 else 1]:
                found = NAN if firsts[way]["why_not"] else readers[way].read(path, indices).get("seconds", NAN)
                seconds[way].append(found)
    taken = {way: np.array(values) for way, values in seconds.items()}
    none = np.full(rounds, NAN)
    rows = []
    for way in ways:
        ratios = taken.get(PAPER, none) / taken[way]
        figures = (median(taken[way]), median(ratios), ratios.min(), ratios.max())
        ours = median(taken[way] / taken.get(OURS, none))
        rows.append((way, firsts[way]["why_not"], *figures, ours, firsts[way]["memory_mib"], firsts[way]["exact"]))
    columns = ["way", "why_not", "seconds", "ratio", "ratio_low", "ratio_high", "ours_ratio", "memory_mib", "exact"]
    return pd.DataFrame(rows, columns=columns)


def check(clips: Mapping[str, Path], n: int = 9, ways: Collection[str] = tuple(WAYS)) -> pd.DataFrame:
    """Whether `n` frames of each clip are right: True or False, a row a clip, a column a way; empty: it is missing."""
    found = {}
    with _readers(ways) as readers:
        for name, path in clips.items():
            indices = uniform_indices(count_by_stepping(path), n)
            truth = cv2_step(str(path), indices.tolist())
            for way in ways:
                first = _checked_read(readers[way], way, path, indices, truth)
                found[name, way] = None if readers[way].missing else first["exact"]
    return pd.Series(found, dtype=object).unstack().reindex(index=list(clips), columns=list(ways))


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measure` for people, indexed by clip and way; what could not be measured is left out.

    ``table``: with clip, odd_exact and odd_clips (see `check`) beside.
    """
    there = table[table["why_not"] == ""]
    result = there[["clip", "way", "seconds", "ratio", "ratio_low", "ratio_high", "ours_ratio"]].copy()
    result["MiB"] = there["memory_mib"].round().astype(object)
    result["right"] = there["exact"].map({True: "yes", False: "no"})
    result["odd clips"] = [f"{row.odd_exact} of {row.odd_clips}" for row in there.itertuples()]
    return result.set_index(["clip", "way"])


def describe(table: pd.DataFrame) -> list[str]:
    """A sentence a clip: ours against the paper's way and the fastest others.

    ``table``: rows of `measure` with clip, odd_exact and odd_clips (see `check`) beside.
    """
    lines = []
    for clip, rows in table.groupby("clip", sort=False):
        own = rows[rows["way"] == OURS].iloc[0]
        others = rows[~rows["way"].isin([OURS, PAPER]) & rows["exact"]]
        always = others[others["odd_exact"] == others["odd_clips"]]
        fastest = [
            f"the fastest that is right {where}, {part.loc[part['ours_ratio'].idxmin(), 'way']}, takes "
            f"x {part['ours_ratio'].min():.2f} our time"
            for part, where in ((always, "on every clip"), (others, "on this clip"))
            if len(part)
        ]
        start = f"{clip}: ours takes {own['seconds']:.2f} s and is x {own['ratio']:.1f} as fast as the paper's way"
        lines.append("; ".join([start, *fastest]) + ".")
    return lines


def count_by_stepping(path: Path) -> int:
    """Number of frames that OpenCV gives from the start to the end."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    frames = 0
    while capture.grab():
        frames += 1
    return frames


def _checked_read(reader: Reader, way: str, path: Path, indices: Collection[int], truth: np.ndarray) -> dict[str, Any]:
    """One reading: why_not, memory_mib and exact; of the paper's way, whether they are the right frames' JPEGs."""
    with temporary_folder() as folder:
        keep = folder / "frames.npy"
        answer = reader.read(path, indices, keep)
        if answer["why_not"]:
            return {"why_not": answer["why_not"], "memory_mib": NAN, "exact": False}
        frames = np.load(keep)
    expected = _as_jpeg(truth) if way == PAPER else truth
    return {**answer, "exact": bool(np.array_equal(frames, expected))}


def _as_jpeg(pictures: np.ndarray) -> np.ndarray:
    files = [cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), JPEG)[1] for picture in pictures]
    return np.stack([cv2.imdecode(file, cv2.IMREAD_COLOR_RGB) for file in files])
