"""Figures of notebook 09 show what they are given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from weak_folds import weak_fold
from weak_tables import prepared

from vpipe_utils.learning.weak.pretrain import build
from vpipe_utils.report.weak import figures, results


def test_pairs_of_views_stand_one_above_the_other() -> None:
    views = torch.randint(0, 255, (5, 2, 3, 16, 16), dtype=torch.uint8)
    figure = figures.view_pairs(views, pairs=3)
    shown = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(shown) == 6
    np.testing.assert_array_equal(shown[1], views[1, 0].permute(1, 2, 0))
    np.testing.assert_array_equal(shown[4], views[1, 1].permute(1, 2, 0))


def test_painted_frames_are_the_same_each_time(tmp_path: Path) -> None:
    method = build("mae", weak_fold(tmp_path))
    frames = torch.randint(0, 255, (3, 1, 3, 32, 32), dtype=torch.uint8)
    pictures = [[axes.images[0].get_array() for axes in figures.masked_frames(method, frames, 2).axes] for _ in "ab"]
    assert len(pictures[0]) == 6
    for first, again in zip(*pictures, strict=True):
        np.testing.assert_array_equal(first, again)


def test_losses_are_averaged_over_neighbours() -> None:
    figure = figures.losses({"simclr": [4.0] * 100 + [2.0] * 100, "mae": [1.0, 0.5]})
    long, short = (axes.lines[0].get_ydata() for axes in figure.axes)
    assert len(long) == figures.BINS and long[0] == 4 and long[-1] == 2
    assert list(short) == [1.0, 0.5]


def test_curves_have_a_panel_a_kind_of_features() -> None:
    history = pd.DataFrame({"epoch": [1, 2], "val_mAP": [0.1, 0.2]})
    figure = figures.curves({"mae_mean": history, "mae_transmil": history, "imagenet_mean": history})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["MAE features", "ImageNet features"]
    assert [len(axes.lines) for axes in figure.axes] == [2, 1]


def test_gaps_have_the_papers_points_as_diamonds(tmp_path: Path) -> None:
    signal = {"simclr_transmil": 0.2, "imagenet_mean": 0.5, "super_image/lite0": 1.0}
    [axes] = figures.gaps(results.read_results(prepared(tmp_path, signal), 0)).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["SimCLR, TransMIL", "ImageNet, mean"]
    diamonds = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "D"]
    assert diamonds == [-19.4]


def test_without_the_super_image_a_sentence_stands_there(tmp_path: Path) -> None:
    figure = figures.gaps(results.read_results(prepared(tmp_path, {"mae_mean": 0.2}), 0))
    assert "super_image/lite0 is not there" in figure.texts[0].get_text()
