"""Everyday wear and water say nothing of the labels; a recording keeps its look."""

from __future__ import annotations

import numpy as np
import pytest

from vpipe_utils.pipesim import functional, materials, structural
from vpipe_utils.pipesim.scene import deep, grid


def pipe(seed: int):
    rng = np.random.default_rng(seed)
    look = materials.draw_look(rng, "1")
    scene = materials.sound_pipe(look, rng)
    materials.build_wall(scene, look, rng)
    return scene, look, rng


def test_foam_asks_only_for_enough_water():
    """Water of clips with scum is the same as that of all clips, as far as it carries any."""
    rng = np.random.default_rng(0)
    all_depths = np.array([materials.draw_water(rng) for _ in range(2000)])
    enough = all_depths >= materials.FOAM_LEAST
    assert 0.4 < enough.mean() < 0.6 and 0.2 < (all_depths == 0).mean() < 0.3
    for foam in (False, True):
        scene, look, rng = pipe(3)
        for _ in range(3):
            scene.water = None
            materials.wear(scene, look, rng, foam=foam)
            if foam:
                level = scene.centre[1, grid().column(scene.mouth + 0.3)] + 1
                assert level - scene.water >= materials.FOAM_LEAST - 1e-5


@pytest.mark.parametrize("bend", [structural.bend_undulation, structural.bend_displaced])
def test_a_bent_pipe_brings_no_water(bend):
    rng = np.random.default_rng(1)
    scene = materials.sound_pipe(materials.draw_look(rng, "1"), rng)
    bend(scene, 6.0, rng)
    assert scene.water is None


def test_deposits_stand_out_of_the_water():
    dry = []
    for seed in range(8):
        scene, _, rng = pipe(seed)
        scene.water = float(scene.centre[1, grid().column(12.0)] + 1 - 0.6)
        before = scene.radius.copy()
        functional.deposits(scene, 12.0, rng)
        heap = np.s_[:4, grid().column(12.5) : grid().column(15.0)]
        top = (scene.radius * grid().cos)[heap]
        assert (scene.radius[heap] < before[heap]).all()
        dry.append((top < scene.water).mean())
    assert np.mean(dry) > 0.75


def test_wear_lies_at_all_depths():
    scene, _, rng = pipe(0)
    drawn = np.array([materials.somewhere(scene, rng) for _ in range(500)])
    assert drawn.min() > deep(scene.mouth) and drawn.max() <= deep(40.0)
    assert 0.2 < (drawn > deep(15.0)).mean() < 0.5
