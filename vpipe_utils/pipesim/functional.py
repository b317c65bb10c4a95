"""Defects that hinder the flow: deposits, obstacle, encrustation, roots, scum, remains of a wall.

Each function adds one defect to a scene around the depth `z` and marks the wall that shows it.
"""

from __future__ import annotations

import cv2
import numpy as np

from vpipe_utils.pipesim.materials import pale
from vpipe_utils.pipesim.scene import Billboard, Scene, deep, grid, noise, ramp, stretch, turn, undo_deep


def around(rng: np.random.Generator, low: float, high: float) -> float:
    """An angle whose distance from the invert is between low and high, on either side."""
    return float(rng.choice([-1, 1]) * rng.uniform(low, high))


def deposits(scene: Scene, z: float, rng: np.random.Generator) -> None:
    """CJ: silt or sand lies on the invert over a stretch, 0.35–0.75 radii high, with a flat, wavy top."""
    g = grid()
    at, length, height = deep(z), rng.uniform(0.9, 2.5), rng.uniform(0.38, 0.75)
    if scene.water is not None:  # it stands out of the water
        height = max(height, scene.centre[1, g.column(z)] + 1 - scene.water + 0.22)
    profile = stretch(at - 0.2, at + length, rng.uniform(0.3, 0.9))
    lean = rng.normal(0, 0.12) * g.sin
    top = scene.centre[1] + 1 - height * profile * (1 + 0.13 * noise(rng, 0.5, 0.7) + lean)
    bed = np.where(g.cos > 0.05, np.maximum(top, 0.12) / np.maximum(g.cos, 0.05), 9.0).astype(np.float32)
    where = (bed < scene.radius - 0.04) & (profile > 0.05)
    scene.radius[:] = np.where(where, bed, scene.radius)
    tone = np.array(scene.silt) * rng.uniform(0.8, 1.3) if rng.random() < 0.6 else scene.kin(rng, 0.6, 1.0)
    scene.paint(0.93 * where.astype(np.float32), tone)
    grain = np.clip(1 + 0.28 * noise(rng, 0.12, 0.12, rough=0.9), 0.4, 1.7)
    scene.detail[:] = np.where(where, grain, scene.detail)
    scene.mark("CJ", where)


def obstacle(scene: Scene, z: float, rng: np.random.Generator) -> None:
    """ZW: one to three bricks, stones or bottles lie on the invert, in the way of the water."""
    g = grid()
    side, size = 224, 1.3
    axis = (np.arange(side, dtype=np.float32) + 0.5) * (2 * size / side) - size
    for k in range(rng.integers(1, 4)):
        at = undo_deep(deep(z) + k * rng.uniform(0.2, 0.6))
        angle = rng.normal(0, 0.3)
        half, slim = rng.uniform(0.24, 0.42), rng.uniform(0.55, 0.95)
        reach = 1.0 - 0.8 * half * slim  # its middle: it lies on the wall
        if scene.water is not None:  # or stands out of the water
            reach = min(reach, scene.water - scene.centre[1, g.column(at)] + 0.3 * half * slim)
        x = axis[None] - scene.centre[0, g.column(at)] - reach * np.sin(angle)
        y = axis[:, None] - scene.centre[1, g.column(at)] - reach * np.cos(angle)
        tilt = rng.normal(0, 0.3)
        u = (x * np.cos(tilt) - y * np.sin(tilt)) / half
        v = (x * np.sin(tilt) + y * np.cos(tilt)) / (half * slim)
        color = scene.kin(rng)
        kind = rng.choice(["stone", "brick", "bottle"])
        if kind == "stone":
            wobble = cv2.resize(
                rng.standard_normal((9, 9), dtype=np.float32), (side, side), interpolation=cv2.INTER_CUBIC
            )
            distance = np.sqrt(u**2 + v**2) + 0.13 * wobble
            shade = 0.35 + 0.8 * np.sqrt(np.clip(1 - distance**2, 0, 1)) + 0.12 * wobble
        elif kind == "brick":  # its front, and above it the top, which the lamp grazes
            distance = np.maximum(np.abs(u), np.abs(v))
            shade = np.where(v < -0.4, 0.45, 1.0) - 0.5 * ((np.abs(u) < 0.3) & (np.abs(v - 0.3) < 0.2))
        else:  # a body and a neck, shaded as a cylinder
            u = u * 0.62
            width = np.where(u < 0.35, 0.62, 0.26)
            distance = np.where(np.abs(u) < 1.0, np.abs(v) / width, 9.0)
            shade = 0.3 + 0.7 * np.sqrt(np.clip(1 - distance**2, 0, 1)) + 0.6 * np.exp(-(((v + 0.15) / 0.1) ** 2))
        rgba = np.empty((side, side, 4), np.float32)
        shadow = ramp(distance, 0.95, 1.05)  # a dark rim: it stands off the wall whose colour it has
        rgba[..., :3] = (color * (shade * (1 - shadow))[..., None]).clip(0.01, 1)
        rgba[..., 3] = np.maximum(ramp(distance, 1.0, 0.92), 0.75 * ramp(distance, 1.3, 1.05))
        scene.billboards.append(Billboard(at, rgba, "ZW", size, glow=1.0))


def encrustation(scene: Scene, z: float, rng: np.random.Generator) -> None:
    """JG: pale, lumpy lime stands in from the sides and the crown in three to six patches."""
    g = grid()
    share = rng.uniform(0.2, 1)
    tone = pale(rng) * share + scene.kin(rng) * (1 - share)
    first = rng.uniform(-np.pi, np.pi)
    for k in range(rng.integers(3, 7)):
        side = first + k * rng.uniform(0.7, 1.5)
        side = (side + np.pi) % (2 * np.pi) - np.pi
        if abs(side) < 0.6:  # what lies on the invert would be a deposit
            side += np.pi
        a, b = rng.uniform(0.28, 0.6), rng.uniform(0.3, 0.8)
        at = deep(z) + rng.uniform(-0.4, 0.9)
        edge = 1.2 - np.sqrt((turn(side) / a) ** 2 + ((g.u - at) / b) ** 2) + 0.3 * noise(rng, 0.25, 0.25, rough=0.7)
        amount = ramp(edge, 0.0, 0.5).astype(np.float32)
        lumps = np.clip(0.75 + 0.3 * noise(rng, 0.16, 0.16, rough=0.7), 0.2, 1.3)
        scene.radius -= rng.uniform(0.12, 0.30) * amount * lumps
        scene.paint(np.clip(amount * 1.3, 0, 0.95), tone)
        scene.detail *= 1 + amount * 0.2 * noise(rng, 0.1, 0.1)
        scene.mark("JG", amount > 0.4)


def roots(scene: Scene, z: float, rng: np.random.Generator) -> None:
    """SG: a beard of branching roots grows inwards from a joint."""
    g = grid()
    side, scale, size = 224, 224 / 2.6, 1.3
    cx, cy = (scene.centre[k, g.column(z)] for k in range(2))
    middle, spread = rng.uniform(-np.pi, np.pi), rng.uniform(0.35, 1.1)
    if abs(middle) < 0.7:
        middle += np.pi
    base = 0.6 * np.array([0.50, 0.37, 0.24]) * rng.uniform(0.7, 1.4) + 0.4 * scene.kin(rng, 0.8, 1.5)
    rgba = np.zeros((side, side, 4), np.float32)

    def grow(x: float, y: float, direction: float, steps: int, thick: int, level: int) -> None:
        points = [(x, y)]
        for step in range(steps):
            direction += rng.normal(0, 0.22)
            x, y = x + 0.055 * np.sin(direction), y + 0.055 * np.cos(direction)
            points.append((x, y))
            if level < 2 and rng.random() < 0.16:
                grow(x, y, direction + rng.normal(0, 0.6), (steps - step) // 2 + 2, max(1, thick - 1), level + 1)
        pixels = ((np.array(points) * scale + side / 2) * 16).round().astype(np.int32)
        tone = base * rng.uniform(0.6, 1.4)
        color = (*(float(c) for c in tone.clip(0.05, 0.9)), 1.0)
        cv2.polylines(rgba, [pixels], False, color, thick, cv2.LINE_8, 4)

    for _ in range(rng.integers(28, 60)):
        at = middle + rng.normal(0, spread / 1.6)
        ux, uy = np.sin(at), np.cos(at)
        grow(
            cx + 1.03 * ux,
            cy + 1.03 * uy,
            at + np.pi + rng.normal(0, 0.3),
            int(rng.integers(7, 18)),
            int(rng.integers(1, 3)),
            0,
        )
    rgba = cv2.GaussianBlur(rgba, (3, 3), 0.6)
    rgba[..., :3] /= np.maximum(rgba[..., 3:], 1e-3)
    scene.billboards.append(Billboard(z, rgba, "SG", size, glow=1.3))


def scum(scene: Scene, z: float, rng: np.random.Generator) -> None:
    """FZ: islands of scum float on the water."""
    g = grid()
    wide, long = 96, 420
    field = sum(
        w
        * cv2.resize(
            rng.standard_normal((rows, columns), dtype=np.float32), (long, wide), interpolation=cv2.INTER_CUBIC
        )
        for w, rows, columns in ((1.0, 5, 18), (0.6, 12, 44), (0.3, 32, 120))
    )
    along = (np.arange(long) * (g.u[0, -1] / long))[None]
    patch = np.exp(-(((along - deep(z) - 0.3) / rng.uniform(0.8, 1.8)) ** 2)).astype(np.float32)
    alpha = ramp(field + 1.9 * patch - 1.1, 0.0, 0.35) * (patch > 0.05)
    tone = pale(rng) * rng.uniform(0.5, 1.0)
    shade = 1 + 0.25 * cv2.resize(rng.standard_normal((48, 210), dtype=np.float32), (long, wide))
    foam = np.empty((wide, long, 4), np.float32)
    foam[..., :3] = (tone * shade[..., None]).clip(0.1, 1)
    foam[..., 3] = alpha
    scene.foam = foam


def wall_remains(scene: Scene, z: float, rng: np.random.Generator) -> None:
    """CQ: a slab of brickwork across the pipe: a dam at the bottom, a wall at a side, or one with a hole."""
    g = grid()
    thick = rng.uniform(0.25, 0.6)
    inside = (g.z >= z) & (g.u <= deep(z) + thick)
    kind = rng.choice(["dam", "side", "hole"], p=[0.5, 0.25, 0.25])
    cx, cy = (float(scene.centre[k, g.column(z)]) for k in range(2))
    ragged = 0.05 * noise(rng, 0.18, 5.0)
    if kind == "hole":
        at = np.array([cx + rng.normal(0, 0.15), cy + rng.normal(-0.1, 0.12)])
        along = g.sin * at[0] + g.cos * at[1]
        size = rng.uniform(0.45, 0.65)
        edge = along + np.sqrt(np.maximum(size**2 - (at**2).sum() + along**2, 0.02)) + ragged
    else:
        tilt = rng.normal(0, 0.12) + (0 if kind == "dam" else rng.choice([-1, 1]) * np.pi / 2)
        reach = cy * np.cos(tilt) + cx * np.sin(tilt) + 1 - rng.uniform(0.5, 0.85)
        toward = np.cos(turn(float(tilt)))
        edge = np.where(toward > 0.04, np.maximum(reach + ragged, 0.1) / np.maximum(toward, 0.04), 9.0)
    where = inside & (edge < scene.radius - 0.02)
    scene.radius[:] = np.where(where, edge, scene.radius)
    scene.paint(where.astype(np.float32), scene.kin(rng, 0.7, 1.3))
    scene.bricks.append((z * 0.97, z * 1.06))
    scene.mark("CQ", where)
