"""The report's tables put figures in the right place: the paper's beside the approach, small models apart."""

import numpy as np
import pandas as pd
import pytest
import yaml

from vpipe_utils.evaluation.resampling import Difference
from vpipe_utils.project.parameter_files import layer_files, read_layers
from vpipe_utils.report import paper_tables, result_tables
from vpipe_utils.report.result_tables import FLOOR
from vpipe_utils.storage.tables import write_json

COLUMNS = [
    "approach", "model", "folds", "cv_mAP", "cv_std", "oof_mAP", "heldout_mAP", "low", "high", "above", "above_low",
    "above_high",
]  # fmt: skip
NAN = np.nan
TRUNK = {"backbone": "lite0", "head": "linear", "weights": "package"}
RUNS = {  # approach/model -> folds with their validation mAP, what metrics.json and params.yaml say
    "frame/frame_lite0": ({0: 0.3}, TRUNK, {}),
    "video/video_swin_small": ({0: 0.2}, TRUNK | {"backbone": "swin3d", "weights": "random start"}, {"ema": True}),
    "super_image/lite0": ({0: 0.5, 1: 0.6}, TRUNK, {}),
    "super_image/lite0_tiles": ({0: 0.4}, TRUNK, {"tile_tokens": True}),
    "super_image/lite0_decoder": ({0: 0.4}, TRUNK | {"head": "ml_decoder"}, {}),
    "super_image/lite1": ({0: 0.4}, TRUNK | {"backbone": "lite1"}, {}),
}


def write_runs(root, runs):
    rows = []
    for name, (by_fold, metrics, values) in runs.items():
        for fold, value in by_fold.items():
            folder = root / name / str(fold)
            more = {"val_mAP": value, "parameters": 2.5e6, "epochs": 3, "train_seconds": 90}
            write_json(more | metrics, folder / "metrics.json")
            (folder / "params.yaml").write_text(yaml.safe_dump({"backbone_args": {}} | metrics | values))
            rows.append((name, *name.split("/"), fold, folder, True))
    rows.append(("super_image/lite1", "super_image", "lite1", 1, root / "absent", False))
    return pd.DataFrame(rows, columns=["name", "approach", "model", "fold", "folder", "finished"])


@pytest.fixture
def runs(tmp_path):
    return write_runs(tmp_path, RUNS)


@pytest.fixture
def table(runs):
    """Video Swin's difference to the baseline has an interval that reaches below 0."""
    rows = [
        ("frame", "frame_lite0", 1, 0.30, NAN, 0.29, 0.41, 0.38, 0.44, 0.15, 0.11, 0.19),
        ("video", "video_swin_small", 1, 0.20, NAN, 0.19, 0.27, 0.25, 0.30, 0.01, -0.02, 0.04),
        ("super_image", "lite0", 2, 0.55, 0.05, 0.54, 0.58, 0.55, 0.61, 0.32, 0.25, 0.40),
        ("super_image", "lite0_tiles", 1, 0.60, NAN, 0.53, 0.57, 0.54, 0.60, 0.31, 0.24, 0.39),
        ("super_image", "lite0_decoder", 1, 0.50, NAN, 0.50, 0.52, 0.50, 0.55, 0.26, 0.20, 0.30),
        ("super_image", "lite1", 1, 0.52, NAN, 0.50, NAN, NAN, NAN, 0.26, 0.20, 0.30),
        (*FLOOR.split("/"), 2, 0.24, 0.01, 0.24, 0.26, 0.23, 0.28, NAN, NAN, NAN),
        ("ensemble", "weighted_zc", 1, 0.60, 0.02, 0.59, 0.62, 0.59, 0.65, 0.36, 0.30, 0.42),
    ]
    return result_tables.comparison(pd.DataFrame(rows, columns=COLUMNS), result_tables.run_facts(runs))


def test_run_facts(runs):
    facts = result_tables.run_facts(runs)
    assert facts["minutes"].to_dict().items() >= {"super_image/lite0": 3, "super_image/lite1": 1.5}.items()
    assert facts["parameters_m"].tolist() == [2.5] * 6 and facts["ema"].tolist() == [False, True, *[False] * 4]
    assert facts["network"].tolist() == [
        "lite0", "swin3d, from scratch", "lite0", "lite0, tile by tile", "lite0, ML-Decoder", "lite1",
    ]  # fmt: skip
    assert facts["way"].tolist() == ["frame", "video", "super_image", "tiles", "super_image", "super_image"]
    assert not facts["papers"].any()


def test_parameters_of_a_model_without_runs_are_empty(runs):
    assert result_tables.saved_params(runs, "ensemble/weighted") == {}
    assert result_tables.saved_params(runs, "super_image/lite0_tiles")["tile_tokens"] is True


def test_by_fold_has_ours_alone(runs):
    """The paper's folds hold other videos."""
    table = result_tables.by_fold(runs)
    assert list(table.columns) == ["fold 0", "fold 1"] and table.loc["lite0", "fold 1"] == 0.6
    assert np.isnan(table.loc["lite1", "fold 1"])


def test_rows_are_named_after_what_ran_and_clear_the_baseline_or_not(table):
    by_model = table.set_index("model")
    assert by_model["measured"].tolist() == [0.41, 0.27, 0.58, 0.57, 0.52, 0.50, 0.26, 0.62]  # else out-of-fold
    assert by_model["shown_name"].tolist()[-3:] == ["lite1", result_tables.COLOUR, "weighted ensemble, ZC rule"]
    assert by_model.index[~by_model["clears"]].tolist() == ["video_swin_small", "colour"]
    assert by_model["paper"].isna().all(), "these networks are not the paper's"
    assert result_tables.too_small(table)["model"].tolist() == ["video_swin_small"]
    shown = result_tables.drawn(table)["name"].tolist()
    assert shown[0] == "frame_lite0" and shown[-1] == result_tables.COLOUR and "video_swin_small" not in shown


@pytest.mark.parametrize("ema, k400", [(False, 0.64798), (True, 0.68251)])
def test_the_papers_own_networks_have_its_figures(tmp_path, ema, k400):
    names = ["frame/frame_tresnet", "video/video_swin_k400", "video/video_swin_k600", "super_image/nfnet_f3"]
    papers = {name: read_layers(layer_files("paper", name.split("/")[1])) | {"ema": ema} for name in names}
    runs = write_runs(tmp_path, {name: ({0: 0.5}, {}, values) for name, values in papers.items()})
    every = [*names, "ensemble/weighted", "ensemble/weighted_zc"]
    scores = pd.DataFrame([(*name.split("/"), 1, *[0.5] * 9) for name in every], columns=COLUMNS)
    table = result_tables.comparison(scores, result_tables.run_facts(runs))
    printed = [0.5471, k400, 0.64512, 0.71109, NAN, 0.72181]
    assert table["paper"].tolist() == pytest.approx(printed, nan_ok=True)
    head = result_tables.headline(table, 0.1, "out-of-fold videos")
    assert head["columns"][-1] == "Paper, this network"
    assert [row[-1] for row in head["rows"][:2]] == pytest.approx([0.71109, k400])
    papers["super_image/nfnet_f3"]["backbone"] = "test_nfnet"
    runs = write_runs(tmp_path, {name: ({0: 0.5}, {}, values) for name, values in papers.items()})
    table = result_tables.comparison(scores, result_tables.run_facts(runs)).set_index("name")
    assert table["paper"].isna().tolist() == [False, False, False, True, True, True], "nor is the ensemble the paper's"


def test_the_best_of_an_approach_clears_the_baseline_and_is_no_other_way(table):
    best = result_tables.best_of_each_approach(table)
    assert best == {"super_image": "super_image/lite0", "frame": "frame/frame_lite0"}, "tiles validated best"
    assert result_tables.best_of_each_approach(table.assign(clears=False)) == {}


def test_models_on_one_trunk_are_paired(table):
    pairs = result_tables.same_trunk(table)
    assert pairs[0] == ("super_image/lite0", "super_image/lite0_decoder") and len(pairs) == 6
    assert pairs[-1] == ("super_image/lite0_tiles", "frame/frame_lite0")
    assert not any("lite1" in name or "swin" in name for pair in pairs for name in pair)
    assert result_tables.frames_and_super_image(table, pairs) == ("super_image/lite0", "frame/frame_lite0")
    assert result_tables.frames_and_super_image(table, pairs[:1]) is None
    assert result_tables.same_trunk(table.assign(clears=False)) == []


def test_differences_of_models_and_of_methods():
    models, methods = Difference(0.1, 0.05, 0.2), Difference(0.12, -0.3, 0.5)
    pair = ("super_image/a", "frame/b")
    both = result_tables.differences({pair: (models, methods)})
    assert both.iloc[0].tolist() == ["super_image/a - frame/b", 0.1, 0.05, 0.2, -0.3, 0.5]
    one = result_tables.differences({pair: (models, None)})
    assert list(one.columns) == ["name", "difference", "low", "high"] == list(result_tables.differences({}).columns)


def test_a_table_of_the_paper():
    shown = result_tables.papers(paper_tables.table_ii().set_index("model")[["parameters_m", "cv_mAP", "lb_mAP"]])
    assert shown.loc["nfnet_f3"].to_dict() == {
        "paper: parameters (M)": 254, "paper: CV mAP": "0.714", "paper: LB mAP": "0.711",
    }  # fmt: skip


def test_what_was_measured_here(table):
    shown = result_tables.measured_here(table[table["approach"].isin(["super_image", "video"])])
    assert shown.loc["lite0"].tolist() == [
        "lite0 (2.50 M)", "0.550 ± 0.050", "0.580 [0.550, 0.610]", "+0.320 [+0.250, +0.400]", "yes",
    ]  # fmt: skip
    assert shown.index[-1] == "video_swin_small" and shown.iloc[-1, -1] == "no"


def test_members(table):
    shown = result_tables.members({"super_image/lite1": 0.25, "super_image/lite0": 0.75}, table)
    assert shown.loc["super_image/lite0"].tolist() == ["0.750", "0.550 ± 0.050", "0.580 [0.550, 0.610]"]


def test_headline(table):
    head = result_tables.headline(table, 0.09, "held-out videos")
    small = head["small"]
    for part in (head, small):
        assert {len(row) for row in part["rows"]} == {len(part["columns"])}
    assert head["rows"][0] == [
        "super-image", "0.703 (0.683 to 0.711)", "lite0", "lite0", "0.580 [0.550, 0.610]", "+0.320 [+0.250, +0.400]",
        "0.550 ± 0.050",
    ]  # fmt: skip
    assert head["rows"][1][:3] == ["", "", "lite0_tiles"], "the paper's figure stands once, beside the approach"
    assert [row[2] for row in head["rows"][4:]] == [
        result_tables.NONE_CLEARS, "frame_lite0", "weighted ensemble, ZC rule", result_tables.COLOUR, "chance",
    ]  # fmt: skip
    assert head["rows"][-1][4] == 0.09 and head["rows"][-2][5] is None
    assert [row[:2] for row in small["rows"]] == [["Video Swin", "video_swin_small"]]
    assert small["rows"][0][4] == "+0.010 [-0.020, +0.040]"


def test_a_headline_without_a_model_that_clears_the_baseline(table):
    head = result_tables.headline(table.assign(clears=False), 0.09, "held-out videos")
    none = [result_tables.NONE_CLEARS] * 4
    assert [row[2] for row in head["rows"]] == [*none, result_tables.COLOUR, "chance"]
    assert {len(row) for row in head["rows"]} == {len(head["columns"])} and len(head["small"]["rows"]) == 7


def test_model_rows_have_no_nan(table):
    rows = result_tables.model_rows(table)
    assert rows[3]["report_mAP"] is None and rows[3]["measured_mAP"] == 0.57 and rows[2]["cv_std"] == 0.05
    assert rows[1]["clears"] is False and rows[6]["above"] is None
    assert {"name", "approach", "report_mAP", "measured_mAP", "low", "high", "cv_mAP"} <= set(rows[0])


def test_a_rule_without_a_normal_class_has_no_row(table):
    assert "weighted_zc" in list(result_tables.rows_that_hold(table, "OK")["model"])
    left = result_tables.rows_that_hold(table, None)
    assert "weighted_zc" not in list(left["model"]) and len(left) == len(table) - 1
    rows = result_tables.headline(left, 0.09, "held-out videos")["rows"]
    assert not any("rule" in str(cell) for row in rows for cell in row[2:])
