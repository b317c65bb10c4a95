"""Rays meet the wall where geometry says; noise is seamless; a class is seen where it was put."""

from __future__ import annotations

import numpy as np
import pytest

from vpipe_utils.pipesim import render
from vpipe_utils.pipesim.scene import (
    KNEE,
    N_R,
    N_THETA,
    N_Z,
    Z_FAR,
    Billboard,
    Scene,
    deep,
    grid,
    noise,
    stretch,
    turn,
    undo_deep,
    wall_radius,
)


def straight_pipe() -> Scene:
    scene = Scene(np.zeros((2, N_Z), np.float32), mouth=0.0)
    scene.radius[:] = 1.0
    scene.color[:] = 0.5
    return scene


def test_rays_meet_a_straight_wall_at_one_over_their_slope():
    _, _, depth, step = render._first_hit(np.ones((N_THETA, N_Z), np.float32))
    slopes = grid().r[0]
    inside = (slopes < 1.9) & (slopes > 0.02)
    np.testing.assert_allclose(
        depth[:, inside], np.broadcast_to(1 / slopes[inside], (N_THETA, inside.sum())), rtol=2e-3
    )
    assert not step.any()


def test_a_ring_hides_what_lies_behind_it():
    g = grid()
    radius = np.ones((N_THETA, N_Z), np.float32)
    radius[:, g.column(3.0) : g.column(3.3)] = 0.5
    _, _, depth, step = render._first_hit(radius)
    on_ring = (g.r[0] > 0.5 / 3.0 * 1.03) & (g.r[0] < 1 / 3.0 * 0.97)
    np.testing.assert_allclose(depth[:, on_ring], 3.0, rtol=0.02)
    assert step[:, on_ring].all()
    beyond = g.r[0] < 0.5 / 3.3 * 0.97
    assert (depth[:, beyond] > 3.3).all()


def test_wall_of_a_shifted_pipe():
    centre = np.zeros((2, N_Z), np.float32)
    centre[1] = 0.3  # lower: further to the invert, nearer to the crown
    radius = wall_radius(centre)
    assert radius[0, 0] == pytest.approx(1.3, abs=1e-3)
    assert radius[N_THETA // 2, 0] == pytest.approx(0.7, abs=1e-3)


def test_lamp_light_falls_off_along_the_pipe():
    shot = render.picture(straight_pipe(), np.random.default_rng(0))
    profile = shot.rgb.mean((0, 2))
    seen = grid().r[0] < 1.5
    assert (np.diff(profile[seen]) <= 1e-6).all()
    assert shot.codes == () and shot.flicker is None and not shot.evidence.any()


def test_marked_wall_is_evidence_only_where_it_is_seen():
    scene = straight_pipe()
    scene.mark("PL", (np.abs(turn(np.pi)) < 0.4) & (stretch(2.0, 3.0, 0.01) > 0.5))
    scene.billboards.append(Billboard(4.0, np.ones((32, 32, 4), np.float32), "CR", size=0.3))
    shot = render.picture(scene, np.random.default_rng(0))
    assert shot.codes == ("CR", "PL")
    crown, invert = shot.evidence[N_THETA // 2], shot.evidence[0]
    slopes = grid().r[0]
    assert (crown[(slopes > 1 / 2.9) & (slopes < 1 / 2.1)] == 2).all()
    assert not (invert & 2).any()
    assert (invert[slopes < 0.2 / 4.0] == 1).all()  # a square board fills at least its inscribed circle


def test_noise_closes_the_circle():
    field = noise(np.random.default_rng(0), 0.5, 0.5, rough=0.7)
    across_seam = np.abs(field[0] - field[-1]).max()
    assert across_seam <= 1.5 * np.abs(np.diff(field, axis=0)).max()
    for near, far in ((1, 6), (6, 30), (30, 90)):  # no less far in
        assert 0.3 < field[:, grid().column(near) : grid().column(far)].std() < 1.2


def test_stretched_depth_goes_back_and_forth():
    assert deep(1.7) == pytest.approx(1.7) and undo_deep(1.7) == pytest.approx(1.7)
    for z in (KNEE, 8.0, 40.0, Z_FAR):
        assert undo_deep(float(deep(z))) == pytest.approx(z, rel=1e-5)
    assert deep(40.0) - deep(20.0) == pytest.approx(deep(10.0) - deep(5.0), abs=1e-4)


def test_far_in_a_patch_looks_as_it_does_near_by_but_smaller():
    seen = []
    for z in (4.0, 32.0):
        scene = straight_pipe()
        scene.mark("PL", (np.abs(turn(np.pi)) < 0.4) & (stretch(deep(z), deep(z) + 0.5, 0.01) > 0.5))
        shot = render.picture(scene, np.random.default_rng(0))
        assert shot.rgb.min() >= 0
        rows, columns = np.nonzero(shot.evidence)
        seen.append((len(np.unique(rows)), len(np.unique(columns)), grid().r[0, columns].mean() * z))
    assert seen[0][0] == seen[1][0] and abs(seen[0][1] - seen[1][1]) <= 2
    assert seen[0][2] == pytest.approx(seen[1][2], rel=0.03)


def test_water_hides_the_invert_and_mirrors():
    scene = straight_pipe()
    scene.water = 0.6
    scene.mark("CJ", np.abs(turn(0.0)) < 0.3)
    shot = render.picture(scene, np.random.default_rng(0))
    assert not shot.evidence[0, grid().r[0] > 0.1].any()
    assert shot.flicker is not None and shot.flicker.shape == (N_THETA, N_R)
