"""Ways of reading: which must be right, what is said of one that is missing, and how they are compared. No times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from make_videos import decode_all, make_video

from vpipe_utils.benchmarks import clips, compare_readers, video_readers
from vpipe_utils.data.sampling import uniform_indices

ALWAYS_RIGHT = [video_readers.PAPER, "PyAV, through", "cv2 grab", video_readers.OURS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def odd_clips(folder: Path) -> dict[str, Path]:
    return clips.make_odd_clips(folder / "odd")


def test_stepping_is_right_on_every_odd_clip_and_jumping_is_not(odd_clips: dict[str, Path]) -> None:
    right = compare_readers.check(odd_clips, ways=[*ALWAYS_RIGHT, "PyAV seek"])
    assert list(right.index) == list(odd_clips)
    assert right[ALWAYS_RIGHT].eq(True).all(axis=None)
    assert right["PyAV seek"]["hidden_start.mp4"] and not right["PyAV seek"]["uneven_times.mkv"]


def test_the_judge_agrees_with_another_decoder(odd_clips: dict[str, Path]) -> None:
    for path in odd_clips.values():
        frames = decode_all(path)
        assert compare_readers.count_by_stepping(path) == len(frames)
        assert np.array_equal(video_readers.cv2_step(str(path), list(range(len(frames)))), frames), path.name


def test_clips_are_made_once_and_as_asked(folder: Path) -> None:
    made = clips.make_clips(folder / "kept", [48, 96], frames=21, rendered=9, keyframes=7)
    assert list(made) == ["48p", "96p", "96p, no B-frames"]
    assert {path: compare_readers.count_by_stepping(path) for path in made.values()} == dict.fromkeys(made.values(), 21)
    frames = decode_all(made["96p"])
    assert frames.shape[1:] == (96, 170, 3)
    written = [path.stat().st_mtime_ns for path in made.values()]
    again = clips.make_clips(folder / "kept", [48, 96], frames=21, rendered=9, keyframes=7)
    assert again == made and [path.stat().st_mtime_ns for path in again.values()] == written
    assert len(list((folder / "kept").iterdir())) == 3, "no leftovers"


def test_forth_and_back() -> None:
    places = clips._forth_and_back(np.arange(4), 9)
    assert [int(place) for place in places] == [0, 1, 2, 3, 2, 1, 0, 1, 2]


def test_measuring_takes_ratios_within_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers that say 6, 2 and 1 s, and twice that in the second round."""
    order = []

    class Said(compare_readers.Reader):
        def read(self, path: Path, indices: object, keep: Path | None = None) -> dict[str, object]:
            found = super().read(path, indices, keep)
            if keep is None:
                order.append(self.way)
                known = {video_readers.PAPER: 6.0, "cv2 grab": 2.0, video_readers.OURS: 1.0}
                found["seconds"] = known[self.way] * (1 + order.count(self.way) // 2)
            return found

    monkeypatch.setattr(compare_readers, "Reader", Said)
    path = make_video(tmp_path / "a.mp4")
    ways = [video_readers.PAPER, "cv2 grab", video_readers.OURS]
    table = compare_readers.measure(path, uniform_indices(30, 9), 2, ways).set_index("way")
    assert order == [*ways, *ways[::-1]], "every other round goes backwards"
    assert table["ratio"].to_dict() == {video_readers.PAPER: 1.0, "cv2 grab": 3.0, video_readers.OURS: 6.0}
    assert table["ratio_low"].tolist() == table["ratio_high"].tolist() == table["ratio"].tolist()
    assert table["ours_ratio"].to_dict() == {video_readers.PAPER: 6.0, "cv2 grab": 2.0, video_readers.OURS: 1.0}
    assert table["seconds"].tolist() == [9.0, 3.0, 1.5]
    assert table["exact"].all() and (table["memory_mib"] > 0).all()
    assert not [item for item in tmp_path.iterdir() if item != path], "the paper's files are gone"
    people = compare_readers.shown(table.reset_index().assign(clip="x", odd_exact=1, odd_clips=2))
    assert people.loc[("x", "cv2 grab"), ["ratio", "right", "odd clips"]].tolist() == [3.0, "yes", "1 of 2"]
    lines = compare_readers.describe(table.reset_index().assign(clip="x", odd_exact=1, odd_clips=1))
    assert lines == [
        "x: ours takes 1.50 s and is x 6.0 as fast as the paper's way; the fastest that is right "
        "on every clip, cv2 grab, takes x 2.00 our time; the fastest that is right on this clip, cv2 grab, takes x "
        "2.00 our time."
    ]


def test_what_is_missing_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = make_video(tmp_path / "a.mp4")
    table = compare_readers.measure(
        path, [0, 9], 1, [video_readers.PAPER, "ffmpeg select", video_readers.OURS]
    ).set_index("way")
    assert table["why_not"].tolist() == ["", "there is no program ffmpeg on the PATH", ""]
    assert np.isnan(table["ratio"]["ffmpeg select"]) and table["ratio"][video_readers.OURS] > 0
    assert compare_readers.check({"a": path}, ways=["ffmpeg select", video_readers.OURS]).loc["a"].tolist() == [
        None,
        True,
    ]
    with monkeypatch.context() as patch:
        patch.setattr(compare_readers.Reader, "_start", lambda reader: pytest.fail("a process for what has been said"))
        with compare_readers.Reader("ffmpeg select") as reader:
            assert reader.read(path, [0]) == {"why_not": "there is no program ffmpeg on the PATH"}
    monkeypatch.setitem(video_readers.WAYS, "nobody's", video_readers.Way(video_readers.ours, "no_such_package.part"))
    assert video_readers.missing("nobody's") == "the package no_such_package is not installed"


def test_what_fails_is_a_sentence_and_the_next_video_is_read(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    path = make_video(tmp_path / "a.mp4")
    with compare_readers.Reader("PyAV, through") as reader:
        assert "InvalidDataError" in reader.read(text, [0])["why_not"]
        assert reader.read(path, [0])["why_not"] == ""
        reader._process.kill()
        reader._process.wait()
        assert reader.read(path, [0])["why_not"] == "", "a process that died is replaced"


def test_a_process_that_dies_while_it_reads(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4")
    with compare_readers.Reader(video_readers.OURS) as reader:
        assert reader.missing == ""
        reader._process.stdin.close()
        assert reader._receive() == {"why_not": "its process died (code 0)"}
        assert reader.read(path, [0])["why_not"] == ""


def test_frames_that_are_not_there(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4")
    for way in ("cv2 grab", video_readers.OURS, video_readers.PAPER):
        assert video_readers.answer(way, str(path), [99])["why_not"]
