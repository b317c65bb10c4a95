from __future__ import annotations

import pytest

from vpipe_utils.evaluation.tricks.plan import Plan, joined, read_plan
from vpipe_utils.project.parameter_files import read_yaml, trick_files
from vpipe_utils.project.paths import RunName

VALUES = read_yaml("params/bench/plan.yaml")
PLAN = read_plan("bench")


def test_every_run_of_the_bench_can_be_laid_on_its_model() -> None:
    runs = [*PLAN.screening(), *PLAN.tuning(), *PLAN.confirmation({"no_ema": "lr_triple", "": ""})]
    for run in runs:
        assert not run.trick or trick_files(run.trick)  # else a sentence that two of them set one key


def test_screening_has_64_runs_each_trick_in_half_of_them_and_some_runs_again() -> None:
    both = PLAN.screening()
    runs = both[:64]
    assert both[64:] == [run._replace(repetition=1) for run in runs[: PLAN.screening_again]]
    assert len(set(both)) == 64 + PLAN.screening_again
    for trick in (*PLAN.screening_first, *PLAN.screening_second, PLAN.screening_other):
        assert sum(trick in (run.trick or "").split("+") for run in runs) == 32
    assert [sum(run.fold == fold for run in runs) for fold in PLAN.screening_folds] == [16] * 4


def test_confirmation_pairs_each_trick_with_the_papers_recipe() -> None:
    runs = set(PLAN.confirmation({"": "", "no_ema": "lr_triple"}))
    plain = {run for run in runs if run.trick is None and run.model == PLAN.model}
    assert len(plain) == len(PLAN.confirmation_folds) * PLAN.a_a_repetitions  # also compared with itself
    pairs = {run for run in plain if run.repetition < PLAN.confirmation_repetitions}
    for trick in (*PLAN.confirmed, "lr_triple+no_ema"):
        assert {run._replace(trick=None) for run in runs if run.trick == trick} == pairs
    assert {run.model for run in runs} == {PLAN.model, *PLAN.members}


def test_rates_are_chosen_on_runs_that_nothing_is_compared_with() -> None:
    tuning, others = set(PLAN.tuning()), {*PLAN.screening(), *PLAN.confirmation({})}
    assert tuning and not tuning & others
    seeds = {(run.fold, run.repetition) for run in others}
    assert not seeds & {(run.fold, run.repetition) for run in tuning}
    with pytest.raises(ValueError, match="tuning_repetition 3 is one of confirmation's"):
        Plan.from_values(VALUES | {"tuning_repetition": 3})


def test_a_plan_without_screening_and_tuning() -> None:
    plan = read_plan("smoke")
    assert plan.screening() == plan.tuning() == []
    assert plan.confirmation({}) == [
        RunName("lite0", 0, None, 0), RunName("lite0", 0, "no_ema", 0),
        RunName("lite0", 0, None, 1), RunName("lite0", 0, "no_ema", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"confirmed": ["no_eam"]}, "trick 'no_eam' has no params/tricks/no_eam.yaml"),
        ({"interactions": ["no_ema:small_lr"]}, "put the tricks of 'no_ema:small_lr' in different groups"),
        ({"interactions": ["no_ema"]}, "'no_ema' is no pair of screened tricks"),
        ({"tuned": ["small_lr"]}, "both set lr_factor"),
        ({"screening_folds": [0, 1]}, "name four, or none"),
        ({"screening_again": 4}, "take 0, or more than the 4 blocks and at most all 64 runs"),
        ({"screening_again": 65}, "take 0, or more than the 4 blocks and at most all 64 runs"),
        ({"confirm": []}, r"'confirm' is no parameter here \(did you mean 'confirmed'\?\)"),
    ],
)
def test_what_cannot_be_run_is_a_sentence_before_any_run(changes: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Plan.from_values(VALUES | changes, "params/bench/plan.yaml")


def test_several_tricks_have_one_name() -> None:
    assert joined("b", "", "a") == "a+b" and joined("", "") is None
