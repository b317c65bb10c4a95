"""One run as a reader sees it: the counts of its parts, its curve, its classes beside the paper's."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.learning.params import read_model
from vpipe_utils.project.parameter_files import layer_files, read_layers
from vpipe_utils.report import one_run, paper_tables


def fold(model: str, number: int) -> SimpleNamespace:
    """What these functions need of a `FoldData`: two recordings to learn from, one of them in two files."""
    params = read_model("smoke", model).model_copy(update={"fold": number})
    videos = ["1_1.mp4", "1_2.mp4", "2.mp4", "3.mp4"]
    labels = pd.DataFrame(np.eye(4, len(CLASSES), dtype=np.uint8), index=videos, columns=list(CLASSES))
    labels.iloc[0] = 1
    targets = lambda names: labels.loc[names].to_numpy(np.float32)  # noqa: E731
    parts = {"train_videos": videos[:3], "val_videos": videos[3:]}
    return SimpleNamespace(params=params, labels=labels, targets=targets, **parts)


def test_parts_count_videos_recordings_and_labels():
    table = one_run.parts(fold("convnext_small", 0))
    assert table.loc["training"].tolist() == [3, 2, round((17 + 1 + 1) / 3, 2), 1]
    assert table.loc["validation"].tolist() == [1, 1, 1.0, 0]


def test_the_recipe_names_parameters_that_all_three_approaches_have():
    for model in ("frame_lite0", "video_swin_small", "convnext_small"):
        assert one_run.recipe(read_model("smoke", model)).index.is_unique


def test_classes_stand_beside_what_the_papers_folds_span():
    """Not beside the paper's fold of the same number, which holds other videos; nor a small network beside a large."""
    found = {code: 0.5 for code in CLASSES}
    table = paper_tables.table_vi().query("not derived").set_index("model")[list(CLASSES)] / 100
    cases = {"convnext_small": table.drop("video_swin"), "video_swin_small": table.loc["video_swin"]}
    for model, printed in cases.items():
        axes = one_run.classes(fold(model, 2), {"val_AP": found}).axes[0]
        np.testing.assert_allclose(axes.lines[-1].get_xdata(), printed.mean())
        spans = [path.vertices[:, 0] for path in axes.collections[0].get_paths()]
        np.testing.assert_allclose(spans, printed.agg(["min", "max"]).T)
    assert len(one_run.classes(fold("frame_lite0", 2), {"val_AP": found}).axes[0].lines) == 2, "not in Table VI"


def test_the_papers_own_network_stands_beside_its_own_folds():
    values = read_layers(layer_files("paper", "nfnet_f3"))
    own = one_run.papers_range("super_image", "nfnet_f3", values)
    assert own.loc["SL"].round(4).tolist() == [0.3860, 0.2086, 0.5303]  # of 20.86, 33.27, 47.26, 53.03
    small = one_run.papers_range("super_image", "nfnet_f3", values | {"backbone": "test_nfnet"})
    assert small.loc["SL", "highest"] > own.loc["SL", "highest"], "all models of the approach"


def test_learning_curve_marks_the_best_epoch():
    history = pd.DataFrame(
        {"epoch": [1, 2, 3], "train_loss": [3, 2, 1], "val_loss": [3, 2, 2], "val_mAP": [0.1, 0.3, 0.2]}
    )
    history["samples_per_s"] = [50, 60, 55]
    losses, scores, speed = one_run.learning_curve(history).axes
    assert [len(losses.lines), len(scores.lines), len(speed.lines)] == [2, 2, 1]
    assert scores.get_title(loc="left") == "mAP, best 0.300 (epoch 2)"
    assert scores.lines[1].get_xydata().tolist() == [[2, 0.3]]


def test_per_class_ap_takes_the_papers_in_our_order_and_gaps():
    printed = pd.DataFrame({"mean": {"CK": 0.7, "CJ": 0.9}, "lowest": 0.5, "highest": 0.95})
    axes = one_run.per_class_ap({"CJ": 0.3, "CK": 0.8}, reference=printed).axes[0]
    measured, reference = axes.lines
    assert measured.get_xdata().tolist() == [0.3, 0.8]
    assert reference.get_xdata().tolist() == [0.9, 0.7]  # in the order of the measured classes
    single = one_run.per_class_ap({"CJ": 0.2, "CK": None}).axes[0]
    assert np.isnan(single.lines[0].get_xdata()[1]) and len(single.lines) == 1
