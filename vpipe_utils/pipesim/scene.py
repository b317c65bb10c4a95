"""The pipe as a height field, and what a fixed camera at the manhole sees of it as one log-polar picture.

Coordinates: the camera is the origin and looks along +z; lengths are in pipe radii. An angle `theta` counts
from the invert (straight down) towards the right. A ray is (theta, r): it passes the radius r·z at depth z.
The wall is R(theta, z). A quick-view camera stands still and zooms, so there is no parallax: every frame is
an interpolation of the log-polar picture (rows theta, columns log r) made here once a clip.

What lies on the wall is built over the stretched depth `u` (`deep`): up to KNEE it is the depth, beyond it grows
with its logarithm. A defect far in is thus as much longer as it is further away, and looks, zoomed in, as it
does at KNEE; the grid resolves it as well there as near by.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

N_THETA, N_Z, N_R = 384, 450, 430
Z_NEAR, Z_FAR = 0.5, 100.0
R_OUTER, R_INNER = 2.8, 0.010  # slopes r of the outermost and innermost ray
R_LEAST = 0.04  # the wall never comes closer to the axis than this
KNEE = 2.5  # from this depth on lengths along the pipe grow with the depth
CHAMBER = 2.6  # radius of the manhole chamber, in pipe radii


@dataclass(frozen=True)
class Grid:
    """The fixed sampling: angles (T, 1), depths and stretched depths (1, Z), rays (1, R), sines and cosines."""

    theta: np.ndarray
    z: np.ndarray
    u: np.ndarray
    r: np.ndarray
    sin: np.ndarray
    cos: np.ndarray

    def column(self, z: float) -> int:
        """Index of the first depth at or behind z."""
        return int(np.searchsorted(self.z[0], z))


def deep(z: float | np.ndarray) -> np.ndarray:
    """Stretched depth of the depth z > 0: z up to KNEE, then KNEE · (1 + ln(z / KNEE)); float32."""
    return np.float32(np.minimum(z, KNEE) + KNEE * np.log(np.maximum(z, KNEE) / KNEE))


def undo_deep(u: float) -> float:
    """The depth whose stretched depth is u."""
    return float(u if u < KNEE else KNEE * np.exp(u / KNEE - 1))


def falloff(z: np.ndarray, power: float) -> np.ndarray:
    """Light on what faces the camera at depth z: z to the power -power, beyond KNEE as steep as on the wall."""
    return (np.minimum(z, KNEE) ** -power * (np.maximum(z, KNEE) / KNEE) ** -1.35).astype(np.float32)


@lru_cache(maxsize=1)
def grid() -> Grid:
    theta = ((np.arange(N_THETA, dtype=np.float32) + 0.5) * (2 * np.pi / N_THETA))[:, None].astype(np.float32)
    z = np.geomspace(Z_NEAR, Z_FAR, N_Z, dtype=np.float32)[None]
    r = np.geomspace(R_OUTER, R_INNER, N_R, dtype=np.float32)[None]
    return Grid(theta, z, deep(z), r, np.sin(theta), np.cos(theta))


@dataclass
class Billboard:
    """Something that stands across the pipe at depth z: a square RGBA picture of half-width `size` radii."""

    z: float
    rgba: np.ndarray  # float32 (S, S, 4), albedo and opacity; x to the right, y down
    code: str | None = None  # class whose evidence this is
    size: float = 1.3
    flicker: float = 0.0  # how much its brightness changes from frame to frame, 0–1
    glow: float = 1.0  # brightness relative to a wall that faces the camera


@dataclass
class Scene:
    """Everything that is built before rendering. Arrays are float32 over (theta, z)."""

    centre: np.ndarray  # (2, Z): x and y of the pipe's axis relative to the camera
    mouth: float  # depth at which the pipe begins; before it is the manhole
    radius: np.ndarray = field(init=False)  # wall R(theta, z)
    color: np.ndarray = field(init=False)  # (T, Z, 3) albedo without fine texture
    detail: np.ndarray = field(init=False)  # (T, Z) texture that multiplies the albedo
    marks: dict[str, np.ndarray] = field(default_factory=dict)  # class -> bool (T, Z): the wall that shows it
    bricks: list[tuple[float, float]] = field(default_factory=list)  # depth ranges whose faces are brickwork
    billboards: list[Billboard] = field(default_factory=list)
    water: float | None = None  # y of the surface
    water_color: tuple[float, float, float] = (0.10, 0.085, 0.06)
    foam: np.ndarray | None = None  # (X, U, 4) RGBA over the surface: x in [-1, 1], u in [0, deep(Z_FAR)]
    joints: list[float] = field(default_factory=list)
    albedo: tuple[float, float, float] = (0.45, 0.43, 0.4)  # of the bare wall
    silt: tuple[float, float, float] = (0.22, 0.18, 0.13)  # of what settles in this pipe

    def __post_init__(self) -> None:
        self.radius = np.empty((N_THETA, N_Z), np.float32)
        self.color = np.empty((N_THETA, N_Z, 3), np.float32)
        self.detail = np.ones((N_THETA, N_Z), np.float32)

    def paint(self, amount: np.ndarray, rgb: np.ndarray | tuple[float, float, float]) -> None:
        """Blend the wall's albedo towards rgb where amount (T, Z) in [0, 1] says so."""
        touched = np.flatnonzero(amount.any(0))
        if len(touched):
            part = np.s_[:, touched[0] : touched[-1] + 1]
            self.color[part] += amount[part][..., None] * (np.array(rgb, np.float32) - self.color[part])

    def kin(self, rng: np.random.Generator, low: float = 0.6, high: float = 1.35) -> np.ndarray:
        """A colour of the wall's own family, from `low` to `high` times as bright: (3,)."""
        return (np.array(self.albedo) * rng.uniform(low, high) + rng.normal(0, 0.02, 3)).clip(0.03, 0.9)

    def mark(self, code: str, where: np.ndarray) -> None:
        """Note the wall that shows class `code`."""
        where = np.broadcast_to(where, (N_THETA, N_Z)).copy()
        self.marks[code] = self.marks[code] | where if code in self.marks else where


def wall_radius(centre: np.ndarray, radius: float | np.ndarray = 1.0) -> np.ndarray:
    """R(theta, z) of a round pipe whose axis runs through `centre` (2, Z)."""
    g = grid()
    along = g.sin * centre[0] + g.cos * centre[1]
    return along + np.sqrt(np.maximum(radius**2 - (centre**2).sum(0) + along**2, 0.01))


def turn(theta0: float) -> np.ndarray:
    """Signed angle (T, 1) from theta0, in (-π, π]."""
    return (grid().theta - theta0 + np.pi) % (2 * np.pi) - np.pi


def ramp(x: np.ndarray, a: float, b: float) -> np.ndarray:
    """0 below a, 1 above b, smooth between (a > b turns it round)."""
    t = np.clip((x - a) / (b - a), 0, 1)
    return t * t * (3 - 2 * t)


def stretch(u0: float, u1: float, soft: float) -> np.ndarray:
    """(1, Z): 1 between the stretched depths u0 and u1, fading to 0 over `soft` outside."""
    u = grid().u
    return ramp(u, u0 - soft, u0) * ramp(u, u1 + soft, u1)


def noise(rng: np.random.Generator, cell_theta: float, cell_u: float, rough: float = 0.0) -> np.ndarray:
    """Smooth noise (T, Z) on the wall, about -1 … 1, with cells of that size in radians and stretched depth.

    `rough` adds half and quarter cells of that relative weight.
    """
    g = grid()
    total, weight, norm = 0.0, 1.0, 0.0
    for _ in range(3 if rough else 1):
        rows, columns = max(3, round(2 * np.pi / cell_theta)), min(600, int(g.u[0, -1] / cell_u) + 5)
        small = rng.standard_normal((rows, columns), dtype=np.float32)
        small = np.concatenate([small[-2:], small, small[:3]])  # closes the circle
        finer = 4 if cell_theta > 0.22 else 1  # large cells would show the creases of linear interpolation
        if finer > 1:
            small = cv2.resize(small, None, fx=finer, fy=finer, interpolation=cv2.INTER_CUBIC)
        x = (np.minimum(g.u[0] / cell_u, columns - 3) + 1.5) * finer - 0.5
        y = (g.theta[:, 0] * (rows / (2 * np.pi)) + 2.5) * finer - 0.5
        total = total + weight * _separable(small, x, y)
        norm += weight**2
        weight, cell_theta, cell_u = weight * rough, cell_theta / 2, cell_u / 2
    return (total / np.float32(norm**0.5)).astype(np.float32)


def _separable(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Linear interpolation of a 2-D image at all pairs of columns x and rows y: (len(y), len(x))."""
    for axis, at in ((0, y), (1, x)):
        low = at.astype(np.int64)
        share = (at - low).astype(np.float32)
        share = share[:, None] if axis == 0 else share
        image = image.take(low, axis) * (1 - share) + image.take(low + 1, axis) * share
    return image
