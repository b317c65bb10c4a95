from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd

from vpipe_utils.evaluation.trust.record import Level
from vpipe_utils.review.predicting.queue import drift_of_review, guarantee_of, queue_table

SURE = Level(0.05, "sure", 0.9, 0.3, 0.5, 0.02, 0.5, 0.96, 200)
MEAN = Level(0.05, "mean", None, 0.4, 0.4, 0.04, 0.4, 0.6, 200)
TRUST = SimpleNamespace(classes=("ZC", "A", "B"), normal="ZC", levels=(SURE, MEAN), measured_on="9 clips")


def table() -> tuple[pd.DataFrame, np.ndarray]:
    rows = {"video": ["1.mp4", "2.mp4", "3.mp4"], "ZC": [0.9, 0.1, 0.8], "A": [0.1, 0.2, 0.05], "B": [0.2, 0.7, 0.01]}
    return pd.DataFrame(rows), np.array([0.5, 0.4, 2.0])


def test_clips_are_watched_for_a_likely_defect_or_because_they_drift() -> None:
    queue = queue_table(*table(), TRUST, SURE, {"B": "hole"})
    assert queue["watch"].tolist() == [False, True, True] and queue["rank"].tolist() == [3, 1, 2]
    assert queue["need"].tolist() == [0.2, 0.7, 0.5]
    assert queue["why"].tolist() == [
        "no defect above 30.0%; the most likely is hole (B)",
        "hole (B) 70%",
        "unlike the clips of calibration (2.0 times the limit): its probabilities do not hold, watch it whatever they "
        "say",
    ]


def test_the_promise_is_said_with_what_is_to_be_watched() -> None:
    probabilities, distances = table()
    distances[2] = 0.9
    queue = queue_table(probabilities, distances, TRUST, SURE, {})
    said = guarantee_of(TRUST, queue, probabilities, SURE)
    assert said["kept"] == 1 / 3 and [each["watch"] for each in said["levels"]] == [1 / 3, 1 / 3]
    assert said["sentence"].startswith(
        "Watch 1 of 3 clips (33%). With 90% confidence in the calibration, at most 5% of"
    )
    assert "On average over calibrations" in guarantee_of(TRUST, queue, probabilities, MEAN)["sentence"]
    assert drift_of_review(queue)["warns"] is False


def test_the_promise_names_the_other_lists_of_its_kind() -> None:
    probabilities, _ = table()
    trust = SimpleNamespace(**vars(TRUST) | {"levels": (SURE, replace(SURE, missed=0.1, threshold=0.15), MEAN)})
    queue = queue_table(probabilities, np.array([0.5, 0.4, 0.9]), trust, SURE, {})
    said = guarantee_of(trust, queue, probabilities, SURE)["sentence"]
    assert said.startswith("Watch 1 of 3 clips") and said.endswith("the others. For 10%, 2 clips (67%) are to watch.")


def test_of_a_set_that_drifts_nothing_is_promised() -> None:
    probabilities, _ = table()
    queue = queue_table(probabilities, np.array([2.0, 3.0, 4.0]), TRUST, SURE, {})
    assert queue["watch"].all()
    assert guarantee_of(TRUST, queue, probabilities, SURE)["sentence"].startswith("No promise holds for these clips")
    assert drift_of_review(queue)["clips"] == ["1.mp4", "2.mp4", "3.mp4"]
