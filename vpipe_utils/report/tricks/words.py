"""Tables and sentences of notebooks 07, 08 and 10, computed from the paper's tables and from the bench's record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from vpipe_utils.report.figure_style import DIFFERENCE, in_points, in_rows, with_interval
from vpipe_utils.report.tricks.paper_tricks import (
    COMPARISONS,
    COST,
    SCREENING,
    printed_points,
    printed_tables,
    stand_ins,
)
from vpipe_utils.report.tricks.resolution import LEVEL, POWER, Spread, pairs_needed, resolved
from vpipe_utils.report.tricks.untrained_figures import NAMES

NOT_RUN = "*Not measured yet: `make bench` does it.*"
SYNTHETIC = (
    "A synthetic bench says which effects are there for a small network on drawn clips after a short training, and how "
    "sure that is. It cannot say that QV-Pipe's are the same: real walls and cameras, networks a hundred times as "
    "large and thirty epochs may make them larger, smaller or turn them round. Where it differs from the paper, that "
    "is a reason to measure again on QV-Pipe, with as many runs, and no refutation."
)
COSTS = "same result; what it costs is in notebook 12"
RATES = {"own": "its own", "lr_third": "a third", "lr_triple": "three times"}  # of the recipe's
PRECISIONS = {"32": "32 bit", "bf16": "bfloat16", "16": "16 bit"}
NOT_TUNED = "*No learning rates were tuned yet: the plan names none, or the bench has not come so far.*"
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


def screening_table(table: pd.DataFrame) -> pd.DataFrame:
    """The screening's effects to be read, in points: term, effect with interval, aliases, verdict."""
    return pd.DataFrame(
        {
            "term": table["term"],
            "here [95 %]": in_rows(in_points, table, *DIFFERENCE),
            "not told from": table["aliases"].fillna(""),
            "verdict": table["verdict"],
        }
    )


def a_a_line(table: pd.DataFrame) -> str:
    """How often intervals of a run against other repetitions of itself miss 0, which is the truth."""
    device = table["device"].iloc[0] if "device" in table else None
    on = f", all on {device}," if isinstance(device, str) else ""
    return (
        f"Of {len(table)} comparisons of the paper's recipe with other runs of itself{on} {table['misses'].sum()} "
        f"have an interval that misses 0; {(1 - LEVEL) * len(table):.0f} would be expected. They reuse runs, so their "
        "misses come together."
    )


def noise_line(table: pd.DataFrame) -> str:
    """How much of what the screening cannot tell is the noise of runs."""
    row = table.iloc[0]
    return (
        f"{row['again']:.0f} runs of the screening were made again with another seed. By these one run moves by "
        f"{100 * row['run_sd']:.1f} points (SD), but runs lie {100 * row['fit_sd']:.1f} points around the fit: the "
        f"rest is interactions that are not fitted. The intervals count them (±{100 * row['half']:.1f} points for a "
        f"main effect); the noise of runs alone would give ±{100 * row['half_of_noise']:.1f}."
    )


def devices_line(table: pd.DataFrame) -> str:
    """What it changes to make the same runs on another device."""
    row = table.iloc[0]
    here = _points(*(100 * row[part] for part in DIFFERENCE))
    ours, others = (PRECISIONS[str(row[key])] for key in ("precision", "other_precision"))  # a file's "32" is a number
    apart, seeds_apart = 100 * row["apart"], 100 * row["seeds_apart"]
    ratio = apart / seeds_apart
    as_far = "about as far as" if 0.75 < ratio < 4 / 3 else "not so far as" if ratio < 1 else "farther than"
    return (
        f"{row['runs']} runs were made twice with the same seeds, on {row['device']} in {ours} and on "
        f"{row['other_device']} in {others}: the first score {here} points more ({row['verdict']}). Two such runs lie "
        f"{apart:.1f} points apart (SD), {as_far} two of different seeds on one device ({seeds_apart:.1f})."
    )


def budget_line(table: pd.DataFrame) -> str:
    """What tuning says of the length of the bench's trainings; ``table``: the bench's `tuning`, of the recipe whole."""
    row = table.set_index("trick").loc["recipe"]
    best = str(row.idxmax())
    if best == "own":
        return "Of the rates that were tried the recipe's own is its best one."
    said = (
        f"The recipe's mean validation mAP is {row['own']:.3f} at its own learning rate and {row[best]:.3f} at "
        f"{RATES[best]} that rate, by two runs each. "
    )
    if best != "lr_triple":
        return f"{said}So what is said of rate, batch, warm-up, schedule and EMA holds for a rate that is too large."
    return (
        f"{said}So it is not trained to its end, and what is said of rate, batch, warm-up, schedule and EMA holds for "
        "trainings as short as the bench's, where whatever makes more or larger updates has room to gain."
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


def tuned_rows(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What the named tricks gain, in points, a row each: name, difference, low, high at the recipe's learning rate;
    tuned_difference, … where the trick and the recipe each have their own, which are rate and plain_rate; removed, …,
    the first minus the second. Turned to the sign of the row of Table IV, since files take away what it names."""
    both = tables["effects"].merge(tables["tuned"], on="trick", suffixes=("", "_tuned"))
    stands = stand_ins().drop_duplicates("trick").set_index("trick").loc[both["trick"]]
    sign = stands["sign"].to_numpy()
    found = {"trick": both["trick"], "name": printed_tables().loc[stands["row"], "name"].to_numpy()}
    for beginning, value, low, high in (
        ("", "difference", "low", "high"),
        ("tuned_", "difference_tuned", "low_tuned", "high_tuned"),
        ("removed_", "removed", "removed_low", "removed_high"),
    ):
        ends = 100 * both[[low, high]].mul(sign, axis=0)
        found[f"{beginning}difference"] = 100 * sign * both[value]
        found[f"{beginning}low"], found[f"{beginning}high"] = ends.min(axis=1), ends.max(axis=1)
    return pd.DataFrame(found).assign(rate=both["rate"], plain_rate=both["plain_rate"], runs=both["runs_tuned"])


def tuned_table(rows: pd.DataFrame) -> pd.DataFrame:
    """`tuned_rows` to be read."""
    columns = {"at the recipe's rate": "", "each at its own": "tuned_", "tuning removes": "removed_"}
    triples = {
        title: in_rows(_points, rows, *(f"{beginning}{part}" for part in DIFFERENCE))
        for title, beginning in columns.items()
    }
    rates = {"rate without it": rows["rate"].map(RATES), "rate of the recipe": rows["plain_rate"].map(RATES)}
    return pd.DataFrame({"trick": rows["name"], **triples, **rates, "pairs": rows["runs"]})


def tuning_table(table: pd.DataFrame) -> pd.DataFrame:
    """Validation mAP of each recipe at each rate, by which rates were chosen, to be read."""
    names = {trick: f"with {trick}" for trick in table["trick"]} | {"recipe": "the paper's recipe"}
    shown = table.drop(columns="trick").rename(columns=RATES)
    shown = shown.map(lambda value: "not run yet" if pd.isna(value) else f"{value:.3f}")
    return shown.assign(recipe=table["trick"].map(names)).set_index("recipe")


def tuned_lines(rows: pd.DataFrame) -> list[str]:
    """Whether a gain is the trick's or only that of a learning rate which suits one side better."""
    lines = []
    for row in rows.itertuples():
        removed = _points(row.removed_difference, row.removed_low, row.removed_high)
        gain = _points(row.difference, row.low, row.high)
        if row.high < 0:
            tuned = _points(row.tuned_difference, row.tuned_low, row.tuned_high)
            lines.append(f"{row.name}: {gain} points at the recipe's rate, {tuned} with each side at its own.")
            continue
        if row.low <= 0:
            said = "There is no gain at the recipe's rate that tuning could remove"
        elif row.removed_low > 0:
            rest = "what is left is told from nothing" if row.tuned_low > 0 else "what is left is not told from nothing"
            said = f"A part of the gain is the learning rate's; {rest}"
        else:
            said = "It is not shown that a part of the gain is the learning rate's"
        lines.append(f"{row.name}: {gain} points at the recipe's rate, of which tuning both removes {removed}. {said}.")
    return lines


def a_a_or_why(tables: Mapping[str, pd.DataFrame]) -> str:
    """`a_a_line`, or why there is none."""
    if "a_a" in tables:
        return a_a_line(tables["a_a"])
    if not tables:
        return NOT_RUN
    return (
        "*The paper's recipe is not compared with itself here: 20 different comparisons take more repetitions of each "
        "fold than are recorded (`a_a_repetitions` in the plan).*"
    )


def side_by_side(rows: pd.DataFrame) -> pd.DataFrame:
    """`paper_tricks.every_row` or `beside_the_paper` to be read: the paper's points, ours, pairs, verdict."""
    here, runs, verdicts = [], [], []
    for row in rows.itertuples(index=False):
        measured = pd.notna(row.low)
        here.append(_points(row.difference, row.low, row.high) if measured else "")
        screened = measured and row.by == SCREENING
        runs.append(f"{row.runs:.0f}{' runs' if screened else ''}" if measured else "")
        verdict = f"{row.verdict}, by screening" if screened else row.verdict
        verdicts.append(verdict if measured else COSTS if row.kind == COST else "not measured yet")
    return pd.DataFrame(
        {
            "trick": rows["name"],
            "file or function": rows["trick"],
            "paper": rows["points"].map("{:+.2f}".format),
            "here [95 %]": here,
            "pairs": runs,
            "verdict": verdicts,
        }
    )


def agreement_lines(rows: pd.DataFrame) -> list[str]:
    """How our effects stand to the paper's, over both tables; ``rows``: `paper_tricks.every_row`, joined."""
    asked = rows[rows["kind"] != COST]
    measured = asked.dropna(subset="low")
    told = measured["verdict"].isin(["helps", "hurts"])
    same = told & (measured["difference"] * measured["points"] > 0)
    kinds = {
        "told from nothing, in the paper's direction": same,
        "told from nothing, the other way round": told & ~same,
        "no effect of 1 point": measured["verdict"] == "no effect of 1 point",
        "cannot be told": measured["verdict"] == "cannot be told",
    }
    lines = [
        f"{len(measured)} of the {len(asked)} comparisons that stand for the {rows['row'].nunique()} rows of Tables IV "
        "and V are measured."
    ]
    for words_of, mask in kinds.items():
        names = [f"{row.name} ({row.trick})" for row in measured[mask].itertuples(index=False)]
        if names:
            lines.append(f"{words_of[0].upper()}{words_of[1:]}: {len(names)} ({', '.join(names)}).")
    screened = int((measured["by"] == SCREENING).sum())
    if screened:
        lines.append(
            f"{screened} of these are by screening alone: the mean effect over all the other tricks, each of which "
            "half of the runs have. On the paper's own recipe it may be another one; pairs of runs will tell."
        )
    return [*lines, SYNTHETIC]


def measured_lines(tables: Mapping[str, pd.DataFrame], rows: pd.DataFrame, more: Sequence[str] = ()) -> list[str]:
    """What was measured of the boosting tricks, and what of it stands against the paper's largest figure; ``more`` to
    be said of it."""
    lines = _by_verdict(rows)
    ema = rows[rows["row"] == "ema"]
    if len(ema):
        here = _points(*ema.iloc[0][DIFFERENCE])
        lines.append(f"The paper's largest boost, EMA ({printed_points('ema'):+g} points), is {here} here.")
    if "tuning" in tables and not tables["tuning"].iloc[0].isna().any():
        lines.append(budget_line(tables["tuning"]))
    if "a_a" in tables:
        lines.append(a_a_line(tables["a_a"]))
    return [*lines, *more, SYNTHETIC]


def lowering_lines(tables: Mapping[str, pd.DataFrame], rows: pd.DataFrame) -> list[str]:
    """What was measured of the lowering tricks; ``rows``: `paper_tricks.beside_the_paper` of Table V."""
    lines = _by_verdict(rows)
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
    lines.append(SYNTHETIC)
    return lines


def _by_verdict(rows: pd.DataFrame) -> list[str]:
    verdicts = rows.groupby("name")["verdict"].nunique()
    parts = rows["name"].map(verdicts) > 1  # of one row of the paper, with verdicts of their own
    named = rows["name"].where(~parts, rows["name"] + " by " + rows["trick"])
    return [
        f"{str(verdict).capitalize()}: {', '.join(dict.fromkeys(names))}."
        for verdict, names in named.groupby(rows["verdict"], sort=False)
    ]


def _points(difference: float, low: float, high: float) -> str | None:
    """Of figures that are in points already."""
    return with_interval(difference, low, high, "+.1f")
