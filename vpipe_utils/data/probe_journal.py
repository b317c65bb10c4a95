"""A journal of what was found out about each video, so that no run decodes for it what an earlier one did.

One JSON line a video, appended as soon as it is known: a run that was killed keeps all but the line it was writing.
A video is the same if size and modification time are, or else if its content is (SHA-256): copying or touching files
costs reading them once, not decoding. Jobs that share the work write a journal each, into one folder; reading joins
them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import av

from vpipe_utils import video
from vpipe_utils.storage.files import make_folder, writing

VERSION = 2  # raise it when `video.probe` finds other values, or frames come out otherwise
DECODERS = f"{VERSION}, PyAV {av.__version__}"  # others may decode other frames


def content_hash(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_unchanged(path: str | Path, content: str) -> None:
    """Raise VideoError where a file no longer has the content that it was indexed with."""
    try:
        same = content_hash(path) == content
    except OSError:
        same = False
    if not same:
        raise video.VideoError("it is gone or was changed since it was indexed: run notebook 01 again", path)


def is_same_file(path: Path, known: Mapping[str, Any] | None) -> bool:
    """Whether size and modification time of a file are those in its journal."""
    try:
        stat = path.stat()
    except OSError:
        return False
    return known is not None and (known["size"], known["mtime_ns"]) == (stat.st_size, stat.st_mtime_ns)


def probe(path: Path, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """`video.probe` with `size` (bytes), `mtime_ns` and `content`, or what is `known` of a file of the same content.

    Raises VideoError.
    """
    try:
        stat = path.stat()
        content = content_hash(path) if path.is_file() else ""
    except OSError:
        content, stat = "", None  # `video.probe` says why
    of_file = {} if stat is None else {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "content": content}
    if content and known is not None and known["content"] == content:
        return dict(known) | of_file
    return video.probe(path) | of_file


class Journal:
    """The journals of a folder: all are read, one is written.

    Args:
        folder: where they lie.
        name: of the one to write; jobs that work at the same time need a name each.
    """

    def __init__(self, folder: str | Path, name: str = "0_of_1") -> None:
        self.folder = Path(folder)
        self.path = self.folder / f"{name}.jsonl"
        self._lines: dict[str, bytes] = {}  # as they are: 100,000 of them parsed would take a quarter of a GiB
        for path in sorted(self.folder.glob("*.jsonl")):
            for line in path.read_bytes().splitlines():
                self._take(line)

    def _take(self, line: bytes) -> None:
        """A line is whole if it is JSON; the last one of a run that was killed is not."""
        try:
            row = json.loads(line)
            if row["decoders"] == DECODERS:
                self._lines[row["video"]] = line
        except (ValueError, KeyError, TypeError, AttributeError):
            return

    def known(self, name: str) -> dict[str, Any] | None:
        """What was found out about a video by the decoders of today; None for nothing."""
        return json.loads(self._lines[name]) if name in self._lines else None

    def __enter__(self) -> Self:
        make_folder(self.folder)
        with writing(self.path):
            self._file = self.path.open("ab", buffering=0)
            self._file.write(b"\n" if self._file.tell() else b"")  # ends a line that was cut off
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, name: str, row: Mapping[str, Any]) -> None:
        """Keep what was found out about a video."""
        line = json.dumps({"video": name, "decoders": DECODERS, **row})
        with writing(self.path):
            self._file.write(line.encode() + b"\n")
