"""The record of `make evidence`, kept in git: how well evidence points, as tables and sentences for notebook 11."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from vpipe_utils.project.paths import project_root
from vpipe_utils.report.figure_style import in_rows, with_interval
from vpipe_utils.review.evidence.clips import settings
from vpipe_utils.review.evidence.summary import ALL, BRIEF, EVERY, FOUND, NAIVE
from vpipe_utils.storage.tables import read_json

TABLES = ("ways", "pointing", "spans", "cost")
PROVENANCE = "provenance.json"  # written last: with it a record is whole
NAIVE_WORDS = {
    "centre": "the centre of a frame by chance",
    "random": "a random point in a frame by chance",
    "chance_tile": "the network's own point in a frame by chance",
}
QUESTIONS = {"tile": "which of the nine frames", "frame": "which of all frames", "map": "which place in it"}
NOT_MEASURED = "*Evidence has not been measured yet: `make evidence` does it, after `make report`.*"


@dataclass(frozen=True)
class Record:
    """The tables of `summary`, with columns `preset` and `model`; the explaining network and its clips come first."""

    ways: pd.DataFrame
    pointing: pd.DataFrame
    spans: pd.DataFrame
    cost: pd.DataFrame
    chosen: Mapping[str, Sequence[str]]  # model -> ways that were reported on, the best first
    settings: Mapping[str, object]  # of the evidence that was measured, `clips.settings`

    @property
    def preset(self) -> str:
        """Whose validation clips chose the ways."""
        return self.ways["preset"].iloc[0]

    @property
    def model(self) -> str:
        """The network that gives the evidence of a review."""
        return self.ways["model"].iloc[0]

    @property
    def way(self) -> str:
        """How its maps are made."""
        return self.chosen[self.model][0]

    @property
    def best(self) -> pd.DataFrame:
        """The rows of `pointing` over all classes, of each network's best way."""
        first = self.pointing["model"].map(lambda name: self.chosen[name][0])
        return self.pointing[(self.pointing["class"] == EVERY) & (self.pointing["way"] == first)]


def record_folder() -> Path:
    """Where `make evidence` writes the record."""
    return project_root() / "outputs" / "reference" / "evidence"


def read_record() -> Record | None:
    """The record, None before the first. Raises FileNotFoundError where one of its tables is missing."""
    folder = record_folder()
    if not (folder / PROVENANCE).is_file():
        return None
    tables = {name: pd.read_csv(folder / f"{name}.csv") for name in TABLES}
    made = read_json(folder / PROVENANCE)
    return Record(**tables, chosen=made["chosen"], settings=made.get("settings", {}))


def ways_table(record: Record) -> pd.DataFrame:
    """Every way that was tried for the explaining network, question by question, the best first."""
    rows = _of_network(record.ways, record).sort_values("hit", ascending=False, kind="stable")
    rows = rows.sort_values("question", key=lambda of: of.map(list(QUESTIONS).index), kind="stable")
    return pd.DataFrame({
        "question": rows["question"].map(QUESTIONS),
        "way": rows["way"],
        "validation labels": rows["labels"],
        "hit [95 %]": in_rows(partial(with_interval, form=".2f"), rows, "hit", "low", "high"),
        "": rows["chosen"].map({True: "chosen", False: ""}),
    }).pipe(_headed)  # fmt: skip


def pointing_table(record: Record) -> pd.DataFrame:
    """The pointing game and the right time beside what chance gives, a row a set of held-out labels."""
    rows = record.best
    return pd.DataFrame({
        "clips": rows["preset"],
        "network": rows["model"],
        "held-out": _labels(rows),
        "point on the defect [95 %]": _with_interval(rows, "point"),
        "best naive": rows[list(NAIVE)].max(axis=1).map("{:.2f}".format),
        "times as often [95 %]": _with_interval(rows, "point_times", ".1f"),
        "in sight at that time [95 %]": _with_interval(rows, "time"),
        "at a time by chance": rows["time_chance"].map("{:.2f}".format),
    }).pipe(_headed)  # fmt: skip


def seconds_table(record: Record) -> pd.DataFrame:
    """How far the seconds in sight that are told overlap with the true ones, as intersection over union."""
    rows = record.spans
    return pd.DataFrame({
        "clips": rows["preset"],
        "held-out": _labels(rows),
        "seconds told, overlap [95 %]": _with_interval(rows, "overlap"),
        "a ninth of the clip": rows["own"].map("{:.2f}".format),
        "the whole clip": rows["whole"].map("{:.2f}".format),
        "first second off by": rows["first_off"].map("{:.2f} s".format),
        "last second off by": rows["last_off"].map("{:.2f} s".format),
    }).pipe(_headed)  # fmt: skip


def sentences(record: Record) -> list[str]:
    """What the record says of the explaining network: the place, class by class, the time, and what it costs.

    Before them, where a review looks in another way by now, that the record is older.
    """
    said = [_place(record), _classes(record), _time(record), _cost(record)]
    now = settings()
    if record.settings == now and record.way == now["map"]:
        return said
    older = (
        f"This record is older than what a review does now. Maps: *{now['map']}*; measured here: *{record.way}*. "
        "`make evidence` measures again."
    )
    return [older, *said]


def _place(record: Record) -> str:
    rows = _of_network(record.best, record).set_index("labels_of")
    every, found = rows.loc[ALL], rows.loc[FOUND]
    low, high = every["point_times_low"], every["point_times_high"]
    times = f"{every['point_times']:.1f} times [{low:.1f}, {high:.1f}] as often as"
    unsure = "" if low > 1 else " (not shown to differ)" if high >= 1 else " (which is worse)"
    return (
        f"The hottest point lies on the defect for {_share(every, 'point')} of {every['labels']:,} held-out labels, "
        f"{times} the best naive point{unsure}: {NAIVE_WORDS[every['naive']]}, {every[every['naive']]:.0%}. Of "
        f"the {found['labels']:,} labels that the network finds, it does for {_share(found, 'point')}."
    )


def _classes(record: Record) -> str:
    rows = _of_network(record.pointing, record)
    rows = rows[(rows["labels_of"] == ALL) & (rows["class"] != EVERY) & (rows["way"] == record.way)]
    lowest = rows.sort_values("point", kind="stable").head(2)[["class", "point", "labels"]]
    named = " and ".join(f"{code} ({point:.0%} of {labels:,})" for code, point, labels in lowest.to_numpy())
    above = int((rows["point_times_low"] > 1).sum())
    return f"For {above} of {len(rows)} classes it is above the best naive point by an interval; lowest: {named}."


def _time(record: Record) -> str:
    rows = _of_network(record.best, record).set_index("labels_of")
    every = rows.loc[ALL]
    brief = ""
    if BRIEF in rows.index:
        of = rows.loc[BRIEF]
        brief = (
            f" Of the {of['labels']:,} {BRIEF} it is for {_share(of, 'time')}, {of['time_times']:.1f} times "
            f"[{of['time_times_low']:.1f}, {of['time_times_high']:.1f}] as often as by chance."
        )
    span = _of_network(record.spans, record).set_index("labels_of").loc[ALL]
    return (
        f"At the second that is shown the class is in sight for {_share(every, 'time')} of the labels, at one by "
        f"chance for {every['time_chance']:.0%}.{brief} The seconds that are told overlap with the true ones by "
        f"{with_interval(*span[['overlap', 'overlap_low', 'overlap_high']], '.2f')}; a ninth of the clip around "
        f"that second does by {span['own']:.2f}, the whole clip by {span['whole']:.2f}."
    )


def _cost(record: Record) -> str:
    clips, classes, busy = record.cost[["clips", "classes_a_clip", "cpu_seconds"]].iloc[0]
    return (
        f"A clip with {classes:.0f} classes takes {busy / clips:.2f} seconds of one core (mean of {clips:.0f} clips)."
    )


def _of_network(table: pd.DataFrame, record: Record) -> pd.DataFrame:
    return table[(table["preset"] == record.preset) & (table["model"] == record.model)]


def _headed(table: pd.DataFrame) -> pd.DataFrame:
    """The first column as the head of the rows; its name stands above it, in the same line as the others."""
    first = table.columns[0]
    return table.set_index(first).rename_axis(index=None, columns=first)


def _labels(rows: pd.DataFrame) -> pd.Series:
    return rows["labels"].map("{:,}".format) + " " + rows["labels_of"]


def _share(row: pd.Series, name: str) -> str:
    return with_interval(row[name], row[f"{name}_low"], row[f"{name}_high"], ".0%")


def _with_interval(rows: pd.DataFrame, name: str, form: str = ".2f") -> list[str | None]:
    return in_rows(partial(with_interval, form=form), rows, name, f"{name}_low", f"{name}_high")
