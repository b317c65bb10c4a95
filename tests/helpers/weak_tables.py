"""Finished runs of weak supervision on disk, with made-up predictions, for tests of what is said of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from fakes import three_class_targets
from weak_folds import weak_params

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.evaluation.predictions import as_table, write_predictions
from vpipe_utils.learning.weak.params import WeakParams
from vpipe_utils.storage.tables import write_json, write_table


def prepared(outputs: Path, signal: dict[str, float], repetitions: int = 1) -> WeakParams:
    """40 labelled clips in five folds, 60 held out, and runs whose scores follow the labels (0: not at all)."""
    params = weak_params(outputs=str(outputs), weak_repetitions=repetitions)
    layout, targets = params.layout, three_class_targets(100)
    videos = [f"{k}.mp4" for k in range(100)]
    table = as_table(videos, targets.astype(np.uint8), CLASSES)
    write_table(table[:40], layout.labels_table)
    write_table(table[40:], layout.test_labels_table)
    write_table(pd.DataFrame({"video": videos[:40], "fold": np.arange(40) % 5}), layout.folds_table)
    for number, (name, closeness) in enumerate(signal.items()):
        for repetition in range(repetitions):
            folder = layout.weak(name, 0, repetition)
            if "/" in name:
                folder = layout.run(*name.split("/"), 0, None, repetition)
            noise = np.random.default_rng((number, repetition)).random(targets.shape)
            scores = (closeness * targets + noise) / (1 + closeness)
            for part, rows in (("val", slice(0, 40, 5)), ("test", slice(40, 100))):
                file = folder / f"{part}_predictions.parquet"
                write_predictions(as_table(videos[rows], scores[rows], CLASSES), file, videos[rows], CLASSES)
            spent = {"frames_passed": 90, "budget_frames": 100, "pretrain_cpu_seconds": 12.0, "train_seconds": 30.0}
            write_json({"val_mAP": 0.5, **spent}, folder / "metrics.json")
    return params
