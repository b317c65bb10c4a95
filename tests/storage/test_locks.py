from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from vpipe_utils.storage.locks import lock

TRIES = "import sys; from vpipe_utils.storage.locks import lock; print(lock(sys.argv[1]) is not None)"


def another_process_gets(path: Path) -> bool:
    done = subprocess.run([sys.executable, "-c", TRIES, path], capture_output=True, text=True, check=True)
    return done.stdout.strip() == "True"


def test_a_lock_is_held_until_it_is_closed(tmp_path: Path) -> None:
    handle = lock(tmp_path / ".lock")
    assert handle is not None and not another_process_gets(tmp_path / ".lock")
    os.close(handle)
    assert another_process_gets(tmp_path / ".lock")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS])
def test_a_disk_without_locks_is_said_and_stood_in_for(tmp_path: Path, number: int, monkeypatch, capsys) -> None:
    """Such a disk answers every lock so; the folder of temporary files has locks."""
    temporary, real, asked = tmp_path / "tmp", fcntl.flock, []
    temporary.mkdir()
    (tmp_path / "disk").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    def flock(handle: int, how: int) -> None:
        asked.append(os.readlink(f"/proc/self/fd/{handle}"))
        if "/disk/" in asked[-1]:
            raise OSError(number, os.strerror(number))
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    held = lock(tmp_path / "disk" / ".lock")
    assert held is not None and len(asked) == 2
    assert "lies on a disk without locks" in capsys.readouterr().err
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    assert lock(tmp_path / "link" / ".lock") is None, "the same file by another path"
    os.close(held)
    assert lock(tmp_path / "link" / ".lock", wait=True) is not None


def test_without_any_locks_a_run_goes_on_and_says_so(tmp_path: Path, monkeypatch, capsys) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(fcntl, "flock", flock)
    assert lock(tmp_path / ".lock") is not None
    assert "nothing keeps another run from writing there" in capsys.readouterr().err


def test_other_faults_are_no_held_lock(tmp_path: Path, monkeypatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(FileNotFoundError):
        lock(tmp_path / "nowhere" / ".lock")
    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match="Input/output error"):
        lock(tmp_path / ".lock")
