"""Finished runs without training: small networks with random weights, their predictions and labels made up."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from safetensors.torch import save_model

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.learning.models import build_model
from vpipe_utils.learning.params import KINDS, TrainParams
from vpipe_utils.project.parameter_files import approach_of, layer_files, read_layers
from vpipe_utils.storage.files import make_folder
from vpipe_utils.storage.tables import write_json, write_table
from vpipe_utils.tiles.tile_cache import SCHEMA, write_tiles_table


def made_up_run(outputs: Path, model: str = "convnext_small", seed: int = 0, **changes: object) -> TrainParams:
    """A run's params.yaml and weights.safetensors, as `learning.fold_run` leaves them."""
    files = layer_files("smoke", model, 0)
    values = {**read_layers(files), "pretrained": False, "outputs": str(outputs), **changes}
    params = KINDS[approach_of(files)].from_values(values)
    torch.manual_seed(seed)
    network = build_model(params)
    params.save(params.folder)
    save_model(network, str(params.folder / "weights.safetensors"))
    write_json({"val_mAP": 0.5}, params.folder / "metrics.json")
    return params


def made_up_labels(n: int, seed: int = 0, clips_a_recording: int = 2) -> pd.DataFrame:
    """Labels of `n` clips, one class or two each, a quarter of them normal."""
    rng = np.random.default_rng(seed)
    targets = np.zeros((n, len(CLASSES)), np.uint8)
    targets[np.arange(n), rng.integers(1, len(CLASSES), n)] = 1
    targets[rng.random(n) < 0.3, 3] = 1
    normal = rng.random(n) < 0.25
    targets[normal] = 0
    targets[normal, CLASSES.index("ZC")] = 1
    names = [f"{10000 + k // clips_a_recording}_{k % clips_a_recording}.mp4" for k in range(n)]
    return pd.concat([pd.DataFrame({"video": names}), pd.DataFrame(targets, columns=list(CLASSES))], axis=1)


def made_up_predictions(labels: pd.DataFrame, seed: int = 0, skill: float = 3.0) -> pd.DataFrame:
    """Probabilities that know something of the labels and are too sure of themselves."""
    rng = np.random.default_rng(seed)
    targets, labels = labels[list(CLASSES)].to_numpy(), labels.reset_index(drop=True)
    logits = skill * targets + rng.normal(size=targets.shape) - skill / 2 - 2
    values = (1 / (1 + np.exp(-2 * logits))).astype(np.float32)
    return pd.concat([labels[["video"]], pd.DataFrame(values, columns=list(CLASSES))], axis=1)


def made_up_preset(outputs: Path, n: int = 120) -> tuple[TrainParams, TrainParams]:
    """What `make predict` reads of a preset `smoke`: data/, two runs on fold 0 and what they said in validation."""
    labels = made_up_labels(n)
    runs = (made_up_run(outputs), made_up_run(outputs, "video_swin_small", seed=1))
    layout = runs[0].layout
    write_table(labels, layout.labels_table)
    write_table(pd.DataFrame({"video": labels["video"], "fold": np.arange(n) // 2 % 5}), layout.folds_table)
    own = labels[np.arange(n) // 2 % 5 == 0]
    for seed, params in enumerate(runs):
        write_table(made_up_predictions(own, seed), params.folder / "val_predictions.parquet")
    _write_tiles(runs[0], own["video"].tolist())
    return runs


def _write_tiles(params: TrainParams, names: list[str]) -> None:
    """A tile cache of noise: clips with names of these."""
    rng = np.random.default_rng(0)
    count, size = params.cache_frames + params.cache_run, params.tile_size
    rows, start = [], 0
    folder = make_folder(params.layout.tiles)
    with (folder / "shard.bin").open("wb") as file:
        for name in sorted(names):
            tiles = [each.tobytes() for each in rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)]
            sizes, checks = [len(tile) for tile in tiles], [zlib.crc32(tile) for tile in tiles]
            settings = (params.cache_frames, params.cache_run, size, params.tile_format)
            rows.append((name, name, 100, "", "shard", start, sizes, checks, 3, *settings))
            file.writelines(tiles)
            start = file.tell()
    table = pa.table(dict(zip(SCHEMA.names, zip(*rows, strict=True), strict=True)), SCHEMA)
    write_tiles_table(table, folder / "index.parquet")
