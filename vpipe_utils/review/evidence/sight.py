"""The frame of a clip that tells most of a class, and from which frame to which it is in sight.

A super-image sees nine frames. Here all frames are read and scored, each as if the clip showed it alone; of a long clip
some spread evenly, and then all around the best one and where the class comes and goes. Walking away from the most
telling frame, the class is in sight as long as the score stays above a level between the least of the nine and the
best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from vpipe_utils.review.evidence.networks import ClipLogits, network_tiles

# Of the way from the least of the tiles' scores to the best. Of .15 to .4 it overlapped most with the truth on 98
# labels of the demo's validation clips (.60, read around the best tile), as did GAP 1 of 0, 1 and 2.
SHARE = 0.2
GAP = 1  # frames below the level that the walk steps over: a wink of the network is no end
MOST_FRAMES = 160  # read of a clip at first; of a longer one every second, third ... frame is (our choice)
MOST_WHOLE = 24  # the same for a super-image that is read as one picture: a frame costs it nine times as much
AGAIN = 8  # frames, the best ones, are scored in the mirror too, so that no chance picture wins (our choice)
AT_ONCE = 64  # tiles scored in one pass; whole super-images: an 8th

Reader = Callable[[np.ndarray], np.ndarray]  # ascending numbers of frames -> their tiles, uint8 (F, S, S, 3)


class Span(NamedTuple):
    """Frames of a clip, both ends in."""

    first: int
    last: int


class Scored(NamedTuple):
    """Frames of a clip and what speaks for some classes in each."""

    frames: np.ndarray  # (F,), ascending
    tiles: np.ndarray  # uint8 (F, S, S, 3)
    scores: np.ndarray  # (F, K), logits


class Seen(NamedTuple):
    """What is told of a class: its most telling frame, as a place in `Scored`; its first and last frame in sight."""

    place: int
    span: Span


def look(
    logits: ClipLogits, read: Reader, sampled: np.ndarray, frames: int, classes: Sequence[int]
) -> tuple[Scored, list[Seen]]:
    """Score the frames of a clip of `frames` for some classes, and say where each is seen.

    `sampled`: the frames that the network sees in prediction; they are among those scored.
    """
    found = score_frames(logits, read, looked_at(sampled, frames, most_frames(logits)), classes)
    if len(found.frames) < frames:
        near = np.setdiff1d(_around(found, sampled, frames), found.frames)
        found = _joined(found, score_frames(logits, read, near, classes)) if len(near) else found
    nine = np.searchsorted(found.frames, sampled)
    seen = []
    for column, of_class in enumerate(classes):
        curve = found.scores[:, column]
        place = most_telling(logits, found, column, of_class)
        span = walk(curve, place, curve[nine].min(), found.frames)
        seen.append(Seen(place, Span(int(found.frames[span.first]), int(found.frames[span.last]))))
    return found, seen


def most_frames(logits: ClipLogits) -> int:
    return MOST_FRAMES if logits.separate or logits.params.tile_tokens else MOST_WHOLE


def looked_at(sampled: np.ndarray, frames: int, most: int = MOST_FRAMES) -> np.ndarray:
    """Which frames of a clip of `frames` are read first, ascending: all, or `most` evenly, the last one, and those
    `sampled`."""
    evenly = np.arange(frames) if frames <= most else np.linspace(0, frames - 1, most).round().astype(np.int64)
    return np.union1d(evenly, sampled)


def _around(found: Scored, sampled: np.ndarray, frames: int) -> np.ndarray:
    """The frames next to the best one of each class, and those between which it comes and goes."""
    nine = np.searchsorted(found.frames, sampled)
    ends = np.concatenate([[-1], found.frames, [frames]])  # of the frames that were left out, on both sides of each
    near = []
    for curve in found.scores.T:
        place = int(curve.argmax())
        for of in {place, *walk(curve, place, curve[nine].min(), found.frames)}:
            near.append(np.arange(ends[of] + 1, ends[of + 2]))
    return np.unique(np.concatenate(near))


def _joined(a: Scored, b: Scored) -> Scored:
    order = np.argsort(np.concatenate([a.frames, b.frames]), kind="stable")
    return Scored(*(np.concatenate(parts)[order] for parts in zip(a, b, strict=True)))


def score_frames(logits: ClipLogits, read: Reader, frames: np.ndarray, classes: Sequence[int]) -> Scored:
    """Each frame as if the clip showed it alone."""
    tiles = read(frames)
    return Scored(frames, tiles, _scores(logits, tiles, classes))


def _scores(logits: ClipLogits, tiles: np.ndarray, classes: Sequence[int], mirrored: bool = False) -> np.ndarray:
    step = AT_ONCE if logits.separate else AT_ONCE // 8
    parts = []
    with torch.inference_mode():
        for start in range(0, len(tiles), step):
            pictures = network_tiles(tiles[start : start + step], logits.params)
            parts.append(logits.alone(pictures.flip(-1) if mirrored else pictures)[:, list(classes)])
    return torch.cat(parts).double().numpy()


def most_telling(logits: ClipLogits, found: Scored, column: int, of_class: int) -> int:
    """The place of the frame that speaks most for a class, whose scores are in a column of `found`.

    The best AGAIN frames are scored in the mirror too, and the mean decides.
    """
    scores = found.scores[:, column]
    best = np.argsort(-scores, kind="stable")[:AGAIN]
    mirrored = _scores(logits, found.tiles[best], [of_class], mirrored=True)[:, 0]
    return int(best[(scores[best] + mirrored).argmax()])


def walk(
    scores: np.ndarray,
    start: int,
    low: float,
    frames: np.ndarray | None = None,
    share: float = SHARE,
    gap: int = GAP,
) -> Span:
    """Places of `scores` around `start` that stay above a level, over gaps of `gap` frames.

    The level lies at `share` of the way from `low`, the score of what does not show the class, to that at `start` or
    next to it: that of a single frame may be just off the top. `frames`: which ones the scores are of, ascending; by
    default all in a row.
    """
    at = np.arange(len(scores)) if frames is None else frames
    level = low + share * (scores[max(0, start - 1) : start + 2].max() - low)
    before = _steps(scores[:start][::-1], at[start] - at[:start][::-1], level, gap)
    return Span(start - before, start + _steps(scores[start + 1 :], at[start + 1 :] - at[start], level, gap))


def _steps(scores: np.ndarray, far: np.ndarray, level: float, gap: int) -> int:
    """How many places on the last one in sight is; `far`: how many frames on each place is."""
    steps, reached = 0, 0
    for step, (score, distance) in enumerate(zip(scores, far, strict=True), 1):
        if score >= level:
            steps, reached = step, distance
        elif distance - reached > gap:
            break
    return steps


def nearest(sampled: np.ndarray, frame: int) -> int:
    """The tile of those at frames `sampled` that is nearest to a frame in time."""
    return int(np.abs(sampled - frame).argmin())


def own_segment(sampled: np.ndarray, tile: int, frames: int) -> Span:
    """The stretch of a clip that a tile stands for: half the way to its neighbours, or to the end of the clip."""
    here = int(sampled[tile])
    first = -(-(int(sampled[tile - 1]) + here) // 2) if tile else 0
    last = (here + int(sampled[tile + 1])) // 2 if tile + 1 < len(sampled) else frames - 1
    return Span(first, last)


def overlap(a: Span, b: Span) -> float:
    """Intersection over union of two stretches of frames."""
    both = min(a.last, b.last) - max(a.first, b.first) + 1
    either = max(a.last, b.last) - min(a.first, b.first) + 1
    return max(0, both) / either if both > 0 else 0.0


def true_span(in_sight: np.ndarray, frame: int) -> Span:
    """The stretch of frames in a row in which a class is in sight around `frame`, or the nearest one to it.

    `in_sight`: ascending frames of the truth, at least one.
    """
    runs = np.split(in_sight, np.flatnonzero(np.diff(in_sight) > 1) + 1)
    nearest = min(runs, key=lambda run: max(run[0] - frame, frame - run[-1], 0))
    return Span(int(nearest[0]), int(nearest[-1]))
