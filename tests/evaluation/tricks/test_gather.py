"""The tables of a bench whose runs are made up: the truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.evaluation.predictions import as_table
from vpipe_utils.evaluation.tricks.gather import gather
from vpipe_utils.evaluation.tricks.plan import Plan
from vpipe_utils.evaluation.tricks.records import RunRecord
from vpipe_utils.project.parameter_files import read_yaml
from vpipe_utils.project.paths import RunName
from vpipe_utils.project.seeds import derive_seed

COUNT = 160  # held-out clips, and as many that are validated
RNG = np.random.default_rng(5)
LABELS = pd.DataFrame((RNG.random((2 * COUNT, len(CLASSES))) < 0.25).astype(int), columns=CLASSES)
LABELS.insert(0, "video", [f"{k}.mp4" for k in range(2 * COUNT)])
HELD_OUT, VALIDATED = LABELS[:COUNT], LABELS[COUNT:]
# How much clearer or weaker a trick makes what a network says; the rest does nothing.
TRUTH = {"consecutive": -1.2, "heavy_augment": -0.8, "lr_triple": 0.6}


def predicted(labels: pd.DataFrame, strength: float, rng: np.random.Generator, shared: np.ndarray) -> pd.DataFrame:
    targets = labels[list(CLASSES)].to_numpy()
    logits = strength * targets - 1 + shared + 0.5 * rng.standard_normal(targets.shape)
    return as_table(list(labels["video"]), (1 / (1 + np.exp(-logits))).astype(np.float32), CLASSES)


def record(name: RunName) -> RunRecord:
    strength = 2.5 + sum(TRUTH.get(trick, 0) for trick in (name.trick or "").split("+"))
    seed = derive_seed(0, *name)
    rng, common = np.random.default_rng(seed), np.random.default_rng(1)
    of_held_out = predicted(HELD_OUT, strength, rng, common.standard_normal((COUNT, len(CLASSES))))
    mine = VALIDATED.iloc[name.fold :: 5]
    of_fold = predicted(mine, strength, rng, np.zeros((len(mine), len(CLASSES))))
    variants = {"plain": of_held_out, "hflip": of_held_out} if not name.trick else {"plain": of_held_out}
    return RunRecord(name, dict.fromkeys(variants, of_fold), variants, {"val_mAP": strength / 5}, {}, {})


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan.from_values(read_yaml("params/bench/plan.yaml"))


@pytest.fixture(scope="module")
def tables(plan: Plan) -> dict[str, pd.DataFrame]:
    rates = {trick: "lr_triple" for trick in ("", *plan.tuned)}
    names = [*plan.screening(), *plan.tuning(), *plan.confirmation(rates)]
    return gather(plan, {name: record(name) for name in names}, LABELS, 100, 3)


def test_each_trick_has_its_effect_with_verdict(tables: dict, plan: Plan) -> None:
    effects = tables["effects"].set_index("trick")
    assert list(effects.index) == plan.confirmed
    assert set(effects["runs"]) == {len(plan.confirmation_folds) * plan.confirmation_repetitions}
    assert set(effects.index[effects["verdict"] == "hurts"]) == {"consecutive", "heavy_augment"}
    assert effects.loc["consecutive", "difference"] < effects.loc["heavy_augment", "difference"] < -0.02
    assert (effects["p_corrected"] >= effects["p"]).all()


def test_screening_finds_the_same_from_half_of_its_runs_each(tables: dict, plan: Plan) -> None:
    found = tables["screening"].set_index("term")
    main = found[found["kind"] == "main"]
    assert set(main.index[main["verdict"] == "hurts"]) == {"consecutive", "heavy_augment"}
    assert set(found.index[found["kind"] == "interaction"]) == set(plan.interactions)
    assert (found["run_sd"] > 0).all() and list(tables["half_normal"]["term"])[-1] == "consecutive"


def test_where_both_get_the_rate_that_suits_them_the_recipe_is_what_differs(tables: dict, plan: Plan) -> None:
    tuned = tables["tuned"].set_index("trick")
    assert list(tuned.index) == plan.tuned
    assert set(tuned["rate"]) == set(tuned["plain_rate"]) == {"lr_triple"}
    assert (tuned["difference"].abs() < 0.02).all()
    assert tables["tuning"].set_index("trick").loc["no_ema"].idxmax() == "lr_triple"
    assert list(tables["tuning"]["trick"])[0] == "recipe" and list(tables["tuning"])[1] == "own"


def test_what_tuning_removes_is_the_effect_at_one_rate_minus_that_at_the_own_rates(tables: dict) -> None:
    tuned, effects = (tables[name].set_index("trick") for name in ("tuned", "effects"))
    expected = effects.loc[tuned.index, "difference"] - tuned["difference"]
    assert tuned["removed"].to_numpy() == pytest.approx(expected.to_numpy())
    assert ((tuned["removed_low"] < tuned["removed"]) & (tuned["removed"] < tuned["removed_high"])).all()


def test_runs_untrained_tricks_and_the_recipe_against_itself(tables: dict, plan: Plan) -> None:
    runs = tables["runs"]
    assert len(runs) == len(runs.drop_duplicates(["model", "trick", "fold", "repetition"]))
    assert runs["held_out_mAP"].between(0, 1).all() and pd.isna(runs.iloc[0]["trick"])
    untrained = tables["untrained"].set_index("trick")
    assert untrained.loc["fold_mean", "difference"] > 0
    assert untrained.loc["tta_hflip", "difference"] == 0
    assert len(tables["a_a"]) == 20 and tables["a_a"]["misses"].mean() < 0.5


def test_what_is_not_recorded_yet_is_left_out(plan: Plan) -> None:
    names = plan.screening()[:-1]
    tables = gather(plan, {name: record(name) for name in names}, LABELS, 20, 3)
    assert "screening" not in tables and "effects" not in tables and len(tables["runs"]) == 63
