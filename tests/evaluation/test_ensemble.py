"""Means over folds and models, and the ZC rule, on numbers small enough to work out by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpipe_utils.evaluation import ensemble
from vpipe_utils.report import paper_tables


def table(values, videos=("a.mp4", "b.mp4"), codes=("ZC", "CJ")):
    frame = pd.DataFrame(np.asarray(values, dtype=np.float32), columns=list(codes))
    frame.insert(0, "video", list(videos))
    return frame


ONE = table([[0.2, 0.8], [0.4, 0.6]])
TWO = table([[0.6, 0.0], [1.0, 0.2]])


def values(frame):
    return frame[["ZC", "CJ"]].to_numpy()


def test_fold_mean():
    mean = ensemble.fold_mean([ONE, TWO])
    np.testing.assert_allclose(values(mean), [[0.4, 0.4], [0.7, 0.4]], atol=1e-7)
    assert mean["ZC"].dtype == np.float32 and mean["video"].tolist() == ["a.mp4", "b.mp4"]


def test_weighted_mean_divides_by_the_sum():
    for weights in ([3, 1], [0.75, 0.25]):
        mean = ensemble.weighted_mean([ONE, TWO], weights)
        np.testing.assert_allclose(values(mean), [[0.3, 0.6], [0.55, 0.5]], atol=1e-6)


def test_mappings_are_matched_by_key():
    mean = ensemble.weighted_mean({"x": ONE, "y": TWO}, {"y": 1, "x": 3})
    np.testing.assert_allclose(values(mean), [[0.3, 0.6], [0.55, 0.5]], atol=1e-6)
    with pytest.raises(ValueError, match="give each one a weight"):
        ensemble.weighted_mean({"x": ONE, "y": TWO}, {"x": 1, "z": 1})


def test_rows_are_matched_by_video():
    mean = ensemble.fold_mean([ONE, TWO.iloc[::-1]])
    pd.testing.assert_frame_equal(mean, ensemble.fold_mean([ONE, TWO]))


@pytest.mark.parametrize(
    ("tables", "weights", "message"),
    [
        ([ONE, table(values(TWO), ["a.mp4", "c.mp4"])], [1, 1], "other videos"),
        ([ONE, TWO.iloc[:1]], [1, 1], "other videos"),
        ([ONE, TWO[["video", "CJ", "ZC"]]], [1, 1], "have the classes"),
        ([ONE, TWO], [1], "give each prediction a weight"),
        ([], [], "give each prediction a weight"),
        ([ONE, TWO], [1, -0.5], "not negative"),
        ([ONE, TWO], [0, 0], "not all 0"),
        ([ONE, TWO], [np.nan, 1], "finite"),
    ],
)
def test_faulty_input(tables, weights, message):
    with pytest.raises(ValueError, match=message):
        ensemble.weighted_mean(tables, weights)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 5), min_size=2, max_size=4).filter(lambda w: sum(w) > 1e-3), st.integers(0, 999))
def test_a_weighted_mean_stays_between_its_members(weights, seed):
    rng = np.random.default_rng(seed)
    members = [table(rng.random((2, 2))) for _ in weights]
    mean = values(ensemble.weighted_mean(members, weights))
    stacked = np.stack([values(member) for member in members])
    assert (mean <= stacked.max(axis=0) + 1e-6).all() and (mean >= stacked.min(axis=0) - 1e-6).all()


def test_zc_rule():
    before = table([[0.95, 0.3], [0.5, 0.7], [0.9, 0.2]], ["a.mp4", "b.mp4", "c.mp4"])
    after = ensemble.zc_rule(before, threshold=0.9)
    # above the threshold: normal for certain; at it (float32 0.9 < 0.9) or below: untouched
    np.testing.assert_allclose(values(after), [[1, 0], [0.5, 0.7], [0.9, 0.2]])
    np.testing.assert_allclose(values(before)[0], [0.95, 0.3])  # the input is not changed
    pd.testing.assert_frame_equal(ensemble.zc_rule(after), after)


def test_zc_rule_with_another_normal_class_or_none():
    before = table([[0.2, 0.95], [0.95, 0.2]])
    np.testing.assert_allclose(values(ensemble.zc_rule(before, 0.9, normal="CJ")), [[0, 1], [0.95, 0.2]])
    pd.testing.assert_frame_equal(ensemble.zc_rule(before, normal=None), before)
    pd.testing.assert_frame_equal(ensemble.zc_rule(before, normal="XX"), before)


def test_the_reports_weights_need_no_division():
    weights = paper_tables.table_iii()["weight"]
    members = [table(np.full((2, 2), 0.1 * k)) for k in range(len(weights))]
    mean = ensemble.weighted_mean(members, weights)
    assert mean.loc[0, "ZC"] == pytest.approx(sum(0.1 * k * w for k, w in enumerate(weights)), abs=1e-6)


def test_weights_by_score_are_what_each_has_above_chance() -> None:
    assert ensemble.score_weights({"a": 0.5, "b": 0.2, "c": 0.05}, 0.1) == pytest.approx({"a": 0.8, "b": 0.2, "c": 0.0})
    assert ensemble.score_weights({"a": 0.1, "b": 0.0}, 0.1) == {"a": 0.5, "b": 0.5}


def test_shares_of_a_lone_member_and_of_many():
    assert ensemble.shares({"a": 0.15}) == {"a": 1.0}
    assert ensemble.shares({"a": 0.1, "b": 0.3}) == pytest.approx({"a": 0.25, "b": 0.75})
    assert ensemble.shares({"a": 0.0}) == {"a": 0.0}
