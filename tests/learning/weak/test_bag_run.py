"""A run of a head: whole files, kept weights, and each stage done once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from weak_folds import weak_fold

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.evaluation.metrics import mean_average_precision
from vpipe_utils.evaluation.predictions import read_predictions
from vpipe_utils.learning.weak import bag_run, features, pretrain
from vpipe_utils.learning.weak.fold import WeakFold

FILES = ("params.yaml", "provenance.json", "metrics.json", "history.csv", "val_predictions.parquet",
         "test_predictions.parquet", "weights.safetensors")  # fmt: skip


def run(weak: WeakFold, kind: str = "mae", head: str = "ml_decoder") -> dict[str, object]:
    pretrained = pretrain.pretrain(weak, kind, progress=False)
    return bag_run.run_head(weak, kind, head, pretrained, features.make_bags(weak, kind, pretrained, progress=False))


def test_a_run_leaves_what_every_run_leaves_and_its_predictions_are_what_was_validated(tmp_path: Path) -> None:
    weak = weak_fold(tmp_path)
    metrics = run(weak)
    folder = tmp_path / "smoke" / "weak" / "mae_ml_decoder" / "fold_0"
    assert all((folder / name).is_file() for name in FILES)
    scores = read_predictions(folder / "val_predictions.parquet", CLASSES, weak.data.val_videos)[list(CLASSES)]
    targets = weak.data.targets(weak.data.val_videos)
    history = pd.read_csv(folder / "history.csv")
    assert list(history["epoch"]) == [2, 4] and metrics["best_epoch"] in (2, 4)
    assert metrics["val_mAP"] == pytest.approx(mean_average_precision(targets, scores.to_numpy()), abs=1e-6)
    assert metrics["val_mAP"] == pytest.approx(history["val_mAP"].max(), abs=1e-6), "the best weights are kept"
    read_predictions(folder / "test_predictions.parquet", CLASSES, weak.held_out)
    assert 0 < metrics["frames_passed"] <= metrics["budget_frames"] and metrics["train_cpu_seconds"] > 0


def test_bright_squares_are_found_by_features_that_nobody_labelled(tmp_path: Path) -> None:
    """The clips' classes are bright squares; guessing gives about a third of what is asked for here."""
    weak = weak_fold(tmp_path, bag_epochs=40, bag_lr=0.003, weak_budget=0.5)
    run(weak, head="mean")
    table = read_predictions(weak.folder("mae_mean") / "val_predictions.parquet", CLASSES, weak.data.val_videos)
    targets = weak.data.targets(weak.data.val_videos)[:, :3]
    found = mean_average_precision(targets, table[list(CLASSES)].to_numpy()[:, :3])
    assert found > 0.9, found


def test_killed_after_pretraining_it_goes_on_without_pretraining_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it gives is what a run in one go gives."""
    whole = run(weak_fold(tmp_path / "whole"))
    monkeypatch.setattr(features, "encode", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run(weak_fold(tmp_path / "cut"))
    monkeypatch.undo()
    monkeypatch.setattr(pretrain, "_train", lambda *_: pytest.fail("it is pretrained already"))
    again = run(weak_fold(tmp_path / "cut"))
    assert again["val_AP"] == whole["val_AP"] and again["frames_passed"] == whole["frames_passed"]
    tables = [
        pd.read_parquet(tmp_path / place / "smoke" / "weak" / "mae_ml_decoder" / "fold_0" / "test_predictions.parquet")
        for place in ("whole", "cut")
    ]
    pd.testing.assert_frame_equal(*tables)


def test_a_finished_run_stays_and_another_recipe_or_features_replace_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(weak_fold(tmp_path))
    calls, fit = [], bag_run.fit_head
    monkeypatch.setattr(bag_run, "fit_head", lambda *given: calls.append(1) or fit(*given))
    assert run(weak_fold(tmp_path)) == first and not calls
    run(weak_fold(tmp_path, bag_lr=0.01))
    run(weak_fold(tmp_path, bag_lr=0.01, mae_mask=0.5))
    assert len(calls) == 2


def test_without_held_out_clips_their_table_is_empty(tmp_path: Path) -> None:
    weak = weak_fold(tmp_path)
    weak = WeakFold(weak.params, weak.reference, weak.data, [])
    run(weak, head="mean")
    table = pd.read_parquet(weak.folder("mae_mean") / "test_predictions.parquet")
    assert len(table) == 0 and list(table.columns) == ["video", *CLASSES]
    assert np.isfinite(run(weak, head="mean")["val_mAP"])
