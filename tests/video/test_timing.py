"""Rate and duration come from the times of the frames; where there are none, they are not made up."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_videos import HEADER_FIRST, cut_off, make_video
from odd_videos import FPS, write

from vpipe_utils.video import frame_seconds, probe
from vpipe_utils.video.timing import Time, rate_and_duration, seconds_of_frames

QUICK = {"deadline": "realtime", "cpu-used": "8"}
WITH_PAUSES = np.cumsum(np.random.default_rng(0).integers(20, 50, 60) + 2000 * (np.arange(60) == 30)).tolist()  # ms


class Stream:
    """What `rate_and_duration` asks of a stream."""

    def __init__(self, time_base: float | None, average_rate: float | None) -> None:
        self.time_base, self.average_rate, self.guessed_rate = time_base, average_rate, None


def timed(path: Path) -> tuple[float, float]:
    found = probe(path)
    return found["fps"], found["duration_s"]


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "mpeg2video"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "avi", "ts"])
@pytest.mark.parametrize("rate", [12, 25, 30])
def test_a_steady_rate_is_what_the_file_says(codec: str, suffix: str, rate: int, tmp_path: Path) -> None:
    if codec == "mpeg2video" and rate == 12:
        pytest.skip("MPEG-2 has no such rate")
    path = make_video(tmp_path / f"a.{suffix}", 20, fps=rate, codec=codec)
    n = probe(path)["frames"]
    assert timed(path) == (rate, pytest.approx(n / rate, abs=1e-9))


@pytest.mark.parametrize("suffix", ["webm", "mkv", "mp4"])
@pytest.mark.parametrize("nominal", [1000, 10_000])
def test_a_browsers_recording(suffix: str, nominal: int, tmp_path: Path) -> None:
    """A thousand frames a second and no length in the header; a frame whenever there was one, and a pause."""
    codec, options = ("libvpx", QUICK) if suffix == "webm" else ("libx264", {"preset": "ultrafast"})
    times = [time * nominal // 1000 for time in WITH_PAUSES]
    more = {"codec_options": options, "container_options": {} if suffix == "mp4" else {"live": "1"}}
    path = make_video(tmp_path / f"a.{suffix}", 60, fps=nominal, codec=codec, times=times, **more)
    seconds = (WITH_PAUSES[-1] - WITH_PAUSES[0]) / 1000
    fps, duration = timed(path)
    assert seconds <= duration <= seconds + 0.06, "the last frame lasts as long as one usually does"
    assert fps == pytest.approx(60 / duration)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_frames_at_uneven_times(suffix: str, tmp_path: Path) -> None:
    times = [0, 1, 2, 3, 24, 25, 26, 27, 28, 29]
    path = make_video(tmp_path / f"a.{suffix}", 10, codec="mpeg4", times=times)
    assert timed(path) == (pytest.approx(10 / 2.5, rel=2e-3), pytest.approx(30 / 12, rel=2e-3))


def test_without_times_nothing_is_made_up(tmp_path: Path) -> None:
    assert all(math.isnan(value) for value in timed(write(tmp_path / "a.h264")))


@pytest.mark.parametrize("later", [0, 20, 530])
def test_two_recordings_in_one_file(later: int, tmp_path: Path) -> None:
    """The clock goes back to the start, or to some milliseconds after it, where the second begins."""
    path = tmp_path / "a.ts"
    with path.open("wb") as file:
        for start in (0, later):
            times = [start + 100 * k for k in range(40)]
            part = make_video(tmp_path / "part.ts", 40, fps=1000, times=times, codec_options={"bf": "0"})
            file.write(part.read_bytes())
    assert timed(path) == (pytest.approx(10), pytest.approx(8))


def test_a_cut_off_file_lasts_as_long_as_its_frames(tmp_path: Path) -> None:
    path = cut_off(write(tmp_path / "a.mp4", "bframes=0", container_options=HEADER_FIRST))
    found = probe(path)
    assert found["frames"] < 40
    assert (found["fps"], found["duration_s"]) == (FPS, pytest.approx(found["frames"] / FPS))


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv"])
def test_one_frame(suffix: str, tmp_path: Path) -> None:
    fps, duration = timed(write(tmp_path / f"a.{suffix}", frames=1))
    assert (math.isnan(fps) and math.isnan(duration)) or (fps, duration) == (FPS, pytest.approx(1 / FPS))


@given(st.lists(st.integers(1, 500), min_size=1, max_size=50), st.integers(0, 500))
def test_any_times(steps: list[int], lasts: int) -> None:
    at = np.cumsum([7, *steps]).tolist()
    times = [Time(shown, None, lasts) for shown in at]
    fps, seconds = rate_and_duration(times, Stream(0.01, None))
    assert seconds == pytest.approx((at[-1] - at[0] + max(lasts, float(np.median(steps)))) / 100)
    assert fps == pytest.approx(len(at) / seconds)
    assert rate_and_duration([Time(time.decoded, time.shown, time.lasts) for time in times], Stream(0.01, None)) == (
        pytest.approx(fps),
        pytest.approx(seconds),
    )


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_when_each_frame_is_shown(suffix: str, tmp_path: Path) -> None:
    times = [0, 1, 2, 3, 24, 25, 26, 27, 28, 29]
    path = make_video(tmp_path / f"a.{suffix}", 10, codec="mpeg4", times=times)
    assert frame_seconds(path) == pytest.approx(np.array(times) / 12, abs=2e-3)


def test_frames_without_times_are_spread_evenly(tmp_path: Path) -> None:
    seconds = frame_seconds(write(tmp_path / "a.h264"))
    assert seconds == pytest.approx(np.arange(len(seconds)) / 25) and len(seconds) == 40


@given(st.lists(st.integers(-500, 500), min_size=1, max_size=50))
def test_time_never_goes_back(steps: list[int]) -> None:
    times = [Time(shown, None, None) for shown in np.cumsum([7, *steps]).tolist()]
    seconds = seconds_of_frames(times, Stream(0.01, None))
    assert len(seconds) == len(times) and seconds[0] == 0
    assert np.isnan(seconds[1:]).all() or (np.diff(seconds) >= 0).all()
