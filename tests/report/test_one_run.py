"""One run as a reader sees it: the counts of its parts, its curve, its classes beside the paper's."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.learning.params import read_model
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
    table = one_run.parts(fold("convnext_base", 0))
    assert table.loc["training"].tolist() == [3, 2, round((17 + 1 + 1) / 3, 2), 1]
    assert table.loc["validation"].tolist() == [1, 1, 1.0, 0]


def test_the_recipe_names_parameters_that_all_three_approaches_have():
    for model in ("frame_tresnet", "video_swin_k400", "convnext_base"):
        assert one_run.recipe(read_model("smoke", model)).index.is_unique


def test_classes_stand_beside_table_vi_where_it_prints_model_and_fold():
    table = paper_tables.table_vi().set_index(["model", "fold"])
    found = {code: 0.5 for code in CLASSES}
    cases = {("convnext_base", 2): "convnext_base", ("video_swin_k400", 2): "video_swin"}
    for (model, number), printed in cases.items():
        lines = one_run.classes(fold(model, number), {"val_AP": found}).axes[0].lines
        expected = table.loc[(printed, 2), list(CLASSES)].to_numpy(float) / 100
        np.testing.assert_allclose(lines[-1].get_xdata().astype(float), expected)
    for model, number in (("frame_tresnet", 2), ("convnext_base", 4)):  # not in Table VI, only derived there
        assert len(one_run.classes(fold(model, number), {"val_AP": found}).axes[0].lines) == 2


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
    axes = one_run.per_class_ap({"CJ": 0.3, "CK": 0.8}, reference=pd.Series({"CK": 0.7, "CJ": 0.9})).axes[0]
    measured, reference = axes.lines
    assert measured.get_xdata().tolist() == [0.3, 0.8]
    assert reference.get_xdata().tolist() == [0.9, 0.7]  # in the order of the measured classes
    single = one_run.per_class_ap({"CJ": 0.2, "CK": None}).axes[0]
    assert np.isnan(single.lines[0].get_xdata()[1]) and len(single.lines) == 1
