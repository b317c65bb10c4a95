"""The official score: against hand-computed values, scikit-learn, and the official scorer's shuffle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score

from vpipe_utils.evaluation import metrics


def column(*values):
    return np.array(values, dtype=float)[:, None]


def official_ap(targets, scores, rng):
    """AP of one class as the challenge's scorer has it: shuffle, sort, mean precision at the positives."""
    shuffled = rng.permutation(len(targets))
    ranked = targets[shuffled][np.argsort(-scores[shuffled], kind="stable")]
    return np.mean([(k + 1) / (rank + 1) for k, rank in enumerate(np.flatnonzero(ranked))])


def test_hand_computed():
    # positives at ranks 1, 3 and 4: (1/1 + 2/3 + 3/4) / 3
    ap = metrics.average_precision(column(1, 0, 1, 1, 0), column(0.9, 0.8, 0.7, 0.4, 0.1))
    assert ap == pytest.approx([(1 + 2 / 3 + 3 / 4) / 3], abs=1e-12)
    assert metrics.average_precision(column(0, 0, 1), column(3, 2, 1)) == pytest.approx([1 / 3])
    assert metrics.average_precision(column(1, 1, 0), column(3, 2, 1)) == pytest.approx([1.0])


def test_tied_pair_takes_the_mean_of_both_orders():
    # the positive comes first (AP 1) or second (AP 1/2)
    assert metrics.average_precision(column(1, 0), column(0.5, 0.5)) == pytest.approx([0.75])
    # one before the tie, then positive + negative: (1/2 + 1/3) / 2
    assert metrics.average_precision(column(0, 1, 0), column(9, 5, 5)) == pytest.approx([5 / 12])


def test_ties_are_the_mean_of_the_official_shuffle():
    rng = np.random.default_rng(0)
    targets = rng.random(40) < 0.3
    scores = rng.integers(0, 4, 40) + 1.5 * targets * rng.random(40).round()
    shuffles = [official_ap(targets, scores, rng) for _ in range(4000)]
    expected = metrics.average_precision(targets[:, None], scores[:, None])[0]
    assert expected == pytest.approx(np.mean(shuffles), abs=4 * np.std(shuffles) / np.sqrt(4000))
    assert np.std(shuffles) > 0.01  # otherwise the ties of this example would not matter


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_agrees_with_scikit_learn_without_ties(data):
    n, c = data.draw(st.integers(2, 60)), data.draw(st.integers(1, 5))
    targets = data.draw(arrays(bool, (n, c)))
    scores = np.stack([data.draw(st.permutations(range(n))) for _ in range(c)], axis=1) / n
    ap = metrics.average_precision(targets, scores)
    for k in range(c):
        if targets[:, k].any():
            assert ap[k] == pytest.approx(average_precision_score(targets[:, k], scores[:, k]), abs=1e-8)
        else:
            assert np.isnan(ap[k])


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_order_of_the_videos_and_scale_do_not_matter(data):
    n = data.draw(st.integers(1, 30))
    targets = data.draw(arrays(bool, (n, 3)))
    scores = data.draw(arrays(np.int64, (n, 3), elements=st.integers(0, 6)))  # many ties
    order = data.draw(st.permutations(range(n)))
    ap = metrics.average_precision(targets, scores)
    np.testing.assert_allclose(metrics.average_precision(targets[order], scores[order]), ap, atol=1e-12)
    np.testing.assert_allclose(metrics.average_precision(targets, 3.0 * scores - 7), ap, atol=1e-12)
    assert np.all((np.nan_to_num(ap) >= 0) & (np.nan_to_num(ap) <= 1 + 1e-12))


def test_a_class_without_positives_is_nan_and_counts_zero():
    targets, scores = np.array([[1, 0], [0, 0]]), np.array([[0.9, 0.1], [0.1, 0.2]])
    ap = metrics.average_precision(targets, scores)
    assert ap[0] == 1.0 and np.isnan(ap[1])
    assert metrics.mean_average_precision(targets, scores) == 0.5


def test_chance_is_what_random_scores_give():
    rng = np.random.default_rng(1)
    targets = rng.random((60, 4)) < [0.5, 0.2, 0.1, 0.05]
    random = [metrics.mean_average_precision(targets, rng.random(targets.shape)) for _ in range(2000)]
    assert metrics.chance_map(targets) == pytest.approx(np.mean(random), abs=0.004)
    assert metrics.chance_map(np.ones((3, 2))) == pytest.approx(1.0)


def sample(n, seed=0, skill=1.0, prevalence=0.15, classes=17):
    rng = np.random.default_rng(seed)
    targets = rng.random((n, classes)) < prevalence
    targets[:2] = True
    return targets, rng.normal(size=targets.shape) + skill * targets


def test_resamples_are_scored_as_if_the_videos_were_repeated():
    targets, scores = sample(30, classes=3)
    weights = np.random.default_rng(3).multinomial(30, np.full(30, 1 / 30), size=5)
    fast = metrics.weighted_ap(targets, scores, weights)
    for row, weight in zip(fast, weights, strict=True):
        repeated = np.repeat(np.arange(30), weight)
        slow = metrics.average_precision(targets[repeated], scores[repeated])
        np.testing.assert_allclose(row, slow, atol=1e-12)


@pytest.mark.parametrize(
    ("targets", "scores", "message"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2)), "must both be"),
        (np.zeros(3), np.zeros(3), "must both be"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "must both be"),
        (np.full((2, 2), 2), np.zeros((2, 2)), "other than 0 and 1"),
        (np.zeros((2, 2)), np.full((2, 2), np.nan), "NaN"),
    ],
)
def test_faulty_input(targets, scores, message):
    with pytest.raises(ValueError, match=message):
        metrics.mean_average_precision(targets, scores)


def test_videos_without_any_class_are_negatives_of_every_class():
    targets = np.array([[1, 0], [0, 0], [0, 1], [0, 0]])
    scores = np.array([[0.9, 0.1], [0.8, 0.7], [0.1, 0.6], [0.2, 0.2]])
    assert metrics.average_precision(targets, scores).tolist() == [1.0, 0.5]
    none = np.zeros((3, 2), int)
    assert metrics.mean_average_precision(none, scores[:3]) == metrics.chance_map(none) == 0
