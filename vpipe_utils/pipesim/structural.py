"""Defects of the pipe itself: displaced joint, crack, deformation, intrusion, corrosion, and so on.

Each function adds one defect to a scene around the depth `z` and marks the wall that shows it. Undulation
and displaced joints bend the pipe's axis, so they run before the wall is built (`bend_*`).
"""

from __future__ import annotations

import cv2
import numpy as np

from vpipe_utils.pipesim.functional import around
from vpipe_utils.pipesim.materials import pale, rust
from vpipe_utils.pipesim.scene import N_THETA, N_Z, Billboard, Scene, deep, grid, noise, ramp, stretch, turn, undo_deep


def nearest_joint(scene: Scene, z: float) -> float:
    """Move the joint nearest to z there, so that a joint defect sits on a joint of the pipe."""
    z = float(z)
    if scene.joints:
        k = int(np.argmin(np.abs(np.array(scene.joints) - z)))
        shift = z - scene.joints[k]
        scene.joints = [joint + shift for joint in scene.joints if joint + shift > scene.mouth + 0.3]
    else:
        scene.joints = [z]
    return z


def bend_displaced(scene: Scene, z: float, rng: np.random.Generator) -> None:
    """CK: behind a joint the pipe goes on 0.25–0.42 radii aside; its edge shows as a bright crescent."""
    g = grid()
    at = rng.uniform(-np.pi, np.pi)
    jump = rng.uniform(0.25, 0.42)
    behind = (g.z >= z).astype(np.float32)
    scene.centre = scene.centre + np.float32([[np.sin(at) * jump], [np.cos(at) * jump]]) * behind
    toward = np.cos(turn(at + np.pi))  # the side where the far pipe stands in
    scene.paint(
        0.8 * ((g.u < deep(z)) & (g.u > deep(z) - 0.1)) * ramp(-toward, -0.6, 0.2), (0.03, 0.03, 0.03)
    )  # the gap
    edge = (toward > 0.1) & (g.u >= deep(z) - 0.05) & (g.u <= deep(z) + 0.3)
    scene.paint(0.9 * (edge & (g.z >= z)), scene.kin(rng, 1.2, 1.8))
    scene.mark("CK", edge)


def bend_undulation(scene: Scene, z: float, rng: np.random.Generator) -> None:
    """QF: from there on the pipe rises and sags; what water there is stands in the sags."""
    g = grid()
    at = deep(z)
    height, length = rng.uniform(0.45, 0.65), rng.uniform(2.2, 3.6)
    phase = 2 * np.pi * (g.u - at) / length * float(rng.choice([-1, 1]))
    wave = height * np.sin(phase) * ramp(g.u, at, at + 0.5) * ramp(g.u, at + 2.2 * length, at + 1.6 * length)
    scene.centre = scene.centre.copy()
    scene.centre[1] = np.clip(scene.centre[1] + wave[0].astype(np.float32), -0.82, 0.82)
    scene.mark("QF", (np.abs(wave) > 0.65 * height) & (g.u < at + 1.1 * length))


def crack(scene: Scene, z: float, rng: np.random.Generator) -> None:
    """PL: dark cracks along, around or webbed over the wall, or a broken-out hole with soil behind."""
    g = grid()
    at, front = deep(z), deep(scene.mouth) + 0.1
    kind = rng.choice(["axial", "ring", "web", "hole"], p=[0.27, 0.2, 0.28, 0.25])
    side = around(rng, 0.7, np.pi)
    if kind == "hole":
        a, b = rng.uniform(0.35, 0.6), rng.uniform(0.4, 0.8)
        edge = 1 - np.sqrt((turn(side) / a) ** 2 + ((g.u - at) / b) ** 2) + 0.33 * noise(rng, 0.3, 0.25, rough=0.8)
        amount = ramp(edge, 0.0, 0.12).astype(np.float32)
        scene.radius += 0.28 * amount * (1 + 0.3 * noise(rng, 0.15, 0.15))
        tone = np.array([0.24, 0.14, 0.07]) * rng.uniform(0.5, 1.1)
        scene.paint(amount, tone)
        scene.detail *= 1 + amount * (0.4 * noise(rng, 0.1, 0.1)).clip(-0.6, 0.8)
        scene.mark("PL", amount > 0.5)
    canvas = np.zeros((N_THETA, N_Z), np.uint8)
    per_radian = N_THETA / (2 * np.pi)

    def walk(angle: float, depth: float, heading: float, length: float, width: float) -> list[tuple[float, float]]:
        points = [(angle, depth)]
        for _ in range(int(length / 0.12)):
            step = heading + rng.normal(0, 0.55)
            angle, depth = angle + 0.12 * np.sin(step), depth + 0.12 * np.cos(step)
            if depth < front - 0.04 or abs(angle) > 3.0:
                break
            points.append((angle, depth))
        pixels = [(g.column(undo_deep(d)), a * per_radian + N_THETA / 2) for a, d in points]
        shape = (np.array(pixels) * 16).astype(np.int32)
        cv2.polylines(canvas, [shape], False, 255, max(1, round(width * per_radian)), cv2.LINE_8, 4)
        return points

    width = rng.uniform(0.08, 0.14)
    if kind == "axial":
        walk(0.0, max(at - 1.0, front), 0.0, rng.uniform(2.5, 4.5), width * 1.2)
        if rng.random() < 0.5:
            walk(rng.uniform(0.5, 1.2), max(at - 0.8, front), 0.0, rng.uniform(1.5, 3.0), width)
    elif kind == "ring":
        walk(0.0, at, np.pi / 2, rng.uniform(2.0, 2.9), width)
        walk(0.0, at, -np.pi / 2, rng.uniform(2.0, 2.9), width)
    else:
        start = rng.uniform(0, 2 * np.pi)
        arms = rng.integers(4, 7) if kind == "web" else 5
        for k in range(arms):
            path = walk(0.0, at, start + k * 2 * np.pi / arms, rng.uniform(0.7, 1.6), width)
            if len(path) > 3:
                walk(*path[len(path) // 2], rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 0.9), 0.7 * width)
    canvas = np.roll(canvas, round(side * per_radian) - N_THETA // 2, 0)
    line = cv2.GaussianBlur(canvas, (3, 3), 0.7).astype(np.float32) / 255
    scene.radius += 0.04 * line
    scene.paint(0.95 * line, (0.03, 0.025, 0.02))
    scene.mark("PL", cv2.dilate(canvas, np.ones((5, 5), np.uint8)) > 0)


def deformation(scene: Scene, z: float, rng: np.random.Generator) -> None:
    """BX: the wall buckles in from one side, or the pipe is squeezed to an oval."""
    amount = rng.uniform(0.42, 0.66)
    along = stretch(deep(z), deep(z) + rng.uniform(0.2, 1.2), rng.uniform(0.4, 0.9))
    if rng.random() < 0.65:
        side = around(rng, 0.9, np.pi)
        lobe = np.exp(-(np.abs(turn(side) / rng.uniform(0.55, 0.85)) ** 2.5))
    else:
        amount *= 0.8
        axis = rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.25)
        lobe = np.abs(np.cos(turn(float(axis)))) ** 3
    dent = (amount * lobe * along).astype(np.float32)
    scene.radius *= 1 - dent
    scene.mark("BX", dent > 0.14)


def intrusion(scene: Scene, z: float, rng: np.random.Generator) -> None:
    """CR: a foreign pipe, cable or bar runs through the pipe along a chord, or ends inside it as a stub."""
    g = grid()
    side, size = 224, 1.5
    axis = (np.arange(side, dtype=np.float32) + 0.5) * (2 * size / side) - size
    x, y = axis[None] - scene.centre[0, g.column(z)], axis[:, None] - scene.centre[1, g.column(z)]
    across = rng.uniform(0, np.pi)
    u, v = np.sin(across), np.cos(across)
    away = rng.uniform(-0.5, 0.5)
    half = rng.uniform(0.10, 0.20)
    distance = (x * v - y * u - away) / half
    along = x * u + y * v
    color = scene.kin(rng, 0.5, 1.6)
    profile = np.sqrt(np.clip(1 - distance**2, 0, 1))  # a cylinder lit from in front
    shade = 0.25 + 0.85 * profile + 0.35 * np.exp(-(((distance - 0.25) / 0.22) ** 2))
    alpha = ramp(1.06 - np.abs(distance), 0, 0.12)
    if rng.random() < 0.4:  # a stub that ends inside, with a bright cut face
        end = rng.uniform(-0.1, 0.4)
        face = np.sqrt(distance**2 + ((along - end) / (0.55 * half)) ** 2)
        alpha = np.maximum(alpha * (along < end), ramp(1.06 - face, 0, 0.12))
        shade = np.where(face < 1, np.where(face < 0.68, 0.12, 1.5), shade)
    rgba = np.empty((side, side, 4), np.float32)
    rgba[..., :3] = (color * shade[..., None]).clip(0.01, 1)
    rgba[..., 3] = alpha
    scene.billboards.append(Billboard(z, rgba, "CR", size, glow=1.1))


def corrosion(scene: Scene, z: float, rng: np.random.Generator) -> None:
    """FS: above the waterline the wall is eaten: rough, rust-brown patches with dark pits and pale stone."""
    at, length = deep(z), rng.uniform(0.8, 2.2)
    above = ramp(np.abs(turn(0.0)), 0.7, 1.2)
    cover = 0.8 * noise(rng, 0.5, 0.5, rough=0.8) + 2.2 * stretch(at - 0.4, at + length, 0.5) * above - 1.6
    amount = ramp(cover, 0.0, 0.3).astype(np.float32)
    pits = ramp(noise(rng, 0.22, 0.22, rough=0.5), 0.6, 0.9).astype(np.float32) * amount
    stones = ramp(noise(rng, 0.15, 0.15), 0.9, 1.3).astype(np.float32) * amount
    scene.radius += amount * (0.08 + 0.07 * noise(rng, 0.17, 0.17, rough=0.8)) + 0.10 * pits
    scene.paint(0.85 * amount, rust(rng))
    scene.paint(0.9 * pits, (0.05, 0.03, 0.02))
    scene.paint(0.7 * stones, (0.62, 0.56, 0.46))
    scene.mark("FS", amount > 0.5)


def lateral(scene: Scene, z: float, rng: np.random.Generator) -> None:
    """AJ: a branch pipe was broken in: a large dark opening in the wall with a raised mortar rim."""
    g = grid()
    side = around(rng, 0.85, 2.6)
    a = rng.uniform(0.5, 0.72)
    b = a * rng.uniform(1.1, 1.5)  # longer along the pipe: it is seen at a slant
    d = np.sqrt((turn(side) / a) ** 2 + ((g.u - deep(z)) / b) ** 2) + 0.05 * noise(rng, 0.4, 0.4)
    hole = ramp(d, 0.86, 0.76).astype(np.float32)
    rim = (ramp(d, 0.74, 0.84) * ramp(d, 1.3, 1.08)).astype(np.float32)
    scene.radius += 0.10 * hole - rng.uniform(0.07, 0.14) * rim
    scene.paint(rim, pale(rng) if rng.random() < 0.5 else scene.kin(rng, 1.0, 1.6))
    scene.detail *= 1 + rim * 0.22 * noise(rng, 0.12, 0.12)
    scene.paint(hole, (0.018, 0.016, 0.014))
    scene.mark("AJ", d < 1.2)


def leakage(scene: Scene, z: float, rng: np.random.Generator) -> None:
    """SL: water comes in: pale, wet streaks run down one side from a joint, and a jet flickers."""
    g = grid()
    sign = float(rng.choice([-1, 1]))
    top = rng.uniform(1.5, 2.5)
    lower = ramp(sign * turn(0.0), 0.0, 0.25) * ramp(sign * turn(0.0), top + 0.15, top - 0.1)
    wide = rng.uniform(0.3, 0.6)
    band = np.exp(-(((g.u - deep(z)) / wide) ** 2) + 0.35 * noise(rng, 2.0, 0.12)) * lower
    streaks = np.clip(band * (0.9 + 0.8 * noise(rng, 1.2, 0.10)), 0, 1).astype(np.float32)
    scene.detail *= (1 - 0.45 * np.clip(1.5 * band - streaks, 0, 1)).astype(np.float32)  # wet is dark
    scene.paint(0.9 * streaks, pale(rng))
    scene.mark("SL", (band > 0.3) & (lower > 0.3))
    side, size = 224, 1.3
    rgba = np.zeros((side, side, 4), np.float32)
    cx, cy = (float(scene.centre[k, g.column(z)]) for k in range(2))
    x0, y0 = cx + 1.02 * np.sin(sign * top), cy + 1.02 * np.cos(sign * top)
    for _ in range(rng.integers(14, 30)):
        speed, t = -sign * rng.uniform(0.5, 1.0), np.linspace(0, 1.2, 20)
        x, y = x0 + speed * t, y0 + rng.uniform(-0.3, 0.1) * t + rng.uniform(0.7, 1.3) * t * t
        points = ((np.stack([x, y], 1) + size) * (side / (2 * size)) * 16).astype(np.int32)
        cv2.polylines(
            rgba, [points], False, (0.9, 0.92, 0.95, rng.uniform(0.35, 0.8)), int(rng.integers(1, 3)), cv2.LINE_8, 4
        )
    rgba = cv2.GaussianBlur(rgba, (5, 5), 0.9)
    rgba[..., :3] /= np.maximum(rgba[..., :3].max(-1, keepdims=True), 1e-3) / 0.9
    scene.billboards.append(Billboard(z, rgba, "SL", size, flicker=1.0, glow=1.2))


def open_joint(scene: Scene, z: float, rng: np.random.Generator) -> None:
    """TJ: two pipes have come apart: a dark band of soil all round, then the bright lip of the next pipe."""
    g = grid()
    gap = ((g.z >= z) & (g.u < deep(z) + rng.uniform(0.8, 1.3))).astype(np.float32) * np.ones_like(g.theta)
    scene.radius += gap * (0.13 + 0.05 * noise(rng, 0.25, 0.2, rough=0.7))
    scene.paint(gap, np.array(scene.silt) * rng.uniform(0.15, 0.5))
    scene.detail[:] = np.where(gap > 0, np.clip(1 + 0.45 * noise(rng, 0.14, 0.14, rough=0.8), 0.2, 2), scene.detail)
    scene.mark("TJ", np.roll(gap, 3, 1) + gap > 0)


def loose_joint(scene: Scene, z: float, rng: np.random.Generator) -> None:
    """TL: the sealing ring has come off a joint and hangs into the pipe in one to three thick loops."""
    g = grid()
    ring = np.exp(-(((g.u - deep(z)) / 0.09) ** 2)).astype(np.float32) * np.ones_like(g.theta)
    scene.radius += 0.05 * ring
    scene.paint(0.85 * ring, (0.04, 0.04, 0.04))
    scene.mark("TL", ring > 0.5)
    side, size = 224, 1.3
    rgba = np.zeros((side, side, 4), np.float32)
    cx, cy = (float(scene.centre[k, g.column(z)]) for k in range(2))
    dark = rng.random() < 0.55  # rubber; otherwise a pale sealing compound
    body, edge = ((0.05, 0.05, 0.055), (0.55, 0.56, 0.58)) if dark else ((0.62, 0.60, 0.52), (0.92, 0.90, 0.82))
    thick = rng.uniform(0.14, 0.20)
    for _ in range(rng.integers(1, 4)):
        middle = np.pi + rng.normal(0, 0.55)
        half = rng.uniform(0.55, 0.95)
        t = np.linspace(-1, 1, 40)
        x, y = cx + 1.01 * np.sin(middle + half * t), cy + 1.01 * np.cos(middle + half * t)
        y = y + rng.uniform(0.45, 0.95) * (1 - np.abs(t) ** 2.2)
        if rng.random() < 0.3:  # torn: one end hangs freely
            x, y = x[:27], y[:27]
        points = ((np.stack([x, y], 1) + size) * (side / (2 * size)) * 16).astype(np.int32)
        per_radius = side / (2 * size)
        cv2.polylines(rgba, [points], False, (*body, 1.0), max(2, round(thick * per_radius)), cv2.LINE_AA, 4)
        points[:, 1] -= round(0.25 * thick * per_radius * 16)
        cv2.polylines(rgba, [points], False, (*edge, 1.0), max(1, round(0.3 * thick * per_radius)), cv2.LINE_AA, 4)
    rgba = cv2.GaussianBlur(rgba, (3, 3), 0.6)
    rgba[..., :3] /= np.maximum(rgba[..., 3:], 1e-3)
    scene.billboards.append(Billboard(z, rgba, "TL", size, glow=1.25))
