from __future__ import annotations

import numpy as np
import pytest

from vpipe_utils.evaluation.trust import calibration


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def drawn(n: int = 4000, seed: int = 0, slope: float = 0.5, offset: float = -1.0) -> tuple[np.ndarray, ...]:
    """Probabilities whose truth is sigmoid(slope · logit + offset), of three classes, in recordings of four clips."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, 3))
    targets = (rng.random((n, 3)) < sigmoid(slope * logits + offset)).astype(float)
    return sigmoid(logits), targets, np.arange(n) // 4


def test_platt_scaling_finds_slope_and_offset() -> None:
    probabilities, targets, _ = drawn(20000)
    found = calibration.fit("platt", False, probabilities, targets)
    np.testing.assert_allclose(found.coefficients, np.tile([0.5, 0.5, -1.0], (3, 1)), atol=0.05)
    x = np.array([[0.2, 0.5, 0.9]])
    np.testing.assert_allclose(found(x), sigmoid(0.5 * np.log(x / (1 - x)) - 1), atol=0.02)


def test_a_temperature_has_no_offset_and_beta_calibration_two_slopes() -> None:
    probabilities, targets, _ = drawn(20000, offset=0.0)
    a, b, c = calibration.fit("temperature", False, probabilities, targets).coefficients[0]
    assert a == b == pytest.approx(0.5, abs=0.03) and c == 0
    rng = np.random.default_rng(1)
    p = rng.uniform(0.02, 0.98, (40000, 1))
    targets = (rng.random(p.shape) < sigmoid(1.5 * np.log(p) - 0.5 * np.log(1 - p) + 0.3)).astype(float)
    found = calibration.fit("beta", False, p, targets).coefficients[0]
    np.testing.assert_allclose(found, [1.5, 0.5, 0.3], atol=0.12)


def test_the_order_of_clips_is_never_turned_round() -> None:
    probabilities, targets, _ = drawn(slope=-1.0, offset=0.0)
    for kind in calibration.KINDS:
        p = np.tile(np.linspace(0.01, 0.99, 50)[:, None], (1, 3))
        assert (np.diff(calibration.fit(kind, True, probabilities, targets)(p), axis=0) >= -1e-12).all(), kind


def test_a_class_with_few_positives_takes_the_calibrator_of_all() -> None:
    probabilities, targets, _ = drawn()
    targets[:, 2] = 0
    targets[:4, 2] = 1
    found = calibration.fit("platt", True, probabilities, targets).coefficients
    whole = calibration.fit("platt", False, probabilities, targets).coefficients
    assert np.array_equal(found[2], whole[2]) and not np.allclose(found[0], whole[0])


def test_the_choice_is_made_on_recordings_that_the_calibrator_has_not_seen() -> None:
    probabilities, targets, recordings = drawn(1200)
    chosen, said, table = calibration.choose(probabilities, targets, recordings)
    assert chosen.kind in ("platt", "beta") and len(table) == 7
    assert calibration.log_loss(said, targets) == pytest.approx(table["log_loss"].min())
    assert table["log_loss"].min() < table.set_index("kind").loc["none", "log_loss"] - 0.1
    first = recordings < 240  # changing a recording's labels must not change what is said of it
    other = targets.copy()
    other[:4] = 1 - other[:4]
    again = calibration.choose(probabilities, other, recordings)
    if (again[0].kind, again[0].by_class) == (chosen.kind, chosen.by_class):
        np.testing.assert_array_equal(again[1][:4], said[:4])
    assert first.any()


def test_what_is_calibrated_already_stays_so() -> None:
    probabilities, targets, recordings = drawn(3000, slope=1.0, offset=0.0)
    chosen, _, table = calibration.choose(probabilities, targets, recordings)
    assert table["log_loss"].min() > table.set_index("kind").loc["none", "log_loss"] - 0.005
    np.testing.assert_allclose(chosen(probabilities), probabilities, atol=0.05)
    few = calibration.choose(probabilities[:8], targets[:8], recordings[:8])
    assert few[0].kind == "none" and np.allclose(few[0](probabilities), probabilities)


def test_the_error_of_a_known_table() -> None:
    probabilities = np.array([[0.1]] * 10 + [[0.8]] * 10)
    targets = np.array([[0]] * 10 + [[1]] * 6 + [[0]] * 4)
    table = calibration.reliability(probabilities, targets, bins=2)
    np.testing.assert_allclose(table.to_numpy(), [[0.1, 0.0, 10], [0.8, 0.6, 10]])
    assert calibration.expected_error(probabilities, targets, bins=2) == pytest.approx(0.5 * 0.1 + 0.5 * 0.2)


def test_error_before_and_after_has_an_interval_over_recordings() -> None:
    probabilities, targets, recordings = drawn(2000)
    after = calibration.fit("platt", False, *drawn(4000, seed=9)[:2])(probabilities)
    found = calibration.compare(probabilities, after, targets, recordings, n=200)
    assert found["ece_after"] < 0.04 < found["ece_before"]
    assert found["low"] < found["difference"] < found["high"] < 0
