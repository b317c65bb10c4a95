"""Intervals: as wide as scores really move over recordings and runs, and on the right side of 0."""

import time

import numpy as np
import pytest

from vpipe_utils.evaluation.metrics import mean_average_precision
from vpipe_utils.evaluation.resampling import (
    Difference,
    Estimate,
    PairedRun,
    bootstrap_map,
    compare_runs,
    estimate_runs,
    paired_bootstrap,
)


def sample(n, seed=0, skill=1.0, prevalence=0.15, classes=17):
    rng = np.random.default_rng(seed)
    targets = rng.random((n, classes)) < prevalence
    targets[:2] = True
    return targets, rng.normal(size=targets.shape) + skill * targets


def test_bootstrap_interval_has_the_right_width_and_is_seeded():
    targets, scores = sample(200)
    low, high = bootstrap_map(targets, scores, alone(targets), n=500, seed=1)
    assert (low, high) == bootstrap_map(targets, scores, alone(targets), n=500, seed=1)
    assert (low, high) != bootstrap_map(targets, scores, alone(targets), n=500, seed=2)
    others = [mean_average_precision(*sample(200, seed)) for seed in range(1, 200)]
    assert high - low == pytest.approx(2 * 1.96 * np.std(others), rel=0.35)
    narrow_low, narrow_high = bootstrap_map(*sample(1600), np.arange(1600), n=200)
    assert narrow_high - narrow_low < 0.6 * (high - low)


def test_interval_of_a_perfect_score_is_a_point():
    targets, _ = sample(50)
    assert bootstrap_map(targets, targets, alone(targets), n=100) == pytest.approx((1.0, 1.0))


def test_paired_interval_sees_what_separate_ones_cannot():
    targets, scores = sample(300)
    better = scores + 0.15 * targets
    difference, low, high = paired_bootstrap(targets, better, scores, alone(targets), n=300)
    measured = [mean_average_precision(targets, s) for s in (better, scores)]
    assert difference == pytest.approx(measured[0] - measured[1])
    assert 0 < low < difference < high
    separate = bootstrap_map(targets, scores, alone(targets), n=300)
    assert high - low < 0.5 * (separate[1] - separate[0])
    reversed_pair = paired_bootstrap(targets, scores, better, alone(targets), n=300)
    assert reversed_pair == pytest.approx((-difference, -high, -low))
    assert paired_bootstrap(targets, scores, scores, alone(targets), n=50) == (0, 0, 0)


def test_two_thousand_resamples_of_200_videos_are_quick():
    start = time.process_time()
    bootstrap_map(*sample(200), np.arange(200), n=2000)
    assert time.process_time() - start < 10


def alone(targets):
    """Every video is a recording of its own."""
    return np.arange(len(targets))


def test_videos_without_any_class():
    targets = np.array([[1, 0], [0, 0], [0, 1], [0, 0]])
    scores = np.array([[0.9, 0.1], [0.8, 0.7], [0.1, 0.6], [0.2, 0.2]])
    low, high = bootstrap_map(targets, scores, alone(targets), n=200)
    assert 0 <= low < 0.75 < high <= 1
    none = np.zeros((3, 2), int)
    assert bootstrap_map(none, scores[:3], alone(none), n=20) == (0, 0)


def test_clips_of_one_recording_are_drawn_together():
    """Each recording four times over: no news, so the interval stays; clip by clip it would shrink to half."""
    targets, scores = sample(100)
    once = bootstrap_map(targets, scores, alone(targets), n=400)
    four = [np.repeat(each, 4, axis=0) for each in (targets, scores + 1e-9)]
    recordings = np.repeat([f"r{i}" for i in range(100)], 4)
    low, high = bootstrap_map(*four, recordings, n=400)
    by_clip = bootstrap_map(*four, np.arange(400), n=400)
    assert high - low == pytest.approx(once[1] - once[0], rel=0.25)
    assert by_clip[1] - by_clip[0] < 0.65 * (high - low)


def test_names_of_recordings_do_not_matter():
    targets, scores = sample(40)
    numbers = np.arange(40) // 2
    names = np.array([f"{number:03d}" for number in numbers])
    assert bootstrap_map(targets, scores, numbers + 100, n=50) == bootstrap_map(targets, scores, names, n=50)


@pytest.mark.parametrize("recordings", [[0, 1, 2], [[0], [1], [2], [3]]])
def test_a_recording_for_every_video(recordings):
    targets, scores = sample(4)
    with pytest.raises(ValueError, match="4 videos, but recordings"):
        bootstrap_map(targets, scores, recordings)


def test_a_difference_says_on_which_side_of_0_it_is():
    assert Difference(0.2, 0.1, 0.3).above and not Difference(0.2, -0.1, 0.3).above
    assert Difference(-0.2, -0.3, -0.1).below and not Difference(0.2, 0.0, 0.3).below
    assert tuple(Difference(0.2, 0.1, 0.3)) == (0.2, 0.1, 0.3)


def two_methods(rng, runs, spread, videos=40, classes=4, held_out=True):
    """Runs of two methods that are equally good on average; skill varies from run to run by `spread`."""
    drawn = []
    shared = [rng.random((videos, classes)) < 0.3, *rng.normal(size=(2, videos, classes))]
    for _ in range(runs):
        if not held_out:
            shared = [rng.random((videos, classes)) < 0.3, *rng.normal(size=(2, videos, classes))]
        targets, *hard = shared
        targets[:2] = True
        skills = 1.5 + spread * rng.normal(size=2)
        noise = rng.normal(size=(2, videos, classes))
        a, b = (skills[k] * targets + hard[k] + 0.3 * noise[k] for k in (0, 1))
        drawn.append(PairedRun(targets, a, b, np.arange(videos)))
    return drawn


SLOW = [pytest.param(*case, marks=pytest.mark.slow) for case in ((5, 0.3, True), (3, 0.0, False), (3, 0.6, False))]


@pytest.mark.parametrize(("runs", "spread", "held_out"), [(3, 0.0, True), (3, 0.6, True), (5, 0.3, False), *SLOW])
def test_interval_over_runs_and_recordings_holds_the_truth(runs, spread, held_out):
    """The truth is 0: the methods are exchangeable. 95 % of 150 intervals, with room for luck (three deviations)."""
    rng = np.random.default_rng(runs)
    found = [compare_runs(two_methods(rng, runs, spread, held_out=held_out), n=80, seed=k) for k in range(150)]
    held = np.mean([not (one.above or one.below) for one in found])
    assert held > 0.9
    assert max(abs(np.mean([one.difference for one in found])), 1e-9) < 0.03


def test_recordings_alone_do_not_speak_for_other_runs():
    """What an interval over recordings of one run each says of the methods is wrong far too often."""
    rng = np.random.default_rng(0)
    wrong = []
    for k in range(150):
        (run,) = two_methods(rng, 1, spread=0.6)
        one = paired_bootstrap(run.targets, run.a, run.b, run.recordings, n=80, seed=k)
        wrong.append(one.above or one.below)
    assert np.mean(wrong) > 0.2


def test_more_runs_tell_more_and_a_real_difference_is_seen():
    rng = np.random.default_rng(1)
    many = [two_methods(rng, 8, spread=0.2) for _ in range(10)]
    found = [[compare_runs(runs[:count], n=50) for count in (2, 4, 8)] for runs in many]
    widths = np.mean([[one.high - one.low for one in row] for row in found], axis=0)
    assert np.diff(widths).max() < 0
    better = [PairedRun(run.targets, run.a + 0.8 * run.targets, run.b, run.recordings) for run in many[0]]
    assert compare_runs(better, n=100).above


def test_the_difference_is_the_mean_of_the_runs_and_turns_round():
    runs = two_methods(np.random.default_rng(1), 3, spread=0.2)
    reached = [[mean_average_precision(run.targets, one) for one in (run.a, run.b)] for run in runs]
    found = compare_runs(runs, n=100)
    assert found.difference == pytest.approx(-np.diff(reached).mean())
    assert found == compare_runs(runs, n=100)
    turned = [PairedRun(run.targets, run.b, run.a, run.recordings) for run in runs]
    assert compare_runs(turned, n=100) == pytest.approx((-found.difference, -found.high, -found.low))


def test_an_interval_over_runs_is_never_narrower_than_over_recordings():
    """Runs that happen to agree exactly leave what other recordings would change."""
    targets, a = sample(80)
    _, b = sample(80, seed=5)
    of_one = paired_bootstrap(targets, a, b, alone(targets), n=400)
    run = PairedRun(targets, a, b, alone(targets))
    of_three = compare_runs([run] * 3, n=400)
    assert of_three.high - of_three.low == pytest.approx(of_one.high - of_one.low, rel=0.15)


def test_several_scores_of_a_side_count_as_the_mean_of_their_maps():
    """Not as one ranking of all: three networks beside what is made of them are one run, and one of them three times
    is that one."""
    singles = two_methods(np.random.default_rng(2), 3, spread=0.2)
    groups = [PairedRun(run.targets, run.a, np.stack([run.b, run.a]), run.recordings) for run in singles]
    found, of_two = compare_runs(groups, n=100), compare_runs(singles, n=100)
    assert found == pytest.approx(tuple(value / 2 for value in of_two)), "half of b is a itself"
    thrice = [PairedRun(run.targets, [run.a], [run.b] * 3, run.recordings) for run in singles]
    assert compare_runs(thrice, n=100) == pytest.approx(of_two)


def test_one_run_is_refused():
    run = PairedRun(*sample(5), sample(5)[1], np.arange(5))
    for runs in ([], [run]):
        with pytest.raises(ValueError, match="train more folds or seeds"):
            compare_runs(runs)


def made_up_estimates(rng, runs, shared, count=2000):
    """Estimates of 0 whose error has the variance 1, a share of it from recordings."""
    of_runs = (1 - shared) * rng.chisquare(runs - 1, count) / (runs - 1)
    return [Estimate(rng.normal(), each, runs - 1, shared) for each in of_runs]


@pytest.mark.parametrize(("runs", "shared"), [(2, 0.0), (3, 0.1), (3, 0.5), (3, 0.9), (5, 0.3), (12, 0.5), (40, 0.0)])
def test_intervals_of_few_runs_are_nominal_whatever_share_is_the_recordings(runs, shared):
    found = made_up_estimates(np.random.default_rng(runs), runs, shared)
    covered = np.mean([abs(one.value) <= one.half(0.05) for one in found])
    assert 0.935 < covered < 0.98


def test_two_runs_are_never_too_narrow():
    for shared in (0.1, 0.5, 0.9):
        found = made_up_estimates(np.random.default_rng(2), 2, shared)
        assert np.mean([abs(one.value) <= one.half(0.05) for one in found]) > 0.945


def test_an_estimate_is_students_without_recordings_and_normal_without_runs():
    assert Estimate(0, 0.04, 3, 0).half(0.05) == pytest.approx(3.18245 * 0.2, rel=1e-5)
    assert Estimate(0, 0, 3, 0.04).half(0.05) == pytest.approx(1.95996 * 0.2, rel=1e-5)
    assert Estimate(0, 0.01, 3, 0.01, least=4.0).half(0.05) == pytest.approx(1.95996 * 2, rel=1e-5)


@pytest.mark.parametrize("alpha", [0.5, 0.05, 0.001])
def test_the_p_value_is_that_of_the_interval_that_ends_at_0(alpha):
    half = Estimate(0, 1e-4, 3, 5e-5).half(alpha)
    for value in (half, -half):
        assert Estimate(value, 1e-4, 3, 5e-5).p() == pytest.approx(alpha, rel=1e-6)
    assert Estimate(0, 1e-4, 3, 0).p() == 1 and Estimate(0, 0, 3, 0).p() == 1
    assert Estimate(0.1, 0, 3, 0).p() < 1e-9


def test_p_values_of_no_effect_are_even():
    """Of p-values where there is nothing, a tenth lies below 0.1, whether few are below 0.01 or not."""
    p = np.array([one.p() for one in made_up_estimates(np.random.default_rng(0), 8, 0.3, 500)])
    assert 0.06 < np.mean(p < 0.1) < 0.14 and np.mean(p < 0.5) == pytest.approx(0.5, abs=0.07)


def test_an_estimate_of_runs_is_what_their_comparison_is_made_of():
    runs = two_methods(np.random.default_rng(3), 4, spread=0.3)
    one = estimate_runs(runs, n=100)
    assert one.interval() == compare_runs(runs, n=100)
    found = [mean_average_precision(run.targets, run.a) - mean_average_precision(run.targets, run.b) for run in runs]
    assert one.of_runs == pytest.approx(np.var(found, ddof=1) / 4) and one.freedom == 3
