"""From a name and its labels to frames and evidence: build a scene, choose a path for the camera, film."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from vpipe_utils.data.classes import NORMAL
from vpipe_utils.pipesim import functional, materials, nuisance, structural
from vpipe_utils.pipesim.filming.camera import MIN_SHARE, film, visible_shares
from vpipe_utils.pipesim.filming.path import Plan, Views, draw_plan, draw_views, targets
from vpipe_utils.pipesim.labelsets import Clip
from vpipe_utils.pipesim.render import Picture, picture
from vpipe_utils.project.seeds import derive_seed

BEFORE_WALL = {"CK": structural.bend_displaced, "QF": structural.bend_undulation}
ON_WALL = {
    "BX": structural.deformation,
    "FS": structural.corrosion,
    "PL": structural.crack,
    "JG": functional.encrustation,
    "AJ": structural.lateral,
    "TJ": structural.open_joint,
    "TL": structural.loose_joint,
    "SL": structural.leakage,
    "CJ": functional.deposits,
    "ZW": functional.obstacle,
    "CQ": functional.wall_remains,
    "FZ": functional.scum,
    "SG": functional.roots,
    "CR": structural.intrusion,
}
AT_JOINT = {"CK", "SG", "SL", "TJ", "TL"}
DEPTHS = (2.0, 40.0)  # radii from the camera, log-uniform: zooming reveals what the wide view hides
NEAR_WITHOUT_ZOOM = 7.0  # in clips that stay wide a defect must be nearer
DEEPER = 1.7  # factor by which a defect is moved that the wide view shows for too long, or not at all
NEARER = 0.85  # factor by which the farthest depth shrinks from one failed scene to the next
SPREAD = 0.9  # standard deviation of the wanted share in sight, on the logit scale
SIZE_SPREAD = 0.45  # and of the wanted largest share of the picture, as a logarithm
FADED = (0.85, 1.0)  # a clip's contrast, of that of the data set
MAX_SCENES, ENOUGH_SCENES, MAX_PATHS = 30, 3, 10
NEAR_ENOUGH = 0.06  # a share in sight that misses what is wanted by no more is taken


@dataclass(frozen=True)
class Filming:
    """What a data set asks of its clips."""

    width: int = 160  # px
    height: int = 120  # px
    frames: int = 36  # a clip, on average
    fps: float = 12.0
    sight: float = 0.4  # median share of a clip's frames in which a label is in sight, in (0, 1)
    size: float = 0.08  # median of the largest share of the picture that a defect takes, in (0, 1)
    contrast: float = 1.0  # of defects against what is around them: 1 as drawn, 0 invisible


@dataclass(frozen=True)
class Filmed:
    """A finished clip: frames uint8 (F, H, W, 3), evidence rows (class, frame, x0, y0, x1, y1, share).

    `coarser`: what its encoder adds to the quality number.
    """

    frames: np.ndarray
    evidence: list[nuisance.Row]
    coarser: int = 0


@dataclass(frozen=True)
class Wanted:
    """What one clip should show of each defect: class -> share of its frames, largest share of the picture."""

    sight: dict[str, float]
    size: dict[str, float]


def build(labels: tuple[str, ...], look: materials.Look, depths: dict[str, float], rng: np.random.Generator) -> Picture:
    """A scene with these defects at these depths, rendered."""
    scene = materials.sound_pipe(look, rng)
    places = {}
    for code in labels:
        if code in depths:
            z = max(depths[code], scene.mouth + 0.4)
            places[code] = structural.nearest_joint(scene, z) if code in AT_JOINT else z
    for code, bend in BEFORE_WALL.items():
        if code in places:
            bend(scene, places[code], rng)
    materials.build_wall(scene, look, rng)
    materials.wear(scene, look, rng, foam="FZ" in places)
    for code, add in ON_WALL.items():
        if code in places:
            add(scene, places[code], rng)
    materials.fill_manhole(scene, look, rng)
    return picture(scene, rng)


def draw_wanted(rng: np.random.Generator, codes: list[str], filming: Filming) -> Wanted:
    """How long and how large each defect should be seen: widely spread about the data set's medians."""
    middle = np.log(filming.sight / (1 - filming.sight))
    sight = 1 / (1 + np.exp(-(middle + SPREAD * rng.standard_normal(len(codes)))))
    size = filming.size * np.exp(SIZE_SPREAD * rng.standard_normal(len(codes)))
    return Wanted(dict(zip(codes, sight.tolist(), strict=True)), dict(zip(codes, size.tolist(), strict=True)))


def draw_depths(rng: np.random.Generator, codes: list[str], farthest: float) -> dict[str, float]:
    """A depth for every defect, log-uniform from DEPTHS[0] to `farthest`, each in its own part: they stand in a row."""
    slots = (rng.permutation(len(codes)) + rng.uniform(0, 1, len(codes))) / max(1, len(codes))
    low = DEPTHS[0]
    return {code: float(low * (farthest / low) ** slot) for code, slot in zip(codes, slots, strict=True)}


def moved(depths: dict[str, float], shot: Picture, plan: Plan, wanted: Wanted, aspect: float) -> dict[str, float]:
    """Deeper what the wide view shows although it should be in sight for a shorter time, and the other way round."""
    zoomed, found = sum(b - a for a, b in plan.zoomed), dict(depths)
    for code, aim in zip(shot.codes, targets(shot), strict=True):
        seen, sight = aim.share(plan.wide, aspect) >= MIN_SHARE, wanted.sight[code]
        if seen and sight < plan.wide_share - 0.05:
            found[code] = min(DEPTHS[1], depths[code] * DEEPER)
        elif not seen and sight > zoomed:
            found[code] = max(DEPTHS[0], depths[code] / DEEPER)
    return found


def choose_views(
    shot: Picture, plan: Plan, wanted: Wanted, n_frames: int, aspect: float, shown: np.ndarray, rng: np.random.Generator
) -> tuple[Views, float]:
    """The path of MAX_PATHS whose shares in sight and sizes are nearest to what is wanted, and how far off it is.

    `shown`: the filmed picture that each frame (F,) will show, -1 for none. A path that shows a label clearly in
    fewer than two frames is infinitely off.
    """
    if not shot.codes:
        return draw_views(rng, plan, n_frames), 0.0
    aims = targets(shot)
    sight = np.array([wanted.sight[code] for code in shot.codes])
    sizes = np.array([wanted.size[code] for code in shot.codes])
    wide = np.array([aim.share(plan.wide, aspect) >= MIN_SHARE for aim in aims])
    best, least = draw_views(rng, plan, n_frames, aims, sight, sizes, wide, aspect), np.inf
    asked = sight.copy()
    for _ in range(MAX_PATHS):
        views = draw_views(rng, plan, n_frames, aims, asked, sizes, wide, aspect)
        shares = np.where(shown[:, None] >= 0, visible_shares(shot, views, aspect)[shown], 0)
        seen = (shares >= MIN_SHARE).mean(0)
        off = np.abs(seen - sight).max() + 0.05 * np.abs(np.log(shares.max(0).clip(1e-4) / sizes)).max()
        clearly = (shares >= 1.3 * MIN_SHARE).sum(0)  # at full size a share comes out a little smaller or larger
        off = np.inf if (clearly < 2).any() else float(off)
        if off < least:
            best, least = views, off
        if least < NEAR_ENOUGH:
            break
        asked = np.clip(asked + 0.5 * (sight - seen), 0, 1)  # what came out too long is asked for shorter
    return best, least


def faded(shot: Picture, contrast: float) -> Picture:
    """The same picture with its defects nearer to what is around them; 1 leaves them as they are."""
    if contrast == 1 or not shot.codes:
        return shot
    where = cv2.GaussianBlur((shot.evidence > 0).astype(np.float32), (0, 0), 2.0)[..., None]
    around = cv2.GaussianBlur(shot.rgb, (0, 0), 16.0)
    return replace(shot, rgb=shot.rgb + where * (1 - np.float32(contrast)) * (around - shot.rgb))


# Frames of a clip over their median: percentiles of the 6,399 labelled clips of QV-Pipe, median 383 frames.
LENGTHS = ((0, 1, 10, 25, 50, 75, 90, 99, 100), np.array((90, 114, 209, 280, 383, 587, 1051, 2501, 3200)) / 383)
MEAN_LENGTH = 1.44  # of that distribution


def draw_length(rng: np.random.Generator, frames: int) -> int:
    """Frames of a clip, never under 9: distributed as in QV-Pipe, with a mean of `frames`."""
    drawn = np.exp(np.interp(rng.uniform(0, 100), LENGTHS[0], np.log(LENGTHS[1])))
    return max(9, round(frames / MEAN_LENGTH * float(drawn)))


def begin(clip: Clip, seed: int, filming: Filming) -> tuple[np.random.Generator, int, Plan]:
    """What is drawn of a clip without a look at its labels: its generator, number of frames and zoomed phases."""
    rng = np.random.default_rng(derive_seed(seed, "video", clip.video))
    return rng, draw_length(rng, filming.frames), draw_plan(rng)


def make_clip(
    clip: Clip, seed: int, filming: Filming, n_frames: int | None = None
) -> tuple[Filmed, np.random.Generator]:
    """Film one clip; everything random comes from (seed, recording) and (seed, video name).

    Scenes in which a label is not seen as wanted are drawn anew. `n_frames`: where the length is not to be drawn.
    Returns the clip and its generator.
    """
    look = materials.draw_look(np.random.default_rng(derive_seed(seed, "recording", clip.recording)), clip.recording)
    rng, length, plan = begin(clip, seed, filming)
    n_frames, aspect = n_frames or length, filming.width / filming.height
    spoilt = nuisance.draw(np.random.default_rng(derive_seed(seed, "nuisance", clip.video)))
    shown = spoilt.shown(n_frames)
    wanted = draw_wanted(rng, [code for code in clip.labels if code != NORMAL], filming)
    best: tuple[float, Picture, Views] | None = None
    depths = draw_depths(rng, list(wanted.sight), DEPTHS[1] if plan.zoomed else NEAR_WITHOUT_ZOOM)
    for attempt in range(MAX_SCENES):
        shot = build(clip.labels, look, depths, rng)
        off = np.inf
        if set(shot.codes) == set(wanted.sight):
            views, off = choose_views(shot, plan, wanted, n_frames, aspect, shown, rng)
        if np.isfinite(off):
            depths = moved(depths, shot, plan, wanted, aspect)
        else:  # one hides another, or is too far away
            farthest = (DEPTHS[1] if plan.zoomed else NEAR_WITHOUT_ZOOM) * NEARER**attempt
            depths = draw_depths(rng, list(wanted.sight), max(farthest, 1.5 * DEPTHS[0]))
        if np.isfinite(off) and (best is None or off < best[0]):
            best = off, shot, views
        if best and (best[0] < NEAR_ENOUGH or attempt + 1 >= ENOUGH_SCENES):
            break
    if best is None:
        raise RuntimeError(
            f"pipesim: {clip.video} ({' '.join(clip.labels)}): no scene in {MAX_SCENES} shows every label"
        )
    shot = nuisance.veil(faded(best[1], filming.contrast * rng.uniform(*FADED)), spoilt)
    frames, evidence = film(shot, best[2], look, rng, filming.width, filming.height, filming.fps)
    return Filmed(*nuisance.apply(frames, evidence, spoilt, rng), spoilt.coarser), rng
