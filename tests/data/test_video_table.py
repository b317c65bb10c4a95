"""The videos table says what is there, what is labelled, and what cannot be read and why."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from make_videos import make_video

from vpipe_utils import video
from vpipe_utils.data import probe_journal, shards, video_table
from vpipe_utils.data.video_table import QV_PIPE, describe, index_videos, keep_readable


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three videos, an unreadable one, and things that are no videos."""
    folder = tmp_path_factory.mktemp("videos")
    make_video(folder / "b.mp4", 24, width=80, fps=12)
    make_video(folder / "a.avi", 10, fps=10, codec="mpeg4")
    make_video(folder / "C.MKV", 6)
    (folder / "broken.mp4").write_text("no video")
    (folder / "notes.txt").write_text("no video either")
    make_video(folder / ".hidden.mp4", 2)
    (folder / "more.mp4").mkdir()
    return folder


@pytest.fixture(scope="module")
def table(folder):
    return index_videos(folder, ["b.mp4", "gone.mp4", "broken.mp4"], progress=False)


def test_rows(table):
    assert table["video"].tolist() == ["C.MKV", "a.avi", "b.mp4", "broken.mp4", "gone.mp4"]
    assert table["split"].tolist() == ["test", "test", "train", "train", "train"]
    assert table["readable"].tolist() == [True, True, True, False, False]
    assert not table["why_not"][:3].any()
    assert table["why_not"][3].startswith("it is not a video")
    assert table["why_not"][4] == "there is no such file"


def test_figures_of_a_video(table, folder):
    row = table.set_index("video").loc["b.mp4"]
    assert row["path"] == str(folder / "b.mp4")
    figures = ["fps", "frames", "duration_s", "width", "height", "codec"]
    assert row[figures].tolist() == [12, 24, 2, 80, 48, "h264"]


def test_columns_are_typed_also_for_unreadable_videos(table):
    kinds = {name: dtype.kind for name, dtype in table.drop(columns=["video", "path"]).dtypes.items()}
    numbers = {"fps": "f", "frames": "i", "duration_s": "f", "width": "i", "height": "i", "readable": "b"}
    assert {name: kinds[name] for name in numbers} == numbers
    assert np.isnan(table["fps"].iloc[-1])
    assert table["frames"].iloc[-1] == 0


def test_same_table_from_several_processes(table, folder):
    parallel = index_videos(folder, ["b.mp4", "gone.mp4", "broken.mp4"], workers=2, progress=False)
    pd.testing.assert_frame_equal(parallel, table)


def test_what_is_in_a_file_is_known_by_its_content(table, folder):
    row = table.set_index("video").loc["b.mp4"]
    assert row["size"] == (folder / "b.mp4").stat().st_size
    assert row["content"] == hashlib.sha256((folder / "b.mp4").read_bytes()).hexdigest()


@pytest.fixture
def watched(folder, tmp_path, monkeypatch):
    """A copy of the folder, and the names of the videos that are probed from here on."""
    probed = []
    original = video.probe

    def recorded(path):
        probed.append(Path(path).name)
        return original(path)

    monkeypatch.setattr(video, "probe", recorded)
    shutil.copytree(folder, tmp_path / "videos")
    return tmp_path / "videos", probed


def index_again(folder, journal, **more):
    return index_videos(folder, ["b.mp4"], progress=False, journal=journal, **more)


def test_what_is_known_is_not_probed_again(watched, tmp_path):
    folder, probed = watched
    first = index_again(folder, tmp_path / "probes")
    assert sorted(probed) == ["C.MKV", "a.avi", "b.mp4", "broken.mp4"]
    probed.clear()
    (folder / "a.avi").touch()  # another time, the same content
    pd.testing.assert_frame_equal(index_again(folder, tmp_path / "probes"), first)
    assert probed == ["broken.mp4"]  # what could not be read is tried again
    make_video(folder / "b.mp4", 7)
    probed.clear()
    again = index_again(folder, tmp_path / "probes").set_index("video")
    assert sorted(probed) == ["b.mp4", "broken.mp4"] and again.loc["b.mp4", "frames"] == 7
    pd.testing.assert_frame_equal(again.reset_index(), index_videos(folder, ["b.mp4"], progress=False))


def test_a_run_that_was_killed_goes_on(watched, tmp_path):
    folder, probed = watched
    whole = index_again(folder, tmp_path / "whole")
    journal = tmp_path / "cut" / "0_of_1.jsonl"
    journal.parent.mkdir()
    lines = next((tmp_path / "whole").glob("*.jsonl")).read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:1]) + lines[1][:-9])  # killed while it wrote the second
    probed.clear()
    pd.testing.assert_frame_equal(index_again(folder, tmp_path / "cut"), whole)
    assert len(probed) == len(lines) - 1 + 1  # all but the first, and the broken one
    probed.clear()
    pd.testing.assert_frame_equal(index_again(folder, tmp_path / "cut"), whole)
    assert probed == ["broken.mp4"]


def test_other_decoders_find_out_for_themselves(watched, tmp_path, monkeypatch):
    folder, probed = watched
    index_again(folder, tmp_path)
    monkeypatch.setattr(probe_journal, "DECODERS", "newer ones")
    probed.clear()
    index_again(folder, tmp_path)
    assert len(probed) == 4


def test_jobs_share_the_work_and_their_journals_join(tmp_path, monkeypatch):
    folder = tmp_path / "videos"
    folder.mkdir()
    one = make_video(folder / "0.mp4", 3)
    for number in range(1, 40):
        shutil.copy(one, folder / f"{number}.mp4")
    monkeypatch.setattr(video_table, "shard_count", lambda n: shards.shard_count(n, 4))
    parts = [index_videos(folder, ["0.mp4"], progress=False, journal=tmp_path / "j", part=(k, 3)) for k in range(3)]
    assert all(5 < len(part) < 25 for part in parts)
    monkeypatch.setattr(video, "probe", lambda _: pytest.fail("a part has probed it already"))
    whole = index_videos(folder, ["0.mp4"], progress=False, journal=tmp_path / "j")
    pd.testing.assert_frame_equal(pd.concat(parts).sort_values("video", ignore_index=True), whole)
    with pytest.raises(ValueError, match="part 3 of 3 does not exist; with 3 parts they are 0 to 2"):
        index_videos(folder, ["0.mp4"], progress=False, part=(3, 3))


def test_held_out_names(folder):
    table = index_videos(folder, ["b.mp4"], progress=False, held_out=["a.avi", "lost.mp4"])
    lost = table.set_index("video").loc["lost.mp4"]
    assert (lost["split"], lost["why_not"]) == ("test", "there is no such file")


def test_a_name_that_is_no_text_is_listed_and_skipped(tmp_path):
    make_video(tmp_path / "a.mp4", 3)
    make_video(tmp_path / "b.avi", 3).rename(tmp_path / os.fsdecode(b"\xb9\xdc.avi"))
    table = index_videos(tmp_path, [], progress=False, journal=tmp_path / "journal")
    assert table["readable"].tolist() == [True, False]
    assert table["why_not"].iloc[1] == "its name is not UTF-8 text: rename it"
    table.to_parquet(tmp_path / "videos.parquet")


def test_folders_that_hold_nothing(tmp_path, folder):
    with pytest.raises(ValueError, match="not a folder"):
        index_videos(tmp_path / "nowhere", [], progress=False)
    with pytest.raises(ValueError, match="holds no video, it is empty"):
        index_videos(tmp_path, ["b.mp4"], progress=False)
    shutil.copytree(folder, tmp_path / "inner")
    with pytest.raises(ValueError, match="inner does: set videos_dir"):
        index_videos(tmp_path, [], progress=False)


def test_annotations_of_other_videos(folder):
    with pytest.raises(ValueError, match="none of the 2 that the annotations name .first 'x.mp4'"):
        index_videos(folder, ["y.mp4", "x.mp4"], progress=False)


def test_keep_readable(table):
    labels = pd.DataFrame({"video": ["gone.mp4", "b.mp4"], "ZC": [1, 0], "PL": [0, 1]})
    kept = keep_readable(labels, table)
    assert kept.to_numpy().tolist() == [["b.mp4", 0, 1]]
    with pytest.raises(ValueError, match="none of 1 labelled videos can be read"):
        keep_readable(labels[:1], table)
    with pytest.raises(ValueError, match="no class is left: the 1 labelled videos that can be read have none"):
        keep_readable(labels.assign(PL=[1, 0]), table)


def test_describe(table):
    labels = pd.DataFrame({"video": ["b.mp4", "a.avi"], "ZC": [1, 0], "PL": [1, 1]})
    found = describe(table, labels)
    assert list(found) == list(QV_PIPE)
    assert found["videos"] == 3
    assert found["labelled"] == 2
    assert found["labels per video"] == 1.5
    assert found["hours"] == pytest.approx((2 + 1 + 0.5) / 3600)
    assert found["mean duration (s)"] == pytest.approx(3.5 / 3)
    one_unknown = table.assign(duration_s=table["duration_s"].where(table["video"] != "a.avi"))
    assert np.isnan(describe(one_unknown, labels)["hours"]), "no hours that are too few"


def test_real_clips(clips):
    table = index_videos(clips, ["test.mp4"], progress=False)
    assert table["readable"].all()
    assert table.set_index("video")["frames"].to_dict() == {
        "demo.mp4": 280,
        "demo_skeleton.mp4": 72,
        "demo_spatiotemporal_det.mp4": 57,
        "test.avi": 164,
        "test.mp4": 300,
        "test_video_structuralize.mp4": 300,
    }
