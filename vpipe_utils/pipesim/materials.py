"""A sound pipe: what pieces of one recording share (`Look`), and the clean scene with everyday wear.

Everyday wear (stains, rust, lime, damp, paint marks, dark joints, water, gravel) lies at all depths and is drawn
without looking at the labels, so that no defect is given away by its colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vpipe_utils.pipesim.scene import CHAMBER, Scene, deep, grid, noise, ramp, stretch, turn, wall_radius

# name: (albedo, texture strength, joint spacing in radii, weight)
MATERIALS = {
    "concrete": ((0.46, 0.44, 0.40), 0.30, (2.0, 4.0), 0.42),
    "clay": ((0.42, 0.28, 0.20), 0.20, (1.4, 2.6), 0.16),
    "pvc_grey": ((0.50, 0.52, 0.54), 0.10, (2.6, 5.0), 0.16),
    "pvc_orange": ((0.55, 0.33, 0.17), 0.10, (2.6, 5.0), 0.10),
    "hdpe_black": ((0.17, 0.17, 0.18), 0.15, (2.4, 4.0), 0.08),
    "brick": ((0.44, 0.32, 0.26), 0.35, (1.8, 3.0), 0.08),
}


DEEPEST = 50.0  # joints are laid up to this depth
FOAM_LEAST = 0.28  # depth of water that carries foam


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
    silt: tuple[float, float, float]  # colour of the film below the usual water line, and of what settles
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
        silt=tuple(
            float(c) for c in rng.uniform(0.15, 0.36) * np.array([1.0, rng.uniform(0.72, 0.92), rng.uniform(0.45, 0.8)])
        ),
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
    scene.albedo, scene.silt = look.albedo, look.silt
    scene.joints = list(np.arange(look.mouth + look.spacing * rng.uniform(0.35, 0.9), DEEPEST, look.spacing))
    return scene


def build_wall(scene: Scene, look: Look, rng: np.random.Generator) -> None:
    """Shape and colour of the bare wall, from the scene's axis."""
    g = grid()
    scene.radius[:] = wall_radius(scene.centre)
    if look.material == "hdpe_black":  # corrugated
        scene.radius += 0.008 * np.sin(g.u * (2 * np.pi / 0.28)).astype(np.float32)
    scene.detail *= np.clip(1 + look.texture * 0.6 * noise(rng, 0.10, 0.10, rough=0.8), 0.4, 1.7)
    if look.material == "brick":
        rows = np.floor(g.theta / (2 * np.pi / 44))
        mortar = (g.theta / (2 * np.pi / 44) % 1 < 0.14) | ((g.u / 0.42 + 0.5 * (rows % 2)) % 1 < 0.08)
        scene.detail *= np.where(mortar, np.float32(1.25), np.float32(1.0))
    rings = np.zeros_like(g.z)
    for z in scene.joints:
        np.maximum(rings, np.exp(-(((g.z - z) / max(0.022, 0.012 * z)) ** 2)), out=rings)
    scene.radius += look.joint_depth * rings
    scene.color *= 1 - look.joint_tone * rings[..., None]
    # silt and biofilm below the usual water line
    level = rng.uniform(0.5, 1.15)
    film = ramp(np.abs(turn(0.0)), level + 0.25, level) * (0.25 + 0.35 * look.dirt) * np.ones_like(g.z)
    scene.paint(film.astype(np.float32), look.silt)
    scene.detail *= 1 + 0.10 * noise(rng, 0.7, 1.2)


def somewhere(scene: Scene, rng: np.random.Generator) -> float:
    """A stretched depth in the pipe: log-uniform over the depths, as defects are."""
    return rng.uniform(deep(scene.mouth) + 0.1, deep(0.8 * DEEPEST))


def pale(rng: np.random.Generator) -> np.ndarray:
    """A colour of lime: (3,)."""
    return (np.array([0.74, 0.69, 0.56]) * rng.uniform(0.8, 1.15) + rng.normal(0, 0.03, 3)).clip(0.2, 0.95)


def rust(rng: np.random.Generator) -> np.ndarray:
    """A colour between grey-brown (eaten concrete) and rust: (3,)."""
    share = rng.uniform(0, 1)
    return (np.array([0.40, 0.34, 0.26]) * (1 - share) + np.array([0.46, 0.23, 0.09]) * share) * rng.uniform(0.65, 1.2)


def wear(scene: Scene, look: Look, rng: np.random.Generator, foam: bool = False) -> None:
    """Everyday wear that is no defect, flat on the wall, and water; drawn without looking at the labels.

    With `foam` the water is drawn again until it is deep enough to carry some.
    """
    _stains(scene, rng)
    _spots(scene, rng)
    _joint_marks(scene, rng)
    g = grid()
    if rng.random() < 0.35:  # gravel
        for _ in range(rng.integers(2, 9)):
            at, side = somewhere(scene, rng), rng.normal(0, 0.3)
            size = rng.uniform(0.04, 0.08)
            lump = np.exp(-((turn(side) / size) ** 2) - ((g.u - at) / size) ** 2).astype(np.float32)
            scene.radius -= size * lump
            scene.detail *= 1 + 0.4 * lump
    depth = draw_water(rng)
    while foam and depth < FOAM_LEAST:
        depth = draw_water(rng)
    if depth > 0:
        scene.water = float(scene.centre[1, g.column(scene.mouth + 0.3)] + 1 - depth)
        scene.water_color = tuple(float(c) for c in rng.uniform(0.05, 0.2) * np.array([1.0, 0.88, 0.62]))


def draw_water(rng: np.random.Generator) -> float:
    """Depth of the water at the pipe's mouth in radii, 0 for a dry pipe: the same for every label."""
    return float(rng.uniform(0.08, 0.62)) if rng.random() < 0.75 else 0.0


def _stains(scene: Scene, rng: np.random.Generator) -> None:
    """Large flat stains: rust, lime, silt, grease or soot, over a stretch or all along; damp, darker."""
    for tone, likely in (
        (rust(rng), 0.35),
        (pale(rng), 0.4),
        (scene.silt, 0.35),
        (rng.uniform(0.05, 0.5) * np.ones(3), 0.3),
    ):
        if rng.random() < likely:
            cover = noise(rng, 0.6, 0.6, rough=0.7) - rng.uniform(0.2, 0.9)
            if rng.random() < 0.6:
                at = somewhere(scene, rng)
                cover = cover - 2 * (1 - stretch(at, at + rng.uniform(1, 3), 0.6)) + 0.5
            scene.paint((rng.uniform(0.4, 0.9) * ramp(cover, 0.0, rng.uniform(0.15, 0.8))).astype(np.float32), tone)
    if rng.random() < 0.3:
        at = somewhere(scene, rng)
        damp = stretch(at, at + rng.uniform(0.5, 2), 0.4) * ramp(np.abs(turn(np.pi)), 2.2, 1.0)
        scene.detail *= (1 - 0.4 * damp).astype(np.float32)


def _spots(scene: Scene, rng: np.random.Generator) -> None:
    """Small flat spots with edges: spray paint, a stuck bag, lime, rust, soot."""
    g = grid()
    if rng.random() < 0.45:
        return
    edge = 0.25 * noise(rng, 0.2, 0.2)
    for _ in range(rng.integers(1, 6)):
        kind = rng.choice(["paint", "lime", "rust", "soot", "silt"])
        tone = {
            "paint": np.roll(rng.uniform([0.45, 0.12, 0.05], [0.75, 0.5, 0.2]), rng.integers(0, 3)),
            "lime": pale(rng), "rust": rust(rng), "soot": rng.uniform(0.02, 0.08) * np.ones(3), "silt": scene.silt,
        }[str(kind)]  # fmt: skip
        u, v = (
            turn(rng.uniform(0.5, 5.8)) / rng.uniform(0.12, 0.5),
            (g.u - somewhere(scene, rng)) / rng.uniform(0.12, 0.6),
        )
        spot = ramp(np.sqrt(u**2 + v**2) + edge, 1.0, rng.uniform(0.5, 0.85)).astype(np.float32)
        scene.paint(np.float32(rng.uniform(0.5, 0.95)) * spot, tone)


def _joint_marks(scene: Scene, rng: np.random.Generator) -> None:
    """At some joints: a dark or soil-brown ring, runs of lime or rust down the wall. All flat."""
    g = grid()
    if not scene.joints or rng.random() < 0.3:
        return
    for _ in range(rng.integers(1, 6)):
        z = rng.choice(scene.joints)
        if rng.random() < 0.4:
            tone = np.array(scene.silt) * rng.uniform(0.2, 1.0)
            amount = np.exp(-(((g.u - deep(z)) / rng.uniform(0.05, 0.25)) ** 2)) * np.ones_like(g.theta)
        else:
            tone = pale(rng) if rng.random() < 0.6 else rust(rng)
            side, wide = rng.choice([-1, 1]) * rng.uniform(0.9, 2.4), rng.uniform(0.2, 0.7)
            amount = np.exp(-((turn(side) / wide) ** 2) - ((g.u - deep(z)) / rng.uniform(0.1, 0.4)) ** 2)
            amount = amount * np.clip(0.7 + 0.6 * noise(rng, 0.9, 0.12), 0, 1)
        scene.paint((rng.uniform(0.5, 0.9) * amount).astype(np.float32), tone)


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
