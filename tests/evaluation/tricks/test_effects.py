"""Effects are paired, say no more than their intervals, and find nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_up_grid import made_up_labels
from made_up_runs import Name, predictions

from vpipe_utils.evaluation.metrics import mean_average_precision
from vpipe_utils.evaluation.resampling import compare_runs
from vpipe_utils.evaluation.scores import matrices, paired_runs
from vpipe_utils.evaluation.tricks import effects

SKILLS = {None: 1.5, "no_ema": 1.0, "no_flip": 1.5}
LABELS = made_up_labels()


def scored(folds: int = 3, repetitions: int = 2, tricks=SKILLS, seed: int = 0, n: int = 100) -> effects.Scored:
    names = [Name("lite0", k, trick, r) for trick in tricks for k in range(folds) for r in range(repetitions)]
    return effects.score(LABELS, {name: predictions(LABELS, name, SKILLS, seed=seed) for name in names}, n)


def map_of(table: pd.DataFrame) -> float:
    return mean_average_precision(*matrices(LABELS[LABELS["video"].isin(table["video"])], table))


@pytest.fixture(scope="module")
def six() -> effects.Scored:
    return scored()


def test_runs_are_paired_by_model_fold_and_repetition() -> None:
    runs = [Name("a", 0), Name("a", 1), Name("b", 0, "x"), Name("a", 1, "x"), Name("a", 0, "x", 1), Name("a", 0, "x+y")]
    assert effects.pairs_of(runs, "x") == [(Name("a", 1, "x"), Name("a", 1))]
    assert effects.pairs_of(runs, "y") == []


def test_an_effect_is_the_mean_difference_with_the_interval_of_compare_runs(six) -> None:
    found = effects.between(six, effects.pairs_of(six.runs, "no_ema"))
    a, b = (
        {(k, r): predictions(LABELS, Name("lite0", k, trick, r), SKILLS) for k in range(3) for r in range(2)}
        for trick in ("no_ema", None)
    )
    assert tuple(found[:3]) == pytest.approx(tuple(compare_runs(paired_runs(LABELS, a, b), n=100)))
    by_hand = [map_of(a[k]) - map_of(b[k]) for k in a]
    assert found.difference == pytest.approx(np.mean(by_hand)) and found.runs == 6


def test_the_sign_of_a_file_that_takes_away_turns_all_of_it(six) -> None:
    pairs = effects.pairs_of(six.runs, "no_ema")
    one, turned = effects.between(six, pairs), effects.between(six, pairs, sign=-1)
    assert turned == (-one.difference, -one.high, -one.low, one.p, one.runs)
    assert turned.low < turned.difference < turned.high


def test_the_p_value_agrees_with_the_interval() -> None:
    for seed in range(4):
        of_seed = scored(2, 2, seed=seed, n=60)
        for trick in ("no_ema", "no_flip"):
            found = effects.between(of_seed, effects.pairs_of(of_seed.runs, trick))
            assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


def test_a_table_of_effects_with_correction_and_verdicts(six) -> None:
    table = effects.effects(six, {"no_ema": -1, "no_flip": -1, "absent": 1})
    assert list(table.index) == ["no_ema", "no_flip"]
    assert table.loc["no_ema", "verdict"] == effects.HELPS and table.loc["no_ema", "difference"] > 0.05
    assert table.loc["no_flip", "verdict"] in (effects.OPEN, effects.NOTHING)
    smallest = table["p"].idxmin()
    assert table.loc[smallest, "p_corrected"] == pytest.approx(2 * table.loc[smallest, "p"])
    assert effects.effects(six, {"absent": 1}).empty


def test_runs_that_are_validated_on_their_own_clips() -> None:
    """A fold's table holds its own videos only; folds then share no recordings."""
    tables = {}
    for trick in (None, "no_ema"):
        for fold in range(3):
            name = Name("lite0", fold, trick)
            tables[name] = predictions(LABELS, name, SKILLS).iloc[fold * 40 : fold * 40 + 40]
    found = effects.effects(effects.score(LABELS, tables, 100), {"no_ema": -1})
    plain, without = ([map_of(tables[Name("lite0", fold, trick)]) for fold in range(3)] for trick in (None, "no_ema"))
    assert found.loc["no_ema", "difference"] == pytest.approx(np.mean(plain) - np.mean(without))


def test_holm_and_benjamini_hochberg_by_hand() -> None:
    p = np.array([0.04, 0.01, 0.03, 0.005])
    assert effects.corrected(p) == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert effects.corrected(p, effects.BENJAMINI_HOCHBERG) == pytest.approx([0.04, 0.02, 0.04, 0.02])
    assert len(effects.corrected(np.array([]))) == 0


@pytest.mark.parametrize(
    ("low", "high", "p", "says"),
    [
        (0.002, 0.03, 0.01, effects.HELPS),
        (-0.03, -0.002, 0.01, effects.HURTS),
        (0.002, 0.03, 0.2, effects.OPEN),  # the interval alone would say so, the correction does not
        (0.002, 0.008, 0.2, effects.NOTHING),
        (-0.009, 0.009, 1.0, effects.NOTHING),
        (-0.009, 0.011, 1.0, effects.OPEN),
        (-0.011, 0.009, 1.0, effects.OPEN),
        (-0.1, 0.1, 1.0, effects.OPEN),
        (np.nan, np.nan, np.nan, effects.OPEN),
    ],
)
def test_verdicts_say_no_more_than_the_interval(low: float, high: float, p: float, says: str) -> None:
    assert effects.verdict(low, high, p) == says


def test_a_run_that_was_not_scored_is_named(six) -> None:
    with pytest.raises(ValueError, match="'lite9'.* is not among the 18"):
        six.of([Name("lite9", 0)])


def test_baseline_runs_against_themselves() -> None:
    table = effects.a_a(scored(3, 4, [None], n=60), comparisons=20)
    assert len(table) == 20 and (table["runs"] == 6).all(), "two pairs of each of three folds"
    assert table["difference"].abs().nunique() == 20
    assert (table["misses"] == (table["p"] < 0.05)).all()


def test_pairs_of_repetitions_are_of_one_fold_and_use_a_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    of_three = scored(2, 3, [None], n=20)
    honest = effects.between
    monkeypatch.setattr(effects, "between", lambda data, pairs, **rest: seen.append(pairs) or honest(data, pairs))
    effects.a_a(of_three, comparisons=10)
    for pairs in seen:
        assert all(a.fold == b.fold and a.repetition != b.repetition for a, b in pairs)
        used = [run for pair in pairs for run in pair]
        assert len(used) == len(set(used)) == 4


@pytest.mark.parametrize("repetitions", [1, 2])
def test_too_few_repetitions_for_the_comparisons(repetitions: int) -> None:
    with pytest.raises(ValueError, match="of the 20 comparisons.*train more repetitions"):
        effects.a_a(scored(3, repetitions, [None], n=20), comparisons=20)

