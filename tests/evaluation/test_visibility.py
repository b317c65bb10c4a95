"""Visible shares and ranks, on tables whose answers are known."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from vpipe_utils.evaluation.visibility import positive_ranks, ranks_by_visibility, visible_shares

VIDEOS = [f"v{i:03d}.mp4" for i in range(200)]


@pytest.fixture
def labels():
    rng = np.random.default_rng(1)
    return pd.DataFrame({"video": VIDEOS, "CK": rng.integers(0, 2, 200), "PL": rng.integers(0, 2, 200)})


@pytest.fixture
def predictions(labels):
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(200, 2)).round(1)  # rounded: ties must count half
    return pd.DataFrame({"video": VIDEOS, "CK": labels["CK"] + noise[:, 0], "PL": noise[:, 1]}).iloc[::-1]


def test_a_share_counts_each_frame_once():
    rows = [("a", "CK", 0), ("a", "CK", 0), ("a", "CK", 3), ("a", "PL", 1), ("b", "CK", 2)]
    evidence = pd.DataFrame(rows, columns=["video", "class", "frame"])
    shares = visible_shares(evidence, pd.Series({"a": 10, "b": 2})).set_index(["video", "class"])["visible"]
    assert shares.to_dict() == {("a", "CK"): 0.2, ("a", "PL"): 0.1, ("b", "CK"): 0.5}


def test_the_mean_rank_of_a_class_is_its_area_under_the_curve(labels, predictions):
    ranks = positive_ranks(labels, predictions)
    assert len(ranks) == labels[["CK", "PL"]].to_numpy().sum()
    scores = predictions.set_index("video").loc[VIDEOS]
    for code, of_class in ranks.groupby("class"):
        assert of_class["rank"].mean() == pytest.approx(roc_auc_score(labels[code], scores[code]))


def test_a_class_that_every_video_has_cannot_be_ranked(labels, predictions):
    assert set(positive_ranks(labels.assign(CK=1), predictions)["class"]) == {"PL"}


def test_a_model_that_sees_only_long_labels_is_found_out(labels, predictions):
    perfect = positive_ranks(labels, predictions).assign(rank=1.0)
    rng = np.random.default_rng(3)
    shares = perfect[["video", "class"]].assign(visible=rng.random(len(perfect)))
    blind = perfect.assign(rank=np.where(shares["visible"] > 0.5, 1.0, 0.5))
    table = ranks_by_visibility(shares, {"blind": blind, "perfect": perfect}, 2, 200, 0)
    assert table["labels"].sum() == 3 * len(perfect)
    assert table["visible"].is_monotonic_increasing
    brief, long = table[table["model"] == "difference"].itertuples()
    assert brief.low <= brief.rank <= brief.high < -0.4 and long.low > -0.1
