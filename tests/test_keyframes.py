"""The fast way gives the frames of sequential decoding or leaves them to it, on many encodings and on damaged files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from make_videos import cut_off, damage, make_video, turn_by_90

from vpipe_utils import video
from vpipe_utils.keyframes import jump_to_frames, why_not_jump

X264 = {"x264-params": "keyint=12:scenecut=0"}
JUMPED = {  # name -> codec, options: the fast way must take these
    "plain.mp4": ("libx264", X264),
    "plain.mkv": ("libx264", X264),
    "no_b.mp4": ("libx264", {"x264-params": "keyint=12:bframes=0"}),
    "pyramid.mp4": ("libx264", {"x264-params": "keyint=15:bframes=4:b-pyramid=normal:ref=4"}),
    "slices.mp4": ("libx264", {"x264-params": "keyint=12:slices=3"}),
    "hevc.mp4": ("libx265", {"x265-params": "keyint=12:open-gop=0:log-level=none"}),
    "hevc_open.mkv": ("libx265", {"x265-params": "keyint=12:open-gop=1:bframes=3:log-level=none"}),
}
READ_THROUGH = {  # and leave these alone, for this reason
    "one_keyframe.mp4": ("libx264", {"x264-params": "keyint=250:scenecut=0"}, "start at its first frame only"),
    "intra_refresh.mp4": ("libx264", {"x264-params": "keyint=12:intra-refresh=1"}, "start at its first frame only"),
    "old.mp4": ("mpeg4", {}, "its codec, mpeg4"),
    "plain.avi": ("libx264", X264, "its container, avi"),
    "plain.ts": ("libx264", X264, "its container, mpegts"),
}


def all_frames(path: Path) -> list[np.ndarray]:
    return [frame for _, frame in video.iter_frames(path)]


def jumped(path: Path, wanted: list[int], frames: int) -> dict[int, np.ndarray]:
    return dict(jump_to_frames(path, np.array(wanted), frames))


def assert_exact(path: Path, wanted: list[int], expected: list[np.ndarray]) -> None:
    """What is jumped to is right, what `read_frames` gives is right and whole."""
    for index, frame in jumped(path, sorted(set(wanted)), len(expected)).items():
        assert np.array_equal(frame, expected[index]), f"{path.name}: frame {index} of {len(expected)}"
    for index, frame in zip(wanted, video.read_frames(path, wanted, len(expected)), strict=True):
        assert np.array_equal(frame, expected[index]), f"{path.name}: frame {index} of {len(expected)}"


@pytest.mark.parametrize("name", JUMPED)
def test_it_jumps_and_is_exact(name: str, tmp_path: Path) -> None:
    codec, options = JUMPED[name]
    path = make_video(tmp_path / name, frames=60, codec=codec, codec_options=options)
    expected = all_frames(path)
    assert len(expected) == 60
    assert list(jumped(path, [11, 30, 59], 60)) == [11, 30, 59]
    assert why_not_jump(path, 60) == ""
    for index in range(60):
        assert_exact(path, [index], expected)
    assert_exact(path, [59, 3, 3, 40, 17], expected)


@pytest.mark.parametrize("name", READ_THROUGH)
def test_it_leaves_doubtful_files_to_reading_through(name: str, tmp_path: Path) -> None:
    codec, options, reason = READ_THROUGH[name]
    path = make_video(tmp_path / name, frames=40, codec=codec, codec_options=options)
    expected = all_frames(path)
    assert reason in why_not_jump(path, len(expected))
    assert not jumped(path, [20, 39], len(expected))
    assert_exact(path, [39, 0, 20], expected)


def test_it_needs_the_true_number_of_frames(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", frames=60, codec_options=X264)
    assert jumped(path, [50], 60)
    assert not jumped(path, [50], 59) and not jumped(path, [60], 60)
    assert why_not_jump(path, 59) == "it has 60 packets to show, but 59 frames can be decoded"
    with pytest.raises(video.VideoError, match="frame 60 was asked for, but it has 60 frames"):
        video.read_frames(path, [50, 60], 60)
    with pytest.raises(video.VideoError, match="there is no such file"):
        video.read_frames(tmp_path / "none.mp4", [0], 60)


def test_a_turned_picture_is_read_through(tmp_path: Path) -> None:
    path = turn_by_90(make_video(tmp_path / "a.mp4", frames=60, codec_options=X264))
    assert not jumped(path, [50], 60)
    assert why_not_jump(path, 60) == "the picture is to be turned"
    assert_exact(path, [50], all_frames(path))


def test_uneven_times(tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(0).integers(1, 6, 60)).tolist()
    path = make_video(tmp_path / "a.mkv", frames=60, codec_options=X264, times=times)
    expected = all_frames(path)
    assert jumped(path, [50], len(expected))
    assert_exact(path, list(range(0, len(expected), 7)), expected)


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.8])
@pytest.mark.parametrize("name", ["plain.mp4", "plain.mkv", "hevc.mp4"])
@pytest.mark.parametrize("fault", [damage, cut_off], ids=["damaged", "cut off"])
def test_a_broken_file_gives_no_wrong_frame(name: str, share: float, fault, tmp_path: Path) -> None:
    codec, options = JUMPED[name]
    path = make_video(
        tmp_path / name, frames=60, codec=codec, codec_options=options, container_options={"movflags": "faststart"}
    )
    fault(path, share)
    try:
        expected = all_frames(path)
    except video.VideoError:
        return  # it cannot be read at all, and says so
    for index in range(0, len(expected), 3):
        assert_exact(path, [index], expected)
    assert_exact(path, list(range(0, len(expected), 9)), expected)


encodings = st.fixed_dictionaries({
    "suffix": st.sampled_from(["mp4", "mkv"]),
    "frames": st.integers(1, 45),
    "keyint": st.integers(1, 20),
    "bframes": st.integers(0, 4),
    "open": st.booleans(),
    "refs": st.integers(1, 4),
    "width": st.sampled_from([64, 50, 98, 130, 322]),
    "height": st.sampled_from([48, 34, 62, 90]),
    "damaged": st.none() | st.floats(0.1, 0.9),
})  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(encodings, st.lists(st.integers(0, 10_000), min_size=1, max_size=6))
@example(
    {"suffix": "mp4", "frames": 45, "keyint": 9, "bframes": 3, "open": True, "refs": 3, "width": 64, "height": 48,
     "damaged": None},
    [44, 17],
)  # fmt: skip
def test_any_encoding_any_indices(how: dict, numbers: list[int]) -> None:
    options = f"keyint={how['keyint']}:bframes={how['bframes']}:open-gop={int(how['open'])}:ref={how['refs']}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a.{how['suffix']}")
        make_video(path, how["frames"], how["width"], how["height"], codec_options={"x264-params": options})
        if how["damaged"] is not None:
            damage(path, how["damaged"], 400)
        try:
            expected = all_frames(path)
        except video.VideoError:
            return
        assert_exact(path, [number % len(expected) for number in numbers], expected)


def test_real_clips(clips: Path) -> None:
    for path in sorted(clips.iterdir()):
        expected = all_frames(path)
        wanted = video.uniform_indices(len(expected), 9).tolist()
        assert_exact(path, wanted, expected)
