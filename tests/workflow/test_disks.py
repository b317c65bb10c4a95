"""Full, read-only and forbidden disks: one sentence, nothing half-written, and the same command goes on afterwards."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from make_videos import make_video

from vpipe_utils.data.video_table import index_videos
from vpipe_utils.storage.tables import write_json
from vpipe_utils.tiles.frame_extraction import extract_all
from vpipe_utils.tiles.tile_writer import build_tile_cache

SAYS_FULL = "cannot be written, the disk is full: free some space, or set outputs to a folder on a larger disk"


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("source")
    for number in range(6):
        make_video(folder / f"v{number}.mp4", 30, first=10 * number)
    return index_videos(folder, [], progress=False)


def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A small disk in memory; only root may mount one."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True)
    if done.returncode:
        pytest.skip("only root may mount a small disk, and not in every container")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "small", "size=256k")


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "fixed", "size=256k,ro")


def content(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def tiles(videos: pd.DataFrame, folder: Path, workers: int = 1) -> object:
    return build_tile_cache(videos, folder, 9, 64, workers=workers, progress=False)


def extracted(videos: pd.DataFrame, folder: Path, workers: int = 1) -> object:
    return extract_all(videos, folder, workers=workers, progress=False)


CALLS = pytest.mark.parametrize("call", [tiles, extracted])


@CALLS
@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk(call, workers: int, videos: pd.DataFrame, small_disk: Path, monkeypatch) -> None:
    free = shutil.disk_usage(small_disk)._replace(free=10**9)  # it fills up after the estimate
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    with pytest.raises(OSError, match=SAYS_FULL) as caught:
        call(videos, small_disk / "out", workers)
    assert "\n" not in str(caught.value) and str(small_disk / "out") in str(caught.value)
    assert not [path for path in (small_disk / "out").iterdir() if ".part" in path.name]
    assert not (small_disk / "out" / "index.parquet").exists()
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    call(videos, small_disk / "out", workers)  # with more room the same call goes on
    call(videos, small_disk / "fresh", workers)
    assert content(small_disk / "out") == content(small_disk / "fresh")


@CALLS
def test_a_read_only_disk(call, videos: pd.DataFrame, read_only_disk: Path) -> None:
    with pytest.raises(OSError, match="out cannot be written, the disk is read-only: set outputs to a folder"):
        call(videos, read_only_disk / "out")


def test_a_journal_on_a_read_only_disk(videos: pd.DataFrame, read_only_disk: Path) -> None:
    folder = Path(videos["path"][0]).parent
    with pytest.raises(OSError, match="cannot be written, the disk is read-only"):
        index_videos(folder, [], progress=False, journal=read_only_disk / "probes")


@CALLS
def test_a_folder_that_may_not_be_written(call, videos: pd.DataFrame, tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OSError, match="out cannot be written, writing there is not allowed: change the folder's"):
        call(videos, tmp_path / "out")


def test_other_faults_keep_their_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(FileExistsError):
        write_json({}, tmp_path / "file" / "a.json")


KILLED = """
import sys
import pandas as pd
from vpipe_utils.tiles.frame_extraction import extract_all
from vpipe_utils.tiles.tile_writer import build_tile_cache
from vpipe_utils.data.video_table import index_videos
if __name__ == "__main__":
    what, source, folder = sys.argv[1:]
    videos = index_videos(source, [], progress=False, journal=folder + "/journal")
    if what == "tiles":
        build_tile_cache(videos, folder + "/out", 9, 448, workers=2, progress=False)
    else:
        extract_all(videos, folder + "/out", workers=2, progress=False)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos large enough that what is made of them can be stopped halfway."""
    folder = tmp_path_factory.mktemp("large")
    for number in range(12):
        make_video(folder / f"v{number}.mp4", 60, width=320, height=240, first=number)
    return folder


@pytest.mark.parametrize("what", ["tiles", "frames"])
def test_killed_at_any_moment_the_same_command_gives_the_same_bytes(what: str, source: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(KILLED)

    def start(name: str) -> subprocess.Popen:
        command = [sys.executable, str(tmp_path / "script.py"), what, str(source), str(tmp_path / name)]
        return subprocess.Popen(command, env={**os.environ, "TQDM_DISABLE": "1"}, start_new_session=True)

    assert start("whole").wait(120) == 0
    share = size(tmp_path / "whole") / 12
    kills = 0
    while kills < 2:  # each time it has written a twelfth of all; a fast machine may be done before the last
        before = size(tmp_path / "killed")
        process = start("killed")
        deadline = time.monotonic() + 120
        while process.poll() is None and size(tmp_path / "killed") < before + share:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        if process.poll() is not None:
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
        assert not (tmp_path / "killed" / "out" / "index.parquet").exists()
    assert kills
    assert start("killed").wait(120) == 0
    assert content(tmp_path / "killed" / "out") == content(tmp_path / "whole" / "out")
    assert len(content(tmp_path / "whole" / "out")) == (12 * 61 if what == "frames" else 3)


def size(folder: Path) -> int:
    """Bytes of all files that are there now, finished or not."""
    total = 0
    for inner, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # renamed in the meantime
                total += os.stat(os.path.join(inner, name)).st_size
    return total
