"""Files and folders that appear whole or not at all, and what dead processes leave of them. Standard library only."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

NOT_WRITABLE = {
    errno.ENOSPC: "the disk is full: free some space, or set outputs to a folder on a larger disk",
    errno.EDQUOT: "your share of the disk is used up: free some space, or set outputs to a folder on another disk",
    errno.EFBIG: "the file would be larger than this system allows: set outputs to a folder on another disk",
    errno.EROFS: "the disk is read-only: set outputs to a folder on another disk",
    errno.EACCES: "writing there is not allowed: change the folder's permissions, or set outputs to another folder",
    errno.EPERM: "writing there is not allowed: change the folder's permissions, or set outputs to another folder",
}
LONGEST_NAME = 143  # bytes: what the strictest of the usual file systems (eCryptfs) allows; others 255
# Unfinished work is called .<name>.<machine>-<process>-<its start>.part, a folder that is being replaced …old.
UNFINISHED = re.compile(
    r"\.(?P<name>.+?)\.(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-(?P<start>\d+)\.(?P<kind>part|old)(?P<more>\..+)?", re.S
)
FOREIGN_SECONDS = 24 * 3600  # another machine's process counts as dead when it has not written for so long (our choice)


@contextlib.contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Turn the system's refusals of what is written to `path` inside into one sentence with a way out (OSError)."""
    try:
        yield
    except OSError as error:
        if error.errno not in NOT_WRITABLE:
            raise
        advice = NOT_WRITABLE[error.errno]
        raise OSError(f"{path} cannot be written, {advice}; then run the same command again") from None


def make_folder(path: str | Path) -> Path:
    """The folder, with those above it, made where it is not there yet."""
    path = Path(path)
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a path beside `path` to write a file or folder to; it takes the name `path` only on success.

    A file replaces an older one in one step. A folder replaces an older folder by two renames; `sweep` puts the older
    one back, should the process be killed in between. A link is replaced, what it leads to stays as it is. A full disk
    and the like are an OSError that says what to do, and leave nothing behind.
    """
    path = Path(path)
    make_folder(path.parent)
    part = beside(path, "part")
    try:
        with writing(path):
            yield part
            if part.is_dir() and path.is_dir():
                old = beside(path, "old")
                path.rename(old)
                part.rename(path)
                remove(old)
            else:
                os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            remove(part)


def beside(path: Path, kind: str) -> Path:
    """A hidden path of this process beside `path`; a name so long that no more fits on it gives way to its hash."""
    name = f".{path.name}.{_identity(os.getpid())}.{kind}"
    if len(os.fsencode(name)) > LONGEST_NAME:
        digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()
        name = f".#{digest}.{_identity(os.getpid())}.{kind}"
    return path.with_name(name)


@contextlib.contextmanager
def temporary_folder(where: str | Path | None = None) -> Iterator[Path]:
    """A folder in `where` (None: the system's for temporary files), gone afterwards, or swept when it is next used."""
    where = Path(tempfile.gettempdir() if where is None else where)
    sweep(where)
    with tempfile.TemporaryDirectory(dir=where, prefix=f"{beside(where / 'vpipe', 'part').name}.") as folder:
        yield Path(folder)


def sweep(folder: str | Path, inner: bool = False) -> list[Path]:
    """Remove what processes that are dead left unfinished in `folder` and, with `inner`, in all folders below it.

    A folder whose replacement was killed between its two renames is put back. Nothing of a living process is touched,
    nor of another machine that shares the disk, unless it has not written for a day. Returns what is gone.
    """
    gone = []
    for path in _unfinished(Path(folder), inner):
        name = UNFINISHED.fullmatch(path.name)
        with contextlib.suppress(OSError):  # somebody else's, or swept by another process at this moment
            if _lives(name, path):
                continue
            target = path.with_name(name["name"])
            replaced = name["kind"] == "old" and not name["more"] and not name["name"].startswith("#")
            if replaced and not os.path.lexists(target):
                path.rename(target)
            else:
                remove(path)
            gone.append(path)
    return gone


def _unfinished(folder: Path, inner: bool) -> list[Path]:
    found = []
    for where, folders, files in os.walk(folder):  # does not follow links
        named = [name for name in (*folders, *files) if name.startswith(".") and UNFINISHED.fullmatch(name)]
        found += [Path(where, name) for name in named]
        folders[:] = [name for name in folders if name not in named] if inner else []
    return found


def _lives(name: re.Match[str], path: Path) -> bool:
    pid = int(name["pid"])
    if name["machine"] != _machine():
        return time.time() - path.lstat().st_mtime < FOREIGN_SECONDS
    return _identity(pid) == f"{name['machine']}-{pid}-{name['start']}"


def _identity(pid: int) -> str:
    """Machine, process and, as numbers of processes are used again, when it started; "" for none that lives."""
    if os.path.isdir("/proc/self"):
        try:
            # behind the name in parentheses: the state, and as the 20th field the start in clock ticks (proc(5))
            words = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if words[0] in "ZXx" else f"{_machine()}-{pid}-{words[19]}"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:  # somebody else's process
        pass
    return f"{_machine()}-{pid}-0"


@functools.cache
def _machine() -> str:
    """Eight characters for this machine since it was started, and this container of it."""
    known = [socket.gethostname()]
    with contextlib.suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        known.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:8]


def remove(*paths: Path) -> None:
    """Files, links (not what they lead to) and folders with all in them; nothing where there is none."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
