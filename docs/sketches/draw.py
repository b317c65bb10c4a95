"""Draws the sketches of the glossary: one small SVG a class, a look down a pipe from its manhole.

    python docs/sketches/draw.py

They are drawings to recognise a class by. They are no data: nothing trains on them, and no size in them is measured.
The same script gives the same bytes; a test compares them. Standard library only.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

from pipe_view import (
    CENTRE,
    DARK,
    HEIGHT,
    LAYERS,
    MOUTH,
    PALE,
    SOIL,
    WATER,
    WIDTH,
    Point,
    at,
    bed,
    blots,
    disc,
    ellipse,
    number,
    on_the_floor,
    pipe,
    rough,
    scattered,
    shade,
    shape,
    stream,
    stream_until,
)


def normal(chance: random.Random) -> list[str]:
    return [*pipe(), stream()]


def deposits(chance: random.Random) -> list[str]:
    edge = math.degrees(math.acos(0.5))
    spots = [(80 + x * y * 0.95, 60 + y * 28.5) for x, y in on_the_floor(chance, 46, 50)]
    return [*pipe(), bed(0.5, SOIL), shape([at(-edge, 30), at(-edge, 1), at(edge, 1), at(edge, 30)], "#a8865c"),
            *blots(spots, [chance.uniform(0.5, 1.6) for _ in spots], "#6b4f31")]  # fmt: skip


def displaced_joint(chance: random.Random) -> list[str]:
    """The next pipe stands aside: its end shows as a bright crescent."""
    depth, aside = 1.6, (0.34, -0.06)

    near = [disc(CENTRE, MOUTH / d, shade(d)) for d in LAYERS if d < depth]
    near += [disc(CENTRE, MOUTH / 1.3, "none", "#0008", 1.6)]
    far = [disc(at(0, d, 0, aside), MOUTH / d, shade(d)) for d in (depth, *LAYERS) if d >= depth]
    far += [disc(at(0, d, 0, aside), MOUTH / d, "none", "#0008", 1) for d in (2.7, 4.1)]
    hole = f'<clipPath id="h">{disc(CENTRE, MOUTH / depth, "#000")}</clipPath>'
    face = disc(CENTRE, MOUTH / depth, PALE)
    rim = disc(CENTRE, MOUTH / depth, "none", DARK, 1.6)
    return [*near, stream(), hole, f'<g clip-path="url(#h)">{face}{"".join(far)}</g>', rim]


def obstacle(chance: random.Random) -> list[str]:
    brick = [
        shape([(58, 84), (92, 80), (101, 90), (66, 95)], "#c4583a"),
        shape([(58, 84), (66, 95), (66, 112), (58, 99)], "#7d3522"),
        shape([(66, 95), (101, 90), (101, 106), (66, 112)], "#9c452d"),
    ]
    stones = [shape(rough(ellipse((104, 98), 8, 6), chance, 1.2), "#8d8f92", DARK, 0.6),
              shape(rough(ellipse((54, 101), 6, 5), chance, 1), "#77797c", DARK, 0.6)]  # fmt: skip
    return [*pipe(), stream(), *brick, *stones]


def encrustation(chance: random.Random) -> list[str]:
    parts = [*pipe(), stream()]
    for side in (1, -1):
        for depth in (3.6, 2.9, 2.4, 2.0, 1.7, 1.45, 1.25, 1.08):
            for angle in range(40, 118, 7):
                place, size = at(side * angle, depth, chance.uniform(0.86, 0.97)), chance.uniform(4, 8) / depth
                parts.append(disc(place, size, chance.choice(["#e9e2d0", "#d8cdb2", "#c3b593"])))
    return parts


def roots(chance: random.Random) -> list[str]:
    parts = [*pipe(), stream()]
    for angle, reach in ((176, 0.72), (168, 0.95), (184, 0.98), (160, 0.66), (192, 0.60), (174, 1.12), (180, 0.82)):
        start, turn = at(angle, 1.85), math.radians(angle - 180)
        line = [start]
        for step in range(1, 7):
            along = reach * 44 * step / 6
            line.append((start[0] - along * math.sin(turn) * 1.6 + chance.uniform(-3, 3), start[1] + along))
        parts.append(shape(line, line="#9a6632", width=2.2, closed=False))
        for x, y in line[2:]:
            twig = [(x, y), (x + chance.uniform(-12, 12), y + chance.uniform(4, 10))]
            parts.append(shape(twig, line="#c79a63", width=1, closed=False))
    return parts


def crack(chance: random.Random) -> list[str]:
    def jagged(angle: float, first: float, last: float, steps: int, drift: float) -> list[Point]:
        depths = [first + (last - first) * (k / steps) ** 1.5 for k in range(steps + 1)]
        return [at(angle + drift * k + chance.uniform(-6, 6), depth) for k, depth in enumerate(depths)]

    main = jagged(-118, 1.0, 3.6, 8, 1)
    across = [at(-112 - 13 * k + chance.uniform(-3, 3), 1.42 + 0.05 * (k % 2)) for k in range(8)]
    lines = [main, across, jagged(-150, 1.42, 2.4, 4, 2), [main[3], *jagged(-88, 1.5, 1.9, 2, 5)]]
    corners = [at(angle, depth) for angle, depth in ((-104, 1.28), (-104, 1.5), (-122, 1.56), (-128, 1.3))]
    broken = shape(rough(corners, chance, 1), DARK)
    pale = [shape([(x + 0.9, y + 0.9) for x, y in line], line="#d9cdb8", width=2.4, closed=False) for line in lines]
    return [*pipe(), stream(), *pale, *[shape(line, line=DARK, width=1.8, closed=False) for line in lines], broken]


def deformation(chance: random.Random) -> list[str]:
    def form(angle: float, depth: float) -> float:
        grown = min(1.0, max(0.0, (depth - 1.05) / 0.6))
        dent = 0.62 * math.exp(-(((angle - 196) / 40) ** 2))
        bulge = 0.10 * math.sin(math.radians(angle)) ** 2
        return 1 + grown * (bulge - dent)

    return [*pipe(form=form), stream()]


def intrusion(chance: random.Random) -> list[str]:
    """A rod that was driven through the wall, from the upper left to the lower right."""
    body = shape([(27, 45), (33, 33), (128, 74), (122, 86)], "#c9c3ba", DARK, 0.8)
    shine = shape([(31, 38), (126, 79)], line="#f4f0e8", width=2.5, closed=False)
    holes = [shape(rough(ellipse(place, 10, 11), chance, 2), DARK) for place in ((30, 40), (125, 80))]
    return [*pipe(), stream(), *holes, body, shine]


def scum(chance: random.Random) -> list[str]:
    edge = math.degrees(math.acos(0.3))
    surface = shape([at(-edge, 30), at(-edge, 1), at(edge, 1), at(edge, 30)], WATER)
    parts = [*pipe(), bed(0.3, "#4f737d"), surface]
    for x, y in sorted(on_the_floor(chance, 30, 50), key=lambda place: place[1]):
        middle, size = (80 + x * y, 60 + y * 17), 2 + 7 * y
        flake = rough(ellipse(middle, size, size * 0.35, 9), chance, 0.7)
        parts.append(shape(flake, chance.choice(["#d8cf9f", "#bcae74", "#efe8c8"])))
    return parts


def corrosion(chance: random.Random) -> list[str]:
    parts = pipe()
    for depth in (3.0, 2.3, 1.8, 1.45, 1.2, 1.03):
        for angle in range(70, 292, 7):
            place = at(angle + chance.uniform(-4, 4), depth * chance.uniform(0.96, 1.08))
            fill = chance.choice(["#3b2f22", "#6b5132", "#9a6a34", "#c3b8a4"])
            parts.append(disc(place, chance.uniform(1.4, 4.2) / depth, fill))
    bars = [shape([at(angle, 1.12), at(angle, 1.9)], line="#a5501f", width=2.2, closed=False)
            for angle in (120, 150, 210, 238)]  # fmt: skip
    return [*parts, *bars, stream()]


def lateral(chance: random.Random) -> list[str]:
    """A smaller pipe through a hole that somebody broke into the wall; it stands in."""
    hole = shape(rough(ellipse((119, 47), 17, 21, 16), chance, 2.6), DARK)
    rim = shape(rough(ellipse((119, 47), 19, 23, 16), chance, 2.6), "#d9cdb8")
    back = ellipse((123, 46.5), 8, 15, 24)
    body = shape([(97, 33), *back[18:], *back[:7], (97, 60)], "#b4683f")
    end = shape(ellipse((97, 46.5), 7, 13.5, 24), "#d98a5c")
    mouth = shape(ellipse((97, 46.5), 5, 10.5, 24), "#1a120c")
    return [*pipe(), stream(), rim, hole, body, end, mouth]


def wall(chance: random.Random) -> list[str]:
    """What is left of a brick wall across the pipe, in front of the dark."""
    depth, parts = 1.55, []
    radius = MOUTH / depth
    top = (0.02, -0.06, 0.10, 0.24, 0.20, -0.12, -0.20)  # height of each column of bricks, radii below the axis
    row_high, wide = radius * 0.17, radius * 0.30
    for row in range(8):
        y = CENTRE[1] + radius - (row + 1) * row_high
        for column in range(-4, 5):
            x = CENTRE[0] + (column + 0.5 * (row % 2) - 0.5) * wide
            height = (y - CENTRE[1]) / radius
            if height >= top[(column + 4) % 7]:
                fill = chance.choice(["#a34e33", "#8f432b", "#b35d3f"])
                size = f'width="{number(wide - 1)}" height="{number(row_high - 1)}"'
                parts.append(f'<rect x="{number(x)}" y="{number(y)}" {size} fill="{fill}"/>')
    hole = f'<clipPath id="h">{disc(CENTRE, radius, "#000")}</clipPath>'
    return [*pipe(), stream(), hole, f'<g clip-path="url(#h)">{"".join(parts)}</g>']


def leakage(chance: random.Random) -> list[str]:
    parts = [*pipe(), stream()]
    for angle, length, width in ((203, 40, 3), (190, 52, 2.4), (214, 30, 2), (182, 46, 1.6), (222, 24, 1.4)):
        x, y = at(angle, 1.3)
        bow = [(x + 0.35 * length * (k / 8) ** 0.8, y + length * (k / 8) ** 1.7) for k in range(9)]
        parts.append(shape(bow, line="#bfe3ee", width=width, closed=False))
    wet = [at(angle, 1.3) for angle in range(172, 240, 4)]
    drops = [(chance.uniform(50, 92), chance.uniform(60, 96)) for _ in range(14)]
    return [*parts, shape(wet, line="#2f5866", width=4, closed=False), *blots(drops, [1.2] * 14, "#d5eef5")]


def undulation(chance: random.Random) -> list[str]:
    """From the side: the pipe sinks and rises, and water stands where it is low."""

    def line(up: float) -> list[Point]:
        return [(x, 48 + 17 * (1 - math.cos((x - 10) / 140 * 2 * math.pi)) / 2 + up) for x in range(10, 151, 5)]

    roof, floor = line(-17), line(17)
    pool = [(x, y) for x, y in floor if y > 73]
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#5d452c"/>'
    inside = shape([*roof, *floor[::-1]], shade(1.6))
    walls = [shape(wall_line, line=shade(1.0), width=5, closed=False) for wall_line in (roof, floor)]
    joints = [shape([above, below], line="#0008", width=1.4, closed=False)
              for above, below in list(zip(roof, floor, strict=True))[4::5]]  # fmt: skip
    water = shape(pool, WATER, "#cfe6ec", 1)
    return [ground, inside, *joints, water, *walls]


def open_joint(chance: random.Random) -> list[str]:
    """Two pipes have come apart; soil shows in the gap."""
    first, last = 1.3, 1.75
    near = [disc(CENTRE, MOUTH / depth, shade(depth)) for depth in LAYERS if depth < first]
    gap = [disc(CENTRE, MOUTH / first, "#33220f", DARK, 2.4)]
    soil = scattered(chance, 110, (0, 360), (1.36, 1.7))
    gap += blots(soil, [chance.uniform(0.7, 2.2) for _ in soil], "#94703f")
    far = [disc(CENTRE, MOUTH / depth, shade(depth)) for depth in (last, *LAYERS) if depth >= last]
    edge = disc(CENTRE, MOUTH / last, "none", PALE, 2.2)
    joints = [disc(CENTRE, MOUTH / depth, "none", "#0008", 1) for depth in (2.7, 4.1)]
    return [*near, *gap, *far, edge, *joints, bed(0.93, WATER, near=last), stream_until(first)]


def loose_seal(chance: random.Random) -> list[str]:
    """The rubber ring of a joint hangs down in a bow."""
    depth = 1.45
    (left, y_left), (right, y_right), end = at(215, depth), at(140, depth), at(105, depth)
    steps = [k / 12 for k in range(13)]
    bow = [(left + (right - left) * k, y_left + (y_right - y_left) * k + 46 * (1 - (2 * k - 1) ** 2)) for k in steps]
    tail = [end, (end[0] - 9, end[1] + 14), (end[0] - 6, end[1] + 30)]
    groove = disc(CENTRE, MOUTH / depth, "none", "#3a3129", 3)
    rubber = [shape(line, line="#0b0b0c", width=4.6, closed=False) for line in (bow, tail)]
    lit = [[(x - 1, y - 0.6) for x, y in line] for line in (bow, tail)]
    shine = [shape(line, line="#6a6d72", width=1.1, closed=False) for line in lit]
    return [*pipe(), stream(), groove, *rubber, *shine]


SKETCHES: dict[str, Callable[[random.Random], list[str]]] = {
    "ZC": normal, "CJ": deposits, "CK": displaced_joint, "ZW": obstacle, "JG": encrustation, "SG": roots, "PL": crack,
    "BX": deformation, "CR": intrusion, "FZ": scum, "FS": corrosion, "AJ": lateral, "CQ": wall, "SL": leakage,
    "QF": undulation, "TJ": open_joint, "TL": loose_seal,
}  # fmt: skip


def sketch(code: str) -> str:
    """The SVG of one class; `code` as in `vpipe_utils.data.classes`."""
    inside = "\n".join(SKETCHES[code](random.Random(code)))
    view = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    mouth = f'<clipPath id="m">{disc(CENTRE, MOUTH, "#000")}</clipPath>'
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#2a241e"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {view} role="img" aria-label="sketch of {code}">'
    return f'{head}\n{mouth}{ground}\n<g clip-path="url(#m)">\n{inside}\n</g>\n</svg>\n'


def main() -> None:
    for code in SKETCHES:
        (Path(__file__).parent / f"{code}.svg").write_text(sketch(code), encoding="utf-8")


if __name__ == "__main__":
    main()
