"""A trick on the paper's own recipe, by pairs, beside its mean effect over all the other tricks, by screening.

They are effects of one change in two places. Where they differ, what the trick does depends on the others: an
interaction, which is a finding.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from vpipe_utils.report.figure_style import DIFFERENCE, in_points, in_rows


def both_ways(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Row a trick (index) that both tables have: difference, low, high by pairs, the same with `_screened`; and
    `apart`, by how much the first is more, with `apart_low` and `apart_high`.

    Runs of the two are different ones and their errors are taken as independent, so that the half-widths add in
    squares; the recordings are the same, which makes this interval too wide rather than too narrow.
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
    if differ.empty:
        return f"None of {len(found)} tricks does another thing on the paper's recipe than over all others."
    named = ", ".join(f"{trick} ({100 * row.apart:+.1f})" for trick, row in differ.iterrows())
    return (
        f"{len(differ)} of {len(found)} tricks do another thing on the paper's recipe than over all others, by so many "
        f"points: {named}. What they do depends on the other tricks."
    )
