from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from vpipe_utils.review.evidence.pictures import heat_picture, hot_box, picture_name, write_pictures

NAMES = [
    "26703.mp4",
    "<img src=x onerror=alert(1)>.mp4",
    "../../a/b.mp4",
    "канал 5.mp4",
    "管道.mp4",
    "x" * 300 + ".mp4",
]
HEAT = np.zeros((8, 8))
HEAT[2:4, 4:8] = [[1, 1, 0.6, 0.2], [1, 1, 0.6, 0.2]]
HEAT[7, 0] = 0.9  # hot, but not joined to the hottest part


@pytest.mark.parametrize("video", NAMES)
def test_names_are_safe_whatever_a_clip_is_called(video: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9-]{16,60}", picture_name(video, "CJ"))


def test_names_differ_where_clips_or_classes_do() -> None:
    names = {picture_name(video, code) for video in [*NAMES, "a-b.mp4", "a_b.mp4", "a b.mp4"] for code in ("CJ", "TL")}
    assert len(names) == 2 * (len(NAMES) + 3)
    assert picture_name("a.mp4", "bc") != picture_name("a.mp4b", "c")


def test_the_box_is_around_the_hottest_part() -> None:
    assert hot_box(HEAT, (160, 80)) == (80, 20, 140, 40)


def test_the_heat_has_the_frames_shape_and_is_clear_where_it_is_cold() -> None:
    picture = heat_picture(HEAT, (160, 90))
    assert picture.shape == (90, 160, 4) and picture.dtype == np.uint8
    assert picture[80, 150, 3] == 0 and picture[33, 95, 3] == picture[..., 3].max() > 100


def test_both_pictures_are_written(tmp_path: Path) -> None:
    frame = np.random.default_rng(0).integers(0, 255, (90, 160, 3), dtype=np.uint8)
    names = write_pictures(tmp_path, "a", cv2.blur(frame, (9, 9)), HEAT)
    read = [cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED) for name in names]
    assert [picture.shape for picture in read] == [(90, 160, 3), (90, 160, 4)]
    assert np.abs(read[0][..., ::-1].astype(int) - cv2.blur(frame, (9, 9))).mean() < 3
