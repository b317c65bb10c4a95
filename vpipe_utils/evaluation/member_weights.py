"""Weights of an ensemble's members: the paper's by hand or by score, and two that are chosen by loss.

`least_loss` and `greedy` look at what the members said of clips that they were not trained on. Such weights flatter
the ensemble on these clips; on held-out clips they do not.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

from vpipe_utils.data.annotations import class_columns
from vpipe_utils.evaluation.ensemble import score_weights, shares
from vpipe_utils.evaluation.metrics import chance_map, mean_average_precision
from vpipe_utils.evaluation.params import EnsembleParams
from vpipe_utils.evaluation.scores import ByFold, cross_validation, labels_of, matrices, out_of_fold

LEAST = 1e-6  # how near to 0 and 1 a probability is taken to be, for its loss
STEPS = 25  # of greedy selection: weights come out in twenty-fifths


def weights_of(params: EnsembleParams, validation: Mapping[str, ByFold], labels: pd.DataFrame) -> dict[str, float]:
    """Member -> share of 1, of the members of `ensemble_models` that have a finished run (`validation`).

    The ones that `ensemble_weights` sets, else by the mAP that each model has above chance over its validation folds.
    """
    members = [name for name in params.ensemble_models if name in validation]
    if params.ensemble_weights is not None:
        given = dict(zip(params.ensemble_models, params.ensemble_weights, strict=True))
        return shares({name: given[name] for name in members})
    reached = {name: cross_validation(validation[name], labels)["cv_mAP"] for name in members}
    return score_weights(reached, chance_map(labels[class_columns(labels)]))


def least_loss(validation: Mapping[str, ByFold], labels: pd.DataFrame) -> dict[str, float]:
    """Weights on the simplex, none negative and their sum 1, with the least log-loss of the weighted mean out of fold.

    Stacking with a constraint (Breiman 1996, doi 10.1007/BF00117832). The loss is convex in the weights, so what is
    found is the least there is. Each member's probabilities are shifted by one number for all classes first, so that
    they mean what they say: else the weights would choose the best calibrated member, not the best one.
    """
    scores, targets = _stacked(validation, labels)
    scores = np.stack([_shifted(each, targets) for each in scores])
    count = len(scores)

    def loss(weights: NDArray) -> tuple[float, NDArray]:
        mean = np.clip(np.tensordot(weights, scores, 1), LEAST, 1 - LEAST)
        slope = np.where(targets > 0, -1 / mean, 1 / (1 - mean))
        value = -np.where(targets > 0, np.log(mean), np.log1p(-mean)).mean()
        return float(value), (scores * slope).mean(axis=(1, 2))

    found = minimize(
        loss, np.full(count, 1 / count), jac=True, method="SLSQP", bounds=[(0, 1)] * count,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": lambda weights: np.ones(count)},
        options={"maxiter": 500, "ftol": 1e-10},
    )  # fmt: skip
    weights = np.clip(found.x, 0, None)
    return dict(zip(validation, (weights / weights.sum()).tolist(), strict=True))


def greedy(validation: Mapping[str, ByFold], labels: pd.DataFrame, steps: int = STEPS) -> dict[str, float]:
    """Start from nothing and add, `steps` times, the member with which the mean has the highest mAP out of fold.

    A member may be added again and again; its share of the additions is its weight (Caruana and others 2004,
    doi 10.1145/1015330.1015432). The first of equals.
    """
    scores, targets = _stacked(validation, labels)
    chosen = np.zeros(len(scores))
    for _ in range(steps):
        total = np.tensordot(chosen, scores, 1)
        chosen[int(np.argmax([mean_average_precision(targets, total + each) for each in scores]))] += 1
    return dict(zip(validation, (chosen / chosen.sum()).tolist(), strict=True))


def _stacked(validation: Mapping[str, ByFold], labels: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray]:
    """Probabilities (M, V, C) of the clips that all members predicted out of fold, and their targets (V, C)."""
    tables = [out_of_fold(by_fold) for by_fold in validation.values()]
    same = labels_of(labels, *tables)
    if same.empty:
        raise ValueError(f"the members {', '.join(validation)} have no clip in common; train one fold with all of them")
    found = [matrices(same, table) for table in tables]
    return np.stack([scores for _, scores in found]), found[0][0]


def _shifted(scores: NDArray[np.float64], targets: NDArray) -> NDArray[np.float64]:
    """Probabilities whose logits are moved by one number, so that their mean is the share of positives."""
    values = np.clip(scores, LEAST, 1 - LEAST)
    logits, wanted = np.log(values) - np.log1p(-values), targets.mean()
    low, high = -30.0, 30.0
    for _ in range(60):  # the mean grows with the shift
        middle = (low + high) / 2
        low, high = (middle, high) if (1 / (1 + np.exp(-logits - middle))).mean() < wanted else (low, middle)
    return 1 / (1 + np.exp(-logits - low))
