"""One run of notebooks 03 to 05: one model on one fold, from the tables of 01 and 02 to validated artefacts.

Training (`load_fold`, `train_fold`, `finish`) sees clips with labels only. `predict_others` is a step of its own: a
finished run predicts the clips without labels, today's and those that come later. So is `predict_augmented`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch import nn

from vpipe_utils.data.prepared_tables import read_folds, read_labels, read_test_videos
from vpipe_utils.evaluation.metrics import average_precision, mean_average_precision
from vpipe_utils.evaluation.predictions import as_table, write_predictions
from vpipe_utils.learning.augmenting.test_time import predict_variants
from vpipe_utils.learning.datasets import eval_loader, train_loader
from vpipe_utils.learning.device import sentence_for_lack_of_memory, this_device
from vpipe_utils.learning.inference import POOLINGS, main_pooling, pool_frames, predict
from vpipe_utils.learning.models import build_model, count_parameters
from vpipe_utils.learning.params import KINDS, FrameParams, TrainParams
from vpipe_utils.learning.several.launch import fit_on_several
from vpipe_utils.learning.training import fit
from vpipe_utils.learning.weights.checkpoints import remove_checkpoints
from vpipe_utils.project.dependencies import TRAINING, TRAINING_ENTRY, deciding_versions, digest_of, state_of_weights
from vpipe_utils.project.parameter_files import LIST_OF_RUNS, MAKES_DATA, NAMES, PLACE, layer_files, read_layers
from vpipe_utils.project.provenance import provenance
from vpipe_utils.project.seeds import run_seed
from vpipe_utils.storage.files import atomic_path, make_folder, writing
from vpipe_utils.storage.locks import lock
from vpipe_utils.storage.tables import write_json
from vpipe_utils.tiles.tile_cache import TileCache, open_tiles
from vpipe_utils.tiles.training_clips import training_clips

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class FoldData:
    """The data of one run: the videos of each part in a fixed order, their targets, the tile cache."""

    params: TrainParams
    approach: str
    folder: Path
    cache: TileCache
    train_videos: list[str]
    val_videos: list[str]
    labels: pd.DataFrame = field(repr=False)  # 0/1, one row a video, indexed by name
    clips: dict[str, str] = field(repr=False)  # what training sees of the data: `training_clips`

    @property
    def seed(self) -> int:
        return run_seed(self.params.seed, self.approach, self.params.name)

    def targets(self, videos: list[str]) -> np.ndarray:
        """0/1 float32 `(V, C)` of some of these videos."""
        return self.labels.loc[videos].to_numpy(dtype=np.float32)


def load_fold(params: TrainParams, approach: str) -> FoldData:
    """Read what notebooks 01 and 02 wrote of the labelled videos. Held-out labels are for 06 and 10 alone."""
    layout = params.layout
    labels = read_labels(layout, params.class_codes)
    folds = read_folds(layout, labels, params.n_folds)
    train, validation = (list(folds.index[part]) for part in (folds != params.fold, folds == params.fold))
    if not train or not validation:
        part = "validation" if train else "training"
        raise ValueError(f"{layout.folds_table}: no {part} video in fold {params.fold}: run notebook 02 again")
    cache = open_tiles(params, [*train, *validation])
    return FoldData(
        params=params,
        approach=approach,
        folder=params.folder,
        cache=cache,
        train_videos=train,
        val_videos=validation,
        labels=labels.set_index("video"),
        clips=training_clips(labels, folds, cache),
    )


def train_fold(
    data: FoldData, progress: bool = True, watch: Callable[[pd.DataFrame], object] | None = None
) -> tuple[nn.Module, dict[str, object]]:
    """Train on the fold's training videos, or go on where a killed run of the same recipe stopped.

    What an earlier, finished training left in the folder is removed first.

    `watch` is called with the history as it grows. Returns the network with the best validated weights and the figures
    of `training.fit`.
    """
    params, folder = data.params, data.folder
    claim(folder)
    _forget_other_recipe(data)
    for finished in (*folder.glob("*_predictions*.parquet"), folder / "metrics.json", folder / WEIGHTS):
        finished.unlink(missing_ok=True)  # of an earlier training: old predictions beside new weights would be taken
    params.save(folder)
    write_json(provenance(), folder / "provenance.json")
    if params.devices > 1:
        return fit_on_several(params, folder, watch)
    train = train_loader(params, data.cache, data.train_videos, data.targets(data.train_videos))
    validation = eval_loader(params, data.cache, data.val_videos, data.targets(data.val_videos))
    return fit(params, data.seed, train, validation, folder, progress, watch)


def finish(data: FoldData, network: nn.Module, figures: dict[str, object], progress: bool = True) -> dict[str, object]:
    """Predict the validation videos, write weights, predictions and metrics.json, drop the checkpoints.

    Returns what metrics.json holds.
    """
    params, folder, classes = data.params, data.folder, data.params.class_codes
    device = this_device()
    targets = data.targets(data.val_videos)
    scores = predict_and_write(params, folder, "val", network, data.cache, data.val_videos, progress)
    with atomic_path(folder / WEIGHTS) as path:
        save_model(network, str(path))
    pooled = {pooling: float(mean_average_precision(targets, of)) for pooling, of in scores.items()}
    main = main_pooling(params)
    metrics = {
        "approach": data.approach,
        "model": params.model,
        "fold": params.fold,
        "trick": params.trick,
        "repetition": params.repetition,
        "backbone": params.backbone,
        "head": params.head,
        "parameters": count_parameters(network),
        **device.peak_memory(),
        **figures,  # of several devices with the memory of the training, which is not this process's
        "val_mAP": pooled[main],
        "val_AP": dict(zip(classes, map(float, average_precision(targets, scores[main])), strict=True)),
        "train_videos": len(data.train_videos),
        "val_videos": len(data.val_videos),
    }
    if isinstance(params, FrameParams):
        metrics["pooling"] = pooled
    write_json(metrics, folder / "metrics.json")
    remove_checkpoints(folder)
    _give_back(folder)
    return metrics


def predict_others(folder: Path, progress: bool = True) -> int:
    """Predict the videos without labels by a finished run; gives their number. Errors: see `finished_run`."""
    params, network = finished_run(folder)
    videos = read_test_videos(params.layout)
    predict_and_write(params, folder, "test", network, open_tiles(params, videos), videos, progress)
    return len(videos)


def predict_augmented(folder: Path, videos: list[str], progress: bool = True) -> dict[str, pd.DataFrame]:
    """Predictions of some videos, one or more, by a finished run, plain and under test-time augmentation.

    Variant -> table with `video` and a column a class; see `augmenting.test_time` for the variants. Of frame models the
    run's own pooling. Errors: see `finished_run`.
    """
    params, network = finished_run(folder)
    cache = open_tiles(params, videos)
    with sentence_for_lack_of_memory(params):
        found = predict_variants(network, params, cache, videos, this_device(), progress)
    return {variant: as_table(videos, scores, params.class_codes) for variant, scores in found.items()}


def finished_run(folder: Path) -> tuple[TrainParams, nn.Module]:
    """Parameters and trained network of a finished run.

    `folder`: runs/<approach>/<model>/fold_<k>, whose params.yaml says how, whatever the parameter files say by now;
    only how much is done at a time follows them. Raises FileNotFoundError where the run is not finished and ValueError
    where its files are damaged.
    """
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise FileNotFoundError(f"{weights} is not there: this run is not finished; train it first")
    params = kept_params(folder).model_copy(update={"pretrained": False})
    network = build_model(params)
    try:
        load_model(network, str(weights))
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{weights} is damaged or of another network ({error}): train this run again") from None
    return params, network


def kept_params(folder: Path, place_of_today: bool = True) -> TrainParams:
    """The parameters that a run has kept in its params.yaml, wherever its folder lies by now.

    `place_of_today`: how much is done at a time follows the parameter files of today, where there are any.
    """
    root = folder.parents[3]
    kind = KINDS[folder.parents[1].name]
    values = read_layers([folder / "params.yaml"])
    if place_of_today:
        with contextlib.suppress(ValueError):  # the preset or the model may be gone by now
            now = read_layers(layer_files(values["preset"], values["model"], values["fold"]))
            values |= {key: now[key] for key in PLACE}
    return kind.from_values(values | {"outputs": str(root.parent), "preset": root.name}, str(folder / "params.yaml"))


def predict_and_write(
    params: TrainParams,
    folder: Path,
    part: str,
    network: nn.Module,
    cache: TileCache,
    videos: list[str],
    progress: bool = True,
) -> dict[str, np.ndarray]:
    """Write <part>_predictions.parquet of some videos; gives the probabilities `(V, C)` by pooling.

    Frame models write all poolings, `params.pooling` being the one without a suffix.
    """
    classes = params.class_codes
    scores = None
    if videos:
        with sentence_for_lack_of_memory(params):
            scores = predict(network, eval_loader(params, cache, videos), params, this_device(), progress)
    pooled = {}
    for pooling in POOLINGS if isinstance(params, FrameParams) else ("mean",):
        pooled[pooling] = np.zeros((0, len(classes)), np.float32) if scores is None else pool_frames(scores, pooling)
        suffix = "" if pooling == main_pooling(params) else f"_{pooling}"
        path = folder / f"{part}_predictions{suffix}.parquet"
        write_predictions(as_table(videos, pooled[pooling], classes), path, videos, classes)
    return pooled


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


def _forget_other_recipe(data: FoldData) -> None:
    """Remove checkpoints that other parameters, clips, labels or folds, or another version of the recipe, left."""
    values = data.params.model_dump(exclude=PLACE | NAMES | LIST_OF_RUNS | MAKES_DATA)
    recipe = {"values": values, "clips": data.clips, "versions": deciding_versions()}
    recipe |= {"code": digest_of(TRAINING_ENTRY, TRAINING), "weights": state_of_weights(values)}
    fingerprint = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
    marker = data.folder / "recipe.sha256"
    if not marker.is_file() or marker.read_text() != fingerprint:
        if remove_checkpoints(data.folder):
            print("what an unfinished run left here is of other data, parameters or code: training starts anew")
        with atomic_path(marker) as path:
            path.write_text(fingerprint)
