"""The report's sentences claim what the intervals allow; its tables put figures in the right place."""

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.evaluation.params import EnsembleParams
from vpipe_utils.project.parameter_files import layer_files, read_layers
from vpipe_utils.report import paper_tables, result_tables
from vpipe_utils.storage.tables import write_json

FILES = layer_files("smoke", "ensemble")


def params(**changes):
    return EnsembleParams.from_values(read_layers(FILES) | changes)


def labels_with(counts):
    table = pd.DataFrame(0, index=range(max(counts)), columns=list(CLASSES[: len(counts)]))
    for code, count in zip(table.columns, counts, strict=True):
        table.loc[: count - 1, code] = 1
    table.insert(0, "video", [f"{i}.mp4" for i in range(len(table))])
    return table


def test_verdict_says_no_more_than_the_interval():
    assert result_tables.verdict("A", "B", 0.05, 0.02, 0.08) == "A beats B by +0.050 [+0.020, +0.080] mAP"
    assert result_tables.verdict("A", "B", -0.05, -0.08, -0.02).startswith("A falls behind B by -0.050")
    assert "cannot be told apart" in result_tables.verdict("A", "B", 0.05, -0.01, 0.11)
    assert "cannot be told apart" in result_tables.verdict("A", "B", 0.05, 0.0, 0.11)
    tiny = result_tables.verdict("A", "B", 0.0004, 0.0001, 0.0008)
    assert tiny == "A beats B by +0.0004 [+0.0001, +0.0008] mAP"
    assert result_tables.verdict("A", "B", 0, 0, 0) == "A and B have exactly the same mAP here"


def test_order_of_approaches():
    found = {
        ("super_image/x", "frame/y"): (0.1, 0.05, 0.2),
        ("super_image/x", "video/z"): (0.0, -0.1, 0.1),
        ("video/z", "frame/y"): (-0.1, -0.2, -0.05),
    }
    text = result_tables.order_of_approaches(found)
    assert text.endswith(
        "confirmed: super-image over frame-wise; undecided: super-image over Video Swin; "
        "reversed: Video Swin over frame-wise"
    )
    assert "one approach was trained" in result_tables.order_of_approaches({})


def test_data_is_named_for_what_it_is():
    few = labels_with((5, 3, 2))
    assert result_tables.data_name(params(), few) == "PipeSim"
    assert "not sewer video" in result_tables.describe_data(params(), few, 7)
    files = {"source": "files", "videos_dir": "data/my_videos", "annotations": "data/labels.csv"}
    own = result_tables.describe_data(params(**files), few, 1200)
    assert "own data, folder 'my_videos'" in own and "5 labelled videos" in own and "1,200 test videos" in own
    real = labels_with(paper_tables.QV_PIPE_COUNTS)
    assert result_tables.data_name(params(**files), real) == "QV-Pipe"
    assert result_tables.data_name(params(**files), labels_with([300] * 17)) == "own data"


@pytest.mark.parametrize("ema, k400", [(False, 0.64798), (True, 0.68251)])
def test_paper_scores_of_our_runs(ema, k400):
    names = ["frame_tresnet", "video_swin_k400", "video_swin_k600", "weighted_zc", "weighted", "my_own_model"]
    scores = pd.DataFrame({"approach": "video", "model": names, "heldout_mAP": 0.5, "oof_mAP": 0.4})
    facts = pd.DataFrame({"ema": ema}, index=[f"video/{name}" for name in names[:3]])
    table = result_tables.comparison(scores, facts)
    printed = [0.5471, k400, 0.64512, 0.72181, np.nan, np.nan]
    assert table["paper"].tolist() == pytest.approx(printed, nan_ok=True)
    assert table["paper_name"].str.contains("(EMA)", regex=False).tolist() == [False, ema, *[False] * 4]
    assert table["paper_name"].tolist()[3:] == ["Weighted ensemble, ZC rule", "Weighted ensemble", "my_own_model"]


@pytest.fixture
def runs(tmp_path):
    rows = []
    for approach, model, fold, value, ema in [
        ("frame", "frame_tresnet", 0, 0.3, True),
        ("video", "video_swin_k400", 0, 0.2, True),
        ("super_image", "nfnet_f3", 0, 0.5, True),
        ("super_image", "nfnet_f3", 1, 0.6, True),
        ("super_image", "mine", 0, 0.4, False),
    ]:
        folder = tmp_path / model / str(fold)
        metrics = {"val_mAP": value, "backbone": "tiny", "parameters": 2.5e6, "epochs": 3}
        write_json(metrics | {"train_seconds": 90}, folder / "metrics.json")
        (folder / "params.yaml").write_text(f"ema: {str(ema).lower()}\n")
        rows.append((f"{approach}/{model}", approach, model, fold, folder, True))
    rows.append(("super_image/mine", "super_image", "mine", 1, tmp_path / "absent", False))
    return pd.DataFrame(rows, columns=["name", "approach", "model", "fold", "folder", "finished"])


def test_describe_runs(runs):
    text = result_tables.describe_runs(runs)
    assert "5 finished runs: 4 models on folds 0, 1." in text and "super_image/mine fold 1" in text
    assert "left out below: frame-wise." in result_tables.describe_runs(runs[runs["approach"] != "frame"])


def test_run_facts(runs):
    facts = result_tables.run_facts(runs)
    assert facts["minutes"].to_dict().items() >= {"super_image/nfnet_f3": 3, "super_image/mine": 1.5}.items()
    assert facts["parameters_m"].tolist() == [2.5] * 4
    assert facts["ema"].tolist() == [True, True, True, False]


def test_by_fold_has_ours_alone(runs):
    """The paper's folds hold other videos."""
    table = result_tables.by_fold(runs)
    assert list(table.columns) == ["fold 0", "fold 1"] and table.loc["nfnet_f3", "fold 1"] == 0.6
    assert np.isnan(table.loc["mine", "fold 1"])


@pytest.fixture
def table(runs):
    columns = ["approach", "model", "cv_mAP", "cv_std", "oof_mAP", "heldout_mAP", "low", "high"]
    rows = [
        ("frame", "frame_tresnet", 0.30, np.nan, 0.29, 0.31, 0.28, 0.34),
        ("video", "video_swin_k400", 0.20, np.nan, 0.19, np.nan, np.nan, np.nan),
        ("super_image", "nfnet_f3", 0.55, 0.05, 0.54, 0.58, 0.55, 0.61),
        ("super_image", "mine", 0.56, np.nan, 0.53, 0.57, 0.54, 0.60),
        ("ensemble", "weighted_zc", 0.60, 0.02, 0.59, 0.62, 0.59, 0.65),
    ]
    return result_tables.comparison(pd.DataFrame(rows, columns=columns), result_tables.run_facts(runs))


def test_comparison(table):
    by_model = table.set_index("model")
    assert by_model["paper"].round(5).tolist()[:3] == [0.5471, 0.68251, 0.71109]
    assert by_model.loc["video_swin_k400", "paper_name"] == "Video Swin-B, Kinetics-400 (EMA)"
    assert by_model.loc["mine", "paper_name"] == "mine" and np.isnan(by_model.loc["mine", "paper"])
    assert by_model.loc["weighted_zc", "paper"] == pytest.approx(0.72181)
    assert by_model["measured"].tolist() == [0.31, 0.19, 0.58, 0.57, 0.62]  # out-of-fold where not held out


def test_best_of_each_approach(table):
    best = result_tables.best_of_each_approach(table)
    assert list(best) == ["frame", "video", "super_image"] and best["super_image"] == "super_image/mine"


def test_beside_paper(table):
    shown = result_tables.beside_paper(paper_tables.table_ii().set_index("model")[["cv_mAP", "lb_mAP"]], table)
    assert shown.loc["nfnet_f3"].tolist() == [
        "0.714", "0.711", "tiny (2.50 M)", "0.550 ± 0.050", "0.580 [0.550, 0.610]",
    ]  # fmt: skip
    assert shown.loc["nfnet_f6"].tolist()[2:] == ["–", "–", "–"]


def test_headline(table):
    head = result_tables.headline(table, 0.09, "PipeSim, held-out videos")
    assert {len(row) for row in head["rows"]} == {len(head["columns"])}
    assert head["rows"][2] == ["NFNet F3", 0.71109, "0.580 [0.550, 0.610]", "0.550 ± 0.050", "tiny"]
    assert head["rows"][-1] == ["Chance", None, 0.09, None, None]
    assert head["rows"][1][2] == "0.190"


def test_model_rows_have_no_nan(table):
    rows = result_tables.model_rows(table)
    assert rows[3]["report_mAP"] is None and rows[3]["measured_mAP"] == 0.57 and rows[2]["cv_std"] == 0.05
    assert {"name", "approach", "report_mAP", "measured_mAP", "low", "high", "cv_mAP"} <= set(rows[0])


def test_a_lone_member_is_the_ensemble():
    figures = {"n_videos": 40, "judged_on": "held-out videos", "chance_mAP": 0.1, "best_member": "super_image/a_b"}
    figures |= {"members": {"super_image/a_b": 1.0}}
    figures |= {"difference": (0, 0, 0), "zc_effect": (0, 0, 0)}
    scores = pd.DataFrame({"folds": [1], "heldout_mAP": [0.2], "single_mAP": [0.2]})
    text = result_tables.ensemble_summary(figures, scores, True, None)
    assert "has one member, super_image/a_b, and so is this model" in text and "no normal class" in text
    assert "Averaging" not in text and "beats" not in text
    text = result_tables.ensemble_summary(figures, scores.assign(folds=2, heldout_mAP=0.25), True, "OK")
    assert "Averaging the folds moves a model by +0.050" in text
    assert "no leaderboard score" in result_tables.ensemble_summary(figures, scores, False, "OK")


def test_findings_name_the_rule_and_claim_none_without_a_normal_class():
    """Notebook 10 says them too."""
    figures = {"members": {"frame/a": 0.5, "video/b": 0.5}, "best_member": "video/b", "n_videos": 20}
    figures |= {"difference": (0.05, 0.02, 0.08), "zc_effect": (0, 0, 0)}
    by_weights, by_rule = result_tables.ensemble_findings(figures, "ZC")
    assert by_weights.startswith("The weighted ensemble beats its best member (video/b) by +0.050")
    assert by_rule.startswith("The ensemble with the ZC rule and the one without have exactly the same mAP here")
    assert "with the rule for videos sure to be 'OK' and" in result_tables.ensemble_findings(figures, "OK")[1]
    alone, none = result_tables.ensemble_findings(figures | {"members": {"video/b": 1.0}}, None)
    assert alone == "The ensemble has one member, video/b, and so is this model." and "ZC" not in none
    few = figures | {"n_videos": 19, "members": {"frame/a": 0.5, "video/b": 0.5}}
    assert result_tables.ensemble_findings(few, "ZC") == [
        "What the ensemble adds cannot be told from 19 scored videos."
    ]
    lone = result_tables.ensemble_findings(few | {"members": {"video/b": 1.0}}, None)
    assert lone == [alone, none]


def test_a_rule_without_a_normal_class_has_no_row(table):
    assert "weighted_zc" in list(result_tables.rows_that_hold(table, "OK")["model"])
    left = result_tables.rows_that_hold(table, None)
    assert list(left["model"]) == ["frame_tresnet", "video_swin_k400", "nfnet_f3", "mine"]
    assert not any("rule" in str(row[0]) for row in result_tables.headline(left, 0.09, "own data")["rows"])
