"""Combining predictions (paper, section IV): the mean over folds, weights over models, the ZC rule.

Predictions are tables with ``video`` and one column a class, probabilities in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from vpipe_utils.data.annotations import class_columns
from vpipe_utils.data.classes import NORMAL
from vpipe_utils.evaluation.predictions import as_table


def fold_mean(predictions: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Plain mean of the predictions of one model's folds for the same videos."""
    return weighted_mean(predictions, [1.0] * len(predictions))


def weighted_mean(
    predictions: Sequence[pd.DataFrame] | Mapping[str, pd.DataFrame], weights: Sequence[float] | Mapping[str, float]
) -> pd.DataFrame:
    """Weighted mean of predictions for the same videos, in the order of the first.

    Weights are divided by their sum, so the result stays a probability; the paper's (Table III) sum to
    1. Two mappings are matched by key. Raises ValueError for other videos or classes, a negative weight,
    weights that sum to 0, or another number of weights than predictions.
    """
    names = list(predictions) if isinstance(predictions, Mapping) else list(range(len(predictions)))
    if isinstance(weights, Mapping):
        if set(names) != set(weights):
            raise ValueError(f"predictions are {names}, weights {list(weights)}; give each one a weight.")
        weights = [weights[name] for name in names]
    tables = [predictions[name] for name in names]
    weights = np.asarray(weights, dtype=np.float64)
    if len(tables) != len(weights) or not tables:
        raise ValueError(f"{len(tables)} predictions, {len(weights)} weights; give each prediction a weight.")
    if not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
        raise ValueError(f"weights {weights.tolist()}: they must be finite, not negative and not all 0.")

    first, codes = tables[0], class_columns(tables[0])
    total = np.zeros((len(first), len(codes)), dtype=np.float64)
    for name, table, weight in zip(names, tables, weights / weights.sum(), strict=True):
        if class_columns(table) != codes:
            raise ValueError(f"predictions {name!r} have the classes {class_columns(table)}, not {codes}.")
        if set(table["video"]) != set(first["video"]) or len(table) != len(first):
            raise ValueError(f"predictions {name!r} are of other videos than {names[0]!r}; use the same.")
        aligned = table.set_index("video").loc[first["video"], codes]
        total += weight * aligned.to_numpy(dtype=np.float64)
    return as_table(first["video"], total.astype(np.float32), codes)


def score_weights(scores: Mapping[str, float], chance: float) -> dict[str, float]:
    """Weights that sum to 1, in proportion to what each model's mAP has above ``chance``, both in [0, 1].

    The paper's weights are "LB score related" (section IV) without saying how. Use validation scores: weights
    from held-out scores would flatter the ensemble. Models at chance get 0; if all are, all weigh the same.
    """
    above = {name: max(score - chance, 0.0) for name, score in scores.items()}
    total = sum(above.values())
    return {name: value / total if total else 1 / len(above) for name, value in above.items()}


def shares(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights as shares of 1, which is how they count: a lone member has 1. All 0 stay 0, which cannot be averaged."""
    total = sum(weights.values())
    return {name: weight / total if total else weight for name, weight in weights.items()}


def zc_rule(predictions: pd.DataFrame, threshold: float = 0.9, normal: str | None = NORMAL) -> pd.DataFrame:
    """The paper's post-processing: where the normal class is above ``threshold`` it is 1, all others 0.

    A class list without a normal class comes back unchanged.
    """
    codes = class_columns(predictions)
    values = predictions[codes].to_numpy(dtype=np.float64)
    if normal in codes:
        sure = values[:, codes.index(normal)] > threshold
        values = np.where(sure[:, None], np.array([float(code == normal) for code in codes]), values)
    return as_table(predictions["video"], values.astype(np.float32), codes)
