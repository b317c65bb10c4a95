"""Tables and sentences of notebook 13, computed from the record of the grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from vpipe_utils.data.classes import CLASS_NAMES
from vpipe_utils.evaluation.sight.record import COLOUR, FRAMES, METHODS, SUPER_IMAGE, Record
from vpipe_utils.report.conclusions import verdict
from vpipe_utils.report.figure_style import signed, with_interval

NOT_RUN = "*The grid has not been run: `make sight` runs it (the head of this page says how long it takes).*"


def about(record: Record) -> str:
    """Where the record comes from and how much it holds."""
    made, sets = record.provenance, record.sets
    runs = len(record.runs[record.runs["method"].isin([SUPER_IMAGE, FRAMES])]) // (2 * len(sets))
    networks = record.runs.assign(model=[METHODS.get(method, ("",))[0] for method in record.runs["method"]])
    minutes = networks.drop_duplicates(["preset", "model", "fold"])["train_seconds"].sum() / 60
    size = f"{sets['labelled'].iloc[0]:,} labelled and {sets['held_out'].iloc[0]:,} held-out clips"
    return (
        f"Record of {str(made['time'])[:10]}, commit `{str(made['commit'])[:7]}`: {len(sets)} sets of {size} each, "
        f"{runs} runs a cell, {minutes:.0f} CPU-minutes of training."
    )


def set_table(record: Record) -> pd.DataFrame:
    """What was filmed, a column a preset, in words."""
    rows = {}
    for row in record.sets.itertuples():
        rows[row.preset] = {
            "wanted share in sight": f"{row.wanted:.0%}",
            "median share in sight [quartiles]": with_interval(row.in_sight, row.sight_q1, row.sight_q3, ".0%"),
            "labels that nine frames show": f"{row.in_nine:.0%}",
            "median largest share of the picture": f"{row.size:.1%}",
            "mAP of guessing": f"{row.chance:.3f}",
        }
    return pd.DataFrame(rows)


def cell_table(record: Record) -> pd.DataFrame:
    """mAP with interval of every method (rows) at every share (columns)."""
    return _by_share(record.cells, lambda row: with_interval(row.mAP, row.low, row.high))


def lead_table(record: Record) -> pd.DataFrame:
    """How far the super-image is ahead of every other method, and where that ends."""
    others = record.cells[record.cells["method"] != SUPER_IMAGE]
    table = _by_share(others, lambda row: signed(row.ahead, row.ahead_low, row.ahead_high))
    return table.assign(**{"lead ends at": [turn_words(row) for row in record.turns.itertuples()]})


def turn_words(row: tuple) -> str:
    """'44 % [31, 58]'; an end outside the measured shares is said to be so."""
    if np.isnan(row.turn):
        return "no order that turns once"
    return f"{_share(row.turn)} [{_share(row.turn_low)}, {_share(row.turn_high)}]"


def spread(record: Record) -> str:
    """How much one run differs from the next."""
    trained = record.cells[record.cells["method"] != COLOUR]
    pooled = float(np.sqrt((trained["run_sd"] ** 2).mean()))
    return (
        f"One run differs from the next of the same cell by a standard deviation of {pooled:.3f} mAP (pooled over "
        f"{len(trained)} cells), so a single run would say little."
    )


def turned_classes(record: Record, method: str = FRAMES) -> dict[str, list[str]]:
    """Classes by what their intervals allow to say of the super-image and `method` over all shares.

    'turns': ahead at one share and behind at a larger one; 'ahead', 'behind': at one share or more, never the other;
    'undecided': no interval without 0.
    """
    found: dict[str, list[str]] = {"turns": [], "ahead": [], "behind": [], "undecided": []}
    for code, rows in record.classes[record.classes["method"] == method].groupby("class", sort=False):
        rows = rows.sort_values("in_sight")
        ahead, behind = (rows["ahead_low"] > 0).to_numpy(), (rows["ahead_high"] < 0).to_numpy()
        if ahead.any() and behind.any():
            kind = "turns" if np.argmax(ahead) < len(behind) - 1 - np.argmax(behind[::-1]) else "undecided"
        else:
            kind = "ahead" if ahead.any() else "behind" if behind.any() else "undecided"
        found[kind].append(str(code))
    return found


def class_lines(record: Record) -> list[str]:
    """What the classes say, frames pooled by the mean and by the maximum."""
    lines = []
    for method in (FRAMES, "frames, maximum"):
        found = turned_classes(record, method)
        says = {
            "turns": "the order turns round for",
            "ahead": "the super-image is ahead at some share, and never behind, for",
            "behind": "it is behind at some share, and never ahead, for",
            "undecided": "nothing can be said of",
        }
        parts = [f"{says[kind]} {_named(codes)}" for kind, codes in found.items() if codes]
        lines.append(f"Against {method}: {'; '.join(parts)}.")
    lines.append("Seventeen classes at three shares are 51 intervals: two or three of them miss 0 by chance alone.")
    return lines


def closing(record: Record, open_predictions: pd.DataFrame) -> list[str]:
    """The last sentences: each share, the turn, the poolings, the floor, the prediction."""
    weak = _not_clear_of_colour(record)
    lines = list(_orders(record, weak))
    turn = _row(record.turns.set_index("method"), FRAMES)
    lines.append(
        "The lead over frames (mean) is largest in between: there is no one share at which the order turns round."
        if np.isnan(turn.turn)
        else f"The lead over frames (mean) ends at {turn_words(turn)} in sight."
    )
    best = _best_pooling(record)
    lines += [f"Best pooling of the frames at {share:.0%} in sight: {name}." for share, name in best.items()]
    named = sorted({f"{row.method} at {row.in_sight:.0%}" for row in weak.itertuples()})
    lines.append(
        f"Not clear of what colour alone tells, and so too weak to compare by: {', '.join(named)}."
        if named
        else "Every cell is clear of what colour alone tells."
    )
    counts = open_predictions["verdict"].value_counts()
    lines.append("Of the prediction: " + ", ".join(f"{counts.get(k, 0)} {k}" for k in ("held", "failed", "open")) + ".")
    return lines


def _not_clear_of_colour(record: Record) -> pd.DataFrame:
    """The cells whose interval reaches down to that of colour alone."""
    below = record.cells[record.cells["method"] != COLOUR].merge(
        record.cells.loc[record.cells["method"] == COLOUR, ["preset", "high"]], on="preset", suffixes=("", "_colour")
    )
    return below[below["low"] <= below["high_colour"]]


def _orders(record: Record, weak: pd.DataFrame) -> Iterator[str]:
    """The super-image against the others at each share, but for what is too weak to compare by."""
    out = set(zip(weak["in_sight"], weak["method"], strict=True))
    for share, rows in record.cells.groupby("in_sight"):
        rows = rows.set_index("method")
        for method in (FRAMES, "frames, maximum", "tiles one by one", "Video Swin"):
            if out & {(share, SUPER_IMAGE), (share, method)}:
                continue
            row = rows.loc[method]
            said = verdict("the super-image", method, row["ahead"], row["ahead_low"], row["ahead_high"])
            yield f"{share:.0%} in sight: {said}."


def _best_pooling(record: Record) -> dict[float, str]:
    frames = record.cells[record.cells["method"].str.startswith("frames")]
    best = frames.loc[frames.groupby("in_sight")["mAP"].idxmax()]
    return dict(zip(best["in_sight"], best["method"].str.removeprefix("frames, "), strict=True))


def _row(table: pd.DataFrame, name: str) -> tuple:
    return next(table.loc[[name]].itertuples())


def _by_share(cells: pd.DataFrame, words: Callable[..., str | None]) -> pd.DataFrame:
    shown = cells.assign(text=[words(row) for row in cells.itertuples()])
    table = shown.pivot(index="method", columns="in_sight", values="text").loc[shown["method"].unique()]
    return table.rename(columns=lambda share: f"{share:.0%} in sight").rename_axis(columns=None)


def _share(value: float) -> str:
    if np.isinf(value):
        return "above all measured shares" if value > 0 else "below all measured shares"
    return f"{value:.0%}"


def _named(codes: list[str]) -> str:
    return ", ".join(f"{code} ({CLASS_NAMES.get(code, code)})" for code in codes)
