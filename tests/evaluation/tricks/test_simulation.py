"""Made-up experiments are as they are said to be, and intervals hold the truth in them about as often as they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.evaluation.tricks import simulation
from vpipe_utils.evaluation.tricks.simulation import World

SMALL = World(clips=80)
PAIR = pd.DataFrame({"trick": [1, 1, -1, -1]})


def maps(world: World, gain: float = 0.0, experiments: int = 12) -> np.ndarray:
    made = [simulation.experiment(world, PAIR, [0, 1, 0, 1], {"trick": gain}, 2, k).maps for k in range(experiments)]
    return np.array(made)


def test_runs_move_as_measured() -> None:
    """Seeds on the same 240 clips: a standard deviation of about 0.03; the same block moves both of a pair alike."""
    found = maps(World())
    paired = found[:, :2] - found[:, 2:]
    assert 0.02 < np.sqrt((paired**2).mean() / 2) < 0.045
    assert 0.5 < found.mean() < 0.7
    calm = maps(World(of_run=0.0, run_on_clips=0.0, level_on_clips=0.0))
    assert calm[:, :2] == pytest.approx(calm[:, 2:]), "a block moves its runs alike"
    assert np.ptp(calm, axis=1).max() > 0.005


def test_a_gain_raises_the_high_level() -> None:
    found = maps(SMALL, gain=1.0)
    assert (found[:, :2] - found[:, 2:]).mean() > 0.1


def test_an_experiment_is_its_seeds_and_recordings_are_drawn_for_all_runs_alike() -> None:
    one, other = (simulation.experiment(SMALL, PAIR, [0, 1, 0, 1], {}, 30, 5) for _ in range(2))
    pd.testing.assert_frame_equal(one.drawn, other.drawn)
    assert one.maps.tolist() != simulation.experiment(SMALL, PAIR, [0, 1, 0, 1], {}, 30, 6).maps.tolist()
    alike = np.corrcoef(one.drawn.to_numpy())
    assert alike[np.triu_indices(4, 1)].min() > 0.3


def test_intervals_of_pairs_hold_the_truth() -> None:
    """40 experiments: 95 % is 38 of them, and fewer than 33 would happen once in two hundred times."""
    found = simulation.of_pairs(SMALL, 4, 0.0, 40, n=40)
    assert found.intervals == 40 and 0.82 < found.held <= 1.0
    assert found.truth == 0 and 0 < found.half_width < 0.2


def test_intervals_that_leave_out_the_runs_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the simulation can fail: with the recordings' part alone they hold the truth far too seldom."""
    honest = simulation.estimate
    monkeypatch.setattr(simulation, "estimate", lambda *data: honest(*data)._replace(of_runs=0.0, least=0.0))
    assert simulation.of_pairs(SMALL, 4, 0.0, 40, n=40).held < 0.7


def test_intervals_of_a_screening_hold_the_truth_of_each_factor() -> None:
    design = simulation.fraction()
    blocks = design[[*"abd"]].prod(axis=1)
    found = simulation.of_screening(SMALL, design, blocks, {"a": 0.5, "b": -0.5}, 16, n=30)
    assert found.intervals == 96 and 0.85 < found.held < 1.0
    assert abs(found.truth) < 0.02, "the two gains cancel in the mean"


def test_the_design_is_of_resolution_iv() -> None:
    design = simulation.fraction()
    values = design.to_numpy()
    products = np.stack([values[:, i] * values[:, j] for i in range(6) for j in range(i)], axis=1)
    assert np.abs(values.T @ products).max() == 0, "main effects are clear of interactions of two"
    assert (np.abs(values.T @ values) == 16 * np.eye(6)).all()


def test_the_table_has_a_row_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = tuple(case._replace(clips=60, pairs=min(case.pairs, 2)) for case in simulation.CASES)
    monkeypatch.setattr(simulation, "CASES", cases)
    table = simulation.table(0.01)
    assert table["case"].tolist() == [case.name for case in cases] and (table["experiments"] >= 2).all()
    assert table["held"].between(0, 1).all() and table["intervals"].iloc[-1] == 6 * table["experiments"].iloc[-1]
