"""Rays of a view, and which share of the picture a class takes."""

from __future__ import annotations

import numpy as np
import pytest

from vpipe_utils.pipesim.filming import camera
from vpipe_utils.pipesim.filming.path import Views
from vpipe_utils.pipesim.scene import N_THETA


def test_ray_maps_follow_the_view():
    still = Views(np.float32([0.5]), np.zeros((1, 2), np.float32), np.zeros(1, np.float32))
    columns, rows = camera.ray_maps(still, np.array([0]), 40, 30)
    down, right, up = rows[-1, 20], rows[15, -1], rows[0, 20]
    assert down < N_THETA * 0.03 or down > N_THETA * 0.97
    assert right == pytest.approx(N_THETA / 4, abs=6) and up == pytest.approx(N_THETA / 2, abs=6)
    assert (np.diff(columns[15, 20:]) < 0).all()  # outwards the slope grows, the column falls
