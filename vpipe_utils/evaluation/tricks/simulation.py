"""Do 95 % intervals hold the truth in 95 % of experiments? Simulated, where the truth is known.

Whole experiments are made up: other recordings and labels (as PipeSim draws them), other runs. What is estimated is as
in the bench: mAP of every run on the same held-out clips and on draws of their recordings, intervals of
`resampling.estimate` for pairs of runs and of `screening.screen` for a design. Only the networks are made up: a score
is skill where the class is there, plus how hard the clip is for all runs, plus what a factor's level makes of the clip,
plus chance of the single run. So factors and runs change *which* clips are right, as other training does, not only how
many. The sizes are chosen so that one run's held-out mAP moves by what was measured, and can be set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.evaluation.metrics import mean_average_precision
from vpipe_utils.evaluation.resampling import Difference, estimate, resampled_maps
from vpipe_utils.evaluation.tricks.screening import screen
from vpipe_utils.pipesim.labelsets import plan

FACTOR = "trick"


@dataclass(frozen=True)
class World:
    """How the made-up experiments are; spreads are standard deviations in units of the clips' own difficulty.

    The defaults give what single runs of the bench's kind gave: mAP about 0.6, which moves by a standard deviation of
    about 0.03 from one seed to the next on the same held-out clips.
    """

    clips: int = 240  # held-out
    skill: float = 2.2  # by how much a clip with the class scores above one without
    of_run: float = 0.08  # of the skill, from run to run
    of_block: float = 0.05  # of the skill, from block to block (a fold, or a fold and seed)
    run_on_clips: float = 0.5  # of a clip's score, from run to run
    level_on_clips: float = 0.3  # of a clip's score, from one level of a factor to the other
    of_recording: float = 0.5  # share of a clip's difficulty that clips of its recording have in common
    temper: float = 0.5  # of PipeSim's label frequencies (`pipesim.labelsets`): the demo's


class Experiment(NamedTuple):
    """mAP of every run of a design, as measured and on draws of the recordings (a column a draw)."""

    maps: pd.Series
    drawn: pd.DataFrame


class Coverage(NamedTuple):
    """Of `intervals` how many `held` the truth, of 1, and the standard error of that; mean `half_width`; `run_sd`, how
    far the runs of an experiment differ, whatever makes them; `mAP`; `truth`, the mean true difference."""

    intervals: int
    held: float
    error: float
    half_width: float
    run_sd: float
    mAP: float
    truth: float


class Case(NamedTuple):
    """Experiments of a kind: ``pairs`` of runs with and without a trick, or 0 for a design; its ``gain`` in skill."""

    name: str
    pairs: int
    clips: int
    gain: float
    experiments: int


CASES = (
    Case("3 pairs, no effect", 3, 240, 0.0, 300),
    Case("5 pairs, no effect", 5, 240, 0.0, 300),
    Case("10 pairs, no effect", 10, 240, 0.0, 200),
    Case("10 pairs, an effect", 10, 240, 0.2, 200),
    Case("5 pairs, no effect, more clips", 5, 600, 0.0, 150),
    Case("16 runs screen 6 factors", 0, 240, 0.2, 150),
)


def experiment(
    world: World, design: pd.DataFrame, blocks: Sequence[object], gains: Mapping[str, float], n: int, seed: int
) -> Experiment:
    """One made-up experiment. ``design``: a row a run, a column a factor of -1 and 1; ``blocks``: of each run.

    ``gains``: what a factor's high level adds to the skill (0 where it has none); ``n`` draws of the recordings.
    """
    rng = np.random.default_rng(seed)
    clips = plan(0, world.clips, seed, world.temper)
    recordings = np.array([clip.recording for clip in clips])
    targets = np.array([[code in clip.labels for code in CLASSES] for clip in clips])
    shape = targets.shape
    _, places = np.unique(recordings, return_inverse=True)
    alike = rng.normal(size=(places.max() + 1, shape[1]))[places]
    hard = np.sqrt(world.of_recording) * alike + np.sqrt(1 - world.of_recording) * rng.normal(size=shape)
    by_level = {name: world.level_on_clips / 2 * rng.normal(size=shape) for name in design}
    by_block = {block: world.of_block * rng.normal() for block in dict.fromkeys(blocks)}
    tables = []
    for block, levels in zip(blocks, design.to_dict("records"), strict=True):
        skill = world.skill + by_block[block] + world.of_run * rng.normal()
        skill += sum(level * gains.get(name, 0.0) / 2 for name, level in levels.items())
        moved = sum(level * by_level[name] for name, level in levels.items())
        scores = skill * targets + hard + moved + world.run_on_clips * rng.normal(size=shape)
        tables.append((targets, scores, recordings))
    maps = [mean_average_precision(truth, scores) for truth, scores, _ in tables]
    drawn = resampled_maps(tables, n, seed)
    return Experiment(pd.Series(maps, design.index), pd.DataFrame(drawn, design.index))


def table(share: float = 1.0) -> pd.DataFrame:
    """Coverage of every case of `CASES`: case, clips, experiments and `Coverage`; ``share`` of their experiments.

    All of it takes some minutes on one core.
    """
    rows = []
    for case in CASES:
        world, experiments = World(clips=case.clips), max(2, round(share * case.experiments))
        if case.pairs:
            found = of_pairs(world, case.pairs, case.gain, experiments)
        else:
            design = fraction()
            blocks = design[[*"abd"]].prod(axis=1)
            found = of_screening(world, design, blocks, {"a": case.gain, "b": -case.gain}, experiments)
        rows.append((case.name, case.clips, experiments, *found))
    return pd.DataFrame(rows, columns=["case", "clips", "experiments", *Coverage._fields])


def fraction() -> pd.DataFrame:
    """Six factors in 16 runs, resolution IV: a 2^(6-2) with e = abc and f = bcd. The product abd makes its blocks."""
    design = pd.DataFrame(list(product((-1, 1), repeat=4)), columns=list("abcd"))
    return design.assign(e=design["a"] * design["b"] * design["c"], f=design["b"] * design["c"] * design["d"])


def of_pairs(world: World, pairs: int, gain: float, experiments: int, n: int = 60, seed: int = 0) -> Coverage:
    """Coverage of the intervals of an effect over ``pairs`` of runs with and without a trick, each pair a block."""
    design = pd.DataFrame({FACTOR: [1] * pairs + [-1] * pairs})
    blocks = [*range(pairs), *range(pairs)]
    found, maps = [], []
    for k in range(experiments):
        made = experiment(world, design, blocks, {FACTOR: gain}, n, seed + k)
        values, drawn = made.maps.to_numpy(), made.drawn.to_numpy()
        found.append([estimate(values[:pairs] - values[pairs:], drawn[:pairs] - drawn[pairs:]).interval()])
        maps.append(values)
    return _coverage(found, [gain], maps)


def of_screening(
    world: World,
    design: pd.DataFrame,
    blocks: Sequence[object],
    gains: Mapping[str, float],
    experiments: int,
    n: int = 60,
    seed: int = 0,
) -> Coverage:
    """Coverage of the intervals of a design's main effects; factors have ``gains``, 0 where left out."""
    found, maps = [], []
    of_runs = pd.Series(list(blocks), design.index)
    for k in range(experiments):
        made = experiment(world, design, blocks, gains, n, seed + k)
        effects = screen(design, made.maps, made.drawn, of_runs).effects
        found.append([Difference(*row) for row in effects[["difference", "low", "high"]].itertuples(index=False)])
        maps.append(made.maps.to_numpy())
    return _coverage(found, [gains.get(name, 0.0) for name in design], maps)


def _coverage(
    found: Sequence[Sequence[Difference]], gains: Sequence[float], maps: Sequence[NDArray[np.float64]]
) -> Coverage:
    """The truth of a factor without gain is 0, for its levels are then alike; else the mean over all experiments."""
    values = np.array(found)  # (experiments, factors, 3)
    truth = np.where(np.array(gains) == 0, 0.0, values[..., 0].mean(axis=0))
    held = (values[..., 1] <= truth) & (truth <= values[..., 2])
    error = held.mean(axis=1).std(ddof=1) / np.sqrt(len(held))  # the effects of one experiment are not independent
    half = (values[..., 2] - values[..., 1]).mean() / 2
    spread = np.sqrt(np.mean([of_one.var(ddof=1) for of_one in maps]))
    return Coverage(held.size, *map(float, (held.mean(), error, half, spread, np.mean(maps), truth.mean())))
