"""Tables and sentences of notebook 07, computed from the paper's tables and from the bench's record."""

from __future__ import annotations

import pandas as pd

from vpipe_utils.report.tricks.paper_tricks import COMPARISONS
from vpipe_utils.report.tricks.resolution import LEVEL, POWER, Spread, pairs_needed, resolved


def spread_table(spread: Spread) -> pd.DataFrame:
    """The spread over the paper's folds in points of mAP, and what four folds and more resolve."""
    low, high = spread.paired_interval()
    rows = {
        "one model, from fold to fold (SD)": f"{spread.model:.2f}",
        "difference of two models on the same folds (SD)": f"{spread.paired:.2f}",
        "  which may be (95 %)": f"{low:.2f} to {high:.2f}",
    }
    for pairs in (spread.folds, 10, 20, 50):
        rows[f"effect that {pairs} pairs resolve"] = f"±{resolved(pairs, spread.paired):.2f}"
    return pd.DataFrame({"points": rows})


def effect_table(table: pd.DataFrame) -> pd.DataFrame:
    """`resolution.resolution` to be read: trick, the paper's points, whether four folds resolve it, pairs it takes."""
    return pd.DataFrame(
        {
            "table": table["table"],
            "trick": table["name"],
            "points": table["points"].map("{:+.2f}".format),
            "resolved": table["resolved"].map({True: "yes", False: "no"}),
            "pairs": table["pairs"],
            "pairs, corrected": table["pairs_corrected"],
        }
    )


def papers_lines(table: pd.DataFrame, spread: Spread) -> list[str]:
    """What Table VI allows to say of Tables IV and V."""
    half = resolved(spread.folds, spread.paired)
    low, high = (resolved(spread.folds, sd) for sd in spread.paired_interval())
    sizes = table["points"].abs()
    hidden = table[~table["resolved"]]
    saved = 2 * spread.model**2 / spread.paired**2
    one, half_one = (pairs_needed(points, spread.paired, COMPARISONS) for points in (1.0, 0.5))
    return [
        f"From fold to fold one model's mAP moves by a standard deviation of {spread.model:.2f} points, the difference "
        f"of two models on the same folds by {spread.paired:.2f}. So pairing saves {100 * (1 - 1 / saved):.0f} % of "
        "the runs.",
        f"{spread.folds} folds resolve ±{half:.1f} points at {100 * LEVEL:.0f} %. {len(hidden)} of the {len(table)} "
        f"printed effects are smaller: {', '.join(hidden['name'])}. It is {(sizes < low).sum()} or "
        f"{(sizes < high).sum()} if the spread is at either end of what {spread.models} models on {spread.folds} folds "
        f"allow.",
        f"To tell 1 point from nothing in {100 * POWER:.0f} % of experiments, as one of {COMPARISONS} questions, takes "
        f"{one} pairs of runs; half a point takes {half_one}.",
        "A small figure in the tables is not wrong. Nobody knows its error, and it may have either sign.",
    ]
