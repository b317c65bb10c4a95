"""What is written whole, and what killed processes leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from vpipe_utils.storage import files
from vpipe_utils.storage.files import atomic_path, beside, sweep, temporary_folder

WRITES = """
import sys, time
from pathlib import Path
from vpipe_utils.storage.files import atomic_path, temporary_folder
folder = Path(sys.argv[1])
with atomic_path(folder / "a.json") as file, atomic_path(folder / "inner" / "frames") as part, temporary_folder(folder):
    file.write_text("half")
    part.mkdir()
    (part / "0.jpg").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def unfinished(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob(".*") if ".part" in path.name or ".old" in path.name)


def of_dead(path: Path, kind: str) -> Path:
    """A name that a process of this machine would have used that is no more."""
    own = beside(path, kind)
    return own.with_name(own.name.replace(f"-{os.getpid()}-", "-999999999-"))


def test_what_a_killed_process_leaves_is_swept_and_a_living_ones_work_is_not(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITES, tmp_path], stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "writing\n"
    left = unfinished(tmp_path)
    assert len(left) == 3
    assert sweep(tmp_path, inner=True) == [] and unfinished(tmp_path) == left
    writer.send_signal(signal.SIGKILL)
    while Path(f"/proc/{writer.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":  # killed, not waited for
        time.sleep(0.01)
    assert len(sweep(tmp_path)) == 2 and unfinished(tmp_path) == [path for path in left if path.parent != tmp_path]
    assert len(sweep(tmp_path, inner=True)) == 1 and unfinished(tmp_path) == []
    writer.wait()
    writer.stdout.close()


def test_a_number_that_another_process_has_now_is_no_life(tmp_path: Path) -> None:
    path = beside(tmp_path / "a", "part")
    machine, pid, start = path.name.split(".")[2].split("-")
    reused = path.with_name(path.name.replace(f"-{pid}-{start}.", f"-{pid}-{int(start) - 1}."))
    for file in (path, reused):
        file.touch()
    assert sweep(tmp_path) == [reused] and path.exists()


def test_another_machines_work_is_left_for_a_day(tmp_path: Path) -> None:
    path = tmp_path / ".a.json.0123abcd-1-1.part"
    path.touch()
    assert sweep(tmp_path) == []
    os.utime(path, (time.time() - 2 * files.FOREIGN_SECONDS,) * 2)
    assert sweep(tmp_path) == [path]


def test_a_folder_is_put_back_when_it_was_killed_between_the_two_renames(tmp_path: Path) -> None:
    report = tmp_path / "report"
    old, part = of_dead(report, "old"), of_dead(report, "part")
    for folder, text in ((old, "before"), (part, "new")):
        folder.mkdir()
        (folder / "index.html").write_text(text)
    assert sorted(sweep(tmp_path)) == sorted([old, part])
    assert (report / "index.html").read_text() == "before" and list(tmp_path.iterdir()) == [report]
    old.mkdir()  # killed after both
    assert sweep(tmp_path) == [old] and (report / "index.html").exists()
    long = of_dead(tmp_path / ("ü" * 100), "old")
    long.mkdir()  # its name is not known any more
    assert sweep(tmp_path) == [long] and list(tmp_path.iterdir()) == [report]


@pytest.mark.parametrize(
    "name", [".a.mp4.part", ".a.mp4.123.part", "a.mp4.part", ".a.old", ".26703.mp4.X4kd9a", ".a.0123abcd-1-1.parts"]
)
def test_files_of_others_stay(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("yours")
    (tmp_path / f"{name}.folder").mkdir()
    assert sweep(tmp_path, inner=True) == [] and (tmp_path / name).exists() and (tmp_path / f"{name}.folder").exists()


def test_nothing_behind_a_link_goes(tmp_path: Path) -> None:
    yours, folder = tmp_path / "yours", tmp_path / "folder"
    (yours / "inner").mkdir(parents=True)
    folder.mkdir()
    of_dead(yours / "a", "part").touch()
    (folder / "link").symlink_to(yours)
    of_dead(folder / "b", "part").symlink_to(yours)
    assert len(sweep(folder, inner=True)) == 1 and len(unfinished(yours)) == 1

    (folder / "report").symlink_to(yours / "inner")
    (yours / "inner" / "notes").touch()
    (yours / "file").write_text("yours")
    (folder / "table").symlink_to(yours / "file")
    with atomic_path(folder / "report") as part:
        part.mkdir()
    with atomic_path(folder / "table") as part:
        part.write_text("ours")
    assert (yours / "inner" / "notes").exists() and (yours / "file").read_text() == "yours"
    assert not (folder / "report").is_symlink() and unfinished(folder) == []


def test_a_temporary_folder_is_gone_afterwards_and_swept_where_it_was_left(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = of_dead(tmp_path / "vpipe", "part")
    left = left.with_name(f"{left.name}.abc")
    left.mkdir()
    with temporary_folder() as folder:
        assert folder.is_dir() and list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("whole")
    with pytest.raises(RuntimeError), files.atomic_path(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "site"
    for name in ("old", "new"):
        with files.atomic_path(target) as part:
            part.mkdir()
            (part / name).touch()
    assert [p.name for p in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("name", ["a" * 255, "管" * 85, "é" * 100 + ".json"], ids=["255", "three bytes", "two bytes"])
def test_a_name_may_be_as_long_as_the_disk_allows(tmp_path: Path, name: str) -> None:
    with files.atomic_path(tmp_path / name) as part, files.atomic_path(tmp_path / (name[:-1] + "b")) as other:
        part.write_text("new")
        other.write_text("other")
        assert part != other and part.name.startswith(".") and part.name.endswith(".part"), "swept if this dies"
    assert (tmp_path / name).read_text() == "new" and len(list(tmp_path.iterdir())) == 2
    for kind in ("old", "new"):
        with files.atomic_path(tmp_path / "folder" / name) as part:
            part.mkdir()
            (part / kind).touch()
    assert [path.name for path in (tmp_path / "folder" / name).iterdir()] == ["new"]
