"""Weights of an ensemble's members, as notebook 06 and `make predict` use them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from vpipe_utils.data.annotations import class_columns
from vpipe_utils.evaluation.ensemble import score_weights, shares
from vpipe_utils.evaluation.metrics import chance_map
from vpipe_utils.evaluation.params import EnsembleParams
from vpipe_utils.evaluation.scores import ByFold, cross_validation


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
