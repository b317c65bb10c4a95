"""From a name and its labels to frames and evidence: build a scene, choose views, film."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vpipe_utils.data.classes import NORMAL
from vpipe_utils.pipesim import functional, materials, structural
from vpipe_utils.pipesim.camera import MIN_SHARE, Views, draw_views, film, visible_shares
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
# Depths in pipe radii behind the mouth. What is flat on the wall is seen at a slant: it must be nearer.
NEAR = {
    "AJ": (0.9, 1.9),
    "PL": (0.5, 1.8),
    "FS": (0.6, 2.0),
    "TL": (0.5, 2.4),
    "TJ": (0.5, 2.2),
    "SL": (0.5, 2.6),
    "FZ": (0.6, 2.4),
}
ELSE = (0.6, 3.4)
MAX_SCENES, MAX_VIEWS = 30, 12
WANTED = (0.2, 0.65)  # share of a clip's frames in which a label should be visible
LARGE = 0.03  # share of the picture that a defect should fill at its largest


@dataclass(frozen=True)
class Filmed:
    """A finished clip: frames uint8 (F, H, W, 3), evidence rows (class, frame, x0, y0, x1, y1, share)."""

    frames: np.ndarray
    evidence: list[tuple[str, int, int, int, int, int, float]]


def build(labels: tuple[str, ...], look: materials.Look, rng: np.random.Generator) -> Picture:
    """A scene with these defects, rendered."""
    scene = materials.sound_pipe(look, rng)
    defects = [code for code in labels if code != NORMAL]
    # several defects stand behind each other, each in its own part of its range
    slots = (rng.permutation(len(defects)) + rng.uniform(0, 1, len(defects))) / max(1, len(defects))
    places = {}
    for code, slot in zip(defects, slots, strict=True):
        low, high = NEAR.get(code, ELSE)
        places[code] = float(scene.mouth + low + (high - low) * slot)
        if code in AT_JOINT:
            places[code] = structural.nearest_joint(scene, places[code])
    for code, bend in BEFORE_WALL.items():
        if code in places:
            bend(scene, places[code], rng)
    materials.build_wall(scene, look, rng)
    materials.wear(scene, look, rng, room_for_water="FZ" not in places)
    for code, add in ON_WALL.items():
        if code in places:
            add(scene, places[code], rng)
    materials.fill_manhole(scene, look, rng)
    return picture(scene, rng)


def choose_views(shot: Picture, n_frames: int, aspect: float, rng: np.random.Generator) -> tuple[Views, float]:
    """The first of MAX_VIEWS zoom plans that shows every label in WANTED of the frames, else the best one.

    Returns the views and a score: 1 as wanted, 0 when a label is not visible in at least two frames.
    """
    best, best_score = draw_views(rng, n_frames), 0.0 if shot.codes else 1.0
    if not shot.codes:
        return best, best_score
    for _ in range(MAX_VIEWS):
        views = draw_views(rng, n_frames)
        shares = visible_shares(shot, views, aspect)
        seen = (shares >= 2 * MIN_SHARE).mean(0)
        if (seen * n_frames < 2).any():
            continue
        fits = np.minimum(seen / WANTED[0], 1) * np.where(seen > WANTED[1], 0.7, 1)
        score = float((fits * np.minimum(shares.max(0) / LARGE, 1)).min())
        if score > best_score:
            best, best_score = views, score
        if score >= 1:
            break
    return best, best_score


def make_clip(
    clip: Clip, seed: int, width: int, height: int, frames: int, fps: float
) -> tuple[Filmed, np.random.Generator]:
    """Film one clip; everything random comes from (seed, recording) and (seed, video name).

    Scenes in which a label cannot be seen well are drawn anew. Returns the clip and its generator.
    """
    look = materials.draw_look(np.random.default_rng(derive_seed(seed, "recording", clip.recording)), clip.recording)
    rng = np.random.default_rng(derive_seed(seed, "video", clip.video))
    n_frames = max(9, round(frames * rng.uniform(0.75, 1.25)))
    defects = {code for code in clip.labels if code != NORMAL}
    best: tuple[float, Picture, Views] | None = None
    for attempt in range(MAX_SCENES):
        shot = build(clip.labels, look, rng)
        views, score = choose_views(shot, n_frames, width / height, rng)
        if set(shot.codes) == defects and score > 0 and (best is None or score > best[0]):
            best = score, shot, views
        if best and (best[0] >= 1 or attempt >= 1):
            break
    if best is None:
        raise RuntimeError(
            f"pipesim: {clip.video} ({' '.join(clip.labels)}): no scene in {MAX_SCENES} shows every label"
        )
    film_frames, evidence = film(best[1], best[2], look, rng, width, height, fps)
    return Filmed(film_frames, evidence), rng
