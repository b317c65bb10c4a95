from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from made_up_trained import made_up_labels, made_up_predictions

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.evaluation import member_weights
from vpipe_utils.evaluation.ensemble import weighted_mean
from vpipe_utils.evaluation.metrics import mean_average_precision
from vpipe_utils.evaluation.trust.calibration import log_loss

LABELS = made_up_labels(300)


def noise(seed: int) -> pd.DataFrame:
    values = np.random.default_rng(seed).uniform(0, 1, (300, len(CLASSES))).astype(np.float32)
    return pd.concat([LABELS[["video"]], pd.DataFrame(values, columns=list(CLASSES))], axis=1)


def members() -> dict[str, dict[int, pd.DataFrame]]:
    tables = {"good": made_up_predictions(LABELS, 1), "other": made_up_predictions(LABELS, 2), "noise": noise(3)}
    fold = np.arange(300) // 2 % 2
    return {name: {k: table[fold == k].reset_index(drop=True) for k in (0, 1)} for name, table in tables.items()}


def reached(weights: dict[str, float]) -> float:
    whole = weighted_mean({name: pd.concat(members()[name].values()) for name in weights}, weights)
    return mean_average_precision(LABELS[list(CLASSES)], whole.set_index("video").loc[LABELS["video"]])


@pytest.mark.parametrize("choose", [member_weights.least_loss, member_weights.greedy])
def test_weights_are_shares_and_noise_gets_none(choose) -> None:
    weights = choose(members(), LABELS)
    assert list(weights) == ["good", "other", "noise"] and sum(weights.values()) == pytest.approx(1)
    assert min(weights.values()) >= 0 and weights["noise"] < 0.05 and min(weights["good"], weights["other"]) > 0.2
    assert reached(weights) >= reached({"good": 1.0, "other": 0.0, "noise": 0.0})


def test_no_other_weights_on_the_simplex_have_less_loss() -> None:
    scores, targets = member_weights._stacked(members(), LABELS)
    scores = np.stack([member_weights._shifted(each, targets) for each in scores])
    found = np.array(list(member_weights.least_loss(members(), LABELS).values()))
    least = log_loss(np.tensordot(found, scores, 1), targets)
    for other in np.random.default_rng(0).dirichlet(np.ones(3), 200):
        assert log_loss(np.tensordot(other, scores, 1), targets) >= least - 1e-6


def test_greedy_selection_by_hand() -> None:
    """One step takes the best member alone."""
    tables = members()
    best = max(tables, key=lambda name: reached({each: float(each == name) for each in tables}))
    assert member_weights.greedy(tables, LABELS, steps=1) == {name: float(name == best) for name in tables}


def test_given_weights_are_shares_of_the_members_that_are_there() -> None:
    params = SimpleNamespace(ensemble_models=["good", "gone", "noise"], ensemble_weights=[0.2, 0.5, 0.3])
    tables = members()
    assert member_weights.weights_of(params, tables, LABELS) == pytest.approx({"good": 0.4, "noise": 0.6})
    params.ensemble_weights = None
    by_score = member_weights.weights_of(params, tables, LABELS)
    assert by_score["good"] > 0.7 and sum(by_score.values()) == pytest.approx(1)


def test_members_without_a_clip_in_common_are_a_sentence() -> None:
    tables = members()
    parts = {"good": {0: tables["good"][0]}, "other": {1: tables["other"][1]}}
    with pytest.raises(ValueError, match="good, other have no clip in common"):
        member_weights.least_loss(parts, LABELS)
