"""What sibling clips buy, in tables and sentences of notebook 02; from the tables of `evaluation.leakage.siblings`."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from vpipe_utils.report.figure_style import DIFFERENCE, in_points, in_rows, signed

NOT_MEASURED = "*What sibling clips buy has not been measured yet: `make leakage` measures it.*"
NAMES = {
    "validation": "validation",
    "held-out": "held-out clips",
    "validation beyond held-out": "validation beyond held-out clips",
    "sibling clips alone": "validation, plain folds for sibling clips alone",
}
CLIPS = {"rank": "rank of a clip's labels", "log_loss": "log-loss of a clip"}
WORTH = 0.01  # of mAP, as in `evaluation.tricks.effects`


def score_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """mAP under both kinds of folds, to be read."""
    rows = tables["scores"]
    return pd.DataFrame(
        {
            "mAP": rows["row"].map(NAMES),
            "plain folds": rows["plain"].map(_figure),
            "recordings whole": rows["whole"].map(_figure),
            "plain minus whole, points [95 %]": in_rows(in_points, rows, *DIFFERENCE),
            "pairs of runs": rows["runs"],
        }
    )


def clip_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The same clips by networks of both kinds of folds, to be read."""
    rows = tables["clips"]
    counts = [f"{n} of {of} recordings" if n else "" for n, of in zip(rows["count"], rows["recordings"], strict=True)]
    return pd.DataFrame(
        {
            "measure": rows["measure"].map(CLIPS),
            "clips": rows["clips"],
            "how many": counts,
            "plain folds": rows["plain"].map(_figure),
            "recordings whole": rows["whole"].map(_figure),
            "plain minus whole [95 %]": in_rows(signed, rows, *DIFFERENCE),
        }
    )


def lines(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """What the two tables allow to say, and what it comes to at the share of sibling clips of QV-Pipe."""
    scores = tables["scores"].set_index("row")
    clips = tables["clips"].set_index(["measure", "clips"])
    validation, held_out, flattery, swapped = (scores.loc[name] for name in NAMES)
    there = in_points(*swapped[["at_qv_pipe", "at_low", "at_high"]])
    seen = clips.loc[("rank", "with a sibling in training")]
    beyond = clips.loc[("rank", "the first beyond the second")]
    return [
        f"Under folds that tear recordings apart validation mAP is {_points(validation)} points higher, held-out mAP "
        f"of the same runs {_points(held_out)}: beyond held-out clips it gains {_points(flattery)} points. "
        f"{_verdict(flattery)}",
        f"By the scores of the {seen['count']:.0f} clips with a sibling in training alone, all others left as they "
        f"are, validation mAP moves by {_points(swapped)} points. {_verdict(swapped)}",
        f"A network that saw the sibling ranks the labels of such a clip higher by {_figures(seen)} of 1; beyond what "
        f"clips without siblings do, by {_figures(beyond)}. {_told(beyond)}",
        f"{swapped['siblings']:.1%} of the labelled clips have siblings here, 7.5 % in QV-Pipe (477 of 6,399, by their "
        f"names). In proportion that is {there} points there, if real pieces of a recording are as alike as PipeSim's, "
        "which nobody has measured.",
    ]


def _verdict(row: pd.Series) -> str:
    if row["low"] > 0 or row["high"] < 0:
        word = "flatters" if row["low"] > 0 else "lowers"
        return f"So a sibling in training {word} validation here."
    if -WORTH < row["low"] and row["high"] < WORTH:
        return "So siblings move validation by less than a point."
    return "So it cannot be told here whether siblings move validation by a point."


def _told(row: pd.Series) -> str:
    if row["low"] > 0:
        return "So networks know a pipe again."
    return "So it is not shown that networks know a pipe again."


def _figure(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.3f}"


def _points(row: pd.Series) -> str:
    return in_points(*row[DIFFERENCE])


def _figures(row: pd.Series) -> str:
    return signed(*row[DIFFERENCE])
