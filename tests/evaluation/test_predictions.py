"""Predictions: what is written is valid and read back exactly; every fault is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.data.classes import CLASSES as OFFICIAL
from vpipe_utils.evaluation import predictions

CLASSES = ("ZC", "CJ")


def table(**columns) -> pd.DataFrame:
    return pd.DataFrame({"video": ["a.mp4", "b.mp4"], "ZC": [0.1, 0.9], "CJ": [0.5, 0.0]} | columns)


def test_predictions_read_back_in_the_order_asked(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    predictions.write_predictions(table(), path, ["b.mp4", "a.mp4"], CLASSES)
    back = predictions.read_predictions(path, CLASSES, ["a.mp4", "b.mp4"])
    assert list(back["video"]) == ["a.mp4", "b.mp4"]
    assert back["ZC"].dtype == np.float32
    np.testing.assert_allclose(back["ZC"], [0.1, 0.9], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "videos", "message"),
    [
        ({"ZC": [0.1, 1.5]}, None, "video 'b.mp4', class ZC: 1.5 is no probability"),
        ({"CJ": [0.1, float("nan")]}, None, "video 'b.mp4', class CJ: nan is no probability"),
        ({"video": ["a.mp4", "a.mp4"]}, None, "video 'a.mp4' has more than one row"),
        ({}, ["a.mp4", "b.mp4", "c.mp4"], "1 of 3 videos are missing, first 'c.mp4'"),
        ({}, ["a.mp4"], "video 'b.mp4' is not one of the 1 expected"),
        ({"XX": [0, 0]}, None, "columns are"),
    ],
)
def test_wrong_predictions_are_never_written(tmp_path: Path, change: dict, videos: list | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        predictions.write_predictions(table(**change), tmp_path / "p.parquet", videos, CLASSES)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- the official JSON


def written(folder: Path, text: str) -> Path:
    path = folder / "submission.json"
    path.write_text(text, encoding="utf-8")
    return path


def official_table(n=5, classes=OFFICIAL, seed=0):
    values = np.random.default_rng(seed).random((n, len(classes)), dtype=np.float32)
    table = pd.DataFrame(values, columns=list(classes))
    table.insert(0, "video", [f"{i}.mp4" for i in range(n)])
    return table


def test_submission_round_trip_is_exact(tmp_path):
    table = official_table()
    predictions.write_submission(table, tmp_path / "submission.json")
    official = json.loads((tmp_path / "submission.json").read_text())
    assert list(official) == table["video"].tolist() and {len(v) for v in official.values()} == {17}
    again = predictions.read_submission(tmp_path / "submission.json")
    pd.testing.assert_frame_equal(again, table, check_exact=True)


def test_submission_keeps_the_official_class_order(tmp_path):
    table = official_table()
    shuffled = table[["video", *reversed(OFFICIAL)]]
    predictions.write_submission(shuffled, tmp_path / "submission.json")
    again = predictions.read_submission(tmp_path / "submission.json")
    pd.testing.assert_frame_equal(again, table, check_exact=True)


def test_submission_of_a_video_with_any_ending(tmp_path):
    table = official_table(2, ["b", "a"]).assign(video=["0001.recorder", "clip"])
    predictions.write_submission(table, tmp_path / "s.json")
    assert predictions.read_submission(tmp_path / "s.json", ["b", "a"])["video"].tolist() == ["0001.recorder", "clip"]
    with pytest.raises(ValueError, match="'a/b.mp4' is not a plain file name"):
        predictions.read_submission(written(tmp_path, '{"a/b.mp4": [0.1, 0.2]}'), ["b", "a"])


def test_submission_of_an_own_class_list(tmp_path):
    predictions.write_submission(official_table(2, ["b", "a"]), tmp_path / "s.json")
    assert predictions.read_submission(tmp_path / "s.json", ["b", "a"]).columns.tolist() == ["video", "b", "a"]


def test_a_faulty_submission_is_not_written(tmp_path):
    path = tmp_path / "submission.json"
    predictions.write_submission(official_table(), path)
    before = path.read_bytes()
    for change, message in [
        (lambda t: t.assign(CJ=1.5), "CJ: 1.5 is no probability"),
        (lambda t: t.assign(CJ=np.nan), "nan is no probability"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "'0.mp4' has more than one row"),
        (lambda t: t.drop(columns="TL"), "expected"),
    ]:
        with pytest.raises(ValueError, match=message):
            predictions.write_submission(change(official_table()), path, OFFICIAL)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["submission.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a.mp4": [0.5]}', "'a.mp4' must have a list of 17 numbers"),
        (json.dumps({"a.mp4": [2.0] + [0] * 16}), "'a.mp4', class ZC: 2.0 is no probability"),
        (json.dumps({"a.mp4": ["0"] * 17}), "must have a list of 17 numbers"),
        (f'{{"a.mp4": {[0] * 17}, "a.mp4": {[1] * 17}}}', "'a.mp4' is predicted twice"),
    ],
)
def test_faults_of_submissions(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        predictions.read_submission(written(tmp_path, text))
