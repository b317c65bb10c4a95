"""The camera's path: when it zooms, what it looks at, and so for how long each defect is in sight.

A clip begins wide, zooms in, and mostly ends wide again. When it does is drawn first, without a look at the defects,
by the figures of the real clips. Then the zoomed time is shared out: the camera holds on a defect, or pans past it,
for as long as the defect is wanted in sight, and looks elsewhere for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vpipe_utils.pipesim.render import Picture
from vpipe_utils.pipesim.scene import N_R, N_THETA, R_INNER, R_OUTER, grid

# A published automatic split of the real clips into wide and zoomed phases: of 9,601 clips 88 % have a zoomed phase.
# Of those whose length is known 74 % go wide, zoomed, wide; 20 % change once, 4 % more often; 88 % begin wide.
PLANS = {"wide": 0.12, "in_out": 0.64, "in": 0.10, "out": 0.08, "twice": 0.06}
BEGINS = ((0, 10, 50, 90, 100), (0.01, 0.06, 0.19, 0.46, 0.75))  # percentiles of the first zoomed phase's begin
LASTS = ((0, 10, 25, 50, 75, 90, 100), (0.12, 0.35, 0.50, 0.64, 0.77, 0.86, 0.95))  # and of all zoomed time together
AGAINST = -0.55  # correlation of the two, so that a late begin goes with a short phase
NARROWEST = 0.03  # slope at full zoom: about twenty times as near as the wide view
LEAST_ZOOM = 2.2  # a zoomed view is that much narrower than the wide one, or more
CHANGE = (0.03, 0.09)  # shares of the clip that zooming in or out takes


@dataclass(frozen=True)
class Plan:
    """What is drawn without a look at the defects: the zoomed phases and the wide view between them."""

    kind: str
    zoomed: tuple[tuple[float, float], ...]  # begin and end of each zoomed phase, in shares of the clip
    wide: float  # half the picture's height in the wide view, as slope
    lowered: float  # share of the clip in which the camera is lowered into the manhole, or pulled out
    at_start: bool

    @property
    def wide_share(self) -> float:
        """Share of the clip that shows the pipe in the wide view."""
        return 1 - self.lowered - sum(b - a for a, b in self.zoomed)


@dataclass(frozen=True)
class Views:
    """Where the camera looks, a value a frame."""

    slope: np.ndarray  # half the picture's height, as slope
    aim: np.ndarray  # (F, 2) slope in x and y that the picture's centre points at
    blur: np.ndarray  # standard deviation in shares of the picture's height


@dataclass(frozen=True)
class Target:
    """Where one class lies in the picture: its middle and its area, as slopes."""

    x: float
    y: float
    area: float

    def share(self, slope: float, aspect: float) -> float:
        """Share of the picture that it takes where all of it is in the picture."""
        return self.area / (4 * aspect * slope**2)

    def slope(self, share: float, aspect: float) -> float:
        """Half the height of the picture of which it takes that share."""
        return float(np.sqrt(self.area / (4 * aspect * share)))


def draw_plan(rng: np.random.Generator) -> Plan:
    """Zoomed phases by the real figures; see PLANS, BEGINS and LASTS."""
    kind = str(rng.choice(list(PLANS), p=list(PLANS.values())))
    lowered, at_start = (float(rng.uniform(0.04, 0.14)) if rng.random() < 0.5 else 0.0), bool(rng.random() < 0.6)
    zoomed: tuple[tuple[float, float], ...] = ()
    if kind != "wide":
        begin, lasts = _phase(rng)
        if kind == "in":  # to the end
            zoomed = ((1 - lasts, 1.0),)
            at_start = True
        elif kind == "out":
            zoomed = ((0.0, lasts),)
            at_start = False
        elif kind == "in_out":
            zoomed = ((begin, begin + lasts),)
        else:
            first = lasts * rng.uniform(0.3, 0.7)
            pause = min(rng.uniform(0.08, 0.2), 1 - begin - lasts)
            zoomed = ((begin, begin + first), (begin + first + pause, begin + lasts + pause))
        free = zoomed[0][0] if at_start else 1 - zoomed[-1][1]
        lowered = min(lowered, 0.8 * free)
    return Plan(kind, zoomed, float(rng.uniform(0.5, 0.8)), lowered, at_start)


def _phase(rng: np.random.Generator) -> tuple[float, float]:
    """Begin and length of the zoomed time, so that some of the clip is left."""
    while True:
        a, b = rng.standard_normal(2)
        b = AGAINST * a + np.sqrt(1 - AGAINST**2) * b
        begin = float(np.interp(_percentile(a), *BEGINS))
        lasts = float(np.interp(_percentile(b), *LASTS))
        if begin + lasts <= 0.97:
            return begin, lasts


def _percentile(normal: float) -> float:
    """Of a standard normal number (logistic approximation, off by at most one)."""
    return 100 / (1 + np.exp(-1.702 * normal))


def targets(picture: Picture) -> tuple[Target, ...]:
    """Where each class of `picture.codes` lies."""
    g = grid()
    weight = g.r**2 * np.float32(np.log(R_OUTER / R_INNER) / (N_R - 1) * 2 * np.pi / N_THETA)
    found = []
    for k in range(len(picture.codes)):
        seen = ((picture.evidence >> k) & 1) * weight
        area = max(float(seen.sum()), 1e-9)
        x, y = (float((seen * g.r * side).sum() / area) for side in (g.sin, g.cos))
        found.append(Target(x, y, area))
    return tuple(found)


def draw_views(
    rng: np.random.Generator,
    plan: Plan,
    n_frames: int,
    aims: tuple[Target, ...] = (),
    wanted: np.ndarray | None = None,
    sizes: np.ndarray | None = None,
    seen_wide: np.ndarray | None = None,
    aspect: float = 4 / 3,
) -> Views:
    """One path that follows the plan and shows the defect `aims[k]` in about `wanted[k]` of the frames.

    `sizes`: share of the picture that each should take while the camera holds on it; `seen_wide`: whether the wide view
    shows it anyway. The camera sways, and pans from one thing to the next.
    """
    t = (np.arange(n_frames) + 0.5) / n_frames
    slope, aim = np.full(n_frames, plan.wide), np.zeros((n_frames, 2))
    aim += rng.normal(0, 0.09, 2) * plan.wide
    zoomed = np.zeros(n_frames)
    spans = _share_out(rng, plan, aims, wanted, sizes, seen_wide, aspect)
    for (a, b), span in zip(plan.zoomed, spans, strict=True):
        inside = (t >= a) & (t < b)
        zoomed[inside] = 1
        start = a
        for length, at, drift, narrow in span:
            part = inside & (t >= start) & (t < start + length + 1e-9)
            along = np.clip((t[part] - start) / max(length, 1e-6), 0, 1)[:, None] * 2 - 1
            slope[part] = narrow
            aim[part] = at + along * drift * narrow
            start += length
    # zooming and turning take their time
    width = max(1, round(rng.uniform(*CHANGE) * n_frames))
    kernel = np.hanning(width + 2)[1:-1]
    slope = np.exp(_smooth(np.log(slope), kernel))
    aim = np.stack([_smooth(aim[:, axis], kernel) for axis in range(2)], 1)
    phase = rng.uniform(0, 2 * np.pi, (2, 2))
    sway = sum(
        np.sin(2 * np.pi * rate * t[:, None] + phase[k]) * size
        for k, (rate, size) in enumerate(((rng.uniform(0.5, 1.5), 0.05), (rng.uniform(3, 6), 0.012)))
    )
    aim = aim + slope[:, None] * (sway + rng.normal(0, 0.004, (n_frames, 2)))
    if plan.lowered:  # only the manhole is seen meanwhile
        away = np.clip((plan.lowered - (t if plan.at_start else 1 - t)) / 0.04 + 0.5, 0, 1)[:, None]
        slope = slope * (plan.wide / slope) ** away[:, 0]
        aim = aim * (1 - away) + away * np.array([rng.uniform(-0.5, 0.5), -rng.uniform(1.5, 1.8)])
    speed = np.abs(np.gradient(np.log(slope))) if n_frames > 1 else np.zeros(1)
    lag = np.convolve(np.pad(speed, (3, 0), mode="edge"), [0.1, 0.2, 0.3, 0.4], mode="valid")[:n_frames]
    blur = 0.003 + 0.05 * rng.uniform(0.4, 1.3) * np.minimum(lag, 0.15)
    return Views(slope.astype(np.float32), aim.astype(np.float32), blur.astype(np.float32))


def _smooth(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    half = len(kernel) // 2
    padded = np.pad(values, (half, len(kernel) - 1 - half), mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def _elsewhere(rng: np.random.Generator, aims: tuple[Target, ...], narrow: float) -> np.ndarray:
    """Somewhere to look at: down the pipe or at the wall, of a few places the one farthest from all defects."""
    turn, far = rng.uniform(0, 2 * np.pi, 6), rng.choice([0.1, 1.3, 2.0], 6, p=[0.4, 0.35, 0.25])
    places = narrow * far[:, None] * np.stack([np.sin(turn), np.cos(turn)], 1)
    if not aims:
        return places[0]
    away = np.min([np.hypot(places[:, 0] - a.x, places[:, 1] - a.y) - np.sqrt(a.area) for a in aims], 0)
    return places[int(np.argmax(away))]


Segment = tuple[float, np.ndarray, np.ndarray, float]  # length, middle of the aim, drift in pictures, slope


def _share_out(
    rng: np.random.Generator,
    plan: Plan,
    aims: tuple[Target, ...],
    wanted: np.ndarray | None,
    sizes: np.ndarray | None,
    seen_wide: np.ndarray | None,
    aspect: float,
) -> list[list[Segment]]:
    """What the camera looks at in each zoomed phase, and for how long."""
    lengths = [b - a for a, b in plan.zoomed]
    total = sum(lengths)
    jobs: list[Segment] = []
    for k, target in enumerate(aims):
        missing = wanted[k] - (plan.wide_share if seen_wide[k] else 0.0)
        if total and missing > 0.02:
            narrow = float(np.clip(target.slope(sizes[k], aspect), NARROWEST, plan.wide / LEAST_ZOOM))
            off = rng.normal(0, 0.12, 2) * narrow
            pans = rng.random() < 0.35
            turn = rng.uniform(0, 2 * np.pi)
            drift = np.array([np.cos(turn), np.sin(turn)]) * (1.1 if pans else rng.uniform(0, 0.2))
            jobs.append((missing, np.array([target.x, target.y]) + off, drift, narrow))
    asked = sum(job[0] for job in jobs)
    if asked > total:
        jobs = [(job[0] * total / asked, *job[1:]) for job in jobs]
    rest = max(0.0, total - asked)
    for part in rng.dirichlet(np.ones(1 + (rest > 0.25))) * rest if rest > 0.01 else ():
        narrow = plan.wide / rng.uniform(LEAST_ZOOM, 6)
        jobs.append((part, _elsewhere(rng, aims, narrow), rng.normal(0, 0.25, 2), narrow))
    order = rng.permutation(len(jobs))
    spans: list[list[Segment]] = [[] for _ in lengths]
    which, left = 0, lengths[0] if lengths else 0.0
    for index in order:
        length, *rest_of_job = jobs[index]
        while length > 1e-6 and which < len(lengths):
            now = min(length, left)
            spans[which].append((now, *rest_of_job))
            length, left = length - now, left - now
            if left <= 1e-6:
                which += 1
                left = lengths[which] if which < len(lengths) else 0.0
    return spans
