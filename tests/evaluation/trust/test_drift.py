from __future__ import annotations

import numpy as np
import pytest

from vpipe_utils.evaluation.trust import drift


def clips(n: int, seed: int, shift: float = 0.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(n, 6)) @ rng.normal(size=(6, 30)) * 0 + rng.normal(size=(n, 30))
    return {"colours": base + shift, "networks": rng.normal(size=(n, 12))}


RECORDINGS = np.arange(300) // 2


def test_about_a_hundredth_of_clips_of_the_same_kind_is_above_the_limit() -> None:
    reference = drift.fit(clips(300, 0), RECORDINGS)
    shares = [(reference(clips(300, seed)) > 1).mean() for seed in range(1, 7)]
    assert np.mean(shares) < 0.02


def test_another_world_is_noticed_in_either_space() -> None:
    reference = drift.fit(clips(300, 0), RECORDINGS)
    far = clips(20, 1, shift=5.0)
    assert (reference(far) > 1).all() and drift.warns_of_set(reference(far))
    other = clips(20, 1)
    other["networks"] = other["networks"] * 8
    assert (reference(other) > 1).mean() > 0.9
    assert "20 of 20 clips are unlike" in drift.say(reference(far)) and "Watch them all" in drift.say(reference(far))


def test_what_the_known_clips_never_vary_in_counts_too() -> None:
    known = clips(300, 0)
    known["colours"][:, 0] = 0.25 + np.random.default_rng(5).normal(0, 1e-3, 300)
    reference = drift.fit(known, RECORDINGS)
    same, odd = clips(5, 2), clips(5, 2)
    same["colours"][:, 0], odd["colours"][:, 0] = 0.25, 0.75
    assert (reference(odd) > 5).all() and (reference(same) < 1.2).all()


def test_one_clip_above_the_limit_may_be_chance() -> None:
    distances = np.full(100, 0.5)
    assert not drift.warns_of_set(distances) and "No clip of 100" in drift.say(distances)
    distances[0] = 1.5
    assert not drift.warns_of_set(distances) and "may be chance" in drift.say(distances)
    distances[:8] = 1.5
    assert drift.warns_of_set(distances)
    assert drift.warns_of_set(np.array([1.5, 1.5]))


def test_one_recording_is_too_few() -> None:
    with pytest.raises(ValueError, match="1 recording: a distance to other recordings needs two"):
        drift.fit(clips(4, 0), ["a"] * 4)


def test_logits_are_a_row_a_clip_and_finite() -> None:
    found = drift.logits([np.array([[0.0, 0.5]]), np.array([[1.0, 0.25]])])
    assert found.shape == (1, 4) and np.isfinite(found).all()
    np.testing.assert_allclose(found[0, [1, 3]], [0, np.log(1 / 3)])
