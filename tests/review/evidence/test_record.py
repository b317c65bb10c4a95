"""The record of evidence as tables and sentences: computed from its figures, so that they stay true of another one."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from vpipe_utils.review.evidence import record
from vpipe_utils.review.evidence.summary import ALL, BRIEF, EVERY, FOUND

SETTINGS = {"map": "gradients", "share": 0.2}
WAYS = [("map", "patches", 0.3), ("map", "gradients", 0.5), ("tile", "hidden", 0.8), ("tile", "alone", 0.9)]


def row(times_low: float, **values: object) -> dict[str, object]:
    """Of pointing.csv; what a test does not care about has made-up figures."""
    shares = {"point": 0.5, "point_low": 0.4, "point_high": 0.6, "time": 0.8, "time_low": 0.7, "time_high": 0.9}
    chance = {"centre": 0.25, "random": 0.1, "chance_tile": 0.2, "naive": "centre", "time_chance": 0.4}
    times = {"point_times": 2.0, "point_times_low": times_low, "point_times_high": 2.5}
    head = {"preset": "demo", "model": "m", "way": "gradients", "labels": 1200, "labels_of": ALL, "class": EVERY}
    return head | shares | chance | times | values


def write(folder: Path, times_low: float = 1.5, preset: str = "demo") -> None:
    folder.mkdir(parents=True)
    ways = [
        {"preset": preset, "model": "m", "question": question, "way": way, "labels": 98, "hit": hit, "low": 0.1}
        | {"high": 0.95, "chosen": hit in (0.9, 0.5)}
        for question, way, hit in WAYS
    ]
    pointing = [
        row(times_low),
        row(times_low, labels_of=FOUND, labels=700, point=0.7),
        row(times_low, labels_of=BRIEF, labels=300, time_times=3.0, time_times_low=2.5, time_times_high=3.5),
        row(1.2, **{"class": "PL", "point": 0.9, "labels": 30}),
        row(0.9, **{"class": "CQ", "point": 0.1, "labels": 9}),
        row(1.1, **{"class": "TL", "point": 0.3, "labels": 20}),
        row(9.0, way="patches", point=0.01),
        row(9.0, preset="other", labels=50),
    ]
    spans = [
        {"preset": preset, "model": "m", "labels_of": which, "labels": 1200, "overlap": 0.61, "overlap_low": 0.58}
        | {"overlap_high": 0.64, "own": 0.31, "whole": 0.41, "first_off": 0.08, "last_off": 0.17}
        for which in (ALL, FOUND)
    ]
    cost = [{"preset": preset, "model": "m", "clips": 20, "classes_a_clip": 2, "seconds": 90.0, "cpu_seconds": 5.0}]
    tables = {"ways": ways, "pointing": pointing, "spans": spans, "cost": cost}
    for name, rows in tables.items():
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    made = {"chosen": {"m": ["gradients", "patches"]}, "settings": SETTINGS}
    (folder / "provenance.json").write_text(json.dumps(made))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(record, "project_root", lambda: tmp_path)
    monkeypatch.setattr(record, "settings", lambda: SETTINGS)
    return record.record_folder()


def test_before_the_first_record_there_is_none(folder: Path) -> None:
    assert record.read_record() is None
    write(folder)
    assert record.read_record().way == "gradients"
    (folder / "spans.csv").unlink()
    with pytest.raises(FileNotFoundError):
        record.read_record()


def test_tables_have_the_ways_tried_and_the_best_one_measured(folder: Path) -> None:
    write(folder)
    made = record.read_record()
    ways = record.ways_table(made)
    assert ways["way"].tolist() == ["alone", "hidden", "gradients", "patches"]
    assert ways[""].tolist() == ["chosen", "", "chosen", ""] and ways["hit [95 %]"].iloc[0] == "0.90 [0.10, 0.95]"
    pointing = record.pointing_table(made)
    assert pointing.index.tolist() == ["demo"] * 3 + ["other"], "of all classes, by the chosen way"
    assert pointing["held-out"].tolist()[:2] == ["1,200 all labels", "700 labels found"]
    assert pointing["best naive"].tolist() == ["0.25"] * 4
    assert pointing["times as often [95 %]"].tolist() == ["2.0 [1.5, 2.5]"] * 3 + ["2.0 [9.0, 2.5]"]
    assert record.seconds_table(made)["first second off by"].tolist() == ["0.08 s"] * 2


def test_sentences_are_computed(folder: Path) -> None:
    write(folder)
    place, classes, time, cost = record.sentences(record.read_record())
    assert "50% [40%, 60%] of 1,200 held-out labels, 2.0 times [1.5, 2.5] as often" in place
    assert "the centre of a frame by chance, 25%" in place and "700 labels that the network finds" in place
    assert "not shown" not in place
    assert classes.startswith("For 2 of 3 classes") and classes.endswith("CQ (10% of 9) and TL (30% of 20).")
    assert "80% [70%, 90%] of the labels, at one by chance for 40%" in time and "0.61 [0.58, 0.64]" in time
    assert f"Of the 300 {BRIEF} it is for 80% [70%, 90%], 3.0 times [2.5, 3.5] as often as by chance." in time
    assert cost == "A clip with 2 classes takes 0.25 seconds of one core (mean of 20 clips)."


def test_an_interval_that_holds_one_shows_nothing(folder: Path) -> None:
    write(folder, times_low=0.9)
    assert (
        "[0.9, 2.5] as often as the best naive point (not shown to differ)" in record.sentences(record.read_record())[0]
    )


@pytest.mark.parametrize("change", [{"map": "closer gradients"}, {"share": 0.3}, {"again": 8}])
def test_a_record_of_another_way_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    write(folder)
    monkeypatch.setattr(record, "settings", lambda: SETTINGS | change)
    older, *others = record.sentences(record.read_record())
    assert older.startswith("This record is older") and "measured here: *gradients*" in older and len(others) == 4


def test_the_record_in_git_can_be_shown() -> None:
    made = record.read_record()
    assert len(record.sentences(made)) >= 4 and record.ways_table(made)[""].tolist().count("chosen") >= 2
    assert set(record.pointing_table(made).index) >= {made.preset}
