"""A grid without training: predictions drawn so that each method has the strength that a test gives it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.evaluation.sight import cells, gather
from vpipe_utils.evaluation.sight.record import COLOUR, METHODS, PRESETS, SUPER_IMAGE, Record, write_record

IN_SIGHT = (0.11, 0.32, 0.58)
RUNS = 3
# How far a class's positives score above the others, by share; the paper's order turns round between 32 and 58 %.
STRENGTHS = dict.fromkeys(METHODS, (1.5, 2.0, 2.5)) | {
    "frames, mean": (0.3, 1.0, 4.0), "Video Swin": (0.0, 0.0, 0.0), COLOUR: (0.4, 0.4, 0.4),
}  # fmt: skip


def made_up_labels(clips: int = 120, positives: float = 0.15) -> pd.DataFrame:
    """Held-out labels; two clips of each of the first twenty recordings."""
    rng = np.random.default_rng(1)
    names = [f"{k // 2}_{k % 2}.mp4" if k < 40 else f"d{k}.mp4" for k in range(clips)]
    table = pd.DataFrame((rng.random((clips, len(CLASSES))) < positives).astype(np.uint8), columns=list(CLASSES))
    return pd.concat([pd.DataFrame({"video": names}), table], axis=1)


def made_up_predictions(labels: pd.DataFrame, strength: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    targets = labels[list(CLASSES)].to_numpy()
    scores = 1 / (1 + np.exp(-(strength * targets + rng.normal(size=targets.shape))))
    return pd.concat([labels[["video"]], pd.DataFrame(scores.astype(np.float32), columns=list(CLASSES))], axis=1)


@cache  # seconds, and several tests of one process ask for them; nobody changes them
def made_up_shares() -> list[gather.Share]:
    """Of `made_up_labels()`."""
    labels = made_up_labels()
    drawn = cells.draw(list(labels["video"]), 300, 0)
    shares = []
    for place, (preset, in_sight) in enumerate(zip(PRESETS, IN_SIGHT, strict=True)):
        made = {}
        for number, (method, strengths) in enumerate(STRENGTHS.items()):
            seeds = [1000 * place + 10 * number + run for run in range(RUNS)]
            tables = [made_up_predictions(labels, strengths[place], seed) for seed in seeds]
            made[method] = cells.score(labels, tables, drawn)
        shares.append(gather.Share(preset, in_sight, made))
    return shares


def made_up_record(folder: Path) -> Record:
    """What `make sight` writes, of a made-up grid; it is read back, so every record has tables of its own."""
    provenance = {"time": "2026-01-02T03:04:05+00:00", "commit": "0123456789", "cpu_cores": 2}
    return write_record(folder, _tables(), provenance)


@cache
def _tables() -> dict[str, pd.DataFrame]:
    labels = made_up_labels()
    shares = made_up_shares()
    sets = [
        {"preset": share.preset, "wanted": wanted, "in_sight": share.in_sight, "sight_q1": share.in_sight / 2,
         "sight_q3": share.in_sight * 1.5, "size": 0.04, "in_nine": 0.9, "labelled": 560, "held_out": len(labels),
         "chance": 0.15}
        for share, wanted in zip(shares, (0.1, 0.3, 0.6), strict=True)
    ]  # fmt: skip
    runs = [
        {"preset": share.preset, "method": method, "fold": fold, "mAP": reached, "val_mAP": reached + 0.02,
         "train_seconds": np.nan if method == COLOUR else 100.0 + fold}
        for share in shares for method, cell in share.cells.items() for fold, reached in enumerate(cell.maps)
    ]  # fmt: skip
    assert set(STRENGTHS) == {SUPER_IMAGE, *METHODS, COLOUR}
    return {
        "sets": pd.DataFrame(sets), "runs": pd.DataFrame(runs), "cells": gather.cell_table(shares),
        "classes": gather.class_table(shares, labels), "turns": gather.turn_table(shares),
    }  # fmt: skip
