from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.evaluation.metrics import mean_average_precision
from vpipe_utils.evaluation.predictions import as_table
from vpipe_utils.evaluation.tricks import records
from vpipe_utils.project.paths import RunName


def table(n: int, seed: int) -> pd.DataFrame:
    logits = np.random.default_rng(seed).normal(-2, 3, (n, len(CLASSES)))
    return as_table([f"{seed}_{k}.mp4" for k in range(n)], (1 / (1 + np.exp(-logits))).astype(np.float32), CLASSES)


NAME = RunName("lite0", 2, "no_ema+no_flip", 1)


def made(name: RunName = NAME, seed: int = 0) -> records.RunRecord:
    val, held_out = {"plain": table(90, seed)}, {"plain": table(300, seed), "hflip": table(300, seed + 1)}
    return records.RunRecord(name, val, held_out, {"val_mAP": 0.5}, {"lr": 1e-3, "trick": None}, {})


def test_a_record_comes_back_but_for_rounding(tmp_path: Path) -> None:
    record = made()
    back = records.read_record(records.write_record(tmp_path, record))
    assert (back.name, back.figures, back.values) == (record.name, record.figures, record.values)
    assert list(back.held_out) == ["plain", "hflip"] and list(back.val) == ["plain"]
    for there, here in ((back.val["plain"], record.val["plain"]), (back.held_out["hflip"], record.held_out["hflip"])):
        assert list(there.columns) == list(here.columns) and list(there["video"]) == list(here["video"])
        assert np.abs(there[list(CLASSES)] - here[list(CLASSES)]).max(axis=None) < 2e-4
        targets = np.random.default_rng(1).random((len(here), len(CLASSES))) < 0.2
        maps = [mean_average_precision(targets, of[list(CLASSES)].to_numpy()) for of in (there, here)]
        assert abs(maps[0] - maps[1]) < 1e-4


def test_the_same_record_is_the_same_bytes_and_small(tmp_path: Path) -> None:
    paths = [records.write_record(tmp_path / folder, made()) for folder in ("a", "b")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert len(paths[0].read_bytes()) < 31_000  # 690 rows of 17 numbers of two bytes are 23,460


def test_certain_predictions_stay_certain(tmp_path: Path) -> None:
    sure = as_table(["a.mp4"], np.array([[0.0, 1.0] + [0.5] * 15], np.float32), CLASSES)
    record = made()
    record = records.RunRecord(record.name, {"plain": sure}, {"plain": sure}, {}, {}, {})
    back = records.read_record(records.write_record(tmp_path, record)).val["plain"].iloc[0, 1:4]
    assert back.iloc[0] < 1e-6 and back.iloc[1] > 1 - 1e-6 and back.iloc[2] == 0.5


def test_an_earlier_folder_wins_and_what_is_no_record_is_a_sentence(tmp_path: Path) -> None:
    name = RunName("lite0", 0)
    for folder, seed in (("own", 1), ("git", 2)):
        records.write_record(tmp_path / folder, made(name, seed))
    records.write_record(tmp_path / "git", made(RunName("lite0", 1), 3))
    found = records.read_records([tmp_path / "own", tmp_path / "git", tmp_path / "not there"])
    assert list(found) == [name, RunName("lite0", 1)]
    assert found[name].val["plain"]["video"].iloc[0] == "1_0.mp4"
    broken = tmp_path / "own" / "lite0.fold_3.parquet"
    for content in (b"", b"PAR1 no", (tmp_path / "git" / "lite0.fold_1.parquet").read_bytes()[:-40]):
        broken.write_bytes(content)
        with pytest.raises(ValueError, match=r"lite0.fold_3.parquet is no record of .* make bench makes it again"):
            records.read_records([tmp_path / "own"])


def test_labels_are_kept_once_and_other_labels_are_refused(tmp_path: Path) -> None:
    labels = pd.DataFrame({"video": ["a.mp4", "007.mp4"], "ZC": [1, 0], "FS": [0, 1]})
    assert records.known_labels(tmp_path, labels).equals(records.known_labels(tmp_path, labels))
    assert list(records.known_labels(tmp_path)["video"]) == ["a.mp4", "007.mp4"]
    with pytest.raises(ValueError, match="labels.csv has other clips or labels than the data"):
        records.known_labels(tmp_path, labels.assign(ZC=0))
