"""Runs of weak supervision, read from their folders and compared with the super-image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from weak_tables import prepared

from vpipe_utils.report.weak import results


def test_runs_that_are_not_finished_or_have_not_predicted_are_left_out(tmp_path: Path) -> None:
    params = prepared(tmp_path, {"simclr_transmil": 0.5, "super_image/lite0": 0.9})
    found = results.read_results(params, 0)
    assert list(found.predictions) == ["super_image/lite0", "simclr_transmil"] and found.held_out
    (params.layout.weak("simclr_transmil", 0) / "test_predictions.parquet").unlink()
    assert list(results.read_results(params, 0).predictions) == ["super_image/lite0"]
    (params.layout.run("super_image", "lite0", 0) / "metrics.json").unlink()
    assert results.read_results(params, 0).predictions == {}


def test_without_held_out_labels_the_validation_clips_are_scored(tmp_path: Path) -> None:
    params = prepared(tmp_path, {"mae_mean": 0.5})
    params.layout.test_labels_table.unlink()
    found = results.read_results(params, 0)
    assert not found.held_out and list(found.labels["video"]) == [f"{k}.mp4" for k in range(0, 40, 5)]


def test_leads_are_paired_and_count_other_runs_where_there_are_some(tmp_path: Path) -> None:
    params = prepared(tmp_path, {"simclr_transmil": 0.2, "super_image/lite0": 1.0})
    one = results.read_results(params, 0)
    lead = one.lead("simclr_transmil", "super_image/lite0")
    assert lead.below and lead.difference == pytest.approx(
        one.score("simclr_transmil") - one.score("super_image/lite0")
    )
    assert one.lead("mae_transmil", "super_image/lite0") is None
    three = prepared(tmp_path / "more", {"simclr_transmil": 0.2, "super_image/lite0": 1.0}, repetitions=3)
    found = results.read_results(three, 0)
    assert sorted(found.predictions["simclr_transmil"]) == [0, 1, 2]
    wider = found.lead("simclr_transmil", "super_image/lite0")
    maps = [results.mean_average_precision(*results.scores.matrices(found.labels, table))
            for table in found.predictions["simclr_transmil"].values()]  # fmt: skip
    assert found.score("simclr_transmil") == pytest.approx(np.mean(maps)) and np.std(maps) > 0
    assert wider.low < wider.difference < wider.high


def test_the_table_has_the_papers_points_beside_ours(tmp_path: Path) -> None:
    params = prepared(tmp_path, {"simclr_transmil": 0.2, "mae_ml_decoder": 0.1, "super_image/lite0": 1.0})
    found = results.read_results(params, 0)
    table = results.result_table(found)
    assert table.loc["SimCLR, TransMIL", "paper, points"] == -19.4
    assert table.loc["MAE, ML-Decoder", "paper, points"] == -25
    assert pd.isna(table.loc["super_image/lite0", "points to super-image"])
    points = 100 * (found.score("mae_ml_decoder") - found.score("super_image/lite0"))
    assert table.loc["MAE, ML-Decoder", "points to super-image"] == pytest.approx(points)
    assert results.PAPER.keys() == {
        f"{kind}_{head}" for kind in ("simclr", "mae") for head in ("transmil", "ml_decoder")
    }


def test_effects_for_the_record_have_verdicts_and_take_repetitions(tmp_path: Path) -> None:
    signal = {"simclr_transmil": 0.2, "mae_mean": 1.0, "super_image/lite0": 1.0}
    with pytest.raises(ValueError, match="simclr_transmil and super_image/lite0 have 1 repetitions in common"):
        results.effect_table(results.read_results(prepared(tmp_path / "one", signal), 0))
    found = results.read_results(prepared(tmp_path / "three", signal, repetitions=3), 0)
    table = results.effect_table(found).set_index("trick")
    assert list(table.index) == ["simclr_transmil", "mae_mean"] and set(table["runs"]) == {3}
    assert table["verdict"].tolist()[0] == "hurts" and (table["p_corrected"] >= table["p"]).all()
    lead = found.lead("simclr_transmil", "super_image/lite0")
    assert table.loc["simclr_transmil", ["difference", "low", "high"]].tolist() == pytest.approx(list(lead))
