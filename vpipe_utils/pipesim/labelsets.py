"""Which files there are and what is labelled in them: names, recordings and label sets by real figures.

`label_sets.csv` holds how often each of the 327 label sets occurs in the 6,399 training annotations of
QV-Pipe (aggregate counts only), so class counts, co-occurrence and labels per video follow the real data.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from vpipe_utils.data.classes import CLASSES, NORMAL
from vpipe_utils.project.seeds import derive_seed

# Files of one recording -> number of such recordings in the QV-Pipe training annotations (6,080 in all).
RECORDING_SIZES = {1: 5922, 2: 95, 3: 35, 4: 8, 5: 5, 6: 6, 7: 3, 8: 2, 10: 1, 11: 1, 14: 1, 17: 1}
SINGLE_WITH_SUFFIX = 0.03  # share of one-file recordings named like a piece (the other pieces are unlabelled)
D_NAMES = 0.59  # share of recordings whose name begins with "d" in the real annotations
SAME_THEME = 0.65  # gives a shared label in about half of the pairs of one recording, as in the real data
MAX_DRAWS = 400  # label draws tried until every class has its least number of positives


@dataclass(frozen=True)
class Clip:
    """One file to be made: its name, recording, class codes in class order, and split."""

    video: str
    recording: str
    labels: tuple[str, ...]
    split: str  # "train" or "test"


@lru_cache(maxsize=1)
def label_sets() -> tuple[tuple[tuple[str, ...], ...], np.ndarray]:
    """The real label sets and how many videos carry each."""
    with open(Path(__file__).with_name("label_sets.csv"), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return tuple(tuple(row["classes"].split()) for row in rows), np.array([int(row["videos"]) for row in rows])


def probabilities(temper: float) -> np.ndarray:
    """Probability of each label set: p ∝ count · (1 / count of its rarest class) ** temper.

    `temper` = 0 gives the real figures; 0.5 gives the rarest classes enough positives for small data sets.
    """
    sets, counts = label_sets()
    has = np.array([[code in labels for code in CLASSES] for labels in sets])
    rarest = np.where(has, counts @ has, np.inf).min(axis=1)  # videos with the rarest class of each set
    p = counts * rarest**-temper
    return p / p.sum()


def plan(n_train: int, n_test: int, seed: int, temper: float) -> list[Clip]:
    """All files of a data set, train first. A recording lies wholly in one split.

    With `temper` > 0 the label sets of a split are redrawn, at most MAX_DRAWS times, until every class has
    half its expected positives and at least 3 (for splits too small for that: the draw with the most
    classes is kept). With `temper` = 0 nothing is redrawn: the figures are the real ones, chance included.
    """
    rng = np.random.default_rng(derive_seed(seed, "names"))
    groups = [("train", size) for size in _recording_sizes(n_train, rng)]
    groups += [("test", size) for size in _recording_sizes(n_test, rng)]
    numbers = rng.permutation(90_000)[: len(groups)] + 10_000
    if len(numbers) < len(groups):
        raise ValueError(f"pipesim: {n_train + n_test} videos need more than 90,000 recording names; ask for fewer")
    clips = []
    for split in ("train", "test"):
        mine = [(size, int(number)) for (where, size), number in zip(groups, numbers, strict=True) if where == split]
        drawn = _draw_labels([size for size, _ in mine], derive_seed(seed, "labels", split), temper)
        for (size, number), label_sets_of_recording in zip(mine, drawn, strict=True):
            recording = f"{'d' if rng.random() < D_NAMES else ''}{number}"
            for suffix, labels in zip(_suffixes(size, rng), label_sets_of_recording, strict=True):
                clips.append(Clip(f"{recording}{suffix}.mp4", recording, labels, split))
    return clips


def _recording_sizes(n: int, rng: np.random.Generator) -> list[int]:
    """Files per recording, drawn by the real figures; no recording holds more than a tenth of a split."""
    sizes, weights = np.array(list(RECORDING_SIZES)), np.array(list(RECORDING_SIZES.values()), dtype=float)
    drawn = np.minimum(rng.choice(sizes, size=max(n, 1), p=weights / weights.sum()), max(2, n // 10))
    ends = np.minimum(np.cumsum(drawn), n)  # the last recording is cut to what is left
    return [int(size) for size in np.diff(ends, prepend=0) if size > 0]


def _suffixes(size: int, rng: np.random.Generator) -> list[str]:
    """Piece numbers as in `26518_4.mp4`; a one-file recording mostly has none."""
    if size == 1 and rng.random() >= SINGLE_WITH_SUFFIX:
        return [""]
    return [f"_{k}" for k in sorted(rng.choice(size + 3, size=size, replace=False) + 1)]


def _draw_labels(sizes: list[int], seed: int, temper: float) -> list[list[tuple[str, ...]]]:
    """Label sets for recordings of these sizes (see `plan` for the redraw)."""
    rng = np.random.default_rng(seed)
    p, n = probabilities(temper), sum(sizes)
    sets, _ = label_sets()
    has = np.array([[code in labels for labels in sets] for code in CLASSES])  # (classes, sets)
    needed = np.maximum(3.0, 0.5 * n * (has @ p))
    best, best_score = np.zeros(n, np.int64), -1.0
    for _ in range(MAX_DRAWS if temper > 0 and n else 1):
        drawn = _draw_once(sizes, p, has, rng)
        # 1 where every class has what it needs; below that, the share of the need that is met
        score = float(np.minimum(has[:, drawn].sum(1) / needed, 1).mean())
        if score > best_score:
            best, best_score = drawn, score
        if score == 1.0:
            break
    ends = np.cumsum(sizes)
    return [[sets[i] for i in best[end - size : end]] for size, end in zip(sizes, ends, strict=True)]


def _draw_once(sizes: list[int], p: np.ndarray, has: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Indices of label sets, one a file. Pieces of a cut recording are never normal (so in the real data).

    Pieces often share a class, which leaves the frequencies of the label sets as they are: a theme class c
    is drawn with P(c) = Σ p(s)/|s| over the sets s with c, then a set with P(s | c) ∝ p(s)/|s|; that sums
    to p(s).
    """
    normal = has[CLASSES.index(NORMAL)]
    file_sizes = np.repeat(sizes, sizes)
    n, n_single = len(file_sizes), int((file_sizes == 1).sum())
    defects = np.where(normal, 0.0, p) / p[~normal].sum()
    share_normal = min(0.9, p[normal].sum() * n / max(1, n_single))
    single = np.where(normal, share_normal, defects * (1 - share_normal))
    drawn = np.empty(n, np.int64)
    drawn[file_sizes == 1] = rng.choice(len(p), size=n_single, p=single)
    themes = has * (defects / has.sum(0))
    start = 0
    for size in sizes:
        if size > 1:
            theme = themes[rng.choice(len(CLASSES), p=themes.sum(1))]
            for k in range(start, start + size):
                weights = theme / theme.sum() if rng.random() < SAME_THEME else defects
                drawn[k] = rng.choice(len(p), p=weights)
        start += size
    return drawn
