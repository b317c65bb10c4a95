"""From a trained network to probabilities: one row a video, and for frames the pooling to video scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader

from vpipe_utils.inputs import make_input
from vpipe_utils.params import TrainParams
from vpipe_utils.progress import progress_bar

POOLINGS = {"mean": np.mean, "max": np.max, "median": np.median}


def predict(
    network: nn.Module,
    loader: DataLoader,
    params: TrainParams,
    device: torch.device | str = "cpu",
    progress: bool = True,
) -> np.ndarray:
    """Probabilities `(V, k, C)` float32 of the loader's videos: k = 1, for frames k = frames a video."""
    network = network.to(device).eval()
    parts = []
    with torch.inference_mode():
        for tiles, *_ in progress_bar(loader, len(loader), "predicting", progress):
            tiles = tiles.to(device, non_blocking=True)
            probabilities = network(make_input(tiles, params)).float().sigmoid()
            parts.append(probabilities.reshape(tiles.shape[0], -1, probabilities.shape[-1]).cpu())
    return torch.cat(parts).numpy()


def pool_frames(probabilities: np.ndarray, pooling: str) -> np.ndarray:
    """Frame probabilities `(V, k, C)` to video probabilities `(V, C)` by mean, max or median (section III.A.3)."""
    if pooling not in POOLINGS:
        raise ValueError(f"pooling '{pooling}' is unknown; it is one of {', '.join(POOLINGS)}")
    return POOLINGS[pooling](probabilities, axis=1).astype(np.float32)


def as_table(videos: Sequence[str], probabilities: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Probabilities `(V, C)` as the table that is written: `video`, then one column a class."""
    return pd.concat(
        [pd.DataFrame({"video": list(videos)}), pd.DataFrame(probabilities, columns=list(classes))], axis=1
    )
