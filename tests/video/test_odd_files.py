"""Odd files give exact frames, or a VideoError that says why; the judge is OpenCV, reading from start to end."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
import pytest
from make_videos import HEADER_FIRST, number_of
from odd_videos import B_FRAMES, FRAMES, NOT_CONVERTED, READABLE, UNREADABLE, Odd, broken, broken_picture, write, x264

from vpipe_utils.video import DamageWarning, VideoError, count_frames, iter_frames, jump, probe, read_frames
from vpipe_utils.video.colours import Colours
from vpipe_utils.video.decoding import MAX_REORDER
from vpipe_utils.video.jump import facts_from_headers, jump_to_frames

pytestmark = [pytest.mark.filterwarnings("error::vpipe_utils.video.DamageWarning"), pytest.mark.timeout(120)]

CALLS = (count_frames, probe, lambda path: read_frames(path, [0]), lambda path: list(iter_frames(path)))


class Case(NamedTuple):
    odd: Odd
    path: Path
    frames: list[np.ndarray]  # the judge's


def sequential(path: Path) -> list[np.ndarray]:
    """All frames in RGB. One thread: what FFmpeg makes up for damaged pictures depends on the number of threads."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    frames = []
    while (read := capture.read())[0]:
        frames.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
    capture.release()
    return frames


def assert_exact(path: Path, frames: list[np.ndarray], wanted: list[int], intact: int | None) -> None:
    for index, frame in zip(wanted, read_frames(path, wanted, intact), strict=True):
        assert np.array_equal(frame, frames[index]), f"{path.name}: frame {index} of {len(frames)}, intact={intact}"


def assert_same(frames: list[np.ndarray], found: Iterator[tuple[int, np.ndarray]]) -> None:
    indices = []
    for index, frame in found:
        assert np.array_equal(frame, frames[index])
        indices.append(index)
    assert indices == [*range(len(frames))]


def some_sets(n: int) -> list[list[int]]:
    """Unordered, with repeats; and all of them."""
    return [[n - 1, 0, n // 2, n // 2, n // 3], [n // 2, n - 1, n // 2], [*range(n)][::-1]]


def reason(call: Callable[[], object]) -> str:
    with pytest.raises(VideoError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module", params=READABLE)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    odd = READABLE[request.param]
    path = odd.make(tmp_path_factory.mktemp("odd") / request.param)
    frames = sequential(path)
    return Case(odd, path, frames if odd.like_opencv else in_our_colours(path, len(frames)))


def in_our_colours(path: Path, count: int) -> list[np.ndarray]:
    """As many frames as OpenCV gives, by a plain loop of PyAV; for the colours themselves see `test_colours`."""
    with av.open(str(path)) as container:
        frames = list(itertools.islice(container.decode(video=0), count))
        colours = Colours(path)
        return [colours.rgb(frame) for frame in frames]


def test_the_count_is_that_of_decoding(case: Case) -> None:
    assert len(case.frames) == case.odd.frames  # the file is as odd as it is meant to be
    capture = cv2.VideoCapture(str(case.path), cv2.CAP_FFMPEG)
    assert (capture.get(cv2.CAP_PROP_FRAME_COUNT) != len(case.frames)) == case.odd.lies
    assert count_frames(case.path) == probe(case.path)["frames"] == len(case.frames)


def test_it_says_which_way_it_takes_and_what_is_damaged(case: Case) -> None:
    found = probe(case.path)
    for told, part in ((found["read_through"], case.odd.way), (found["damage"], case.odd.damage)):
        assert part in told and bool(part) == bool(told)
    assert (found["height"], found["width"]) == case.frames[0].shape[:2]


def test_frames_are_exact(case: Case) -> None:
    n = len(case.frames)
    if case.odd.damage:
        warnings.simplefilter("ignore", DamageWarning)  # pytest restores the filters
    for intact in (None,) if probe(case.path)["damage"] else (None, n):
        for index in range(0, n, 1 if intact is None or n < 20 else 5):  # 5: sooner or later every place in a GOP
            assert_exact(case.path, case.frames, [index], intact)
        for wanted in some_sets(n):
            assert_exact(case.path, case.frames, wanted, intact)
        for wanted in ([n], [0, n], [n + 1000]):
            said = reason(lambda wanted=wanted, intact=intact: read_frames(case.path, wanted, intact))
            assert f"frame {wanted[-1]} was asked for, but it has {n} frames" in said
        assert_same(case.frames, iter_frames(case.path, None, intact))


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_says_why(name: str, tmp_path: Path) -> None:
    make, part = UNREADABLE[name]
    path = make(tmp_path / name)
    if path.is_file():
        assert not sequential(path)
    for call in CALLS:
        assert reason(lambda call=call: call(path)).startswith(f"{name}: ")
        assert part in reason(lambda call=call: call(path))


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder that anyone may enter; the test runs as a user who is not root."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        root = os.geteuid() == 0
        try:
            if root:
                os.seteuid(65534)
        except OSError:
            pytest.skip("root cannot become another user here")
        try:
            yield Path(folder)
        finally:
            if root:
                os.seteuid(0)


def test_a_file_that_may_not_be_read(as_nobody: Path) -> None:
    path = write(as_nobody / "secret.mp4", frames=5)
    path.chmod(0)
    for call in CALLS:
        assert "it may not be read (permission denied)" in reason(lambda call=call: call(path))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", [True, False], ids=["noise", "zeros"])
@pytest.mark.parametrize(
    ("name", "params"),
    [("a.mp4", ""), ("cavlc.mp4", "cabac=0"), ("a.mkv", B_FRAMES), ("a.avi", "bframes=0"), ("a.ts", "")],
    ids=["mp4", "cavlc", "mkv", "avi", "ts"],
)
def test_a_hole_in_the_middle_gives_no_wrong_frame(
    name: str, params: str, noise: bool, seed: int, tmp_path: Path
) -> None:
    path = broken(tmp_path / name, seed, noise, params)
    frames = sequential(path)
    n = len(frames)
    found = probe(path)
    assert count_frames(path) == found["frames"] == n >= FRAMES // 4
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamageWarning)
        for intact in (None,) if found["damage"] else (None, n):
            for wanted in [*([index] for index in range(0, n, 3)), *some_sets(n)]:
                assert_exact(path, frames, wanted, intact)
            assert f"it has {n} frames" in reason(lambda intact=intact: read_frames(path, [n], intact))
        assert_same(frames, iter_frames(path))
    if shows_damage(path) and facts_from_headers(path) is None:
        assert found["damage"] and "\n" not in found["damage"]
        assert found["read_through"] == "some of it is damaged"


def shows_damage(path: Path) -> bool:
    """Whether PyAV, decoding all of it, gets a damaged frame or none for a packet."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0)]
        try:
            frames = [frame for packet in packets for frame in packet.decode()]
        except av.FFmpegError:
            return True
    return any(frame.is_corrupt for frame in frames) or len(frames) < sum(packet.size > 0 for packet in packets)


def test_a_damaged_picture_is_told_where_it_is_decoded(tmp_path: Path) -> None:
    path = broken_picture(tmp_path / "a.mp4", 17)
    frames = sequential(path)
    found = probe(path)
    assert (found["frames"], found["read_through"], found["damage"]) == (FRAMES, "", "")  # its headers are sound
    for index in (17, 18, 23):
        with pytest.warns(DamageWarning, match="frame 17 is damaged") as caught:
            assert_exact(path, frames, [index], None)
        assert caught[0].message.frame == 17
    for index in (*range(17), *range(24, FRAMES)):  # without a warning
        assert_exact(path, frames, [index], None)


def test_a_damaged_reference_that_is_shown_later_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """B-frames are shown before the picture that they refer to: who jumps to one has not seen the damage yet."""
    path = broken_picture(tmp_path / "a.mp4", 17, B_FRAMES)
    frames = sequential(path)
    assert probe(path)["read_through"] == ""
    for index in (17, 18, 19):
        with pytest.warns(DamageWarning, match="frame 20 is damaged"):
            assert_exact(path, frames, [index], None)
    decode = jump.decode  # also if the decoder does not complain, but only marks the frame
    monkeypatch.setattr(jump, "decode", lambda *given: decode(*given)._replace(faults=[]))
    assert not list(jump_to_frames(path, np.array([17])))


def test_a_doubt_on_the_way_gives_no_frame_twice(tmp_path: Path) -> None:
    path = broken_picture(tmp_path / "a.mp4", 17)
    frames = sequential(path)
    wanted = [3, 5, 20, 30]
    assert [index for index, _ in jump_to_frames(path, np.array(wanted))] == [3, 5], "then it meets the damage"
    with pytest.warns(DamageWarning, match="frame 17 is damaged"):
        found = list(iter_frames(path, wanted))
    assert [index for index, _ in found] == wanted
    assert all(np.array_equal(frame, frames[index]) for index, frame in found)


def test_a_damaged_picture_is_found_by_probe_where_its_traces_last(tmp_path: Path) -> None:
    path = broken_picture(tmp_path / "a.mp4", 17, "cabac=0")
    frames = sequential(path)
    found = probe(path)
    assert (found["frames"], found["read_through"]) == (FRAMES, "some of it is damaged")
    assert "frame 17 of 40 is damaged" in found["damage"]
    for index in range(FRAMES):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert_exact(path, frames, [index], None)
        assert bool(caught) == (index + MAX_REORDER >= 17), "who reads past it is told"


def test_av1_is_read_though_opencv_cannot(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", codec="libsvtav1", options={"preset": "12"}, frames=14)
    assert not sequential(path)
    found = probe(path)
    assert (found["frames"], found["codec"], found["damage"]) == (14, "av1", "")
    assert numbers_or_none(path) == ([*range(14)], [9, 2])


def numbers_or_none(path: Path) -> tuple[list[int], list[int]] | None:
    """The numbers that all frames and that frames 9 and 2 show; None where the file is refused."""
    try:
        return [number_of(frame) for _, frame in iter_frames(path)], [*map(number_of, read_frames(path, [9, 2]))]
    except VideoError:
        return None


@pytest.mark.parametrize("name", NOT_CONVERTED)
def test_no_picture_is_made_up(name: str, tmp_path: Path) -> None:
    path = NOT_CONVERTED[name](tmp_path / name)
    numbers = numbers_or_none(path)
    assert numbers in (None, ([*range(14)], [9, 2]))
    if numbers is None:
        assert "colours cannot be converted" in reason(lambda: probe(path)), "it is listed, not met while caching"


@pytest.mark.parametrize("name", ["interlaced.mp4", "interlaced.mkv"])
def test_interlaced_pictures_are_right_where_they_are_jumped_to(name: str, tmp_path: Path) -> None:
    assert numbers_or_none(write(tmp_path / name, "tff=1", frames=14)) in (None, ([*range(14)], [9, 2]))


OLD_MEMORY = {  # their decoders show what lay in memory where a picture ends too early
    "a.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "a.ts": {"codec": "mpeg2video", "options": {"bf": "2"}},
    "a.avi": {"codec": "mjpeg", "options": {}, "pix_fmt": "yuvj420p"},
}


@pytest.mark.parametrize("name", OLD_MEMORY)
def test_what_is_made_up_does_not_depend_on_who_asks(name: str, tmp_path: Path) -> None:
    warnings.simplefilter("ignore", DamageWarning)  # pytest restores the filters
    options = HEADER_FIRST if name == "a.mp4" else {}
    data = write(tmp_path / name, container_options=options, **OLD_MEMORY[name]).read_bytes()
    for seed in range(4):
        random = np.random.default_rng(seed)
        broken = bytearray(data)
        for start in random.integers(len(data) // 10, len(data), 4).tolist():
            broken[start : start + 40] = bytes(40)
        path = tmp_path / f"{seed}_{name}"
        path.write_bytes(broken)
        frames = [frame for _, frame in iter_frames(path)]
        assert len(frames) == len(sequential(path))
        for index in random.integers(0, len(frames), 5).tolist():
            assert_exact(path, frames, [index], None)


def interlaced_halfway(path: Path, codec: str, broken: bool) -> Path:
    """Progressive pictures, then interlaced ones; `broken`: a slice in the middle of frame 5 is noise."""
    options = ({}, {"flags": "+ildct+ilme"}) if codec != "libx264" else (x264("bframes=0"), x264("bframes=0:tff=1"))
    parts = [write(path.with_name(f"{k}.ts"), frames=20, codec=codec, options=each) for k, each in enumerate(options)]
    data = bytearray(b"".join(part.read_bytes() for part in parts))
    if broken:
        path.write_bytes(data)
        with av.open(str(path)) as container:
            packet = [packet for packet in container.demux(video=0) if packet.size][5]
        start = packet.pos + 8 * ((packet.size // 2) // 8)
        data[start : start + 30] = b"\x55" * 30
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("broken", [False, True], ids=["intact", "broken"])
@pytest.mark.parametrize("codec", ["mpeg2video", "mpeg4", "libx264"])
def test_pictures_that_turn_interlaced_are_right_to_the_end(codec: str, broken: bool, tmp_path: Path) -> None:
    path = interlaced_halfway(tmp_path / "a.ts", codec, broken)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frames = [frame for _, frame in iter_frames(path)]
        single = read_frames(path, [len(frames) - 3])[0]
    numbers = [*map(number_of, frames)]
    assert numbers[-19:] == [*range(1, 20)], "the interlaced half"
    assert numbers[:4] == [*range(4)] and np.array_equal(single, frames[-3])
    if broken and codec == "mpeg2video":  # the other decoders do not notice
        assert caught and "frame 5 of" in probe(path)["damage"]


COUNT = """
import os, sys
from vpipe_utils.video import VideoError, count_frames
try:
    print(count_frames(os.fsdecode(bytes.fromhex(sys.argv[1]))))
except VideoError as error:
    print(error.reason)
"""


def counted_elsewhere(path: Path, timeout: float) -> str:
    """What `count_frames` says, in a process that may crash or hang."""
    command = [sys.executable, "-c", COUNT, os.fsencode(path).hex()]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=True).stdout.strip()


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.avi", frames=5).rename(tmp_path / os.fsdecode(b"\xb9\xdc\xb5\xc0.avi"))
    said = counted_elsewhere(path, 60)
    assert said == "5" or "name" in said


def test_a_list_of_files_is_no_video(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", frames=5)
    path = tmp_path / "list.mp4"
    path.write_text("ffconcat version 1.0\nfile a.mp4\n")
    for call in CALLS:
        assert "it is a list of other files" in reason(lambda call=call: call(path))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert counted_elsewhere(tmp_path / "pipe.mp4", 10) == "it is not a file"


@pytest.mark.parametrize("name", ["a" * 300 + ".mp4", "a\0b.mp4"], ids=["too long", "zero byte"])
def test_a_name_that_no_file_can_have(name: str, tmp_path: Path) -> None:
    for call in CALLS:
        assert reason(lambda call=call: call(tmp_path / name))
