from __future__ import annotations

import itertools

import numpy as np
import pytest

from vpipe_utils.evaluation.tricks.design import screening_design

FIRST, SECOND = list("abcdef"), list("uvwxyz")
DESIGN = screening_design(FIRST, SECOND, "o")
SIGNS = DESIGN.drop(columns="block")


def products() -> dict[tuple[str, str], np.ndarray]:
    return {(a, b): (SIGNS[a] * SIGNS[b]).to_numpy() for a, b in itertools.combinations(SIGNS, 2)}


def test_every_trick_is_in_half_of_64_different_runs_and_in_half_of_each_block() -> None:
    assert SIGNS.shape == (64, 13) and set(np.unique(SIGNS)) == {-1, 1}
    assert not SIGNS.duplicated().any()
    assert list(DESIGN["block"].value_counts()) == [16] * 4
    assert (SIGNS.groupby(DESIGN["block"]).sum() == 0).all(axis=None)


def test_no_effect_is_mixed_up_with_another_or_with_an_interaction_of_two() -> None:
    assert np.array_equal(SIGNS.T @ SIGNS, 64 * np.eye(13))
    for product in products().values():
        assert not (SIGNS.T @ product).any()  # resolution IV


def test_interactions_across_the_groups_are_mixed_up_with_no_other_and_with_no_block() -> None:
    columns = products()
    blocks = [(DESIGN["block"] == k).to_numpy() for k in range(4)]
    for (a, b), product in columns.items():
        others = [pair for pair, other in columns.items() if pair != (a, b) and product @ other]
        across = {a, b} & set(FIRST) and {a, b} & set(SECOND)
        assert bool(others) is not bool(across)
        if across:
            assert not any(product[block].sum() for block in blocks)


def test_other_numbers_of_tricks_are_a_sentence() -> None:
    with pytest.raises(ValueError, match="two groups of 6 tricks and one more, all different, but has 5, 6 and 'o'"):
        screening_design(FIRST[:5], SECOND, "o")
    with pytest.raises(ValueError, match="all different"):
        screening_design(FIRST, SECOND, "a")
