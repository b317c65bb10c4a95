"""Seconds as time codes."""

from __future__ import annotations

import pytest

from vpipe_utils.review.exports.time_codes import time_code


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00:00.000"), (62.5, "00:01:02.500"), (59.9996, "00:01:00.000"), (3661.001, "01:01:01.001")],
)
def test_time_codes(seconds: float, text: str) -> None:
    assert time_code(seconds) == text


def test_no_time() -> None:
    assert time_code(None) == time_code(float("nan")) == ""
    with pytest.raises(ValueError, match="no second -1"):
        time_code(-1)
