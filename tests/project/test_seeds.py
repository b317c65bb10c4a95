"""Seeds follow from names, and differ."""

from __future__ import annotations

from vpipe_utils.project import seeds
from vpipe_utils.project.paths import RunName


def test_seeds_are_stable_and_distinct() -> None:
    assert seeds.derive_seed(1, "a") == seeds.derive_seed(1, "a") < 2**31
    assert len({seeds.derive_seed(1, "a"), seeds.derive_seed(2, "a"), seeds.derive_seed(1, "b")}) == 3


def test_the_seed_of_a_run_depends_on_fold_and_repetition_but_not_on_the_trick() -> None:
    plain = seeds.run_seed(1, "data", RunName("m", 0))
    assert plain == seeds.derive_seed(1, "data", "m", 0)  # repetition 0 is the run that there always was
    assert plain == seeds.run_seed(1, "data", RunName("m", 0, "no_flip"))
    others = [RunName("m", 1), RunName("n", 0), RunName("m", 0, None, 1), RunName("m", 0, None, 2)]
    of_others = {seeds.run_seed(1, "data", name) for name in others}
    assert len({plain, seeds.run_seed(1, "init", RunName("m", 0)), *of_others}) == 6
