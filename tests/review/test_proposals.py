"""What a review proposes: thresholds are met exactly, normal only where nothing else is, missing evidence is borne."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_review import made_up_review

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.review.proposals import proposals, proposed, read_review
from vpipe_utils.review.tables import CALIBRATED, EVIDENCE, REVIEW
from vpipe_utils.storage.tables import write_table


def review_of(folder: Path, rows: dict[str, dict[str, float]], **record: object) -> Path:
    made_up_review(folder, list(rows), videos=False, evidence=False, record=record)
    values = np.zeros((len(rows), len(CLASSES)), np.float32)
    for k, row in enumerate(rows.values()):
        for code, value in row.items():
            values[k, CLASSES.index(code)] = value
    table = pd.concat([pd.DataFrame({"video": list(rows)}), pd.DataFrame(values, columns=list(CLASSES))], axis=1)
    write_table(table, folder / CALIBRATED)
    return folder


def test_a_threshold_is_met_and_normal_gives_way(tmp_path: Path) -> None:
    rows = {"a.mp4": {"PL": 0.7, "ZC": 0.9}, "b.mp4": {"ZC": 0.9}, "c.mp4": {"PL": 0.69}}
    marks = proposed(read_review(review_of(tmp_path / "r", rows, threshold={"PL": 0.7, "ZC": 0.7})))
    assert marks.loc["a.mp4", "PL"] and not marks.loc["a.mp4", "ZC"], "0.7 as float32 is a little less than 0.7"
    assert marks.loc["b.mp4", "ZC"] and not marks.loc["c.mp4"].any()


def test_proposals_have_seconds_where_they_were_looked_for(tmp_path: Path) -> None:
    folder = made_up_review(tmp_path / "r", ["a.mp4", "b.mp4"], videos=False)
    table = proposals(read_review(folder))
    assert table["rank"].is_monotonic_increasing and table["second"].notna().all() and "ZC" not in set(table["class"])
    assert (table.loc[table["class"] == "PL", "name"] == "crack").all()
    (folder / EVIDENCE).unlink()
    bare = proposals(read_review(folder))
    assert len(bare) == len(table) and bare["second"].isna().all() and bare["frame"].isna().all()


def test_a_review_without_a_record(tmp_path: Path) -> None:
    folder = made_up_review(tmp_path / "r", ["a.mp4", "b.mp4"], videos=False)
    (folder / REVIEW).unlink()
    review = read_review(folder)
    assert review.classes == list(CLASSES) and review.normal == "ZC" and set(review.thresholds.values()) == {0.5}
    (folder / REVIEW).write_text(json.dumps({"normal": None}))
    assert read_review(folder).normal is None


def test_no_review(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="calibrated.parquet is not there"):
        read_review(tmp_path)
