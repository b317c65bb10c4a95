"""A trick on the paper's own recipe, by pairs, beside its mean effect over all the other tricks, by screening.

They are effects of one change in two places. Where they differ, what the trick does depends on the others, as a rule:
an interaction, which is a finding. The two sets of runs may also differ in their folds and in what they were made on.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from vpipe_utils.report.figure_style import DIFFERENCE, in_points, in_rows


def both_ways(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Row a trick (index) that both tables have: difference, low, high by pairs, the same with `_screened`; and
    `apart`, by how much the first is more, with `apart_low` and `apart_high`.

    Runs of the two are different ones, and their errors are taken as independent: half-widths add in squares. So they
    are for any one trick, not corrected for the number of tricks.
    """
    columns = list(DIFFERENCE)
    pairs = tables["effects"].set_index("trick")[columns]
    found = pairs.join(tables["screening"].set_index("term")[columns].add_suffix("_screened"), how="inner")
    apart = found["difference"] - found["difference_screened"]
    half = np.hypot(found["high"] - found["low"], found["high_screened"] - found["low_screened"]) / 2
    return found.assign(apart=apart, apart_low=apart - half, apart_high=apart + half)


def both_ways_table(found: pd.DataFrame) -> pd.DataFrame:
    """`both_ways` to be read."""
    columns = {
        "on the paper's recipe": DIFFERENCE,
        "over all others": [f"{part}_screened" for part in DIFFERENCE],
        "the first is more by": ["apart", "apart_low", "apart_high"],
    }
    shown = {title: in_rows(in_points, found, *names) for title, names in columns.items()}
    return pd.DataFrame({"file": found.index, **shown})


def both_ways_line(found: pd.DataFrame) -> str:
    """Which tricks do another thing on the paper's recipe than on the mean of all recipes."""
    differ = found[(found["apart_low"] > 0) | (found["apart_high"] < 0)]
    asked = f"Of {len(found)} tricks that were measured on the paper's recipe and over all others"
    if differ.empty:
        return f"{asked} none is shown to do another thing there."
    named = ", ".join(f"{trick} ({100 * row.apart:+.1f} points)" for trick, row in differ.iterrows())
    return (
        f"{asked}, these do more (or, with a minus, less) there: {named}; by chance {0.05 * len(found):.1f} would. "
        "What a trick does depends on the others."
    )
