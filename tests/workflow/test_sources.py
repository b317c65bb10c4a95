from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow"))

import sources  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "videos" / "inner").mkdir(parents=True)
    for name in ("a.mp4", "b", 'quote".dav', "naïve\n.mp4", ".hidden.mp4", "notes.txt", "labels.CSV"):
        (tmp_path / "videos" / name).write_bytes(b"x")
    (tmp_path / "videos" / "broken.mp4").symlink_to(tmp_path / "nowhere")
    (tmp_path / "labels.csv").write_text("video,OK\n")
    return tmp_path


def of(folder: Path) -> str:
    return sources.record(folder / "videos", [folder / "labels.csv"])


def test_a_video_overwritten_in_place_is_told(folder: Path) -> None:
    before, date = of(folder), (folder / "videos").stat().st_mtime_ns
    assert of(folder) == before
    for change in (lambda file: file.write_bytes(b"yy"), lambda file: os.utime(file, ns=(1, 1))):
        change(folder / "videos" / "a.mp4")
        assert (folder / "videos").stat().st_mtime_ns == date, "the folder's own date tells nothing"
        assert of(folder) != before
        before = of(folder)


def test_new_gone_and_relabelled_files_are_told_and_others_are_not(folder: Path) -> None:
    records = [of(folder)]
    for change in (
        lambda: (folder / "videos" / "c.mkv").touch(),
        lambda: (folder / "videos" / "b").unlink(),
        lambda: (folder / "labels.csv").write_text("video,OK,ROOT\n"),
        lambda: (folder / "nowhere").write_bytes(b"what a link led to"),
    ):
        change()
        records.append(of(folder))
    assert len(set(records)) == 5
    for name in ("notes.txt", ".hidden.mp4", "labels.CSV", "more.log"):
        (folder / "videos" / name).write_text("other words")
    os.utime(folder / "labels.csv", ns=(1, 1))
    assert of(folder) == records[-1]
    assert records[-1].isascii() and len(records[-1].splitlines()) == 6


def test_names_that_are_no_text(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder / "videos") + b"/\xff\xfe.mp4")).touch()
    assert "\\udcff" in of(folder)


def test_what_is_not_there_is_left_to_others(tmp_path: Path) -> None:
    assert sources.record(tmp_path / "none", [tmp_path / "none.csv"]) == '["annotations", "none.csv", ""]\n'


def test_many_videos_take_microseconds_each(tmp_path: Path) -> None:
    for number in range(1000):
        os.close(os.open(tmp_path / f"{number}.mp4", os.O_CREAT | os.O_WRONLY))
    start = time.process_time()
    assert sources.record(tmp_path, []).count("\n") == 1000
    assert time.process_time() - start < 0.1  # 10,000 within a second
