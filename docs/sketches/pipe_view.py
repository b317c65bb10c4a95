"""A pipe seen from its manhole, as pieces of SVG: the perspective, the wall and its joints, water and dirt.

`draw.py` puts the classes into it. Standard library only.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable

WIDTH, HEIGHT = 160, 120
CENTRE = (80.0, 60.0)
MOUTH = 57.0  # px, radius of the pipe's end in the picture
JOINTS = (1.3, 1.85, 2.7, 4.1)  # where a pipe ends and the next begins; depth 1 is the mouth
LAYERS = (1.0, 1.12, 1.28, 1.48, 1.75, 2.1, 2.6, 3.3, 4.4, 6.2, 9.0)
WATER, SOIL, DARK, PALE = "#6d97a3", "#8a6a45", "#15110d", "#e6dcc8"

Point = tuple[float, float]


def at(angle: float, depth: float, share: float = 1.0, aside: Point = (0.0, 0.0)) -> Point:
    """The picture point of a place in the pipe.

    `angle`: degrees from the lowest line of the pipe, to the right. `share`: 1 is the wall, 0 the pipe's axis. `aside`:
    where the axis runs at this depth, in radii (right, down).
    """
    radius, turn = MOUTH / depth, math.radians(angle)
    x, y = share * math.sin(turn) + aside[0], share * math.cos(turn) + aside[1]
    return CENTRE[0] + radius * x, CENTRE[1] + radius * y


def number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def shape(points: Iterable[Point], fill: str = "none", line: str = "", width: float = 1, closed: bool = True) -> str:
    """A polygon, or with `closed` false a line through the points."""
    words = " L".join(f"{number(x)} {number(y)}" for x, y in points)
    stroke = f' stroke="{line}" stroke-width="{number(width)}" stroke-linejoin="round" stroke-linecap="round"'
    return f'<path d="M{words}{"Z" if closed else ""}" fill="{fill}"{stroke if line else ""}/>'


def disc(middle: Point, radius: float, fill: str, line: str = "", width: float = 1) -> str:
    stroke = f' stroke="{line}" stroke-width="{number(width)}"' if line else ""
    x, y = map(number, middle)
    return f'<circle cx="{x}" cy="{y}" r="{number(radius)}" fill="{fill}"{stroke}/>'


def shade(depth: float) -> str:
    """Concrete in the light of the camera: pale near, dark far."""
    light = 1 / depth**0.9
    return "#" + "".join(f"{int(12 + light * part):02x}" for part in (158, 147, 132))


def pipe(form: Callable[[float, float], float] | None = None) -> list[str]:
    """The wall, from the mouth into the dark, and the joints. `form`: the wall's radius at an angle and a depth."""
    parts = []
    for depth in sorted((*LAYERS, *JOINTS)):
        joint = depth in JOINTS
        fill, line, width = ("none", "#0008", 2 / depth**0.7) if joint else (shade(depth), "", 1)
        if form is None:
            parts.append(disc(CENTRE, MOUTH / depth, fill, line, width))
        else:
            parts.append(shape([at(angle, depth, form(angle, depth)) for angle in range(0, 360, 6)], fill, line, width))
    return parts


def bed(level: float, fill: str, far: float = 30.0, near: float = 1.0) -> str:
    """Something flat that lies or stands in the pipe: its surface is `level` radii below the axis."""
    edge = math.degrees(math.acos(level))
    low = [at(angle, near) for angle in range(-int(edge), int(edge) + 1, 4)]
    return shape([at(-edge, far), *low, at(edge, near), at(edge, far)], fill)


def stream() -> str:
    """The little water that flows in a sound pipe."""
    return bed(0.93, WATER)


def blots(points: Iterable[Point], sizes: Iterable[float], fill: str) -> list[str]:
    return [disc(point, size, fill) for point, size in zip(points, sizes, strict=True)]


def scattered(chance: random.Random, count: int, angles: Point, depths: Point) -> list[Point]:
    return [at(chance.uniform(*angles), chance.uniform(*depths)) for _ in range(count)]


def rough(points: list[Point], chance: random.Random, by: float) -> list[Point]:
    return [(x + chance.uniform(-by, by), y + chance.uniform(-by, by)) for x, y in points]


def on_the_floor(chance: random.Random, count: int, width: float) -> list[Point]:
    """Places on a floor that runs to the vanishing point: (aside in px at the mouth, nearness 0 to 1)."""
    return [(chance.uniform(-width, width), chance.uniform(0.15, 1)) for _ in range(count)]


def ellipse(middle: Point, across: float, high: float, count: int = 12) -> list[Point]:
    turns = [2 * math.pi * k / count for k in range(count)]
    return [(middle[0] + across * math.cos(turn), middle[1] + high * math.sin(turn)) for turn in turns]


def stream_until(depth: float) -> str:
    """The stream from the mouth to `depth`, where it is lost."""
    edge = math.degrees(math.acos(0.93))
    return shape([at(-edge, depth), at(-edge, 1), at(0, 1), at(edge, 1), at(edge, depth), at(0, depth)], WATER)
