"""How long a video lasts, computed from the times of its frames: what a header says of the frame rate can be wrong.

Screen recorders and phones write frames at uneven times. Browsers announce 1,000 frames a second, and no length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import av
import numpy as np

NAN = float("nan")


class Time(NamedTuple):
    """The times of a frame, in ticks of its stream; None where the file does not say."""

    shown: int | None  # presentation time
    decoded: int | None  # decoding time
    lasts: int | None  # duration


def rate_and_duration(times: Sequence[Time], stream: av.VideoStream) -> tuple[float, float]:
    """(frames per second, seconds) of a video with these frames, at least one, in order; NaN where no time is known.

    The rate is the number of frames divided by the seconds. If the rate that the file announces gives the same length
    within half a frame, it is taken instead: many formats round the times of frames to milliseconds.
    """
    announced = stream.average_rate or stream.guessed_rate
    seconds = _ticks(times) * float(stream.time_base or NAN)
    if announced and abs(len(times) / announced - seconds) < 0.5 / announced:
        return float(announced), float(len(times) / announced)
    return (len(times) / seconds, seconds) if seconds > 0 else (NAN, NAN)


def seconds_of_frames(times: Sequence[Time], stream: av.VideoStream) -> np.ndarray:
    """When each frame is shown, in seconds after the first one: float64, never falling, one a frame.

    Where the time goes back (joined files), the median step counts. NaN, but for the first frame, where the file does
    not tell.
    """
    clock = _clock(times)
    if len(clock) < len(times):
        return np.where(np.arange(len(times)) == 0, 0.0, NAN)
    return np.concatenate([[0.0], np.cumsum(_steps(clock))]) * float(stream.time_base or NAN)


def _steps(clock: Sequence[int]) -> np.ndarray:
    """Ticks from each frame to the next; the median step where the time goes back."""
    steps = np.diff(clock)
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    return np.where(steps > 0, steps, usual)


def _ticks(times: Sequence[Time]) -> float:
    """From the first frame to the end of the last. Where the time goes back (joined files), the median step counts."""
    clock = _clock(times)
    if len(clock) < len(times) > 1:
        return NAN
    steps = _steps(clock)
    usual = float(np.median(steps)) if steps.any() else 0.0
    return float(steps.sum()) + max(float(times[-1].lasts or 0), usual) or NAN


def _clock(times: Sequence[Time]) -> list[int]:
    """When each frame is shown. In an AVI with reordered pictures only the decoding times can be trusted.

    Reordered pictures are near their places (H.264 allows 16 at most): then the times are sorted. Where times go back
    further, two recordings were joined, and the order stays.
    """
    shown = [time.shown for time in times if time.shown is not None]
    decoded = [time.decoded for time in times if time.decoded is not None]
    if len(set(shown)) == len(times):
        joined = np.abs(np.argsort(shown) - np.arange(len(shown))).max() > 16
        return shown if joined else sorted(shown)
    return next((each for each in (decoded, shown) if len(each) == len(times)), [])
