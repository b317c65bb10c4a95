"""Runs without training: predictions whose mAP moves from run to run and from clip to clip as a test wants it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from vpipe_utils.data.classes import CLASSES


class Name(NamedTuple):
    """As `paths.RunName`."""

    model: str
    fold: int
    trick: str | None = None
    repetition: int = 0


def predictions(
    labels: pd.DataFrame, name: Name, skills: Mapping[str | None, float], spread: float = 0.2, seed: int = 0
) -> pd.DataFrame:
    """Of one run: `skills` is how far each trick's positives lie above the others; `spread` that from run to run.

    How hard a clip is, is the same for all runs; and a tenth of it for all runs with one trick.
    """
    shape = (len(labels), len(CLASSES))
    tricks = list(skills)
    hard = np.random.default_rng([seed, 1]).normal(size=shape)
    hard += 0.3 * np.random.default_rng([seed, 2, tricks.index(name.trick)]).normal(size=shape)
    of_run = np.random.default_rng([seed, 3, tricks.index(name.trick), name.fold, name.repetition])
    of_pair = np.random.default_rng([seed, 4, name.fold, name.repetition])
    skill = skills[name.trick] + spread * (of_run.normal() + of_pair.normal())
    logits = skill * labels[list(CLASSES)].to_numpy() + hard + 0.5 * of_run.normal(size=shape) - 2
    values = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return pd.concat([labels[["video"]], pd.DataFrame(values, columns=list(CLASSES))], axis=1)
