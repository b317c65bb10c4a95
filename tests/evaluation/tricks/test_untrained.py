"""Tricks on finished predictions, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.evaluation.ensemble import fold_mean
from vpipe_utils.evaluation.metrics import mean_average_precision
from vpipe_utils.evaluation.scores import matrices
from vpipe_utils.evaluation.tricks import untrained

CLASSES = ["A", "B", "C"]


def table_of(values, first=0):
    table = pd.DataFrame(np.asarray(values, np.float32), columns=CLASSES)
    table.insert(0, "video", [f"v{first + k:03d}.mp4" for k in range(len(table))])
    return table


def labels_of(values, first=0):
    return table_of(values, first).astype(dict.fromkeys(CLASSES, "uint8"))


@pytest.fixture
def labels():
    return labels_of(np.random.default_rng(0).random((90, 3)) < 0.3)


def predicted(labels, skill, seed):
    """`skill` of each class: 0 is guessing, 1 is always right."""
    rng = np.random.default_rng(seed)
    marks = labels[CLASSES].to_numpy()
    skill = np.asarray(skill)
    return labels[["video"]].join(
        pd.DataFrame(skill * marks + (1 - skill) * rng.random(marks.shape), columns=CLASSES, index=labels.index)
    )


def by_fold(labels, skill, seed, folds=3):
    size = len(labels) // folds
    parts = [labels[k * size : (k + 1) * size].reset_index(drop=True) for k in range(folds)]
    return {k: predicted(part, skill, seed + k) for k, part in enumerate(parts)}


def test_every_run_is_in_one_mix_and_a_mix_has_other_folds_of_other_models():
    runs = {model: {fold: f"{model}{fold}" for fold in (0, 1, 4)} for model in "ab"}
    assert untrained.mixes_of_folds(runs) == [["a0", "b1"], ["a1", "b4"], ["a4", "b0"]]
    four = {model: runs["a"] for model in "wxyz"}
    assert [len(mix) for mix in untrained.mixes_of_folds(four)] == [4, 4, 4], "more models than folds: these come again"
    with pytest.raises(ValueError, match="one fold of each of several models"):
        untrained.mixes_of_folds({"a": runs["a"]})
    with pytest.raises(ValueError, match="with the same folds"):
        untrained.mixes_of_folds({"a": runs["a"], "b": {0: "b0"}})


def test_the_model_of_a_class_is_the_best_in_validation(labels):
    """Each is right on one class; the third class has no positive anywhere."""
    marks = labels.assign(C=np.uint8(0))
    by_model = {"x": by_fold(marks, [1, 0, 0], 1), "y": by_fold(marks, [0, 1, 1], 11)}
    assert untrained.best_models(by_model, marks).to_dict() == {"A": "x", "B": "y", "C": "x"}
    turned = {"y": by_model["y"], "x": by_model["x"]}
    assert untrained.best_models(turned, marks)["C"] == "y", "the first of equals"


def test_a_fold_without_a_class_says_nothing_of_it(labels):
    """Model x is right on A where there are positives; a class missing in a fold must not count as AP 0 or 1."""
    marks = labels.copy()
    marks.loc[:29, "A"] = 0
    by_model = {"x": by_fold(marks, [1, 0, 0], 1), "y": by_fold(marks, [0.2, 0, 0], 11)}
    assert untrained.best_models(by_model, marks)["A"] == "x"


def test_classes_are_taken_from_their_models(labels):
    x, y = predicted(labels, [0, 0, 0], 1), predicted(labels, [0, 0, 0], 2)
    taken = untrained.take_by_class(
        {"x": x, "y": y.sample(frac=1, random_state=0)}, pd.Series({"C": "x", "A": "y", "B": "x"})
    )
    assert list(taken) == ["video", *CLASSES] and taken["video"].tolist() == x["video"].tolist()
    np.testing.assert_array_equal(taken["A"], y["A"])
    np.testing.assert_array_equal(taken[["B", "C"]], x[["B", "C"]])


def test_thresholds_by_hand():
    """A: 0.6 gives 2 of 2 with one wrong (F1 0.8), 0.8 only one of two (0.67). B: perfect at 0.3. C: no positive."""
    marks = labels_of([[1, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 0]])
    scores = table_of([[0.8, 0.9, 0.5], [0.7, 0.3, 0.4], [0.6, 0.2, 0.3], [0.1, 0.1, 0.2]])
    tuned = untrained.class_thresholds(scores, marks)
    np.testing.assert_allclose(tuned, [0.6, 0.3, 0], rtol=1e-6)
    cut = untrained.zero_below(scores, tuned)
    expected = table_of([[0.8, 0.9, 0.5], [0.7, 0.3, 0.4], [0.6, 0, 0.3], [0, 0, 0.2]])
    pd.testing.assert_frame_equal(cut, expected)
    part = untrained.class_thresholds(scores, marks[:2])
    assert part["A"] == pytest.approx(0.8), "tuned on the videos whose labels are given alone"


def test_what_falls_below_its_threshold_is_tied_and_counts_as_chance(labels):
    """A threshold above all: every video the same score, so the expected AP is that of guessing."""
    scores = predicted(labels, [0.5, 0.5, 0.5], 3)
    above_all = untrained.zero_below(scores, pd.Series(dict.fromkeys(CLASSES, 1.1)))
    guess = scores.assign(**dict.fromkeys(CLASSES, 0.5))
    assert mean_average_precision(*matrices(labels, above_all)) == mean_average_precision(*matrices(labels, guess))
    below_all = untrained.zero_below(scores, pd.Series(dict.fromkeys(CLASSES, 0.0)))
    np.testing.assert_array_equal(below_all[CLASSES], scores[CLASSES].astype(np.float32))


def test_weights_follow_validation(labels):
    """A model that guesses has little weight, and the folds it is lucky on are averaged."""
    by_model = {"x/good": by_fold(labels, [0.4] * 3, 1), "x/guess": by_fold(labels, [0] * 3, 11)}
    weights = untrained.validated_weights(by_model, labels)
    assert sum(weights.values()) == pytest.approx(1) and weights["x/good"] > 0.75
    half = untrained.validated_weights({"a": by_model["x/good"], "b": by_model["x/good"]}, labels)
    assert half == pytest.approx({"a": 0.5, "b": 0.5})


def test_both_flips_are_the_mean_of_three_passes():
    rng = np.random.default_rng(0)
    plain, h, v = (table_of(rng.random((8, 3))) for _ in range(3))
    variants = {"plain": plain, "hflip": fold_mean([plain, h]), "vflip": fold_mean([plain, v])}
    variants["vflip"] = variants["vflip"].sample(frac=1, random_state=1)
    found = untrained.both_flips(variants)
    assert found["video"].tolist() == plain["video"].tolist()
    np.testing.assert_allclose(found[CLASSES], fold_mean([plain, h, v])[CLASSES], atol=1e-6)
