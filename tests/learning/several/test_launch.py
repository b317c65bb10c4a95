"""A run on several devices: two processes on a CPU train what one does, and go on after a kill."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fakes import smoke_params, three_class_targets
from make_videos import make_video
from safetensors.torch import load_file

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.data.video_table import index_videos
from vpipe_utils.learning import fold_run
from vpipe_utils.learning.params import TrainParams
from vpipe_utils.learning.several import launch
from vpipe_utils.learning.weights.checkpoints import CHECKPOINT
from vpipe_utils.project import paths
from vpipe_utils.storage import tables
from vpipe_utils.tiles.tile_writer import build_tile_cache

# Nothing random, so that one process and two compute the same; without batch norm, which GPUs alone synchronize.
PLAIN = {"hflip": False, "tile_shuffle": False, "jitter": False, "batch_size": 8, "accumulate": 2, "epochs": 2}
PLAIN |= {"backbone_args": {}, "precision": "32", "validate_every": 1, "input_tile": 32}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What notebooks 01 and 02 leave on disk: 30 small videos in five folds."""
    outputs = tmp_path_factory.mktemp("several")
    source = outputs / "videos"
    source.mkdir()
    names = [make_video(source / f"{k}.mp4", 12, first=3 * k).name for k in range(30)]
    layout = paths.Layout(outputs, "smoke")
    videos = index_videos(source, names, progress=False)
    tables.write_table(videos, layout.videos_table)
    params = smoke_params("convnext_base")
    build_tile_cache(
        videos, layout.tiles, params.cache_frames, params.tile_size, progress=False, cache_run=params.cache_run
    )
    labels = pd.DataFrame(three_class_targets(30).astype(np.uint8), columns=list(CLASSES))
    labels.insert(0, "video", names)
    tables.write_table(labels, layout.labels_table)
    tables.write_table(pd.DataFrame({"video": names, "fold": np.arange(30) % 5}), layout.folds_table)
    return outputs


def data_for(outputs: Path, **changes: object) -> fold_run.FoldData:
    params: TrainParams = smoke_params("convnext_base", outputs=str(outputs), **{**PLAIN, **changes})
    return fold_run.load_fold(params, "super_image")


def test_two_processes_train_what_one_does(prepared: Path) -> None:
    trained = {}
    for devices in (1, 2):
        data = data_for(prepared, devices=devices, repetition=devices, seed=3)
        # The same random start and order of samples for both: only repetition, the folder, differs.
        data.params.__dict__["repetition"] = 0
        folder = prepared / "smoke/runs/super_image/convnext_base" / f"fold_0_{devices}"
        object.__setattr__(data, "folder", folder)
        network, figures = fold_run.train_fold(data, progress=False)
        metrics = fold_run.finish(data, network, figures, progress=False)
        history = pd.read_csv(folder / "history.csv")
        trained[devices] = (load_file(folder / "weights.safetensors"), history, metrics)
    (one, one_history, _), (two, two_history, metrics) = trained[1], trained[2]
    for name, weights in one.items():
        torch.testing.assert_close(two[name], weights, rtol=2e-3, atol=2e-5)
    np.testing.assert_allclose(two_history["train_loss"], one_history["train_loss"], rtol=1e-3)
    np.testing.assert_allclose(two_history["val_mAP"], one_history["val_mAP"], rtol=1e-4)
    assert len(two_history) == 2 and metrics["val_videos"] == 6 and metrics["memory_mib"] > 100
    assert not list((prepared / "smoke/runs").rglob("several.*.json")), "what passed between the processes is gone"


@pytest.mark.slow  # 44 seconds: the same with one process is in tests/learning/test_training.py
def test_a_killed_run_goes_on(prepared: Path) -> None:
    data = data_for(prepared, devices=2, epochs=5, seed=5)

    def kill(history: pd.DataFrame) -> None:
        if len(history) and (data.folder / CHECKPOINT).is_file():
            workers = [int(p.parent.name) for p in Path("/proc").glob("[0-9]*/cmdline") if is_worker(p, data.folder)]
            os.kill(max(workers), signal.SIGKILL)

    if not Path("/proc/self/cmdline").is_file():
        pytest.skip("processes are found in /proc")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "LOOK_SECONDS", 0.0)
        with pytest.raises(RuntimeError, match="a process of this run ended with code 1"):
            fold_run.train_fold(data, progress=False, watch=kill)
    assert (data.folder / CHECKPOINT).is_file()
    _, figures = fold_run.train_fold(data, progress=False)
    assert figures["resumed_after"] >= 1 and figures["epochs"] == 5


def is_worker(cmdline: Path, folder: Path) -> bool:
    try:
        words = cmdline.read_bytes().decode().split("\0")
    except OSError:
        return False
    return str(folder) in words and "torch.distributed.run" not in words


def test_an_error_of_a_process_is_that_of_the_notebook(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ended with code 1 .* It said: Killed"):
        launch._raise(tmp_path, 1, ["Killed\n"])
    tables.write_json({"kind": "FloatingPointError", "text": "the loss is nan: lower lr"}, tmp_path / launch.ERROR)
    with pytest.raises(FloatingPointError, match="the loss is nan: lower lr"):
        launch._raise(tmp_path, 1, [])


def test_devices_must_share_a_batch_evenly() -> None:
    with pytest.raises(ValueError, match="batch_size 8 cannot be shared evenly by devices 3: take a multiple of it"):
        smoke_params("convnext_base", batch_size=8, devices=3)


def test_more_devices_than_there_are(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "count_gpus", lambda: 1)
    with pytest.raises(ValueError, match="devices is 2, but there are 1 GPUs"):
        fold_run.train_fold(data_for(prepared, devices=2), progress=False)
