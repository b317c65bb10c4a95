from __future__ import annotations

import numpy as np
import pytest

from vpipe_utils.review.evidence.places import area, holds, hottest, inside


def test_the_hottest_point_is_in_pixels_of_the_frame() -> None:
    heat = np.zeros((8, 8))
    heat[2, 6] = 1
    assert hottest(heat, (160, 80)) == (130, 25)


def test_of_a_hot_patch_the_middle_is_taken() -> None:
    heat = np.zeros((8, 8))
    heat[2:5, 4:7] = 1
    assert hottest(heat, (8, 8)) == (5.5, 3.5)
    heat[:] = 0
    heat[0, 0] = heat[7, 7] = 1  # their mean is cold
    assert hottest(heat, (8, 8)) == (0.5, 0.5)


def test_energy_inside_a_box() -> None:
    heat = np.ones((10, 10))
    assert inside(heat, (0, 0, 100, 25), (200, 50)) == pytest.approx(0.25)
    assert inside(heat, None, (200, 50)) == 0
    heat[:] = 0
    heat[9, 9] = 3
    assert inside(heat, (180, 40, 200, 50), (200, 50)) == 1


def test_boxes_leave_out_their_right_and_lower_edge() -> None:
    box = (10.0, 10.0, 20.0, 30.0)
    assert holds(box, 10, 29.9) and not holds(box, 20, 15) and not holds(None, 1, 1) and not holds(box, np.nan, 15)
    assert area(box) == 200 and area(None) == 0
