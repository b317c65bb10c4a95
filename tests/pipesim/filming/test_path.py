"""The camera zooms as in real clips, and shows a defect for as long as it is wanted."""

from __future__ import annotations

import numpy as np
import pytest

from vpipe_utils.pipesim.filming.path import Target, draw_plan, draw_views

PLANS = [draw_plan(rng) for rng in [np.random.default_rng(0)] for _ in range(3000)]


def test_zoomed_phases_are_as_in_real_clips():
    """Wide, zoomed, wide in three quarters of the clips with a zoomed phase; its begin and length by percentiles."""
    zoomed = [plan for plan in PLANS if plan.zoomed]
    assert len(zoomed) / len(PLANS) == pytest.approx(0.88, abs=0.02)
    assert np.mean([plan.kind == "in_out" for plan in zoomed]) == pytest.approx(0.74, abs=0.03)
    assert np.mean([plan.kind in ("in", "out") for plan in zoomed]) == pytest.approx(0.20, abs=0.03)
    begin = [plan.zoomed[0][0] for plan in zoomed if plan.kind != "out"]
    lasts = [sum(b - a for a, b in plan.zoomed) for plan in zoomed]
    np.testing.assert_allclose(np.percentile(begin, [10, 50, 90]), [0.06, 0.19, 0.46], atol=0.05)
    np.testing.assert_allclose(np.percentile(lasts, [10, 25, 50, 75, 90]), [0.32, 0.46, 0.60, 0.73, 0.83], atol=0.05)


def test_phases_lie_in_the_clip_one_after_the_other():
    for plan in PLANS:
        ends = [0.0, *(end for phase in plan.zoomed for end in phase), 1.0]
        assert all(a <= b + 1e-9 for a, b in zip(ends, ends[1:], strict=False))
        assert 0 <= plan.lowered <= 0.15 and plan.wide_share > -1e-9


def test_the_view_is_narrow_in_zoomed_phases_only():
    for plan in PLANS[:200]:
        views = draw_views(np.random.default_rng(1), plan, 60)
        assert len(views.slope) == len(views.aim) == len(views.blur) == 60
        t = (np.arange(60) + 0.5) / 60
        for start, end in plan.zoomed:
            middle = np.argmin(np.abs(t - (start + end) / 2))
            assert views.slope[middle] < 0.75 * plan.wide or end - start < 0.15
        far = [k for k in range(60) if all(t[k] < a - 0.1 or t[k] > b + 0.1 for a, b in plan.zoomed)]
        np.testing.assert_allclose(views.slope[far], plan.wide, rtol=0.05)


def test_a_defect_is_held_for_as_long_as_it_is_wanted():
    """Frames in which the picture's middle is near the defect and its share is the one asked for."""
    plan = next(plan for plan in PLANS if plan.kind == "in_out" and plan.zoomed[0][1] - plan.zoomed[0][0] > 0.7)
    target = Target(0.05, -0.03, 0.0004)
    near = []
    for seed in range(20):
        views = draw_views(
            np.random.default_rng(seed), plan, 100, (target,), np.array([0.4]), np.array([0.05]), np.array([False])
        )
        distance = np.hypot(views.aim[:, 0] - target.x, views.aim[:, 1] - target.y) / views.slope
        share = target.share(views.slope, 4 / 3)
        near.append(np.mean((distance < 1) & (share > 0.02)))
    assert np.median(near) == pytest.approx(0.4, abs=0.1)
