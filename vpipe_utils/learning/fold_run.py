"""One run of notebooks 03 to 05: one model on one fold, from the tables of 01 and 02 to validated artefacts."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.torch import save_model
from torch import nn

from vpipe_utils.data.prepared_tables import read_folds, read_labels, read_test_videos
from vpipe_utils.evaluation.metrics import average_precision, mean_average_precision
from vpipe_utils.evaluation.predictions import as_table, write_predictions
from vpipe_utils.learning.datasets import eval_loader, train_loader
from vpipe_utils.learning.device import sentence_for_lack_of_memory, this_device
from vpipe_utils.learning.inference import POOLINGS, pool_frames, predict
from vpipe_utils.learning.models import count_parameters
from vpipe_utils.learning.params import FrameParams, TrainParams
from vpipe_utils.learning.training import fit
from vpipe_utils.learning.weights.checkpoints import remove_checkpoints
from vpipe_utils.project.parameter_files import LIST_OF_RUNS, NAMES, PLACE
from vpipe_utils.project.provenance import provenance
from vpipe_utils.storage.files import atomic_path, make_folder, writing
from vpipe_utils.storage.locks import lock
from vpipe_utils.storage.tables import write_json
from vpipe_utils.tiles.tile_cache import TileCache, open_tiles

# The modules that decide what a checkpoint means: another version of one of them must not resume it.
RECIPE = (
    "learning/weights/checkpoints", "learning/datasets", "learning/device", "learning/inference", "learning/inputs",
    "evaluation/metrics", "learning/models", "learning/superimage", "learning/training",
    "learning/weights/files", "learning/weights/published",
)  # fmt: skip


@dataclass(frozen=True)
class FoldData:
    """The data of one run: the videos of each part in a fixed order, their targets, the tile cache."""

    params: TrainParams
    approach: str
    folder: Path
    cache: TileCache
    train_videos: list[str]
    val_videos: list[str]
    test_videos: list[str]
    labels: pd.DataFrame = field(repr=False)  # 0/1, one row a training or validation video, indexed by name

    @property
    def seed(self) -> int:
        return self.params.run_seed(self.approach)

    def targets(self, videos: list[str]) -> np.ndarray:
        """0/1 float32 `(V, C)` of training or validation videos."""
        return self.labels.loc[videos].to_numpy(dtype=np.float32)


def load_fold(params: TrainParams, approach: str) -> FoldData:
    """Read what notebooks 01 and 02 wrote. Held-out labels are not read: only 06 and 10 may see them."""
    layout = params.layout
    labels = read_labels(layout, params.class_codes).set_index("video")
    folds = read_folds(layout, labels.reset_index(), params.n_folds)
    train, validation = (list(folds.index[part]) for part in (folds != params.fold, folds == params.fold))
    if not train or not validation:
        part = "validation" if train else "training"
        raise ValueError(f"{layout.folds_table}: no {part} video in fold {params.fold}: run notebook 02 again")
    test = read_test_videos(layout)
    return FoldData(
        params=params,
        approach=approach,
        folder=layout.run(approach, params.model, params.fold),
        cache=open_tiles(params, [*train, *validation, *test]),
        train_videos=train,
        val_videos=validation,
        test_videos=test,
        labels=labels,
    )


def train_fold(
    data: FoldData, progress: bool = True, watch: Callable[[pd.DataFrame], object] | None = None
) -> tuple[nn.Module, dict[str, object]]:
    """Train on the fold's training videos, or go on where a killed run of the same recipe stopped.

    `watch` is called with the history as it grows. Returns the network with the best validated weights and the figures
    of `training.fit`.
    """
    params, folder = data.params, data.folder
    claim(folder)
    _forget_other_recipe(data)
    params.save(folder)
    write_json(provenance(), folder / "provenance.json")
    train = train_loader(params, data.cache, data.train_videos, data.targets(data.train_videos))
    validation = eval_loader(params, data.cache, data.val_videos, data.targets(data.val_videos))
    return fit(params, data.seed, train, validation, folder, progress, watch)


def finish(data: FoldData, network: nn.Module, figures: dict[str, object], progress: bool = True) -> dict[str, object]:
    """Predict validation and test videos, write weights, predictions and metrics.json, drop the checkpoints.

    Frame models write the predictions of all three poolings, `params.pooling` being the one without a suffix.
    Returns what metrics.json holds.
    """
    params, folder, classes = data.params, data.folder, data.params.class_codes
    device = this_device()
    targets = data.targets(data.val_videos)
    pooled: dict[str, float] = {}
    for part, videos in (("val", data.val_videos), ("test", data.test_videos)):
        scores = None
        if videos:
            loader = eval_loader(params, data.cache, videos)
            with sentence_for_lack_of_memory(params):
                scores = predict(network, loader, params, device, progress)
        for pooling in POOLINGS if isinstance(params, FrameParams) else ("mean",):
            video_scores = np.zeros((0, len(classes)), np.float32) if scores is None else pool_frames(scores, pooling)
            name = f"{part}_predictions" if pooling == _main_pooling(params) else f"{part}_predictions_{pooling}"
            write_predictions(as_table(videos, video_scores, classes), folder / f"{name}.parquet", videos, classes)
            if part == "val":
                pooled[pooling] = float(mean_average_precision(targets, video_scores))
                if pooling == _main_pooling(params):
                    per_class = average_precision(targets, video_scores)
    with atomic_path(folder / "weights.safetensors") as path:
        save_model(network, str(path))
    metrics = {
        "approach": data.approach,
        "model": params.model,
        "fold": params.fold,
        "backbone": params.backbone,
        "head": params.head,
        "parameters": count_parameters(network),
        **figures,
        "val_mAP": pooled[_main_pooling(params)],
        "val_AP": dict(zip(classes, map(float, per_class), strict=True)),
        "train_videos": len(data.train_videos),
        "val_videos": len(data.val_videos),
        "test_videos": len(data.test_videos),
        **device.peak_memory(),
    }
    if isinstance(params, FrameParams):
        metrics["pooling"] = pooled
    write_json(metrics, folder / "metrics.json")
    remove_checkpoints(folder)
    _give_back(folder)
    return metrics


def claim(folder: Path) -> None:
    """Hold a run's folder until `finish` or the end of this process; another process that claims it says so and waits.

    So a run started again while an orphan of a killed workflow still works there does not mix its files with it.
    """
    if folder not in _claimed:
        with writing(make_folder(folder)):
            held = lock(folder / ".lock")
            if held is None:
                print(f"{folder} is held by another notebook; waiting", flush=True)
                held = lock(folder / ".lock", wait=True)
        _claimed[folder] = held


def _give_back(folder: Path) -> None:
    if folder in _claimed:
        os.close(_claimed.pop(folder))


_claimed: dict[Path, int] = {}  # an open file each


def _main_pooling(params: TrainParams) -> str:
    return params.pooling if isinstance(params, FrameParams) else "mean"


def _forget_other_recipe(data: FoldData) -> None:
    """Remove checkpoints that other parameters, videos, labels or folds, or another version of the recipe, left."""
    here = Path(__file__).parents[1]
    values = data.params.model_dump(exclude=PLACE | NAMES | LIST_OF_RUNS)
    parts = [json.dumps(values, sort_keys=True)]
    for videos in (data.train_videos, data.val_videos):
        parts += [*videos, data.labels.loc[videos].to_csv(), *(data.cache.key(video) for video in videos)]
    parts += [(here / f"{name}.py").read_text(encoding="utf-8") for name in RECIPE]
    fingerprint = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    marker = data.folder / "recipe.sha256"
    if not marker.is_file() or marker.read_text() != fingerprint:
        if remove_checkpoints(data.folder):
            print("what an unfinished run left here is of other data, parameters or code: training starts anew")
        with atomic_path(marker) as path:
            path.write_text(fingerprint)
