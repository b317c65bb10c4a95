"""The paper's tables agree with each other, and with the corrections that we know of."""

import pytest

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.project.parameter_files import layer_files, read_layers
from vpipe_utils.report import paper_tables


def test_best_map_is_the_mean_of_its_row():
    table = paper_tables.table_vi()
    printed = table[~table["derived"]]
    assert len(printed) == 25
    assert (printed[list(CLASSES)].mean(axis=1) - printed["best_mAP"]).abs().max() < 0.0101


def test_five_folds_give_the_cv_map_of_table_ii():
    best = paper_tables.table_vi().groupby("model")["best_mAP"].mean()
    for row in paper_tables.table_ii().itertuples():
        assert best[row.model] == pytest.approx(row.cv_mAP, abs=0.006)


def test_derived_values_are_marked_and_have_no_class_ap():
    table = paper_tables.table_vi()
    derived = table[table["derived"]]
    assert dict(zip(derived["model"], derived["best_mAP"], strict=True)) == {
        "tresnet_xl": 66.14, "convnext_base": 68.40, "nfnet_f3": 69.29, "nfnet_f6": 70.13,
    }  # fmt: skip
    assert (derived["fold"] == 4).all() and derived[list(CLASSES)].isna().all(axis=None)
    assert table[list(CLASSES)].notna().all(axis=1).sum() == 25


def test_spot_values_of_table_vi():
    table = paper_tables.table_vi().set_index(["model", "fold"])
    assert table.loc[("tresnet_xl", 0), "SL"] == 12.53
    assert table.loc[("video_swin", 3), "TL"] == 70.21
    assert table.loc[("efficientnet_l2", 4), "best_mAP"] == 70.17
    assert paper_tables.class_ap().loc["nfnet_f6", "CJ"] == pytest.approx((82.65 + 81.59 + 81.38 + 81.42) / 4)


def test_weights_sum_to_one_and_members_agree_with_table_ii():
    members = paper_tables.table_iii().set_index("model")
    assert members["weight"].sum() == pytest.approx(1)
    table = paper_tables.table_ii().set_index("model")
    assert members.loc[table.index, "lb_mAP"].tolist() == table["lb_mAP"].tolist()
    assert members["lb_mAP"].max() < paper_tables.ENSEMBLE_LB


def test_input_sizes_are_three_tiles():
    assert paper_tables.table_ii()["input_size"].tolist() == [1344, 1344, 1344, 1152, 1344]


def test_headline_has_every_model_once():
    table = paper_tables.headline()
    assert table.index.tolist() == [
        "frame_tresnet", "video_swin_k400", "video_swin_k600", "video_swin_ssv2",
        "tresnet_xl", "convnext_base", "nfnet_f3", "nfnet_f6", "efficientnet_l2",
    ]  # fmt: skip
    assert table["paper_name"].notna().all() and table["lb_mAP_ema"].dropna().to_dict() == {"video_swin_k400": 68.251}
    scores = table["lb_mAP"]
    assert scores.notna().all()
    assert (scores["frame_tresnet"], scores["video_swin_k400"], scores["nfnet_f3"]) == (54.71, 64.798, 71.109)


def test_folds_are_shown_by_mean_and_range():
    spread = paper_tables.folds_spread()
    assert spread.loc["nfnet_f3"].tolist() == pytest.approx([5, 0.7141, 0.6929, 0.7495], abs=1e-4)
    assert spread.loc["video_swin", "folds"] == 4
    ap = paper_tables.class_ap_range("super_image")
    assert ap.loc["SL", ["lowest", "highest"]].tolist() == [0.1253, 0.5581]
    assert paper_tables.class_ap_range("super_image", "tresnet_xl").loc["SL", "highest"] == 0.5120
    assert paper_tables.class_ap_range("video").loc["ZC", "lowest"] == 0.9994
    assert paper_tables.class_ap_range("frame") is None, "the paper prints none"


def test_an_approach_has_the_mean_and_the_range_of_its_models():
    assert paper_tables.of_approach("super_image") == "0.703 (0.683 to 0.711)"
    assert paper_tables.of_approach("video") == "0.647 (0.645 to 0.648), with EMA 0.683"
    assert paper_tables.of_approach("frame") == "0.547" and paper_tables.of_approach("mine") is None


def test_a_network_is_the_papers_own_by_model_backbone_and_head():
    values = read_layers(layer_files("paper", "tresnet_xl"))
    assert paper_tables.is_papers_network("tresnet_xl", values | {"input_tile": 64})
    assert not paper_tables.is_papers_network("tresnet_xl", values | {"head": "linear"})
    assert not paper_tables.is_papers_network("mine", values) and not paper_tables.is_papers_network("tresnet_xl", {})
