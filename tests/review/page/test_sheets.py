"""Contact sheets: nine frames in their order, missing ones grey, in files with safe names."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vpipe_utils.review.page.sheets import contact_sheet, sheet_name, write_sheet


def test_frames_are_in_order_and_missing_ones_grey() -> None:
    sheet = contact_sheet([np.full((60, 80, 3), 20 * k, np.uint8) for k in range(7)])
    assert sheet.shape == (540, 720, 3)
    assert sheet[90::180, 120::240, 0].ravel().tolist() == [0, 20, 40, 60, 80, 100, 120, 128, 128]


@pytest.mark.parametrize("count", [0, 10])
def test_too_few_and_too_many(count: int) -> None:
    with pytest.raises(ValueError, match=f"not {count}"):
        contact_sheet([np.zeros((6, 8, 3), np.uint8)] * count)


def test_colours_are_those_of_the_frames_and_names_are_safe(tmp_path: Path) -> None:
    red = np.zeros((60, 80, 3), np.uint8)
    red[..., 0] = 250
    path = write_sheet([red], tmp_path, "../<b> #?.mp4")
    assert path == tmp_path / sheet_name("../<b> #?.mp4") and path.parent == tmp_path / "pictures" / "sheets"
    blue, green, shown_red = cv2.imread(str(path))[90, 120]
    assert shown_red > 230 and blue < 20 and green < 20
