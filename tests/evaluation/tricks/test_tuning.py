from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from vpipe_utils.evaluation.tricks.plan import read_plan
from vpipe_utils.evaluation.tricks.tuning import chosen_rates, tuning_table

PLAN = read_plan("bench")


def test_each_recipe_gets_the_rate_with_the_best_validation_over_the_folds_of_tuning() -> None:
    reached = {None: 0.5, "lr_third": 0.4, "lr_triple": 0.3, "no_ema": 0.3, "lr_third+no_ema": 0.45}
    maps = {run: reached.get(run.trick, 0.2) + 0.01 * run.fold for run in PLAN.tuning()}
    known = {run: SimpleNamespace(figures={"val_mAP": of_run}) for run, of_run in maps.items()}
    table = tuning_table(PLAN, known)
    assert np.isclose(table.loc["no_ema", "lr_third"], 0.45 + 0.01 * np.mean(PLAN.tuning_folds))
    chosen = chosen_rates(PLAN, known)
    assert (chosen[""], chosen["no_ema"]) == ("", "lr_third")


def test_a_recipe_whose_runs_are_not_all_done_has_no_rate() -> None:
    known = {run: SimpleNamespace(figures={"val_mAP": 0.5}) for run in PLAN.tuning()}
    known.pop(next(run for run in known if run.trick == "lr_third+no_ema"))
    assert set(chosen_rates(PLAN, known)) == {"", *PLAN.tuned} - {"no_ema"}
    assert chosen_rates(PLAN, {}) == {} == chosen_rates(read_plan("smoke"), {})
