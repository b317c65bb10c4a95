"""Tricks that train nothing: what the paper does with finished predictions (Tables IV and V), a function each.

The others are `ensemble.fold_mean`, `ensemble.weighted_mean` and `ensemble.zc_rule`; the variants of test-time
augmentation are predicted by `learning.augmenting.test_time`. Tables of predictions have `video` and a column a class,
probabilities in [0, 1]; tables that are combined are of the same videos. What a trick tunes is a function of its own
(`class_thresholds`, `best_models`, `validated_weights`), so that it can be tuned on other videos than it is used on.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve

from vpipe_utils.data.annotations import class_columns
from vpipe_utils.evaluation.ensemble import score_weights
from vpipe_utils.evaluation.metrics import chance_map
from vpipe_utils.evaluation.predictions import as_table
from vpipe_utils.evaluation.scores import ByFold, class_scores, cross_validation, labels_of, matrices


def mixes_of_folds(by_model: Mapping[str, ByFold]) -> list[list[pd.DataFrame]]:
    """For every mix the single predictions it is the mean of: one fold of each model, another fold of each.

    The paper's "mix folder ensemble" (Table IV) is not explained. We read it so: the folds are mixed over the models,
    so that with one network a model all labelled videos are trained on, at a fifth of the cost of five folds of each.
    Mix m has of model i the fold m + i, counted round: there are as many mixes as folds, and each run is in one of
    them. Raises ValueError for fewer than two models, which leave nothing to mix, or other folds from model to model.
    """
    folds = sorted(next(iter(by_model.values()), {}))
    if len(by_model) < 2 or any(sorted(of_model) != folds for of_model in by_model.values()):
        raise ValueError(f"a mix takes one fold of each of several models with the same folds, not {list(by_model)}")
    return [
        [of_model[folds[(m + i) % len(folds)]] for i, of_model in enumerate(by_model.values())]
        for m in range(len(folds))
    ]


def validated_weights(by_model: Mapping[str, ByFold], labels: pd.DataFrame) -> dict[str, float]:
    """`ensemble.score_weights` of the models' cross-validated mAP, above chance on the videos they were validated on.

    The paper's are "LB score related" (section IV), which is a score on the videos that it is judged by.
    """
    maps = {name: cross_validation(by_fold, labels)["cv_mAP"] for name, by_fold in by_model.items()}
    there = pd.concat(labels_of(labels, table) for table in next(iter(by_model.values())).values())
    return score_weights(maps, chance_map(there[class_columns(there)]))


def best_models(by_model: Mapping[str, ByFold], labels: pd.DataFrame) -> pd.Series:
    """For each class the model with the highest AP, the mean over the folds in which the class has positives.

    The first model of equals, also for a class without positives. Index: class; values: names of models.
    """
    mean = {}
    for name, by_fold in by_model.items():
        ap = [class_scores(labels_of(labels, table), table) for table in by_fold.values()]
        mean[name] = pd.concat(ap, axis=1).mean(axis=1)
    return pd.DataFrame(mean).fillna(0.0).idxmax(axis=1)


def take_by_class(by_model: Mapping[str, pd.DataFrame], models: pd.Series) -> pd.DataFrame:
    """Each class's probabilities from the model that ``models`` names for it, see `best_models`.

    The paper's "Ensemble by max mAP of each class" (Table V). mAP judges each class by itself, so that models may have
    different ideas of a probability.
    """
    first = next(iter(by_model.values()))
    columns = {code: by_model[name].set_index("video")[code] for code, name in models.items()}
    return pd.DataFrame(columns).loc[first["video"], class_columns(first)].reset_index()


def class_thresholds(predictions: pd.DataFrame, labels: pd.DataFrame) -> pd.Series:
    """For each class the threshold with the highest F1, where a probability of at least it is a yes; index: class.

    ``labels``: those of the videos it is tuned on. The lowest threshold of equals; 0 for a class without positives
    there, for which nothing can be tuned.
    """
    targets, scores = matrices(labels_of(labels, predictions), predictions)
    found = {}
    for code, truth, score in zip(class_columns(predictions), targets.T, scores.T, strict=True):
        found[code] = 0.0
        if truth.any():
            precision, recall, thresholds = precision_recall_curve(truth, score)
            f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
            found[code] = float(thresholds[f1[:-1].argmax()])
    return pd.Series(found)


def zero_below(predictions: pd.DataFrame, thresholds: pd.Series) -> pd.DataFrame:
    """Probabilities below their class's threshold as 0, the others as they are.

    The paper's "Set threshold for each class" (Table V) does not say what is done with a threshold. This is the mildest
    reading: a decision of yes or no would also throw away the order of the yeses. Either way what falls below is tied,
    and the official metric breaks ties at random; ours gives the expected value of that (`evaluation.metrics`).
    """
    codes = class_columns(predictions)
    values = predictions[codes].to_numpy(np.float32)
    limits = thresholds[codes].to_numpy(np.float64).astype(np.float32)  # as the scores it was tuned on
    return as_table(predictions["video"], np.where(values < limits, np.float32(0), values), codes)


def both_flips(variants: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The mean of the plain pass and both flipped ones, from variants that are means of plain and one flip.

    Table V has one row for "Horizontal flip, Vertical flip".
    """
    plain, *flips = (variants[name].set_index("video") for name in ("plain", "hflip", "vflip"))
    mean = (2 * flips[0] + 2 * flips[1] - plain) / 3  # each is half plain
    return mean.clip(0, 1).astype(np.float32).loc[plain.index].reset_index()
