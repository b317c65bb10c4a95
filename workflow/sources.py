"""A small record of own data, by which the first notebook runs again: Snakemake itself looks at a folder's date alone,
which does not change when a video in it is overwritten."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from vpipe_utils.user_files.video_files import OTHERS, UNFINISHED

NO_VIDEOS = OTHERS.union(UNFINISHED)


def record(videos: Path, annotations: Iterable[Path]) -> str:
    """One line a file: name, size and time of change of every video, and the SHA-256 of every annotation file.

    About 20 µs a video; files are not read. What is not there is left out: whoever reads it says so.
    """
    lines = [["annotations", path.name, _digest(path)] for path in annotations]
    try:
        with os.scandir(videos) as entries:
            lines += sorted([entry.name, *_state(entry)] for entry in entries if _may_be_video(entry))
    except OSError:
        pass
    return "".join(json.dumps(line) + "\n" for line in lines)  # ASCII: names need not be text


def _may_be_video(entry: os.DirEntry) -> bool:
    hidden = entry.name.startswith(".") or os.path.splitext(entry.name)[1].lower() in NO_VIDEOS
    return not hidden and not entry.is_dir()


def _state(entry: os.DirEntry) -> tuple[int, int]:
    try:
        found = entry.stat()  # of what a link leads to
    except OSError:
        return (-1, -1)
    return (found.st_size, found.st_mtime_ns)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
