"""The sentences of notebook 13 say what the record says, and no more."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from made_up_grid import made_up_record

from vpipe_utils.evaluation.sight.record import METHODS
from vpipe_utils.report.sight import prediction, words


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return made_up_record(tmp_path_factory.mktemp("record"))


def test_where_the_record_is_from(record) -> None:
    said = words.about(record)
    assert "2026-01-02" in said and "`0123456`" in said and "3 runs a cell" in said
    assert "560 labelled and 120 held-out clips" in said
    networks = len({name for name, _ in METHODS.values()})
    assert f"{networks * 3 * (100 + 101 + 102) / 60:.0f} CPU-minutes" in said, (
        "a network counts once, not once a pooling"
    )


def test_tables_have_a_row_a_method_and_a_column_a_share(record) -> None:
    levels, leads = words.cell_table(record), words.lead_table(record)
    assert list(levels.index) == record.cells["method"].unique().tolist() and list(levels.columns) == [
        "11% in sight", "32% in sight", "58% in sight"]  # fmt: skip
    assert len(leads) == len(levels) - 1 and list(leads.columns)[:-1] == list(levels.columns)
    turns = record.turns.set_index("method")["turn"]
    assert leads.loc["frames, mean", "lead ends at"].startswith(f"{turns['frames, mean']:.0%} [")
    assert leads.loc["Video Swin", "lead ends at"].startswith("above all measured shares")
    assert words.set_table(record).loc["median share in sight [quartiles]", "sight_30"] == "32% [16%, 48%]"


def classes(*leads: tuple[float, float]) -> pd.DataFrame:
    """Intervals of the lead in class PL at rising shares."""
    low, high = zip(*leads, strict=True)
    row = {"method": "frames, mean", "class": "PL", "in_sight": (0.1, 0.3, 0.6), "ahead_low": low, "ahead_high": high}
    return pd.DataFrame(row)


@pytest.mark.parametrize(
    ("leads", "kind"),
    [
        (((0.1, 0.2), (-0.1, 0.1), (-0.2, -0.1)), "turns"),
        (((0.1, 0.2), (-0.1, 0.1), (-0.2, 0.1)), "ahead"),
        (((-0.1, 0.2), (-0.1, 0.1), (-0.2, -0.1)), "behind"),
        (((-0.2, -0.1), (-0.1, 0.1), (0.1, 0.2)), "undecided"),
        (((np.nan, np.nan), (-0.1, 0.1), (-0.1, 0.2)), "undecided"),
    ],
)
def test_kinds_of_classes(record, leads, kind) -> None:
    found = words.turned_classes(dataclasses.replace(record, classes=classes(*leads)))
    assert found == dict.fromkeys(("turns", "ahead", "behind", "undecided"), []) | {kind: ["PL"]}


def test_closing_sentences(record) -> None:
    lines = words.closing(record, prediction.against(record))
    text = "\n".join(lines)
    assert "11% in sight: the super-image and frames, maximum" in text
    assert "11% in sight: the super-image beats frames, mean" not in text  # which is not clear of colour there
    assert "58% in sight: the super-image falls behind frames, mean by -" in text
    assert "beats Video Swin" not in text  # nor is that, at any share
    assert "The lead over frames (mean) ends at " in text
    nowhere = dataclasses.replace(record, turns=record.turns.assign(turn=np.nan))
    assert any("no one share at which" in line for line in words.closing(nowhere, prediction.against(record)))
    assert "Best pooling of the frames at 58% in sight: mean." in lines
    assert any(
        line.startswith("Not clear of what colour alone tells") and "Video Swin at 11%" in line for line in lines
    )
    assert lines[-1].startswith("Of the prediction: ") and "open" in lines[-1]
    strong = record.cells.assign(low=record.cells["low"] + (record.cells["method"] != "colour alone"))
    told = words.closing(dataclasses.replace(record, cells=strong), prediction.against(record))
    assert "Every cell is clear of what colour alone tells." in told


def test_how_far_runs_differ(record) -> None:
    trained = record.cells[record.cells["method"] != "colour alone"]
    assert f"{np.sqrt((trained['run_sd'] ** 2).mean()):.3f} mAP" in words.spread(record)
