"""Probabilities of new clips: each clip is decoded once, for all networks; a run that was killed goes on.

Clips go through a network in blocks. A finished block is a file whose name says of which weights and pixels it is, so
the next run of the same command takes it, and a clip that changed costs its block alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from vpipe_utils.data.probe_journal import content_hash
from vpipe_utils.evaluation.ensemble import fold_mean, weighted_mean
from vpipe_utils.evaluation.predictions import as_table, read_predictions, write_predictions
from vpipe_utils.learning.datasets import eval_loader
from vpipe_utils.learning.device import sentence_for_lack_of_memory, this_device
from vpipe_utils.learning.fold_run import finished_run
from vpipe_utils.learning.inference import main_pooling, pool_frames
from vpipe_utils.learning.inference import predict as predict_batches
from vpipe_utils.learning.params import TrainParams
from vpipe_utils.project.dependencies import deciding_versions
from vpipe_utils.project.progress import progress_bar
from vpipe_utils.review.predicting.trained import WEIGHTS, Member, Trained, run_params
from vpipe_utils.tiles.tile_cache import TileCache
from vpipe_utils.tiles.tile_writer import build_tile_cache
from vpipe_utils.video import VideoError

BLOCK = 64  # clips that are written at a time: a kill costs some seconds of work (our choice)


def read_tiles(
    trained: Trained, videos: pd.DataFrame, work: Path, workers: int = 1, progress: bool = True
) -> TileCache:
    """The tiles of all readable clips of a videos table, as the networks of `trained` were trained on them.

    Kept in `work`: a second run reads new and changed clips only. Raises ValueError where no clip can be read, and for
    a clip that changed meanwhile.
    """
    try:
        frames, run, size, kind = trained.tiles
        return build_tile_cache(videos, work / "tiles", frames, size, kind, workers, progress, run)
    except VideoError as error:
        raise ValueError(f"{error}; a clip changed while it was read: run the same command again") from None


def predict_members(
    trained: Trained, cache: TileCache, videos: Sequence[str], work: Path, progress: bool = True
) -> dict[str, pd.DataFrame]:
    """Member -> table of probabilities of `videos`, the mean over the member's folds.

    One network is in memory at a time. Errors: those of `learning.fold_run.finished_run`.
    """
    content = {name: cache.content(name) for name in videos}
    folders = [run for member in trained.members for run in member.runs]
    with progress_bar(total=len(videos) * len(folders), description="predicting", progress=progress) as bar:
        found = {}
        for member in trained.members:
            by_run = [predict_run(member, run, cache, content, work / "predicted", bar.update) for run in member.runs]
            found[member.name] = fold_mean(by_run)
    _forget_others(work / "predicted", trained, content)
    return found


def combine(trained: Trained, by_member: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The weighted mean of the members, before the ZC rule."""
    return weighted_mean(by_member, {member.name: member.weight for member in trained.members})


def predict_run(
    member: Member, run: Path, cache: TileCache, content: dict[str, str], folder: Path, done: object
) -> pd.DataFrame:
    """One network's probabilities of the clips of `content` (name -> what its tiles are), block by block."""
    params = run_params(run)
    tables, network = [], None
    for path, names in _blocks(run, params, content, folder):
        table = None
        with contextlib.suppress(OSError, ValueError):  # not there, or damaged: it is made
            table = read_predictions(path, params.class_codes, names)
        if table is None:
            if network is None:
                params, network = finished_run(run)
            table = _predict_block(params, network, cache, names)
            write_predictions(table, path, names, params.class_codes)
        tables.append(table)
        done(len(names))
    return pd.concat(tables, ignore_index=True)


def _predict_block(params: TrainParams, network: nn.Module, cache: TileCache, names: Sequence[str]) -> pd.DataFrame:
    with sentence_for_lack_of_memory(params):
        scores = predict_batches(network, eval_loader(params, cache, names), params, this_device(), progress=False)
    pooled = pool_frames(scores, main_pooling(params))
    if not np.isfinite(pooled).all():
        raise ValueError(f"{params.model}: the network gives no numbers for some clips: train it again")
    return as_table(names, pooled, params.class_codes)


def _blocks(run: Path, params: TrainParams, content: dict[str, str], folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """The file and the clips of every block."""
    unwanted = {"outputs", "preset", "pretrained", "workers", "loader_workers"}
    recipe = [content_hash(run / WEIGHTS), params.model_dump(mode="json", exclude=unwanted), deciding_versions()]
    names = list(content)
    for start in range(0, len(names), BLOCK):
        block = names[start : start + BLOCK]
        text = json.dumps([recipe, [(name, content[name]) for name in block]], sort_keys=True)
        digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:24]
        yield folder / f"{params.approach}.{params.name.recipe}.{params.name.part}.{digest}.parquet", block


def _forget_others(folder: Path, trained: Trained, content: dict[str, str]) -> None:
    """Remove blocks of other weights, pixels or sets of clips."""
    runs = [run for member in trained.members for run in member.runs]
    wanted = {path for run in runs for path, _ in _blocks(run, run_params(run), content, folder)}
    for path in folder.glob("*.parquet"):
        if path not in wanted:
            path.unlink()
