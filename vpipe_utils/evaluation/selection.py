"""What was chosen on the videos that it is scored on, and by how much that flatters the score.

Three things are chosen by validation scores: the epoch whose weights are kept, the weights of the ensemble, and the
best member that the ensemble is compared with. Scored on the same validation videos, each looks better than it is.
Held-out videos choose nothing, so held-out scores are free of it. For validation scores a choice is made out of fold
here: what counts on fold k is chosen on the other folds (nested cross-validation; Cawley and Talbot 2010,
https://jmlr.org/papers/v11/cawley10a.html). The plain choice minus the one out of fold is the flattery, in mAP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from vpipe_utils.data.annotations import class_columns
from vpipe_utils.evaluation.ensemble import score_weights, weighted_mean
from vpipe_utils.evaluation.metrics import chance_map, mean_average_precision
from vpipe_utils.evaluation.scores import ByFold, combine_folds, cross_validation, labels_of, matrices


class Flattery(NamedTuple):
    """A cross-validated mAP: chosen on the same videos, and on other folds (NaN where there is one fold)."""

    plain: float
    nested: float

    @property
    def difference(self) -> float:
        """By how much choosing on the videos that are scored flatters."""
        return self.plain - self.nested


def best_member(by_model: Mapping[str, ByFold], members: Sequence[str], labels: pd.DataFrame) -> str:
    """The member with the highest cross-validated mAP, over the folds that all members have; the first of equals.

    Chosen by validation, so that it may be compared on held-out videos without flattery.
    """
    maps = _fold_maps(by_model, members, labels)
    return maps.mean().idxmax()


def nested_weights(
    by_model: Mapping[str, ByFold], members: Sequence[str], labels: pd.DataFrame
) -> dict[int, dict[str, float]]:
    """Ensemble weights for each fold from the validation mAP of the other folds: fold -> member -> weight, sum 1.

    `ensemble.score_weights` of the mean mAP there, with the chance of the videos there. {} where the members have one
    fold in common: nothing is left to choose on.
    """
    maps = _fold_maps(by_model, members, labels)
    found = {}
    for fold in maps.index if len(maps) > 1 else []:
        others = [k for k in maps.index if k != fold]
        rows = [labels_of(labels, by_model[members[0]][k]) for k in others]
        chance = chance_map(pd.concat(rows)[class_columns(labels)])
        found[int(fold)] = score_weights(maps.loc[others].mean().to_dict(), chance)
    return found


def combine_nested(by_model: Mapping[str, ByFold], weights: Mapping[int, Mapping[str, float]]) -> ByFold:
    """The ensemble's validation predictions with weights a fold, as `nested_weights` gives them."""
    return {
        fold: weighted_mean({name: by_model[name][fold] for name in of_fold}, of_fold)
        for fold, of_fold in weights.items()
    }


def nested_best(by_model: Mapping[str, ByFold], members: Sequence[str], labels: pd.DataFrame) -> dict[int, str]:
    """For each fold the member that is best on the other folds; {} where the members have one fold in common."""
    maps = _fold_maps(by_model, members, labels)
    if len(maps) < 2:
        return {}
    return {int(fold): maps.drop(index=fold).mean().idxmax() for fold in maps.index}


def weight_flattery(by_model: Mapping[str, ByFold], members: Sequence[str], labels: pd.DataFrame) -> Flattery:
    """Cross-validated mAP of the ensemble with weights from all folds, its own among them, and with nested ones."""
    maps = _fold_maps(by_model, members, labels)
    rows = [labels_of(labels, by_model[members[0]][k]) for k in maps.index]
    weights = score_weights(maps.mean().to_dict(), chance_map(pd.concat(rows)[class_columns(labels)]))
    plain = cross_validation(combine_folds(by_model, weights), labels)["cv_mAP"]
    nested = nested_weights(by_model, members, labels)
    if not nested:
        return Flattery(plain, np.nan)
    return Flattery(plain, cross_validation(combine_nested(by_model, nested), labels)["cv_mAP"])


def epoch_flattery(histories: Mapping[str, Mapping[int, pd.DataFrame]]) -> pd.DataFrame:
    """What keeping the best epoch does to validation mAP, from the history.csv of every run: name -> fold -> table.

    One row a model: model, folds, and means over its folds of `best` (the kept epoch: chosen on the fold it is scored
    on), `last` (chosen by nothing), `elsewhere` (the epoch with the highest mean over the *other* folds; NaN for one
    fold), `gain` = best - last (flattery, and what stopping early is really worth) and `flattery` = best - elsewhere.
    """
    rows = []
    for name, by_fold in histories.items():
        # one column a fold; a run that was validated at other epochs than the others lends those that all have
        curves = pd.DataFrame({k: table.set_index("epoch")["val_mAP"] for k, table in by_fold.items()}).sort_index()
        best, last = curves.max(), curves.apply(lambda curve: curve.dropna().iloc[-1])
        common = curves.dropna()
        elsewhere = np.nan
        if len(by_fold) > 1 and len(common):
            chosen = {k: common.drop(columns=k).mean(axis=1).idxmax() for k in curves}
            elsewhere = float(np.mean([common.loc[epoch, k] for k, epoch in chosen.items()]))
        rows.append((name, len(by_fold), best.mean(), last.mean(), elsewhere))
    table = pd.DataFrame(rows, columns=["model", "folds", "best", "last", "elsewhere"])
    return table.assign(gain=table["best"] - table["last"], flattery=table["best"] - table["elsewhere"])


def _fold_maps(by_model: Mapping[str, ByFold], members: Sequence[str], labels: pd.DataFrame) -> pd.DataFrame:
    """Validation mAP, a row a fold that all members have and a column a member."""
    if not members:
        raise ValueError("no member to choose among; run the notebooks of the models in ensemble_models first.")
    common = sorted(set.intersection(*(set(by_model[name]) for name in members)))
    if not common:
        raise ValueError(f"the members {', '.join(members)} have no fold in common; train one fold with all of them.")

    def reached(name: str, fold: int) -> float:
        table = by_model[name][fold]
        return mean_average_precision(*matrices(labels_of(labels, table), table))

    return pd.DataFrame({name: {k: reached(name, k) for k in common} for name in members})[list(members)]
