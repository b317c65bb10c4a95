"""Which runs ask for all retrained tricks at once: a fractional factorial with two levels a trick.

One trick after another, each against the paper's recipe, each run answers one question. In a factorial every run
answers all: half of the runs have a trick, half do not, and the halves differ in nothing else on average. The effect of
each of 13 tricks then has the standard error that 64 runs give, though there are 64 runs in all (Box, Hunter and
Hunter, *Statistics for Experimenters*, 2nd edition, chapter 6).
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pydoe

# 13 factors in 64 runs, resolution IV: no main effect is mixed up with an interaction of two. 36 interactions of two
# are mixed up with no other one, as many as such a design can have (Wu and Chen 1992, doi 10.2307/1269232); found by a
# search over generators. A design of 32 runs and its foldover has 12 at the most, all of one factor.
GENERATORS = ("a", "b", "c", "d", "e", "f", "abe", "cdf", "acef", "bef", "abf", "adef", "acde")
# Each factor of the first group with each of the second: these are the 36.
FIRST, SECOND = (0, 1, 4, 6, 9, 10), (2, 3, 7, 8, 11, 12)
BLOCKS = ("ab", "ef")  # their four combinations are the blocks: they mix with interactions inside the groups only
RUNS = 64


def screening_design(first: Sequence[str], second: Sequence[str], other: str) -> pd.DataFrame:
    """One row a run, one column a trick: 1 where the run has it, else -1; and the column `block`, 0 to 3.

    ``first``, ``second``: six tricks each, whose interactions across the groups can be told apart from all others.
    Raises ValueError for other numbers of tricks or one that is named twice.
    """
    names = [*first, *second, other]
    if (len(first), len(second)) != (len(FIRST), len(SECOND)) or len(set(names)) != len(names):
        raise ValueError(
            f"screening takes two groups of {len(FIRST)} tricks and one more, all different, but has {len(first)}, "
            f"{len(second)} and '{other}': change them in plan.yaml"
        )
    at = dict(zip((*FIRST, *SECOND), (*first, *second), strict=True))
    order = [at.get(k, other) for k in range(len(GENERATORS))]
    signs = pydoe.fracfact(" ".join((*GENERATORS, *BLOCKS))).astype(int)
    table = pd.DataFrame(signs[:, : len(order)], columns=order)
    halves = (signs[:, len(order) :] + 1) // 2
    return table[names].assign(block=2 * halves[:, 0] + halves[:, 1])
