"""Locks that a process holds and that are gone with it, even after `kill -9`. Standard library only."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import sys
import tempfile
from pathlib import Path

# What `flock` answers on file systems that have no locks (some network and FUSE file systems).
NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}


def lock(path: str | Path, wait: bool = False) -> int | None:
    """Lock the file `path`, made where it is missing. Gives an open file: who closes it, or ends, gives the lock back.

    None: another process holds it (never with `wait`, which waits for that one). Where the file system has no locks, a
    file in this machine's folder of temporary files is locked in its place, and a sentence on stderr says so: runs on
    other machines, or where that has no locks either all others, are not noticed then. Raises OSError where the file
    cannot be opened.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        return handle if _flock(handle, wait) else _close(handle)
    except OSError as error:
        os.close(handle)
        if error.errno not in NO_LOCKS:
            raise
    handle, others = os.open(_stand_in(path), os.O_RDWR | os.O_CREAT, 0o600), "a run on another machine"
    try:
        if not _flock(handle, wait):
            return _close(handle)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            os.close(handle)
            raise
        others = "another run"  # no locks there either
    print(
        f"{Path(path).parent} lies on a disk without locks: nothing keeps {others} from writing there at the same "
        "time. Start one at a time.",
        file=sys.stderr,
    )
    return handle


def _flock(handle: int, wait: bool) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _close(handle: int) -> None:
    os.close(handle)


def _stand_in(path: str | Path) -> Path:
    """One name for one file, whichever way its path is written; the user's own, so that nobody else is in the way."""
    name = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"vpipe-{os.getuid()}-{name}.lock"
