"""Full extraction, the paper's way: every frame, whole folders only, nothing twice."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from make_videos import make_video, number_of, record_decoding

from vpipe_utils import video
from vpipe_utils.data.video_table import index_videos
from vpipe_utils.tiles import frame_extraction, tile_writer
from vpipe_utils.tiles.frame_extraction import extract_all, extraction_cost


@pytest.fixture
def videos(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    make_video(source / "a.mp4", 12, width=80)
    make_video(source / "b.avi", 5, codec="mpeg4")
    (source / "broken.mp4").write_text("no video")
    return index_videos(source, [], progress=False)


def content(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_every_frame_at_original_resolution(videos, tmp_path):
    done = extract_all(videos, tmp_path / "out", progress=False).set_index("video")
    assert done["frames"].to_dict() == {"a.mp4": 12, "b.avi": 5}
    assert not done["why_not"].any()
    files = sorted((tmp_path / "out" / "a.mp4").glob("*.jpg"))
    assert [file.name for file in files] == [f"{number:06d}.jpg" for number in range(12)]
    assert done.loc["a.mp4", "bytes"] == sum(file.stat().st_size for file in files)
    pictures = [cv2.imread(str(file)) for file in files]
    assert pictures[0].shape == (48, 80, 3)
    assert [number_of(picture) for picture in pictures] == list(range(12))
    original = video.read_frames(videos["path"][0], [7])[0]
    bars = slice(0, 20)
    assert np.abs(pictures[7][bars, :, ::-1].astype(int) - original[bars]).mean() < 3


def test_processes_change_nothing(videos, tmp_path):
    one = extract_all(videos, tmp_path / "one", progress=False)
    two = extract_all(videos, tmp_path / "two", workers=2, progress=False)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert one.drop(columns="folder").equals(two.drop(columns="folder"))


def test_an_interrupted_extraction_continues(videos, tmp_path, monkeypatch):
    out = tmp_path / "out"
    original = video.iter_frames

    def stop_in_b(path, *arguments):
        for index, frame in original(path, *arguments):
            if Path(path).name == "b.avi" and index == 3:
                raise KeyboardInterrupt
            yield index, frame

    monkeypatch.setattr(video, "iter_frames", stop_in_b)
    with pytest.raises(KeyboardInterrupt):
        extract_all(videos, out, progress=False)
    assert [path.name for path in out.iterdir()] == ["a.mp4"]  # no half folder
    (out / ".b.avi.0123abcd-1-1.part").mkdir()  # what a kill leaves, a day ago and on another machine
    os.utime(out / ".b.avi.0123abcd-1-1.part", (0, 0))

    monkeypatch.undo()
    decoded = record_decoding(monkeypatch)
    done = extract_all(videos, out, progress=False)
    assert set(decoded) == {"b.avi"}  # once for the disk estimate, once for its frames
    assert done["frames"].tolist() == [12, 5]
    assert sorted(path.name for path in out.iterdir()) == ["a.mp4", "b.avi"]


def test_a_changed_video_is_extracted_again(videos, tmp_path):
    extract_all(videos, tmp_path / "out", progress=False)
    path = make_video(Path(videos["path"][0]), 4, first=50)
    videos = index_videos(path.parent, [], progress=False)
    done = extract_all(videos, tmp_path / "out", progress=False)
    assert done["frames"].tolist() == [4, 5]
    assert len(list((tmp_path / "out" / "a.mp4").glob("*.jpg"))) == 4


def test_a_disk_that_is_too_small_is_said_before_any_work(videos, tmp_path, monkeypatch):
    usage = tile_writer.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(tile_writer.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match=r"every frame of 2 videos takes about 0.0 GB, .* use the tile cache"):
        extract_all(videos, tmp_path / "out", progress=False)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_video_that_broke_since_it_was_indexed_is_listed(videos, tmp_path, monkeypatch):
    monkeypatch.setattr(frame_extraction, "extraction_cost", lambda *_: frame_extraction.Cost(0, 0))
    Path(videos["path"][0]).write_text("broken now")
    done = extract_all(videos, tmp_path / "out", progress=False).set_index("video")
    assert done.loc["a.mp4", "why_not"].startswith("it is gone or was changed since it was indexed")
    assert done.loc["b.avi", "frames"] == 5


@pytest.mark.parametrize("name", ["a" * 246 + ".mp4", "管" * 80 + ".mp4", "a b'$#%03d[1]{x}\\n.mp4", "-rf.mp4"])
def test_any_name_that_a_file_can_have(videos, tmp_path, name):
    folder = Path(videos["path"][0]).parent
    Path(videos["path"][0]).rename(folder / name)
    videos = index_videos(folder, [], progress=False)
    done = extract_all(videos, tmp_path / "out", progress=False).set_index("video")
    assert done.loc[[name, "b.avi"], "frames"].tolist() == [12, 5] and not done["why_not"].any()
    assert len(list((tmp_path / "out" / name).iterdir())) == 13
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([name, "b.avi"]), "nothing lies about"


def test_a_name_that_the_disk_refuses_costs_no_other_video(videos, tmp_path, monkeypatch):
    original = Path.mkdir

    def refuse(path, *arguments, **more):
        if path.name.startswith(".a.mp4"):
            raise OSError(errno.EINVAL, "Invalid argument", str(path))
        original(path, *arguments, **more)

    monkeypatch.setattr(Path, "mkdir", refuse)
    done = extract_all(videos, tmp_path / "out", progress=False).set_index("video")
    assert "allows no folder of its name (Invalid argument): rename it" in done.loc["a.mp4", "why_not"]
    assert done["frames"].tolist() == [0, 5]


def test_names_that_a_disk_takes_for_one(videos, tmp_path, monkeypatch):
    folder = Path(videos["path"][0]).parent
    make_video(folder / "A.mp4", 3)
    videos = index_videos(folder, [], progress=False)
    assert extract_all(videos, tmp_path / "one", progress=False)["frames"].tolist() == [3, 12, 5]
    monkeypatch.setattr(frame_extraction, "_tells_case", lambda _: False)
    done = extract_all(videos, tmp_path / "two", progress=False)
    assert done["frames"].tolist() == [3, 0, 5], "one of them, and not both into one folder"
    assert "takes its name for that of 'A.mp4': rename one" in done["why_not"][1]


def test_cost_is_near_what_extraction_takes(videos, tmp_path):
    cost = extraction_cost(videos)
    done = extract_all(videos, tmp_path / "out", progress=False)
    assert cost.frames == 17
    assert cost.bytes == pytest.approx(done["bytes"].sum(), rel=0.1)
    assert extraction_cost(videos[~videos["readable"]]) == (0, 0)


def test_frames_that_somebody_else_extracted_are_not_replaced(videos, tmp_path):
    theirs = tmp_path / "out" / "a.mp4" / "000001.png"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"by another tool")
    done = extract_all(videos, tmp_path / "out", progress=False).set_index("video")
    assert theirs.read_bytes() == b"by another tool"
    assert "holds files that are not ours: name another folder" in done.loc["a.mp4", "why_not"]
    assert done.loc["b.avi", "frames"] == 5
