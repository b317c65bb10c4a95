from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_trained import made_up_labels, made_up_predictions

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.evaluation.trust import calibration, record


@pytest.fixture(scope="module")
def made() -> tuple[record.Trust, pd.DataFrame, pd.DataFrame]:
    labels = made_up_labels(400)
    predictions = made_up_predictions(labels)
    colours = np.random.default_rng(0).normal(size=(400, 20))
    return record.make_trust(predictions, [predictions], colours, labels, "ZC", "abc", splits=20), predictions, labels


def test_what_is_written_is_read_again(made: tuple, tmp_path: Path) -> None:
    trust, predictions, _ = made
    trust.write(tmp_path)
    again = record.read_trust(tmp_path)
    assert again.levels == trust.levels and again.proposed == trust.proposed and again.made_of == "abc"
    assert again.error == trust.error and trust.error["low"] < trust.error["difference"] < trust.error["high"]
    pd.testing.assert_frame_equal(again.calibrated(predictions), trust.calibrated(predictions))
    features = {name: points[:7] + 0.5 for name, points in trust.reference.points.items()}
    np.testing.assert_array_equal(again.reference(features), trust.reference(features))
    text = (tmp_path / record.TRUST).read_text().replace(f'"version": {record.VERSION}', '"version": 0')
    (tmp_path / record.TRUST).write_text(text)
    with pytest.raises(ValueError, match="of another version"):
        record.read_trust(tmp_path)


def test_it_helps_on_clips_that_it_has_not_seen(made: tuple) -> None:
    trust = made[0]
    labels = made_up_labels(400, seed=5)
    before = made_up_predictions(labels, seed=5)
    after, targets = trust.calibrated(before)[list(CLASSES)].to_numpy(), labels[list(CLASSES)].to_numpy()
    assert calibration.log_loss(after, targets) < calibration.log_loss(before[list(CLASSES)], targets) - 0.01


def test_a_list_that_may_miss_more_is_shorter_and_one_for_sure_longer(made: tuple) -> None:
    trust = made[0]
    assert trust.level(0.05).threshold <= trust.level(0.1).threshold <= trust.level(0.1, "mean").threshold
    assert trust.level().kind == "sure" and trust.level().confidence == 0.9
    with pytest.raises(ValueError, match="no list is calibrated for 3.0% missed defects; there are 5%, 10%"):
        trust.level(0.03)


def test_classes_are_proposed_from_a_threshold_of_their_own(made: tuple) -> None:
    trust, _, labels = made
    assert list(trust.proposed) == list(CLASSES) and all(0 < value < 1 for value in trust.proposed.values())
    few = [code for code in CLASSES if labels[code].sum() < calibration.POSITIVES]
    assert len({trust.proposed[code] for code in few}) <= 1
