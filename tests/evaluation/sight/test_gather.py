"""From predictions to the tables of the record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_grid import IN_SIGHT, STRENGTHS, made_up_labels, made_up_predictions, made_up_shares

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.data.params import DataParams
from vpipe_utils.evaluation import colour_baseline
from vpipe_utils.evaluation.predictions import write_predictions
from vpipe_utils.evaluation.sight import gather
from vpipe_utils.evaluation.sight.record import COLOUR, METHODS, PRESETS, SUPER_IMAGE, TABLES
from vpipe_utils.project.parameter_files import layer_files, read_layers
from vpipe_utils.storage.tables import write_json, write_table


@pytest.fixture(scope="module")
def shares() -> list[gather.Share]:
    return made_up_shares()


def test_every_cell_has_a_row(shares) -> None:
    table = gather.cell_table(shares)
    assert len(table) == len(PRESETS) * len(STRENGTHS)
    ours = table[table["method"] == SUPER_IMAGE]
    assert ours["ahead"].isna().all() and table["ahead"].isna().sum() == len(ours)
    rows = table.set_index(["preset", "method"])
    frames = rows.xs("frames, mean", level="method")
    assert frames["ahead_low"].iloc[0] > 0 and frames["ahead_high"].iloc[-1] < 0
    assert (rows["low"] < rows["mAP"]).all() and (rows["mAP"] < rows["high"]).all()


def test_the_order_turns_round_where_it_was_made_to(shares) -> None:
    turns = gather.turn_table(shares).set_index("method")
    row = turns.loc["frames, mean"]
    assert IN_SIGHT[1] < row["turn_low"] < row["turn"] < row["turn_high"] < IN_SIGHT[2] and row["turns"] == 1
    assert np.isposinf(turns.loc["Video Swin", "turn"]) and turns.loc["Video Swin", "turns"] == 0


def test_every_class_of_a_cell_has_a_row(shares) -> None:
    labels = made_up_labels()
    table = gather.class_table(shares, labels)
    assert len(table) == len(PRESETS) * len(STRENGTHS) * len(CLASSES)
    assert (table.groupby("class")["positives"].first() == labels[list(CLASSES)].sum()[sorted(CLASSES)]).all()
    means = table.groupby(["preset", "method"])["AP"].mean()
    cells = gather.cell_table(shares).set_index(["preset", "method"])["mAP"]
    pd.testing.assert_series_equal(means.sort_index(), cells.sort_index(), check_names=False)


@pytest.fixture
def presets(tmp_path: Path) -> list[DataParams]:
    """What the workflow leaves of the three presets, as far as `gather` reads it; two frames of each label in sight."""
    labels = made_up_labels(60, 0.3)
    found = []
    for place, preset in enumerate(PRESETS):
        values = read_layers(layer_files(preset)) | {"outputs": str(tmp_path)}
        params = DataParams.from_values(values)
        layout = params.layout
        write_table(labels, layout.test_labels_table)
        write_table(pd.DataFrame({"video": labels["video"], "frames": 36}), layout.videos_table)
        shown = [(v, c, f, 0.01 * (f + 1)) for v in labels["video"] for c in ("PL", "FS") for f in range(4 * place + 2)]
        evidence = pd.DataFrame(shown, columns=["video", "class", "frame", "share"])
        write_table(evidence, layout.pipesim / "evidence.parquet")
        for number, (name, suffix) in enumerate(METHODS.values()):
            for fold in params.train_folds:
                folder = layout.run(*name.split("/"), fold)
                table = made_up_predictions(labels, 2.0, 100 * number + 10 * place + fold)
                write_predictions(table, folder / f"test_predictions{suffix}.parquet", None, CLASSES)
                write_json({"val_mAP": 0.5, "train_seconds": 60.0}, folder / "metrics.json")
        found.append(params)
    return found


def test_the_grid_is_gathered_from_its_presets(presets, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = made_up_labels(60, 0.3)
    monkeypatch.setattr(gather, "_colour", lambda params, videos: [made_up_predictions(labels, 0.0, 7)] * 3)
    tables = gather.gather(presets, 100, 0)
    assert tuple(tables) == TABLES
    sets = tables["sets"].set_index("preset")
    assert sets["in_sight"].round(3).tolist() == [0.056, 0.167, 0.278] and sets["wanted"].tolist() == [0.07, 0.3, 0.6]
    assert sets["size"].round(3).tolist() == [0.02, 0.06, 0.10]
    assert sets["in_nine"].tolist() == [0.0, 1.0, 1.0], "the nine frames are the 3rd, the 7th, …"
    runs = tables["runs"]
    assert len(runs) == len(PRESETS) * 3 * (len(METHODS) + 1) and runs["mAP"].notna().all()
    assert runs[runs["method"] == COLOUR]["train_seconds"].isna().all()


def test_an_unfinished_run_is_named(presets) -> None:
    (presets[1].layout.run("frame", "frame_lite0", 2) / "metrics.json").unlink()
    with pytest.raises(ValueError, match="sight_30: not every run of frame/frame_lite0 .* run make sight"):
        gather.gather(presets, 100, 0)


def test_presets_of_other_clips_are_refused(presets) -> None:
    write_table(made_up_labels(50, 0.3), presets[2].layout.test_labels_table)
    with pytest.raises(ValueError, match="sight_60 has other held-out clips, labels or folds than sight_10"):
        gather.gather(presets, 100, 0)


def test_colour_is_fitted_to_each_folds_training_clips(presets, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, params = made_up_labels(60, 0.3), presets[0]
    write_table(labels, params.layout.labels_table)
    folds = pd.DataFrame({"video": labels["video"], "fold": np.arange(60) % params.n_folds})
    write_table(folds, params.layout.folds_table)
    monkeypatch.setattr(gather, "open_tiles", lambda params, videos: "tiles")

    def fold_predictions(cache, known, fold, train_folds, videos):
        assert cache == "tiles" and list(fold) == list(folds["fold"]) and len(known) == 60
        return {}, {k: f"{k}: {len(videos)}" for k in train_folds}

    monkeypatch.setattr(colour_baseline, "fold_predictions", fold_predictions)
    assert gather._colour(params, ["a.mp4"]) == ["0: 1", "1: 1", "2: 1"]
