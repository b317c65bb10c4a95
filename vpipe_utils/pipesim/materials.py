"""A sound pipe: what pieces of one recording share (`Look`), and the clean scene with everyday wear.

Everyday wear (stains, damp, paint marks, high water, gravel) is drawn without looking at
the labels, so that no defect is given away by such a cue alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vpipe_utils.pipesim.scene import CHAMBER, Scene, grid, noise, ramp, stretch, turn, wall_radius

# name: (albedo, texture strength, joint spacing in radii, weight)
MATERIALS = {
    "concrete": ((0.46, 0.44, 0.40), 0.30, (2.0, 4.0), 0.42),
    "clay": ((0.42, 0.28, 0.20), 0.20, (1.4, 2.6), 0.16),
    "pvc_grey": ((0.50, 0.52, 0.54), 0.10, (2.6, 5.0), 0.16),
    "pvc_orange": ((0.55, 0.33, 0.17), 0.10, (2.6, 5.0), 0.10),
    "hdpe_black": ((0.17, 0.17, 0.18), 0.15, (2.4, 4.0), 0.08),
    "brick": ((0.44, 0.32, 0.26), 0.35, (1.8, 3.0), 0.08),
}


@dataclass(frozen=True)
class Look:
    """What all pieces of one recording have in common."""

    material: str
    albedo: tuple[float, float, float]
    texture: float
    spacing: float  # between joints
    joint_depth: float
    joint_tone: float  # how dark the joints are, 0–1
    mouth: float  # distance from camera to pipe, in radii: small pipes are further away
    chamber: tuple[float, float, float]
    dirt: float  # 0–1
    tint: tuple[float, float, float]  # white balance of the camera
    gain_noise: float  # sensor noise, in shares of full scale
    vignette: float
    text_style: int
    text_corner: int
    text_lines: tuple[str, ...]


def draw_look(rng: np.random.Generator, recording: str) -> Look:
    """Draw a recording's pipe and camera."""
    names = list(MATERIALS)
    name = names[rng.choice(len(names), p=[MATERIALS[n][3] for n in names])]
    albedo, texture, spacing, _ = MATERIALS[name]
    tone = rng.uniform(0.8, 1.2)
    warm = rng.normal(0, 0.05)
    lines = (
        f"{rng.integers(2018, 2023)}-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}",
        f"DN{rng.choice([300, 400, 500, 600, 800])} {recording}",
    )
    return Look(
        material=name,
        albedo=tuple(float(np.clip(a * tone + rng.normal(0, 0.015), 0.08, 0.75)) for a in albedo),
        texture=texture * rng.uniform(0.7, 1.3),
        spacing=rng.uniform(*spacing),
        joint_depth=rng.uniform(0.01, 0.03),
        joint_tone=rng.uniform(0.25, 0.75),
        mouth=rng.uniform(1.3, 2.0),
        chamber=tuple(float(c) for c in rng.uniform(0.25, 0.45) * np.array([1.0, 0.95, 0.86])),
        dirt=rng.uniform(0, 1),
        tint=(1 + warm, 1.0, 1 - warm),
        gain_noise=rng.uniform(0.008, 0.03),
        vignette=rng.uniform(0.1, 0.45),
        text_style=int(rng.integers(0, 3)),
        text_corner=int(rng.integers(0, 4)),
        text_lines=lines,
    )


def sound_pipe(look: Look, rng: np.random.Generator) -> Scene:
    """The pipe without defects; its joints are in `scene.joints`. Call `fill_manhole` once it is complete."""
    g = grid()
    offset = np.array([rng.uniform(-0.18, 0.18), rng.uniform(-0.15, 0.12)], np.float32)
    bend = rng.normal(0, 0.006, 2).astype(np.float32)
    centre = offset[:, None] + bend[:, None] * np.minimum(g.z, 15)
    scene = Scene(centre.astype(np.float32), look.mouth)
    scene.color[:] = np.array(look.albedo, np.float32)
    scene.joints = list(np.arange(look.mouth + look.spacing * rng.uniform(0.35, 0.9), 16, look.spacing))
    return scene


def build_wall(scene: Scene, look: Look, rng: np.random.Generator) -> None:
    """Shape and colour of the bare wall, from the scene's axis."""
    g = grid()
    scene.radius[:] = wall_radius(scene.centre)
    if look.material == "hdpe_black":  # corrugated
        scene.radius += 0.008 * np.sin(g.z * (2 * np.pi / 0.28)).astype(np.float32) * ramp(g.z, 9, 4)
    scene.detail *= np.clip(1 + look.texture * 0.6 * noise(rng, 0.10, 0.10, rough=0.8), 0.4, 1.7)
    if look.material == "brick":
        rows = np.floor(g.theta / (2 * np.pi / 44))
        mortar = (g.theta / (2 * np.pi / 44) % 1 < 0.14) | ((g.z / 0.42 + 0.5 * (rows % 2)) % 1 < 0.08)
        scene.detail *= np.where(mortar & (g.z < 8), np.float32(1.25), np.float32(1.0))
    for z in scene.joints:
        width = max(0.022, 0.012 * z)
        ring = np.exp(-(((g.z - z) / width) ** 2)).astype(np.float32)
        scene.radius += look.joint_depth * ring
        scene.color *= 1 - look.joint_tone * ring[..., None]
    # silt and biofilm below the usual water line
    level = rng.uniform(0.5, 1.15)
    film = ramp(np.abs(turn(0.0)), level + 0.25, level) * (0.25 + 0.35 * look.dirt) * np.ones_like(g.z)
    scene.paint(film.astype(np.float32), (0.22, 0.18, 0.13))
    scene.detail *= 1 + 0.10 * noise(rng, 0.7, 1.2)


def wear(scene: Scene, look: Look, rng: np.random.Generator, room_for_water: bool = True) -> None:
    """Everyday wear that is no defect, drawn without looking at the labels."""
    g = grid()
    if rng.random() < 0.35:  # rusty runs below a joint
        for _ in range(rng.integers(1, 4)):
            z = rng.choice(scene.joints[:4]) if scene.joints else 3.0
            side = rng.choice([-1, 1]) * rng.uniform(1.1, 2.4)
            run = np.exp(-((turn(side) / rng.uniform(0.2, 0.6)) ** 2)) * np.exp(-(((g.z - z) / 0.3) ** 2))
            amount = (run * np.clip(0.6 + 0.5 * noise(rng, 0.3, 0.3), 0, 1)).astype(np.float32)
            scene.paint(0.75 * amount, (0.42, 0.22, 0.09))
    if rng.random() < 0.4:  # grease, soot, lime as large faint stains
        amount = np.clip(noise(rng, 0.8, 0.8, rough=0.5) - 0.5, 0, 1)
        scene.paint(0.5 * amount, rng.uniform(0.1, 0.6) * np.array([1, 0.93, 0.82]))
    if rng.random() < 0.25:  # marks of spray paint: bright colour alone is no obstacle
        hue = np.roll(rng.uniform([0.5, 0.15, 0.05], [0.8, 0.5, 0.15]), rng.integers(0, 3))
        for _ in range(rng.integers(1, 3)):
            side, z = rng.uniform(0.5, 5.8), rng.uniform(scene.mouth + 0.2, 4.5)
            u, v = turn(side) / rng.uniform(0.15, 0.35), (g.z - z) / rng.uniform(0.15, 0.4)
            spot = ramp(np.sqrt(u**2 + v**2) + 0.25 * noise(rng, 0.2, 0.2), 1.0, 0.8).astype(np.float32)
            scene.paint(0.85 * spot, hue)
    if rng.random() < 0.3:  # damp, darker
        z = rng.uniform(2, 6)
        damp = stretch(z, z + rng.uniform(0.5, 2), 0.4) * ramp(np.abs(turn(np.pi)), 2.2, 1.0)
        scene.detail *= (1 - 0.35 * damp).astype(np.float32)
    if rng.random() < 0.35:  # gravel
        for _ in range(rng.integers(1, 6)):
            z, side = rng.uniform(2.2, 6), rng.normal(0, 0.3)
            size = rng.uniform(0.04, 0.08)
            lump = np.exp(-((turn(side) / size) ** 2) - ((g.z - z) / size) ** 2).astype(np.float32)
            scene.radius -= size * lump
            scene.detail *= 1 + 0.4 * lump
    if scene.water is None and room_for_water and rng.random() < 0.6:
        # mostly a trickle, in a fifth of all clips as high as where scum floats
        deep = rng.random() < 0.33
        depth = rng.uniform(0.35, 0.75) if deep else rng.uniform(0.06, 0.3)
        scene.water = float(scene.centre[1, g.column(3.0)] + 1 - depth)
    if scene.water is not None:
        scene.water_color = tuple(float(c) for c in rng.uniform(0.05, 0.2) * np.array([1.0, 0.88, 0.62]))


def fill_manhole(scene: Scene, look: Look, rng: np.random.Generator) -> None:
    """In front of the pipe's mouth: the wall of the manhole chamber."""
    g = grid()
    front = (g.z < scene.mouth)[0]
    scene.radius[:, front] = CHAMBER
    scene.color[:, front] = np.array(look.chamber, np.float32)
    edge = ((g.z >= scene.mouth) & (g.z < scene.mouth + 0.05))[0]
    scene.color[:, edge] = 0.5 * np.array(look.chamber, np.float32) + 0.5 * np.array(look.albedo, np.float32)
    for code in scene.marks:
        scene.marks[code][:, g.z[0] < scene.mouth + 0.05] = False
