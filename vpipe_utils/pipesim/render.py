"""What the camera sees of a scene: first hits of all rays, light, faces, water, what stands in it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vpipe_utils.pipesim.scene import N_R, N_THETA, N_Z, R_INNER, R_LEAST, R_OUTER, Scene, deep, falloff, grid


@dataclass(frozen=True)
class Picture:
    """What the camera sees, over rays (theta, log r)."""

    rgb: np.ndarray  # float32 (T, R, 3), linear light
    flicker: np.ndarray | None  # float32 (T, R): how much the light changes from frame to frame, 0–1
    evidence: np.ndarray  # uint8 (T, R): bit k set where class codes[k] is seen
    codes: tuple[str, ...]


def picture(scene: Scene, rng: np.random.Generator, brick_scale: float = 0.2) -> Picture:
    """Trace, shade and compose the scene."""
    g = grid()
    radius = np.maximum(scene.radius, R_LEAST)
    column, position, depth, face = _first_hit(radius)
    lit = scene.color * (scene.detail * _shade(radius))[..., None]
    rows = np.broadcast_to(np.arange(N_THETA, dtype=np.float32)[:, None], position.shape)
    rgb = cv2.remap(lit, position.astype(np.float32), rows, cv2.INTER_LINEAR)
    _shade_faces(rgb, scene, column, depth, face, rng, brick_scale)

    shown = {*scene.marks, *(board.code for board in scene.billboards if board.code)}
    codes = tuple(sorted(shown | ({"FZ"} if scene.foam is not None else set())))
    bit = {code: np.uint8(1 << k) for k, code in enumerate(codes)}
    marks = np.zeros((N_THETA, N_Z), np.uint8)
    for code, where in scene.marks.items():
        marks |= where * bit[code]
    evidence = np.take_along_axis(marks, column, 1)

    flicker = np.zeros(depth.shape, np.float32)
    if scene.water is not None:
        _add_water(rgb, depth, evidence, flicker, scene, bit)
    for board in sorted(scene.billboards, key=lambda b: -b.z):
        x, y = g.sin * g.r * board.z, g.cos * g.r * board.z
        side = board.rgba.shape[0]
        scale = side / (2 * board.size)
        drawn = cv2.remap(board.rgba, x * scale + side / 2, y * scale + side / 2, cv2.INTER_LINEAR)
        alpha = drawn[..., 3:] * (depth > board.z)[..., None]
        rgb += alpha * (drawn[..., :3] * np.float32(board.glow * falloff(board.z, 0.75)) - rgb)
        flicker += alpha[..., 0] * (board.flicker - flicker)
        seen = alpha[..., 0] > 0.3
        evidence[seen] = bit[board.code] if board.code else 0
    assert np.isfinite(rgb).all(), "pipesim: a scene has pixels that are not finite"
    return Picture(rgb, flicker if flicker.any() else None, evidence, codes)


def _first_hit(radius: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Where every ray meets the wall: (T, R) index of the depth, that with fraction, the depth, at a step?"""
    g = grid()
    closest = np.minimum.accumulate(radius / g.z, axis=1)
    step = np.float32(np.log(R_OUTER / R_INNER) / (N_R - 1))
    # a ray r ends at the first depth whose slope closest(z) is at most r; columns of r count downwards
    last = np.clip(np.floor((np.log(R_OUTER) - np.log(closest)) / step), -1, N_R - 1).astype(np.int64) + 1
    flat = last + np.arange(N_THETA)[:, None] * (N_R + 1)
    still = np.bincount(flat.ravel(), minlength=N_THETA * (N_R + 1)).reshape(N_THETA, N_R + 1)
    # depths still in front of the wall: those whose `last` is at most the ray's column
    column = np.minimum(np.cumsum(still, axis=1)[:, :N_R], N_Z - 1)
    before = np.maximum(column - 1, 0)
    near, far = np.take_along_axis(closest, before, 1), np.take_along_axis(closest, column, 1)
    share = np.clip((near - g.r) / np.maximum(near - far, 1e-6), 0, 1)
    depth = g.z[0][before] * (1 - share) + g.z[0][column] * share
    step_in = np.take_along_axis(radius, before, 1) - np.take_along_axis(radius, column, 1)
    return column, before + share, depth, step_in > 0.07


def _shade(radius: np.ndarray) -> np.ndarray:
    """Light of a lamp at the camera on the wall (T, Z): surface normal · direction, times fall-off."""
    g = grid()
    along = np.gradient(radius, axis=1) / np.gradient(g.z[0])[None]
    around = (np.roll(radius, -1, 0) - np.roll(radius, 1, 0)) * np.float32(N_THETA / (4 * np.pi))
    distance = np.sqrt(radius**2 + g.z**2)
    facing = radius * (radius - g.z * along) / (np.sqrt(radius**2 * (1 + along**2) + around**2) * distance)
    return (np.clip(facing, 0.02, 1) ** 0.9 * distance**-0.45).astype(np.float32)


def _shade_faces(
    rgb: np.ndarray,
    scene: Scene,
    column: np.ndarray,
    depth: np.ndarray,
    face: np.ndarray,
    rng: np.random.Generator,
    brick_scale: float,
) -> None:
    """Faces towards the camera (steps, dams, the manhole) take their texture in (x, y), else it streaks."""
    g = grid()
    t, r = np.nonzero(face)
    if not len(t):
        return
    z = depth[t, r]
    ray = g.r[0, r]
    x, y = g.sin[t, 0] * ray * z, g.cos[t, 0] * ray * z
    grain = rng.standard_normal((128, 128), dtype=np.float32)
    fine = grain[(x * 37).astype(np.int64) % 128, (y * 37).astype(np.int64) % 128]
    coarse = cv2.resize(grain[:32, :32], (256, 256), interpolation=cv2.INTER_CUBIC)
    coarse = coarse[((x + 3) * 40).astype(np.int64) % 256, ((y + 3) * 40).astype(np.int64) % 256]
    texture = 1 + 0.10 * fine + 0.22 * coarse
    albedo = scene.color[t, column[t, r]]
    for z0, z1 in scene.bricks:
        wall = (z >= z0) & (z <= z1)
        row = np.floor(y[wall] / brick_scale)
        u = x[wall] / (2.1 * brick_scale) + 0.5 * (row % 2)
        mortar = (y[wall] / brick_scale % 1 < 0.16) | (u % 1 < 0.09)
        shade = 0.8 + 0.4 * grain[np.floor(u).astype(np.int64) % 128, row.astype(np.int64) % 128].clip(-1, 1)
        texture[wall] *= np.where(mortar, 1.0, shade)
        albedo[wall] = np.where(mortar[:, None], np.float32([0.5, 0.48, 0.43]), albedo[wall])
    light = falloff(z, 0.6) / np.sqrt(1 + ray**2)
    rgb[t, r] = albedo * (np.clip(texture, 0.2, 2) * light)[:, None]


def _sample(image: np.ndarray, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Interpolate `image` at a list of places: (P, channels)."""
    n = len(column)
    maps = [np.resize(places.astype(np.float32), (-(-n // 256), 256)) for places in (column, row)]
    found = cv2.remap(image, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(-1, image.shape[2])[:n]


def _add_water(
    rgb: np.ndarray, depth: np.ndarray, evidence: np.ndarray, flicker: np.ndarray, scene: Scene, bit: dict
) -> None:
    """A level surface at y = scene.water: what it mirrors, its own colour, floating foam. In place."""
    g = grid()
    y = np.maximum(g.cos * g.r, 1e-4)
    surface = np.float32(scene.water) / y  # depth at which the ray meets the level
    wet = (g.cos > 0) & (surface < depth) & (surface > scene.mouth)
    t, r = np.nonzero(wet)
    if not len(t):
        return
    z = surface[t, r]
    slope_x, slope_y = (g.sin * g.r)[t, r], y[t, r]
    # the ray goes on upwards; what it meets lies, for most of a pipe, about 1.7 times as deep
    mirror_y = slope_y * (2 / 1.7 - 1)
    slope = np.sqrt(slope_x**2 + mirror_y**2)
    column = np.log(R_OUTER / np.clip(slope, R_INNER, R_OUTER)) * ((N_R - 1) / np.log(R_OUTER / R_INNER))
    row = (np.arctan2(slope_x, mirror_y) % (2 * np.pi)) * (N_THETA / (2 * np.pi)) - 0.5
    mirrored = _sample(rgb, column, row)
    grazing = 1 - slope_y / np.sqrt(1 + slope_x**2 + slope_y**2)
    share = (0.15 + 0.75 * grazing**6)[:, None]
    own = np.float32(scene.water_color) * falloff(z, 1.0)[:, None]
    seen = mirrored * share + own * (1 - share)
    flicker[t, r] = 0.6
    evidence[t, r] = 0
    if scene.foam is not None:
        side, long = scene.foam.shape[:2]
        at_x, at_z = (slope_x * z + 1) * (side / 2), deep(z) * (long / g.u[0, -1])
        foam = _sample(scene.foam, at_z, at_x)
        alpha = foam[:, 3:]
        seen = seen + alpha * (foam[:, :3] * falloff(z, 0.9)[:, None] - seen)
        evidence[t[alpha[:, 0] > 0.4], r[alpha[:, 0] > 0.4]] = bit["FZ"]
    rgb[t, r] = seen
    depth[t, r] = z
