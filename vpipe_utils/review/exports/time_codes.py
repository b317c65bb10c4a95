"""Seconds of a clip as programs write them."""

from __future__ import annotations

import math


def time_code(seconds: float | None) -> str:
    """`00:01:02.500` of 62.5; "" where there is none. Rounded to a millisecond. Raises ValueError below 0."""
    if seconds is None or math.isnan(seconds):
        return ""
    if seconds < 0:
        raise ValueError(f"a clip has no second {seconds}")
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
