"""How long a video lasts: from the times of its frames, for what a header says of its rate need not be so.

Screen recorders and phones write frames when they have them, browsers announce 1,000 frames a second and no length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import av
import numpy as np

NAN = float("nan")


class Time(NamedTuple):
    """When a frame is shown, when it is decoded and how long it lasts, in ticks of its stream; None: it is not said."""

    shown: int | None
    decoded: int | None
    lasts: int | None


def rate_and_duration(times: Sequence[Time], stream: av.VideoStream) -> tuple[float, float]:
    """(frames per second, seconds) of a video with these frames, at least one, in order; NaN where nothing tells.

    The rate is the average, so that it is the number of frames by the seconds. Where the one that the file announces
    makes less than half a frame's difference, that is meant: many formats round the times of frames to milliseconds.
    """
    announced = stream.average_rate or stream.guessed_rate
    seconds = _ticks(times) * float(stream.time_base or NAN)
    if announced and abs(len(times) / announced - seconds) < 0.5 / announced:
        return float(announced), float(len(times) / announced)
    return (len(times) / seconds, seconds) if seconds > 0 else (NAN, NAN)


def _ticks(times: Sequence[Time]) -> float:
    """From the first frame to the end of the last. Where the clock goes back (joined files), a usual step is taken."""
    clock = _clock(times)
    if len(clock) < len(times) > 1:
        return NAN
    steps = np.diff(clock)
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    return float(np.where(steps > 0, steps, usual).sum()) + max(float(times[-1].lasts or 0), usual) or NAN


def _clock(times: Sequence[Time]) -> list[int]:
    """When each frame is shown; in an AVI with pictures out of order only the times of decoding can be trusted.

    Pictures out of order lie near their places (16 is H.264's most); joined recordings stay one after the other.
    """
    shown = [time.shown for time in times if time.shown is not None]
    decoded = [time.decoded for time in times if time.decoded is not None]
    if len(set(shown)) == len(times):
        joined = np.abs(np.argsort(shown) - np.arange(len(shown))).max() > 16
        return shown if joined else sorted(shown)
    return next((each for each in (decoded, shown) if len(each) == len(times)), [])
