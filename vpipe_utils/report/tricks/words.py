"""Tables and sentences of notebook 07, computed from the paper's tables and from the bench's record."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from vpipe_utils.report.tricks.paper_tricks import COMPARISONS, printed_points
from vpipe_utils.report.tricks.resolution import LEVEL, POWER, Spread, pairs_needed, resolved
from vpipe_utils.report.tricks.untrained_figures import NAMES

NOT_RUN = "*The bench has not been run yet: `make bench` runs it.*"
NOT_SIMULATED = "*The coverage has not been simulated yet: `workflow/simulate.py` does it.*"


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


def measured_table(rows: pd.DataFrame) -> pd.DataFrame:
    """`paper_tricks.beside_the_paper` to be read: trick, paper's points, ours with interval, pairs, verdict."""
    return pd.DataFrame(
        {
            "trick": rows["name"],
            "changed": rows["trick"],
            "paper": rows["points"].map("{:+.2f}".format),
            "here [95 %]": [_points(row) for row in rows.itertuples()],
            "pairs": rows["runs"],
            "verdict": rows["verdict"],
        }
    )


def screening_table(table: pd.DataFrame) -> pd.DataFrame:
    """The screening's effects to be read, in points: term, effect with interval, aliases, verdict."""
    in_points = table.assign(**{name: 100 * table[name] for name in ("difference", "low", "high")})
    return pd.DataFrame(
        {
            "term": table["term"],
            "here [95 %]": [_points(row) for row in in_points.itertuples()],
            "not told from": table["aliases"].fillna(""),
            "verdict": table["verdict"],
        }
    )


def a_a_line(table: pd.DataFrame) -> str:
    """How often intervals of a run against other repetitions of itself miss 0, which is the truth."""
    return (
        f"Of {len(table)} comparisons of the paper's recipe with other runs of itself {table['misses'].sum()} have an "
        f"interval that misses 0; {(1 - LEVEL) * len(table):.0f} would be expected. They reuse runs, so their misses "
        "come together."
    )


def coverage_table(table: pd.DataFrame) -> pd.DataFrame:
    """The simulated coverage to be read."""
    return pd.DataFrame(
        {
            "experiments of": table["case"],
            "clips": table["clips"],
            "intervals": table["intervals"],
            "hold the truth": [f"{100 * row.held:.1f} ± {100 * row.error:.1f} %" for row in table.itertuples()],
            "half-width, points": (100 * table["half_width"]).map("{:.1f}".format),
        }
    )


def measured_lines(tables: Mapping[str, pd.DataFrame], rows: pd.DataFrame) -> list[str]:
    """What was measured of the boosting tricks, and what of it stands against the paper's largest figure."""
    lines = []
    for word, names in rows.groupby("verdict", sort=False)["name"]:
        lines.append(f"{str(word).capitalize()}: {', '.join(dict.fromkeys(names))}.")
    ema = rows[rows["row"] == "ema"]
    if len(ema):
        here = _points(ema.iloc[0])
        lines.append(f"The paper's largest boost, EMA ({printed_points('ema'):+g} points), is {here} here.")
    if "a_a" in tables:
        lines.append(a_a_line(tables["a_a"]))
    lines.append("A synthetic bench says which effects are there on drawn clips and a small network, not on QV-Pipe.")
    return lines


def lowering_lines(tables: Mapping[str, pd.DataFrame], rows: pd.DataFrame) -> list[str]:
    """What was measured of the lowering tricks; ``rows``: `paper_tricks.beside_the_paper` of Table V."""
    lines = []
    for word, names in rows.groupby("verdict", sort=False)["name"]:
        lines.append(f"{str(word).capitalize()}: {', '.join(dict.fromkeys(names))}.")
    told = rows[rows["verdict"].isin(["helps", "hurts"])]
    against = told[told["difference"] * told["points"] < 0]["name"].unique()
    if len(against):
        lines.append(f"The other way round than in the paper: {', '.join(against)}.")
    tuned = tables["untrained"].dropna(subset="deception_low") if "untrained" in tables else ()
    if len(tuned):
        worst = tuned.loc[tuned["self_deception"].idxmax()]
        lines.append(
            f"Most is pretended by {NAMES[worst['trick']]}: tuned on the clips that it is scored on, it seems to gain "
            f"{100 * worst['self_deception']:.1f} points more than it does."
        )
    lines.append("A synthetic bench says which effects are there on drawn clips and a small network, not on QV-Pipe.")
    return lines


def _points(row: pd.Series) -> str:
    return f"{row.difference:+.1f} [{row.low:+.1f}, {row.high:+.1f}]"
