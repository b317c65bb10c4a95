"""A fold of weak supervision in memory, with tiny networks, for tests that need no video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from fakes import MemoryCache, three_class_targets

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.learning.fold_run import FoldData
from vpipe_utils.learning.weak.fold import WeakFold
from vpipe_utils.learning.weak.params import WeakParams
from vpipe_utils.project.parameter_files import layer_files, read_layers

TINY = {
    "weak_tile": 32, "simclr_batch": 12, "mae_batch": 12, "mae_patch": 8, "mae_width": 48, "mae_depth": 1,
    "mae_decoder_width": 48, "mae_decoder_depth": 1, "bag_frames": 4, "bag_width": 32, "bag_epochs": 4, "bag_batch": 8,
    "bag_validate_every": 2, "weak_budget": 0.1, "simclr_lr": 0.002,
}  # fmt: skip


def weak_params(**changes: object) -> WeakParams:
    return WeakParams.from_values({**read_layers(layer_files("smoke", "weak")), **TINY, **changes})


def weak_fold(outputs: Path, cache: MemoryCache | None = None, repetition: int = 0, **changes: object) -> WeakFold:
    """24 clips to train on, 8 to validate, 4 held out; the reference run's network is timm's smallest EfficientNet."""
    targets = three_class_targets(36)
    cache = cache or MemoryCache(targets)
    params = weak_params(outputs=str(outputs), **changes)
    small = {"backbone": "test_efficientnet", "backbone_args": {}, "checkpoint": None, "epochs": 4}
    reference = params.reference(0).model_copy(update=small)
    labels = pd.DataFrame(targets[:32].astype(np.uint8), columns=list(CLASSES), index=cache.videos[:32])
    train, validation = cache.videos[:24], cache.videos[24:32]
    clips = {f"fold_{k}": str(k) for k in range(5)}
    data = FoldData(reference, "super_image", outputs, cache, train, validation, labels, clips)
    return WeakFold(params, reference, data, cache.videos[32:], repetition)
