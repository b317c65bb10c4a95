"""Seeds follow from names, and differ."""

from __future__ import annotations

from vpipe_utils.project import seeds


def test_seeds_are_stable_and_distinct() -> None:
    assert seeds.derive_seed(1, "a") == seeds.derive_seed(1, "a") < 2**31
    assert len({seeds.derive_seed(1, "a"), seeds.derive_seed(2, "a"), seeds.derive_seed(1, "b")}) == 3
