"""The frame of a clip that tells most of a class, and from which frame to which it is in sight.

A super-image sees nine frames. Here every frame is read and scored, as if the clip showed it alone. Walking away from
the most telling one, the class is in sight as long as the score stays above a level between the least of the nine and
the best.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vpipe_utils.review.evidence.networks import ClipLogits

# Of the way from the least of the tiles' scores to the best. Of .15 to .4 it overlapped most with the truth on 98
# labels of the demo's validation clips (.60), as did GAP 1 of 0, 1 and 2; smoothed scores did worse.
SHARE = 0.2
GAP = 1  # frames below the level that the walk steps over: a wink of the network is no end
MOST_FRAMES = 160  # read of a clip; of a longer one every second, third ... frame is (our choice)
AGAIN = 8  # frames, the best ones, are scored in the mirror too, so that no chance picture wins (our choice)


class Span(NamedTuple):
    """Frames of a clip, both ends in."""

    first: int
    last: int


def walk(scores: np.ndarray, start: int, low: float, share: float = SHARE, gap: int = GAP) -> Span:
    """Places of `scores` around `start` that stay above a level, over gaps of `gap` places.

    The level lies at `share` of the way from `low`, the score of what does not show the class, to that at `start` or
    next to it: the tile's own score may be just off the top.
    """
    level = low + share * (scores[max(0, start - 1) : start + 2].max() - low)
    return Span(start - _steps(scores[:start][::-1], level, gap), start + _steps(scores[start + 1 :], level, gap))


def _steps(scores: np.ndarray, level: float, gap: int) -> int:
    """How many places on the last one in sight is."""
    furthest = 0
    for step, score in enumerate(scores, 1):
        if score >= level:
            furthest = step
        elif step - furthest > gap:
            break
    return furthest


def looked_at(sampled: np.ndarray, frames: int) -> np.ndarray:
    """Which frames of a clip of `frames` are read, ascending: all, or MOST_FRAMES evenly, and those `sampled`."""
    return np.union1d(np.arange(0, frames, max(1, -(-frames // MOST_FRAMES))), sampled)


def most_telling(logits: ClipLogits, pictures: Tensor, scores: np.ndarray, of_class: int) -> int:
    """The place of the frame that speaks most for a class.

    `pictures` `(F, 3, s, s)` and `scores`, float `(F,)`, what `frame_scores` gives for them. The best AGAIN of them are
    scored in the mirror too, and the mean decides.
    """
    best = np.argsort(-scores, kind="stable")[:AGAIN]
    mirrored = frame_scores(logits, pictures[torch.from_numpy(best)].flip(-1), [of_class])[:, 0]
    return int(best[(scores[best] + mirrored).argmax()])


def own_segment(sampled: np.ndarray, tile: int, frames: int) -> Span:
    """The stretch of a clip that a tile stands for: half the way to its neighbours, or to the end of the clip."""
    here = int(sampled[tile])
    first = -(-(int(sampled[tile - 1]) + here) // 2) if tile else 0
    last = (here + int(sampled[tile + 1])) // 2 if tile + 1 < len(sampled) else frames - 1
    return Span(first, last)


def frame_scores(logits: ClipLogits, pictures: Tensor, classes: list[int]) -> np.ndarray:
    """Scores of single frames `(F, 3, s, s)` for some classes, float `(F, K)`, each as if the clip showed it alone."""
    with torch.inference_mode():
        parts = [logits.alone(part)[:, classes] for part in pictures.split(64 if logits.separate else 8)]
    return torch.cat(parts).double().numpy()


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
