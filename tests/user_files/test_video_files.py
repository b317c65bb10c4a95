"""What a person calls a video counts, what is none is passed over with a reason, and neither in silence."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from make_videos import make_audio
from odd_videos import write

from vpipe_utils.data.video_table import index_videos
from vpipe_utils.user_files.video_files import look_through, passed_over

MJPEG = {"codec": "mjpeg", "pix_fmt": "yuvj420p"}
VIDEOS = {  # name → the ending that says how it is written, and the codec
    "film.VOB": ("vob", {"codec": "mpeg2video"}),
    "stick.m2ts": ("ts", {}),
    "phone.3gp": ("3gp", {}),
    "stream.asf": ("asf", {"codec": "wmv2"}),
    "old.divx": ("avi", {"codec": "mpeg4"}),
    "camera.MOD": ("mpg", {"codec": "mpeg2video"}),
    "recorder.dav": ("h264", {}),
    "disc.dat": ("mpg", {"codec": "mpeg2video"}),
    "without_an_ending": ("mkv", {}),
    "copy.mp4.bak": ("mp4", {}),
    "tape.dv": ("avi", MJPEG),
    "web.ogv": ("ogv", {"codec": "libvpx"}),
    "clip.mp4": ("mp4", {}),
    "frames.mjpeg": ("mjpeg", MJPEG),
}
BROKEN = ("broken.vob", "broken.mp4")  # have a video's ending, so they are listed
NO_VIDEOS = {  # name → a part of why it is passed over
    "labels.csv": ".csv is no video's ending",
    "labels.JSON": ".json is no video's ending",
    "report.PDF": ".pdf is no video's ending",
    "frame.jpg": ".jpg is no video's ending",
    "Thumbs.db": ".db is no video's ending",
    "a.mp4.part": "it is an unfinished copy (.part)",
    "b.mp4.crdownload": "it is an unfinished copy (.crdownload)",
    ".DS_Store": "it is hidden",
    "._clip.mp4": "it is hidden",
    "README": "it is not a video",
    "data.unknown": "it is not a video",
    "GX01.LRV": "it is a small copy of another video",
    "DJI_1.lrf": "it is a small copy of another video",
    "sound.bak": "it has no video stream, only audio",
    "zeros.bin": "it is not a video",
    "empty": "the file is empty",
    "more.mp4": "it is a folder",
    "gone.mp4": "it is no file, or a link to nothing",
    "pipe": "it is no file, or a link to nothing",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of many names, broken ones, and what else lies in such folders."""
    folder = tmp_path_factory.mktemp("videos")
    for name, (ending, how) in VIDEOS.items():
        source = write(folder.parent / f"source.{ending}", frames=3, options={} if how else None, **how)
        shutil.move(source, folder / name)
    for name in (*BROKEN, "zeros.bin"):
        (folder / name).write_bytes(bytes(5000))
    for name in NO_VIDEOS:
        if name not in ("more.mp4", "gone.mp4", "pipe", "sound.bak", "zeros.bin"):
            (folder / name).write_text("" if name == "empty" else "no video\n" * 99)
    for name in ("a.mp4.part", "GX01.LRV", "DJI_1.lrf"):
        shutil.copy(folder / "clip.mp4", folder / name)
    (folder / "more.mp4").mkdir()
    (folder / "gone.mp4").symlink_to("nothing.mp4")
    os.mkfifo(folder / "pipe")
    shutil.move(make_audio(folder.parent / "sound.mp4"), folder / "sound.bak")
    return folder


def test_each_entry_is_a_video_or_has_a_reason(folder: Path) -> None:
    found = look_through(folder)
    assert found.videos == {*VIDEOS, *BROKEN}
    assert found.passed_over.keys() == NO_VIDEOS.keys()
    for name, part in NO_VIDEOS.items():
        assert part in found.passed_over[name]


def test_the_table_has_them_all_and_lists_the_broken_ones(folder: Path) -> None:
    table = index_videos(folder, [], progress=False).set_index("video")
    assert set(table.index) == {*VIDEOS, *BROKEN}
    assert set(table.index[~table["readable"]]) == set(BROKEN)
    assert (table.loc[list(VIDEOS), "frames"] == 3).all()
    over = passed_over(folder, table.reset_index())
    assert over["files"].sum() == len(NO_VIDEOS)
    assert over.set_index("why").loc["it is hidden"].tolist() == [2, ".DS_Store, ._clip.mp4"]
    assert over["files"].is_monotonic_decreasing


def test_a_named_file_is_a_video_whatever_it_is_called(folder: Path) -> None:
    named = ["a.mp4.part", "README", "gone.mp4", "clip.mp4"]
    table = index_videos(folder, named, progress=False).set_index("video")
    assert table.loc[named, "split"].eq("train").all()
    assert table.loc[named, "readable"].tolist() == [True, False, False, True]
    assert "README" not in " ".join(passed_over(folder, table.reset_index())["names"])


def test_many_files_of_one_kind_take_one_line(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", frames=1)
    for number in range(50):
        (tmp_path / f"{number:02d}.txt").touch()
    over = passed_over(tmp_path, index_videos(tmp_path, [], progress=False))
    assert over.to_numpy().tolist() == [[".txt is no video's ending", 50, "00.txt, 01.txt, 02.txt, …"]]


def test_a_folder_of_nothing_but_videos_passes_over_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", frames=1)
    assert passed_over(tmp_path, index_videos(tmp_path, [], progress=False)).empty


def test_a_folder_without_a_video_says_what_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no video, it is empty"):
        index_videos(tmp_path, [], progress=False)
    (tmp_path / "a.txt").touch()
    with pytest.raises(ValueError, match=r"holds no video: 'a.txt' \(.txt is no video's ending\)"):
        index_videos(tmp_path, [], progress=False)
