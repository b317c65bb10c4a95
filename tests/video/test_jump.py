"""The fast way gives the frames of sequential decoding or leaves them to it, on many encodings and on damaged files."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_videos import HEADER_FIRST, cut_off, damage, make_video, turn_by_90

from vpipe_utils import video
from vpipe_utils.data.sampling import uniform_indices
from vpipe_utils.video import jump
from vpipe_utils.video.decoding import Decoded
from vpipe_utils.video.jump import facts_from_headers, jump_to_frames, why_read_through

X264 = {"x264-params": "keyint=12:scenecut=0"}
JUMPED = {  # name -> codec, options: the fast way must take these
    "plain.mp4": ("libx264", X264),
    "plain.mkv": ("libx264", X264),
    "no_b.mp4": ("libx264", {"x264-params": "keyint=12:bframes=0"}),
    "pyramid.mp4": ("libx264", {"x264-params": "keyint=15:bframes=4:b-pyramid=normal:ref=4"}),
    "slices.mp4": ("libx264", {"x264-params": "keyint=12:slices=3"}),
    "weights.mp4": ("libx264", {"x264-params": "keyint=12:weightp=2:ref=3:bframes=0"}),
}
READ_THROUGH = {  # and leave these alone, for this reason
    "one_keyframe.mp4": ("libx264", {"x264-params": "keyint=250:scenecut=0"}, "start at its first frame only"),
    "intra_refresh.mp4": ("libx264", {"x264-params": "keyint=12:intra-refresh=1"}, "start at its first frame only"),
    "old.mp4": ("mpeg4", {}, "its codec, mpeg4, is not H.264"),
    "hevc.mp4": ("libx265", {"x265-params": "keyint=12:log-level=none"}, "its codec, hevc, is not H.264"),
    "plain.avi": ("libx264", X264, "its container, avi"),
    "plain.ts": ("libx264", X264, "its container, mpegts"),
}


def all_frames(path: Path) -> list[np.ndarray]:
    """Sequential decoding, the paper's way; VideoError where it gives nothing."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1][..., ::-1])
    if not frames:
        raise video.VideoError("no frame", path)
    return frames


def jumped(path: Path, wanted: list[int], intact: int | None = None) -> dict[int, np.ndarray]:
    """What the fast way gives before it leaves the rest to reading through."""
    return dict(jump_to_frames(path, np.array(wanted), intact))


def assert_exact(path: Path, wanted: list[int], expected: list[np.ndarray]) -> None:
    """What is jumped to is right, what `read_frames` gives is right and whole, whatever is known of the file."""
    found = video.probe(path)
    assert found["frames"] == len(expected)
    for intact in {None, None if found["damage"] else found["frames"]}:
        for index, frame in jumped(path, sorted(set(wanted)), intact).items():
            assert np.array_equal(frame, expected[index]), f"{path.name}: frame {index} of {len(expected)}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", video.DamageWarning)
            frames = video.read_frames(path, wanted, intact)
        for index, frame in zip(wanted, frames, strict=True):
            assert np.array_equal(frame, expected[index]), f"{path.name}: frame {index} of {len(expected)}"


@pytest.mark.parametrize("name", JUMPED)
def test_it_jumps_and_is_exact(name: str, tmp_path: Path) -> None:
    codec, options = JUMPED[name]
    path = make_video(tmp_path / name, frames=60, codec=codec, codec_options=options)
    expected = all_frames(path)
    assert len(expected) == 60
    assert list(jumped(path, [11, 30, 59])) == [11, 30, 59]
    assert facts_from_headers(path)[1:] == (64, 48, "", "")
    assert facts_from_headers(path).frames == 60
    for index in range(60):
        assert_exact(path, [index], expected)
    assert_exact(path, [59, 3, 3, 40, 17], expected)


@pytest.mark.parametrize("name", READ_THROUGH)
def test_it_leaves_doubtful_files_to_reading_through(name: str, tmp_path: Path) -> None:
    codec, options, reason = READ_THROUGH[name]
    path = make_video(tmp_path / name, frames=40, codec=codec, codec_options=options)
    expected = all_frames(path)
    found = video.probe(path)
    assert reason in found["read_through"] and not found["damage"]
    if "first frame only" not in reason:
        assert not jumped(path, [20, 39]) and not jumped(path, [20, 39], len(expected))
    assert_exact(path, [39, 0, 20], expected)


def test_the_number_of_frames_is_proven_or_decoded(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", frames=60, codec_options=X264)
    assert why_read_through(path, 59) == "it has 60 packets to show, but 59 frames can be decoded"
    assert not jumped(path, [60])
    with pytest.raises(video.VideoError, match="frame 60 was asked for, but it has 60 frames"):
        video.read_frames(path, [50, 60])
    with pytest.raises(video.VideoError, match="there is no such file"):
        video.read_frames(tmp_path / "none.mp4", [0])


def test_cavlc_must_have_been_found_intact(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", frames=60, codec_options={"x264-params": "keyint=12:cabac=0"})
    assert facts_from_headers(path) is None
    assert not jumped(path, [50]) and jumped(path, [50], 60)
    assert why_read_through(path, 60) == "" and video.probe(path)["read_through"] == ""
    assert_exact(path, [50, 3, 59], all_frames(path))


def test_a_turned_picture_is_jumped_to(tmp_path: Path) -> None:
    path = turn_by_90(make_video(tmp_path / "a.mp4", frames=60, codec_options=X264))
    found = video.probe(path)
    assert (found["read_through"], found["width"], found["height"]) == ("", 48, 64)
    assert list(jumped(path, [50, 59])) == [50, 59]
    assert_exact(path, [50, 3, 59], all_frames(path))


def test_all_frames_of_long_and_short_stretches(tmp_path: Path) -> None:
    options = {"x264-params": "keyint=80:min-keyint=80:scenecut=0"}
    path = make_video(tmp_path / "a.mp4", frames=100, codec_options=options)
    assert list(jumped(path, list(range(100)))) == list(range(100))
    assert_exact(path, list(range(100)), all_frames(path))
    assert_exact(path, [99, *range(70, 90)], all_frames(path))


def test_damage_on_the_way_is_said(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", frames=60, codec_options=X264, container_options=HEADER_FIRST)
    expected = all_frames(path)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packet = next(packet for packet in container.demux(video=0) if packet.pts and packet.is_keyframe)
        first = round(float(packet.pts * packet.time_base) * 12)
        half = packet.size // 2  # of the picture, far from its header
        data[packet.pos + half : packet.pos + packet.size] = b"\xff" * (packet.size - half)
    path.write_bytes(data)
    assert facts_from_headers(path).frames == 60, "the headers are whole"
    with pytest.warns(video.DamageWarning, match=f"a.mp4: frame {first} is damaged") as caught:
        frames = video.read_frames(path, [first + 3, 50])
    assert [warning.message.frame for warning in caught] == [first], "once"
    damaged = all_frames(path)
    assert not np.array_equal(damaged[first], expected[first])
    for frame, index in zip(frames, (first + 3, 50), strict=True):
        np.testing.assert_array_equal(frame, damaged[index])


def test_a_decoder_that_loses_a_frame_is_doubted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(
        tmp_path / "a.mp4", frames=60, codec_options={"x264-params": "keyint=40:min-keyint=40:scenecut=0:bframes=0"}
    )
    decode, lost = jump.decode, []

    def loses_one(context: av.VideoCodecContext, packet: av.Packet | None) -> Decoded:
        found = decode(context, packet)
        kept = [frame for frame in found.frames if round(frame.time * 12) != 9]
        lost.extend([9] * (len(found.frames) - len(kept)))
        return found._replace(frames=kept)

    monkeypatch.setattr(jump, "decode", loses_one)
    assert list(jumped(path, [5, 50])) == [5, 50] and not lost, "it was not on the way"
    assert not jumped(path, [12, 38]) and lost, "in decoding from the start, frame 12 would be another one"


def test_uneven_times(tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(0).integers(1, 6, 60)).tolist()
    path = make_video(tmp_path / "a.mkv", frames=60, codec_options=X264, times=times)
    expected = all_frames(path)
    assert jumped(path, [50])
    assert_exact(path, list(range(0, len(expected), 7)), expected)


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.8])
@pytest.mark.parametrize("name", ["plain.mp4", "plain.mkv", "slices.mp4"])
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
    "suffix": st.sampled_from(["mp4", "mkv", "mov"]),
    "frames": st.integers(1, 45),
    "keyint": st.integers(1, 20),
    "bframes": st.integers(0, 4),
    "open-gop": st.integers(0, 1),
    "ref": st.integers(1, 4),
    "cabac": st.integers(0, 1),
    "slices": st.sampled_from([0, 0, 3]),
    "b-pyramid": st.sampled_from(["none", "strict", "normal"]),
    "width": st.sampled_from([64, 50, 98, 130, 322]),
    "height": st.sampled_from([48, 34, 62, 90]),
})  # fmt: skip
LIBX264 = ("keyint", "bframes", "open-gop", "ref", "cabac", "slices", "b-pyramid")
flips = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), max_size=4)


def encoded(how: dict, folder: str) -> Path:
    path = Path(folder, f"a.{how['suffix']}")
    options = {"x264-params": ":".join(f"{name}={how[name]}" for name in LIBX264)}
    container = {} if how["suffix"] == "mkv" else HEADER_FIRST
    return make_video(
        path, how["frames"], how["width"], how["height"], codec_options=options, container_options=container
    )


@settings(max_examples=40, deadline=None)
@given(encodings, st.lists(st.integers(0, 10_000), min_size=1, max_size=6))
def test_any_encoding_any_indices(how: dict, numbers: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = encoded(how, folder)
        expected = all_frames(path)
        assert len(expected) == how["frames"]
        assert_exact(path, [number % len(expected) for number in numbers], expected)


# The same examples each time: once in thousands of damaged files two versions of FFmpeg patch a picture differently.
@settings(max_examples=100, deadline=None, derandomize=True)
@given(encodings, st.lists(st.integers(0, 10_000), min_size=1, max_size=6), flips, st.booleans())
def test_any_damage_gives_no_wrong_frame(how: dict, numbers: list[int], flips: list, in_headers: bool) -> None:
    """Single bits of the file, or of the first bytes of packets, where the headers of the pictures are."""
    with tempfile.TemporaryDirectory() as folder:
        path = encoded(how, folder)
        with av.open(str(path)) as container:
            packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
        data = bytearray(path.read_bytes())
        for share, bit in flips:
            at = int(share * len(data))
            if in_headers:
                start, size = packets[int(share * len(packets))]
                at = start + 4 + int(share * 1e6) % min(size - 4, 12)
            data[min(at, len(data) - 1)] ^= 1 << bit
        path.write_bytes(data)
        try:
            expected = all_frames(path)
        except video.VideoError:
            return  # it cannot be read at all, and says so
        assert_exact(path, [number % len(expected) for number in numbers], expected)


def test_real_clips(clips: Path) -> None:
    for path in sorted(clips.iterdir()):
        expected = all_frames(path)
        wanted = uniform_indices(len(expected), 9).tolist()
        assert_exact(path, wanted, expected)
