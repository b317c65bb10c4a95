"""The tables of a bench whose runs are made up: the truth is known."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from made_up_bench import LABELS, made_up_tables, planned, record

from vpipe_utils.evaluation.tricks.gather import gather
from vpipe_utils.evaluation.tricks.plan import Plan


@pytest.fixture(scope="module")
def plan() -> Plan:
    return planned()


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return made_up_tables()


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
    noise = tables["noise"].iloc[0]
    assert (noise["again"], noise["freedom"]) == (32, 28)
    assert 0 < noise["run_sd"] < noise["fit_sd"], "what the two do together is no noise, and not fitted"
    assert 0 < noise["half_of_noise"] < noise["half"]
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


def test_no_part_is_judged_before_all_of_its_runs_are_there(plan: Plan) -> None:
    """Else a stopped bench would look at a figure as often as there are runs."""
    names = [name for name in plan.confirmation({}) if name.trick or name.model == plan.model]
    last = [name for name in names if name.trick][-1]
    found = gather(plan, {name: record(name) for name in names if name != last}, LABELS, 20, 3)
    assert not found.keys() & {"effects", "untrained", "a_a", "tuned"}, "one run, and the members, are missing"
    found = gather(plan, {name: record(name) for name in names}, LABELS, 20, 3)
    assert "effects" in found and not found.keys() & {"untrained", "a_a", "tuned"}


GPU = {"val_mAP": 0.3, "device": "A card", "precision": "bf16"}
CPU = {"val_mAP": 0.3, "device": "CPU", "precision": "32"}


def test_the_same_runs_on_another_device_are_compared_with_these(plan: Plan) -> None:
    names = [name for name in plan.confirmation({}) if name.trick in (None, "no_ema") and name.model == plan.model]
    names = [name for name in names if name.repetition < plan.confirmation_repetitions]
    here = {name: replace(record(name), figures=GPU) for name in names}
    there = {
        name: replace(record(name._replace(repetition=7)), figures=CPU) for name in names if name.repetition == 0
    }
    row = gather(plan, here, LABELS, 40, 3, there)["devices"].iloc[0]
    assert (row["device"], row["other_device"], row["other_precision"], row["runs"]) == ("A card", "CPU", "32", 6)
    assert row["low"] < 0 < row["high"] and abs(row["difference"]) < 0.02
    assert 0 < row["apart"] < 0.05 and 0 < row["seeds_apart"] < 0.05
    assert "devices" not in gather(plan, here, LABELS, 40, 3)
    first, *others = here
    without = {name: here[name] for name in others}
    assert "devices" not in gather(plan, without, LABELS, 40, 3, there), "a run is missing"
    mixed = {**here, first: replace(here[first], figures={**GPU, "device": "Another card"})}
    assert "devices" not in gather(plan, mixed, LABELS, 40, 3, there), "two devices on one side"


def test_the_recipe_is_compared_with_itself_on_one_device(plan: Plan) -> None:
    plain = [name for name in plan.confirmation({}) if not name.trick]
    cards = {name: replace(record(name), figures=GPU if name.repetition < 2 else CPU) for name in plain}
    twice = {
        name: replace(record(name._replace(fold=4)), figures=CPU) for name in plain if name.repetition < 2
    }
    assert "a_a" not in gather(plan, cards, LABELS, 20, 3), "no device has all repetitions"
    table = gather(plan, cards, LABELS, 20, 3, twice)["a_a"]
    assert len(table) == 20 and set(table["device"]) == {"CPU"}


def test_what_is_not_recorded_yet_is_left_out(plan: Plan) -> None:
    names = plan.screening()[:-1]
    tables = gather(plan, {name: record(name) for name in names}, LABELS, 20, 3)
    assert "screening" not in tables and "effects" not in tables and len(tables["runs"]) == len(names)
