"""Sibling clips with a gain that is known, because the runs are made up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_up_leakage import COPIES, made_up_sides

from vpipe_utils.evaluation.leakage import siblings
from vpipe_utils.evaluation.leakage.siblings import BEYOND, FLATTERY, HELD_OUT, NONE, QV_PIPE, SAW, SWAPPED, VALIDATION


@pytest.fixture(scope="module", params=[0.0, 2.0], ids=["no gain", "gain"])
def gain(request: pytest.FixtureRequest) -> float:
    return request.param


@pytest.fixture(scope="module")
def tables(gain: float) -> dict[str, pd.DataFrame]:
    return siblings.gather(*made_up_sides(gain), 200, 3)


def test_what_validation_gains_by_siblings_held_out_clips_do_not(tables: dict, gain: float) -> None:
    found = tables["scores"].set_index("row")
    assert list(found.index) == [VALIDATION, HELD_OUT, FLATTERY, SWAPPED] and set(found["runs"]) == {10}
    assert found.loc[HELD_OUT, "low"] < 0 < found.loc[HELD_OUT, "high"]
    assert (found.loc[[VALIDATION, FLATTERY, SWAPPED], "low"] > 0).tolist() == [gain > 0] * 3
    both = found.dropna(subset="plain")
    assert len(both) == 3 and (both["plain"] - both["whole"]).to_numpy() == pytest.approx(both["difference"].to_numpy())
    width = found["high"] - found["low"]
    assert width[SWAPPED] < width[FLATTERY], "all other clips stay as they are"
    flattery = found.loc[VALIDATION, "difference"] - found.loc[HELD_OUT, "difference"]
    assert found.loc[FLATTERY, "difference"] == pytest.approx(flattery)


def test_the_gain_at_the_share_of_qv_pipe(tables: dict) -> None:
    found = tables["scores"].set_index("row")
    share = found["siblings"].iloc[0]
    assert share == pytest.approx(np.mean(np.repeat(COPIES, COPIES) > 1))
    expected = found.loc[SWAPPED, ["difference", "low", "high"]].to_numpy(float) * QV_PIPE / share
    assert found.loc[SWAPPED, ["at_qv_pipe", "at_low", "at_high"]].to_numpy(float) == pytest.approx(expected)
    assert found.loc[[VALIDATION, HELD_OUT], "at_qv_pipe"].isna().all()


def test_the_same_clip_with_and_without_its_sibling_in_training(tables: dict, gain: float) -> None:
    found = tables["clips"].set_index(["measure", "clips"])
    assert found.loc[("rank", SAW), "recordings"] < found.loc[("rank", SAW), "count"]
    assert found.loc[("log_loss", NONE), "recordings"] == found.loc[("log_loss", NONE), "count"] == COPIES.count(1)
    assert found.loc[("rank", NONE), "count"] < COPIES.count(1), "a few have no label"
    if gain:
        assert found.loc[("rank", SAW), "low"] > 0 and found.loc[("log_loss", SAW), "high"] < 0
        assert found.loc[("rank", BEYOND), "low"] > 0
    for measure in siblings.MEASURES:
        row = found.loc[(measure, NONE)]
        assert row["low"] < 0.01 and row["high"] > -0.01, "the other clips are not moved"
        assert row["difference"] == pytest.approx(row["plain"] - row["whole"])


def test_log_loss_and_rank_of_a_clip_by_hand() -> None:
    plain, whole, labels = made_up_sides(1.0)
    name = next(iter(plain))
    predicted = plain[name].val["plain"]
    pairs = {name: siblings.Sides(plain[name], whole[name])}
    found = siblings._of_clips(pairs, "plain", labels)
    video = predicted["video"].iloc[0]
    truth = labels.set_index("video").loc[video].to_numpy(float)
    p = predicted.set_index("video").loc[video].to_numpy(float)
    expected = -np.mean(np.log(np.where(truth == 1, p, 1 - p)))
    assert found.loc[video, "log_loss"] == pytest.approx(expected, abs=1e-5)


def test_kinds_of_folds_that_do_not_fit_are_a_sentence() -> None:
    plain, whole, labels = made_up_sides(1.0)
    short = {name: record for name, record in plain.items() if name.fold != 4}
    with pytest.raises(ValueError, match="is validated under one kind of folds alone"):
        siblings.gather(short, whole, labels, 20, 0)
    with pytest.raises(ValueError, match="how far runs differ takes two"):
        siblings.gather({}, whole, labels, 20, 0)
