"""What is chosen on other folds than it is scored on, and the flattery of choosing on the same."""

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.evaluation import selection
from vpipe_utils.evaluation.metrics import chance_map
from vpipe_utils.evaluation.scores import combine_folds, cross_validation

CLASSES = ["A", "B", "C"]


def table_of(videos, values):
    table = pd.DataFrame(np.asarray(values, np.float32), columns=CLASSES)
    table.insert(0, "video", list(videos))
    return table


@pytest.fixture
def labels():
    marks = np.random.default_rng(0).integers(0, 2, (60, 3))
    return table_of([f"v{i:02d}.mp4" for i in range(60)], marks).astype({code: "uint8" for code in CLASSES})


def member(labels, skill, seed, folds=(0, 1, 2)):
    """Predictions of three folds of 20 videos; `skill` of each fold: 0 is guessing, 1 is always right."""
    rng = np.random.default_rng(seed)
    found = {}
    for fold in folds:
        rows = labels[fold * 20 : fold * 20 + 20]
        found[fold] = table_of(rows["video"], skill[fold] * rows[CLASSES] + (1 - skill[fold]) * rng.random((20, 3)))
    return found


@pytest.fixture
def by_model(labels):
    """`lucky` is right on fold 0 and guesses on the others; `steady` is rather good on all."""
    return {"x/lucky": member(labels, [1, 0, 0], 1), "x/steady": member(labels, [0.3, 0.3, 0.3], 2)}


def test_the_best_member_by_validation(by_model, labels):
    assert selection.best_member(by_model, ["x/lucky", "x/steady"], labels) == "x/steady"
    only_first = {name: {0: folds[0]} for name, folds in by_model.items()}
    assert selection.best_member(only_first, ["x/lucky", "x/steady"], labels) == "x/lucky"


def test_nested_choices_do_not_look_at_their_own_fold(by_model, labels):
    members = ["x/lucky", "x/steady"]
    weights = selection.nested_weights(by_model, members, labels)
    assert list(weights) == [0, 1, 2] and all(sum(of.values()) == pytest.approx(1) for of in weights.values())
    assert weights[0]["x/lucky"] < weights[1]["x/lucky"], "its luck on fold 0 must not count there"
    assert selection.nested_best(by_model, members, labels)[0] == "x/steady"
    other = {**by_model, "x/lucky": {**by_model["x/lucky"], 0: member(labels, [0, 0, 0], 7)[0]}}
    assert selection.nested_weights(other, members, labels)[0] == weights[0]
    assert selection.nested_weights(other, members, labels)[1] != weights[1]


def test_nested_weights_by_hand(by_model, labels):
    members = ["x/lucky", "x/steady"]
    of_two = {name: {k: folds[k] for k in (0, 1)} for name, folds in by_model.items()}
    cv = {name: cross_validation({1: of_two[name][1]}, labels)["cv_mAP"] for name in members}
    chance = chance_map(labels[20:40][CLASSES])
    above = {name: max(score - chance, 0) for name, score in cv.items()}
    expected = {name: value / sum(above.values()) for name, value in above.items()}
    assert selection.nested_weights(of_two, members, labels)[0] == pytest.approx(expected)


def test_flattery_of_weights(by_model, labels):
    """Weights that follow luck on the very videos that are scored look better than they are."""
    members = ["x/lucky", "x/steady"]
    of_two = {name: {k: folds[k] for k in (0, 1)} for name, folds in by_model.items()}
    found = selection.weight_flattery(of_two, members, labels)
    assert found.difference == pytest.approx(found.plain - found.nested) and found.difference > 0
    nested = selection.combine_nested(of_two, selection.nested_weights(of_two, members, labels))
    assert found.nested == pytest.approx(cross_validation(nested, labels)["cv_mAP"])
    alike = {"x/a": of_two["x/steady"], "x/b": of_two["x/steady"]}
    assert selection.weight_flattery(alike, ["x/a", "x/b"], labels).difference == pytest.approx(0)
    equal = combine_folds(alike, {"x/a": 0.5, "x/b": 0.5})
    assert selection.weight_flattery(alike, ["x/a", "x/b"], labels).plain == pytest.approx(
        cross_validation(equal, labels)["cv_mAP"]
    )


def test_with_one_fold_nothing_is_nested(by_model, labels):
    one = {name: {1: folds[1]} for name, folds in by_model.items()}
    members = list(one)
    assert selection.nested_weights(one, members, labels) == selection.nested_best(one, members, labels) == {}
    found = selection.weight_flattery(one, members, labels)
    assert found.plain > 0 and np.isnan(found.nested) and np.isnan(found.difference)


def test_members_without_a_fold_in_common(by_model, labels):
    apart = {"x/lucky": {0: by_model["x/lucky"][0]}, "x/steady": {1: by_model["x/steady"][1]}}
    with pytest.raises(ValueError, match="no fold in common"):
        selection.best_member(apart, list(apart), labels)
    with pytest.raises(ValueError, match="no member to choose among"):
        selection.best_member(apart, [], labels)


def history(*val_maps, first=1):
    return pd.DataFrame({"epoch": np.arange(len(val_maps)) + first, "val_mAP": val_maps})


def test_flattery_of_the_kept_epoch():
    """Fold 0 is best at epoch 2, fold 1 at epoch 3; each is given the other's epoch."""
    histories = {"x/two": {0: history(0.1, 0.5, 0.3), 1: history(0.2, 0.2, 0.6)}, "x/one": {0: history(0.1, 0.4, 0.3)}}
    table = selection.epoch_flattery(histories).set_index("model")
    two, one = table.loc["x/two"], table.loc["x/one"]
    assert two["folds"] == 2 and two["best"] == pytest.approx(0.55) and two["last"] == pytest.approx(0.45)
    assert two["elsewhere"] == pytest.approx((0.3 + 0.2) / 2) and two["flattery"] == pytest.approx(0.3)
    assert two["gain"] == pytest.approx(0.1)
    assert one["gain"] == pytest.approx(0.1) and np.isnan(one["elsewhere"]) and np.isnan(one["flattery"])


def test_the_kept_epoch_of_noise_is_flattered_and_of_equal_curves_is_not():
    rng = np.random.default_rng(0)
    noise = {"x/noise": {k: history(*(0.5 + 0.05 * rng.normal(size=20))) for k in range(5)}}
    assert 0.04 < selection.epoch_flattery(noise)["flattery"][0] < 0.14
    same = {"x/same": {k: history(0.1, 0.3, 0.2) for k in range(3)}}
    assert selection.epoch_flattery(same)["flattery"][0] == 0


def test_runs_that_were_validated_at_other_epochs():
    """Epochs that both folds have count; the last is each fold's own."""
    uneven = {"x/uneven": {0: history(0.1, 0.2, 0.3), 1: history(0.5, 0.4, first=2)}}
    row = selection.epoch_flattery(uneven).iloc[0]
    assert row["best"] == pytest.approx(0.4) and row["last"] == pytest.approx(0.35)
    assert row["elsewhere"] == pytest.approx((0.2 + 0.4) / 2)
