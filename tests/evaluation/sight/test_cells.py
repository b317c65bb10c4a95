"""Intervals of the grid: what is drawn, what it covers, where a lead ends."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_grid import made_up_labels, made_up_predictions

from vpipe_utils.data.annotations import recording_of
from vpipe_utils.evaluation.metrics import mean_average_precision
from vpipe_utils.evaluation.scores import matrices
from vpipe_utils.evaluation.sight import cells

INF = np.inf


def test_recordings_are_drawn_whole() -> None:
    videos = [f"{k}_{piece}.mp4" for k in range(30) for piece in range(1 + k % 3)]
    times = cells.draw(videos, 50, 0)
    names = np.array([recording_of(video) for video in videos])
    for name in set(names):
        assert (np.ptp(times[:, names == name], axis=1) == 0).all()
    assert (times[:, np.unique(names, return_index=True)[1]].sum(axis=1) == 30).all(), "as many recordings"
    assert (cells.draw(videos, 50, 0) == times).all() and (cells.draw(videos, 50, 1) != times).any()


def test_a_draw_is_as_if_its_clips_were_written_out() -> None:
    labels = made_up_labels()
    times = cells.draw(list(labels["video"]), 300, 0)
    cell = cells.score(labels, [made_up_predictions(labels, 1.5, seed) for seed in range(2)], times)
    targets, scores = matrices(labels, made_up_predictions(labels, 1.5, 1))
    clips = np.repeat(np.arange(len(labels)), times[290])
    assert cell.drawn_maps[1, 290] == pytest.approx(mean_average_precision(targets[clips], scores[clips]))
    assert cell.maps[1] == pytest.approx(mean_average_precision(targets, scores))


def test_a_cell_is_the_mean_of_its_runs() -> None:
    labels = made_up_labels()
    times = cells.draw(list(labels["video"]), 300, 0)
    cell = cells.score(labels, [made_up_predictions(labels, 1.5, seed) for seed in range(3)], times)
    [level] = cells.levels([cell])
    assert level["low"] < level["mAP"] < level["high"] and level["mAP"] == pytest.approx(cell.maps.mean())
    assert level["run_sd"] == pytest.approx(np.std(cell.maps, ddof=1))


@pytest.mark.parametrize(("of_runs", "of_clips"), [(0.03, 0.0), (0.0, 0.03), (0.03, 0.02)])
def test_intervals_cover_what_other_runs_on_other_clips_would_give(of_runs: float, of_clips: float) -> None:
    """The truth is 0. What is seen: chance of each run, and chance of the clips, which all runs share."""
    rng = np.random.default_rng(0)
    covered = []
    for trial in range(200):
        clips = of_clips * rng.normal()
        found = clips + of_runs * rng.normal(size=(3, 3))
        drawn = found[..., None] + of_clips * rng.normal(size=(1, 1, 400))
        for low, high in map(cells.interval, cells.experiments(found, drawn, trial)):
            covered.append(low <= 0 <= high)
    assert 0.92 < np.mean(covered) < 0.985


def test_what_the_draws_show_of_single_runs_is_not_counted_twice() -> None:
    """Runs that differ by what clips do to each alone, and by nothing else, get no more noise than that."""
    rng = np.random.default_rng(1)
    alone = 0.03 * rng.normal(size=(40, 3, 4000))
    found, drawn = 0.03 * rng.normal(size=(40, 3)), alone
    assert cells.experiments(found, drawn).std() == pytest.approx(0.03 / np.sqrt(3), rel=0.08)


def test_of_one_run_only_the_clips_chance_is_known() -> None:
    drawn = np.random.default_rng(0).normal(size=(2, 1, 50))
    assert (cells.experiments(np.zeros((2, 1)), drawn) == drawn[:, 0]).all()


def test_a_class_without_positives_counts_nothing_here_and_zero_officially() -> None:
    labels = made_up_labels().assign(SL=0)
    cell = cells.score(labels, [made_up_predictions(labels, 9.0, 0)], cells.draw(list(labels["video"]), 50, 0))
    assert np.isnan(cell.by_run).sum() == 1
    assert cells.levels([cell])[0]["mAP"] == pytest.approx(16 / 17, abs=0.01)
    assert (cell.drawn_maps < 16 / 17 + 1e-9).all()
    [rows] = cells.class_rows([cell], [cell])
    assert rows["AP"].isna().sum() == 1 and (rows["ahead"].dropna() == 0).all()
    assert rows[["low", "ahead_low"]].isna().sum().tolist() == [1, 1]


def test_what_two_cells_share_cancels_in_their_difference() -> None:
    labels = made_up_labels()
    times = cells.draw(list(labels["video"]), 300, 0)
    strong, weak = (
        cells.score(labels, [made_up_predictions(labels, s, seed) for seed in (1, 2, 3)], times) for s in (2.0, 1.6)
    )
    [same], _ = cells.leads([strong], [strong])
    assert same == {"ahead": 0.0, "ahead_low": 0.0, "ahead_high": 0.0}
    [lead], drawn = cells.leads([strong], [weak])
    assert 0 < lead["ahead_low"] < lead["ahead"] < lead["ahead_high"] and drawn.shape == (1, 300)
    paired = (strong.drawn_maps - weak.drawn_maps).std(axis=1)
    assert (paired < 0.7 * strong.drawn_maps.std(axis=1)).all()


@pytest.mark.parametrize(
    ("ahead", "turn"),
    [
        ((0.2, 0.1, -0.1), 0.45),
        ((0.2, -0.2, -0.3), 0.2),
        ((0.2, -0.2, 0.3), 0.2),
        ((0.2, 0.0, -0.3), 0.3),
        ((0.3, 0.2, 0.1), INF),
        ((-0.3, -0.2, -0.1), -INF),
        ((-0.1, 0.2, -0.2), 0.45),
    ],
)
def test_where_a_lead_ends(ahead: tuple[float, ...], turn: float) -> None:
    assert cells.turning_point((0.1, 0.3, 0.6), np.array(ahead))[0] == pytest.approx(turn)


def test_a_lead_that_begins_late_has_no_end() -> None:
    assert np.isnan(cells.turning_point((0.1, 0.3, 0.6), np.array([-0.1, 0.1, 0.1]))[0])
