"""What is paired with what, and that no label of a held-out clip reaches what is tuned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.evaluation import scores
from vpipe_utils.evaluation.ensemble import fold_mean, zc_rule
from vpipe_utils.evaluation.metrics import mean_average_precision
from vpipe_utils.evaluation.tricks import untrained_pairs
from vpipe_utils.project.paths import RunName

CLASSES = ["ZC", "CJ", "CK", "ZW"]
FOLDS, REPETITIONS, HELD_OUT = (0, 1, 2), (0, 1), 60
TUNED = ("weighted_mean", "best_model_per_class", "class_thresholds")


@dataclass(frozen=True)
class Record:
    name: RunName
    val: Mapping[str, pd.DataFrame]
    held_out: Mapping[str, pd.DataFrame]


def table_of(videos, values):
    return pd.DataFrame({"video": list(videos)}).join(pd.DataFrame(np.asarray(values, np.float32), columns=CLASSES))


@pytest.fixture(scope="module")
def labels():
    """90 labelled clips in three folds of 30, then the held-out ones; labels are of no use to guess others by."""
    marks = np.random.default_rng(0).random((90 + HELD_OUT, len(CLASSES))) < 0.3
    return table_of([f"v{k:03d}.mp4" for k in range(len(marks))], marks).astype(dict.fromkeys(CLASSES, "uint8"))


def make(labels, model, fold, repetition, skill, variants=()):
    """A run that is right with `skill`, (C,), plus noise of its own; a variant is the run with some more skill."""
    rng = np.random.default_rng([fold, repetition, *map(ord, model)])

    def predicted(rows, more=0.0):
        truth = rows[CLASSES].to_numpy()
        near = np.minimum(np.asarray(skill) + more, 1)
        return table_of(rows["video"], near * truth + (1 - near) * rng.random(truth.shape))

    held_out = {name: predicted(labels[90:], 0.2 * (name != "plain")) for name in ("plain", *variants)}
    val = {"plain": predicted(labels[30 * fold : 30 * fold + 30])}
    return Record(RunName(model, fold, None, repetition), val, held_out)


SKILLS = {"good": [0.2, 0.4, 0.1, 0.3], "fair": [0.2, 0.1, 0.3, 0.2]}


@pytest.fixture(scope="module")
def records(labels):
    runs = product(SKILLS, FOLDS, REPETITIONS)
    return [
        make(labels, model, fold, repetition, SKILLS[model], ["hflip", "vflip"]) for model, fold, repetition in runs
    ]


@pytest.fixture(scope="module")
def found(records, labels):
    return untrained_pairs.pairs(records, labels, FOLDS)


def held_out_map(labels, table):
    return mean_average_precision(*scores.matrices(labels[90:], table))


def relabelled(labels, part):
    """The same labels in another order among some of the clips."""
    other = labels.copy()
    other.loc[part, CLASSES] = labels.loc[part, CLASSES].sample(frac=1, random_state=1).to_numpy()
    return other


def test_as_many_pairs_as_there_are_independent_ones(found):
    groups, runs = 2 * 2, 2 * 3 * 2
    counted = {trick: len(of_trick.treated) for trick, of_trick in found.items()}
    assert counted == {
        "fold_mean": groups,
        "fold_mix": 3 * 2,
        "weighted_mean": 2,
        "best_model_per_class": 2,
        "class_thresholds": groups,
        "zc_rule": runs,
        "tta_hflip": runs,
        "tta_vflip": runs,
        "tta_flips": runs,
        "tta_resample": 0,
        "tta_grid_shuffle": 0,
    }
    assert all(set(of_trick.treated) == set(of_trick.plain) for of_trick in found.values())
    assert all(set(found[trick].deceived) == set(found[trick].treated) for trick in TUNED)
    assert not any(of_trick.deceived for trick, of_trick in found.items() if trick not in TUNED)


def test_no_run_is_in_two_pairs_of_a_combination(found):
    """Runs are told apart by their predictions."""
    for trick in ("fold_mean", "fold_mix"):
        taken = [table["ZC"].to_numpy().tobytes() for side in found[trick].plain.values() for table in side]
        assert len(taken) == len(set(taken)) == 2 * 3 * 2


def test_fold_mean_and_mix_beside_their_members(found, records, labels):
    group = [record.held_out["plain"] for record in records if record.name[::3] == ("fair", 1)]
    pd.testing.assert_frame_equal(found["fold_mean"].treated["fair", 1], fold_mean(group))
    rows = untrained_pairs.table(records, labels, FOLDS, 60, 0).set_index("trick")
    members = np.mean([held_out_map(labels, record.held_out["plain"]) for record in records])
    for trick in ("fold_mean", "fold_mix"):
        combined = np.mean([held_out_map(labels, table) for table in found[trick].treated.values()])
        assert rows.loc[trick, "difference"] == pytest.approx(combined - members)
        assert rows.loc[trick, "low"] > 0, "noise of each run alone is averaged away"


def test_changes_of_a_run_beside_the_run(found, records):
    record = next(record for record in records if record.name == RunName("good", 2, None, 1))
    key = ("good", 1, 2)
    for trick, changed in (("zc_rule", zc_rule(record.held_out["plain"])), ("tta_vflip", record.held_out["vflip"])):
        pd.testing.assert_frame_equal(found[trick].treated[key], changed)
        pd.testing.assert_frame_equal(found[trick].plain[key], record.held_out["plain"])


def test_what_is_tuned_sees_no_label_of_the_clips_that_it_is_scored_on(found, records, labels):
    """Other labels there change nothing but what deceives itself; other validation labels do change it."""
    other = untrained_pairs.pairs(records, relabelled(labels, labels.index >= 90), FOLDS)
    elsewhere = untrained_pairs.pairs(records, relabelled(labels, labels.index < 90), FOLDS)
    for trick in TUNED:
        assert same(found[trick].treated, other[trick].treated), trick
        assert not same(found[trick].deceived, other[trick].deceived), trick
        assert not same(found[trick].treated, elsewhere[trick].treated), trick
        assert same(found[trick].deceived, elsewhere[trick].deceived), trick


def same(a, b):
    tables = [(x, y) for k in a for x, y in zip(listed(a[k]), listed(b[k]), strict=True)]
    return all(x.equals(y) for x, y in tables)


def listed(side):
    return [side] if isinstance(side, pd.DataFrame) else side


def test_models_that_guess_seem_to_gain_by_what_is_tuned_on_the_scored_clips(labels):
    """There is nothing to learn, so all of the gain is self-deception."""
    names = [f"guess_{k}" for k in range(4)]
    runs = product(names, FOLDS, range(5))
    guesses = [make(labels, model, fold, repetition, [0] * len(CLASSES)) for model, fold, repetition in runs]
    rows = untrained_pairs.table(guesses, labels, FOLDS, 20, 0).set_index("trick")
    best = rows.loc["best_model_per_class"]
    assert best["low"] < 0 < best["high"] and best["on_scored"] > 0.03
    assert best["deception_low"] > 0
    assert best["self_deception"] == pytest.approx(best["on_scored"] - best["difference"])
    assert rows.loc["class_thresholds", "self_deception"] > 0
    assert np.isnan(rows.loc["zc_rule", "on_scored"]), "nothing is tuned"


def test_a_row_for_every_trick_and_no_figure_without_runs(records, labels):
    one_model = [record for record in records if record.name.model == "good" and record.name.repetition == 0]
    rows = untrained_pairs.table(one_model, labels, FOLDS, 60, 0).set_index("trick")
    assert list(rows.index) == list(untrained_pairs.AGAINST)
    for trick in ("fold_mix", "weighted_mean", "best_model_per_class", "tta_resample"):
        assert rows.loc[trick, "runs"] == 0 and np.isnan(rows.loc[trick, "difference"])
    alone = rows.loc["fold_mean"]
    singles = [held_out_map(labels, record.held_out["plain"]) for record in one_model]
    mean = fold_mean([record.held_out["plain"] for record in one_model])
    assert alone["runs"] == 1 and np.isnan(alone["low"]) and np.isnan(alone["high"])
    assert alone["difference"] == pytest.approx(held_out_map(labels, mean) - np.mean(singles))
    assert rows.loc["zc_rule", "runs"] == 3 and rows.loc["zc_rule", "low"] <= rows.loc["zc_rule", "high"]


def test_incomplete_groups_are_left_out(records, labels):
    """Repetition 1 of one model lacks fold 2; a further repetition has fold 0 alone."""
    further = replace(records[0], name=records[0].name._replace(repetition=7))
    some = [record for record in records if record.name != RunName("good", 2, None, 1)] + [further]
    found = untrained_pairs.groups(some, FOLDS)
    assert {model: list(of_model) for model, of_model in found.items()} == {"good": [0], "fair": [0, 1]}
    assert all(list(group.val) == [0, 1, 2] for of_model in found.values() for group in of_model.values())
    of_pairs = untrained_pairs.pairs(some, labels, FOLDS)
    assert list(of_pairs["fold_mean"].treated) == [("good", 0), ("fair", 0), ("fair", 1)]
    assert list(of_pairs["weighted_mean"].treated) == [(0,)], "the repetition that all models have"
    assert len(of_pairs["zc_rule"].treated) == 12, "what changes one run needs no group"


def test_recipes_with_a_trained_trick_are_members_only_where_they_are_named(records, found, labels):
    arms = [replace(record, name=record.name._replace(model="good", trick="no_ema")) for record in records[6:]]
    assert [record.name.model for record in records[6:]] == ["fair"] * 6
    of_all = untrained_pairs.pairs([*records, *arms], labels, FOLDS)
    assert all(list(of_all[trick].treated) == list(found[trick].treated) for trick in found)
    members = ["good", "good+no_ema"]
    named = untrained_pairs.pairs([*records[:6], *arms], labels, FOLDS, members)
    assert list(named["fold_mean"].treated) == [("good", 0), ("good", 1)]
    for trick in ("fold_mix", "weighted_mean", "best_model_per_class"):
        assert same(named[trick].treated, found[trick].treated), "the arm's runs are those of the other model"
    assert not untrained_pairs.pairs(records, labels, FOLDS, ["good", "gone"])["weighted_mean"].treated


def test_a_clip_that_is_both_validated_and_held_out_is_refused(records, labels):
    mixed = replace(records[0], val=records[0].held_out)
    with pytest.raises(ValueError, match=r"'v090.mp4' is both a validation and a held-out clip; keep them apart"):
        untrained_pairs.pairs([mixed], labels, FOLDS)
