from __future__ import annotations

import os
from pathlib import Path
from threading import Timer

import numpy as np
import pandas as pd
import pytest
from fakes import PLAYED_GPU, MemoryCache, smoke_params, three_class_targets

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.evaluation import predictions
from vpipe_utils.evaluation.metrics import average_precision, mean_average_precision
from vpipe_utils.learning import fold_run
from vpipe_utils.learning.datasets import eval_loader
from vpipe_utils.learning.device import this_device
from vpipe_utils.learning.inference import pool_frames, predict
from vpipe_utils.learning.params import FrameParams, TrainParams
from vpipe_utils.learning.weights.checkpoints import CHECKPOINT
from vpipe_utils.project import paths
from vpipe_utils.storage import tables
from vpipe_utils.storage.locks import lock

APPROACH = {"frame_tresnet": "frame", "convnext_base": "super_image"}


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What notebooks 01 and 02 leave behind: 40 labelled videos in five folds, 6 test videos, one unreadable."""
    targets = three_class_targets(47)
    cache = MemoryCache(targets, run=smoke_params().cache_run)
    monkeypatch.setattr("vpipe_utils.tiles.tile_cache.TileCache", lambda folder: cache)
    layout = paths.Layout(tmp_path, "smoke")
    split = ["train"] * 40 + ["test"] * 7
    videos = pd.DataFrame({"video": cache.videos, "split": split, "readable": [True] * 46 + [False]})
    tables.write_table(videos, layout.videos_table)
    labels = pd.DataFrame(targets[:40].astype(np.uint8), columns=list(CLASSES))
    labels.insert(0, "video", cache.videos[:40])
    tables.write_table(labels, layout.labels_table)
    folds = pd.DataFrame({"video": cache.videos[:40], "fold": np.arange(40) % 5})
    tables.write_table(folds.sample(frac=1, random_state=0), layout.folds_table)  # the order of rows must not matter
    return tmp_path


def params_for(outputs: Path, model: str, **changes: object) -> TrainParams:
    return smoke_params(model, outputs=str(outputs), batch_size=4, **{"epochs": 2, **changes})


def test_no_validation_or_test_video_is_trained_on(prepared: Path) -> None:
    data = fold_run.load_fold(params_for(prepared, "convnext_base"), "super_image")
    assert len(data.train_videos) == 32 and len(data.val_videos) == 8
    assert not set(data.train_videos) & set(data.val_videos)
    assert not {*data.train_videos, *data.val_videos} & {f"{k}.mp4" for k in range(40, 47)}


def test_seeds_differ_between_runs(prepared: Path) -> None:
    runs = [("convnext_base", 0), ("convnext_base", 1), ("nfnet_f3", 0), ("nfnet_f3", 1)]
    seeds = {fold_run.load_fold(params_for(prepared, m, fold=k), "super_image").seed for m, k in runs}
    assert len(seeds) == 4


@pytest.mark.parametrize("model", sorted(APPROACH))
def test_a_run_leaves_validated_artefacts_and_no_checkpoint(prepared: Path, model: str) -> None:
    params = params_for(prepared, model)
    data = fold_run.load_fold(params, APPROACH[model])
    network, figures = fold_run.train_fold(data)
    metrics = fold_run.finish(data, network, figures)
    names = {path.name for path in data.folder.iterdir()}
    assert {"params.yaml", "provenance.json", "history.csv", "weights.safetensors", "metrics.json"} <= names
    assert not [name for name in names if name.endswith(".ckpt") or name.startswith("best")]
    assert (free := lock(data.folder / ".lock")) is not None, "an open notebook does not hold it after its end"
    os.close(free)
    assert metrics["validated_per_s"] > 0 and metrics["memory_mib"] > 100
    assert (metrics["gpu_memory_mib"] is None) is (this_device().type == "cpu")
    assert not list(data.folder.glob("test_*")), "videos without labels are predicted in a step of its own"
    others = [f"{k}.mp4" for k in range(40, 46)]
    assert fold_run.predict_others(data.folder) == 6, "the unreadable one is left out"
    predictions.read_predictions(data.folder / "test_predictions.parquet", CLASSES, others)
    val = predictions.read_predictions(data.folder / "val_predictions.parquet", CLASSES, data.val_videos)
    ap = average_precision(data.targets(data.val_videos), val[list(CLASSES)].to_numpy())
    np.testing.assert_allclose(list(metrics["val_AP"].values()), ap)
    assert tables.read_json(data.folder / "metrics.json")["val_AP"]["TL"] is None, "no positive: null, not a number"
    if isinstance(params, FrameParams):
        assert set(metrics["pooling"]) == {"mean", "max", "median", "logit_mean"}
        for part in ("val", "test"):
            mean, most = (
                tables.read_table(data.folder / f"{part}_predictions{suffix}.parquet")[list(CLASSES)].to_numpy()
                for suffix in ("", "_max")
            )
            assert (most >= mean).all() and (most > mean).any()


def test_videos_that_come_later_are_predicted_as_the_trained_network_would(prepared: Path) -> None:
    """From the weights on disk, by the run's own parameters, whatever lies in the parameter files by now."""
    params = params_for(prepared, "convnext_base")
    data = fold_run.load_fold(params, "super_image")
    network, figures = fold_run.train_fold(data)
    with pytest.raises(FileNotFoundError, match="this run is not finished"):
        fold_run.predict_others(data.folder)
    fold_run.finish(data, network, figures)
    videos = tables.read_table(params.layout.videos_table)
    tables.write_table(videos[videos["split"] == "train"], params.layout.videos_table)
    assert fold_run.predict_others(data.folder) == 0
    tables.write_table(videos, params.layout.videos_table)
    assert fold_run.predict_others(data.folder) == 6
    others = [f"{k}.mp4" for k in range(40, 46)]
    written = predictions.read_predictions(data.folder / "test_predictions.parquet", CLASSES, others)
    expected = predict(network, eval_loader(params, data.cache, others), params, progress=False)
    np.testing.assert_array_equal(written[list(CLASSES)].to_numpy(), pool_frames(expected, "mean"))


def test_a_finished_run_predicts_under_test_time_augmentation(prepared: Path) -> None:
    """Plain is what it wrote of the same videos, to the last bit."""
    data = fold_run.load_fold(params_for(prepared, "convnext_base", epochs=1), "super_image")
    with pytest.raises(FileNotFoundError, match="this run is not finished"):
        fold_run.predict_augmented(data.folder, data.val_videos)
    fold_run.finish(data, *fold_run.train_fold(data))
    found = fold_run.predict_augmented(data.folder, data.val_videos, progress=False)
    assert list(found) == ["plain", "hflip", "vflip", "grid_shuffle"], "no more frames are cached than it takes"
    written = predictions.read_predictions(data.folder / "val_predictions.parquet", CLASSES, data.val_videos)
    pd.testing.assert_frame_equal(found["plain"], written)
    for variant, table in found.items():
        predictions.validate_predictions(table, CLASSES, data.val_videos)
        assert variant == "plain" or not table.equals(written)


def test_a_training_leaves_nothing_of_the_one_before(prepared: Path) -> None:
    """Old predictions beside new weights would be taken for theirs."""
    data = fold_run.load_fold(params_for(prepared, "frame_tresnet", epochs=1), "frame")
    fold_run.finish(data, *fold_run.train_fold(data))
    fold_run.predict_others(data.folder)
    assert (data.folder / "test_predictions_max.parquet").is_file()
    data = fold_run.load_fold(params_for(prepared, "frame_tresnet", epochs=1, pooling="max"), "frame")
    network = fold_run.train_fold(data)
    assert not list(data.folder.glob("*_predictions*")) and not (data.folder / "weights.safetensors").exists()
    fold_run.finish(data, *network)
    assert not (data.folder / "val_predictions_max.parquet").exists()
    weights = data.folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match="weights.safetensors is damaged or of another network"):
        fold_run.predict_others(data.folder)


def test_a_run_whose_folder_is_held_says_that_it_waits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    timer = Timer(0.2, os.close, [lock(tmp_path / ".lock")])
    timer.start()
    fold_run.claim(tmp_path)
    assert not timer.is_alive() and capsys.readouterr().out == f"{tmp_path} is held by another notebook; waiting\n"
    assert lock(tmp_path / ".lock") is None
    os.close(fold_run._claimed.pop(tmp_path))


@pytest.mark.parametrize("model", sorted(APPROACH))
def test_it_predicts_as_it_was_validated(prepared: Path, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    """A GPU validates in bf16; what is predicted then must be the very scores by which the epoch was chosen."""
    validated = []
    noting = lambda targets, scores: validated.append(scores) or mean_average_precision(targets, scores)  # noqa: E731
    monkeypatch.setattr("vpipe_utils.learning.training.mean_average_precision", noting)
    monkeypatch.setattr(fold_run, "this_device", lambda: PLAYED_GPU)
    monkeypatch.setattr("vpipe_utils.learning.training.this_device", lambda: PLAYED_GPU)
    pooling = {"pooling": "median", "eval_frames": 4} if model == "frame_tresnet" else {}
    pooling["epochs"] = 1  # whose weights are kept then
    data = fold_run.load_fold(params_for(prepared, model, **pooling), APPROACH[model])
    network, figures = fold_run.train_fold(data)
    assert figures["precision"] == "bf16"
    fold_run.finish(data, network, figures)
    predicted = predictions.read_predictions(data.folder / "val_predictions.parquet", CLASSES, data.val_videos)
    np.testing.assert_array_equal(predicted[list(CLASSES)].to_numpy(), validated[-1])


def test_a_checkpoint_of_another_recipe_is_not_resumed(prepared: Path) -> None:
    data = fold_run.load_fold(params_for(prepared, "convnext_base"), "super_image")
    fold_run.train_fold(data)
    assert (data.folder / CHECKPOINT).is_file()
    fold_run._forget_other_recipe(data)
    assert (data.folder / CHECKPOINT).is_file(), "the same recipe keeps it"
    unimportant = [{"memory_gb": 64}, {"eval_batch_size": 3}, {"loader_workers": 1}, {"frame_models": []}]
    for nothing in (*unimportant, {"train_folds": [0, 1]}, {"pipesim_test": 3}):
        same = fold_run.load_fold(params_for(prepared, "convnext_base", **nothing), "super_image")
        fold_run._forget_other_recipe(same)
        assert (data.folder / CHECKPOINT).is_file(), "days of a GPU must not be lost for what changes no figure"


@pytest.mark.parametrize("what", ["lr", "label", "video"])
def test_a_checkpoint_of_other_labels_videos_or_parameters_is_dropped_and_said(
    prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    params = params_for(prepared, "convnext_base")
    data = fold_run.load_fold(params, "super_image")
    fold_run._forget_other_recipe(data)
    data.folder.joinpath(CHECKPOINT).touch()
    if what == "lr":
        params = params_for(prepared, "convnext_base", lr=1e-3)
    elif what == "label":
        labels = tables.read_table(params.layout.labels_table)
        labels.loc[0, "TL"] = 1 - labels.loc[0, "TL"]
        tables.write_table(labels, params.layout.labels_table)
    else:
        monkeypatch.setattr(data.cache, "content", lambda name: f"another {name}")
    fold_run._forget_other_recipe(fold_run.load_fold(params, "super_image"))
    assert not (data.folder / CHECKPOINT).exists()
    assert "training starts anew" in capsys.readouterr().out
