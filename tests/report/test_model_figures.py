"""Figures of the report place every number where it belongs."""

import numpy as np
import pandas as pd
import pytest

from vpipe_utils import video
from vpipe_utils.report import model_figures
from vpipe_utils.report.figure_style import BLUE, GREY, PALE


def tick_names(axes):
    return [tick.get_text() for tick in axes.get_yticklabels()]


def scores():
    return pd.DataFrame(
        {
            "name": ["frame_tresnet", "nfnet_f3", "not measured"],
            "approach": ["frame", "super_image", "super_image"],
            "measured": [0.3, 0.5, np.nan],
            "low": [0.25, 0.45, np.nan],
            "high": [0.35, 0.56, np.nan],
            "paper": [0.547, 0.711, 0.7],
        }
    )


def test_model_comparison():
    figure = model_figures.model_comparison(scores(), chance=0.09, measured_on="PipeSim")
    axes = figure.axes[0]
    dots = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    diamonds = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "D"]
    assert dots[:2] == [0.3, 0.5] and diamonds == [0.547, 0.711, 0.7]
    assert [text.get_text() for text in axes.texts] == ["0.300", "0.500"]
    assert tick_names(axes) == scores()["name"].tolist() and "PipeSim" in axes.get_xlabel()
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["frames", "super-image", "paper, on QV-Pipe", "chance 0.090"]


def test_model_comparison_marks_the_floor():
    rows = [("lite0", "super_image", 0.5, 0.4, 0.6, np.nan), ("colour", "baseline", 0.2, 0.1, 0.3, np.nan)]
    table = pd.DataFrame(rows, columns=["name", "approach", "measured", "low", "high", "paper"])
    figure = model_figures.model_comparison(table)
    assert [0.2, 0.2] in [list(line.get_xdata()) for line in figure.axes[0].lines]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["super-image", "colour, no network"]


def test_model_comparison_without_paper():
    figure = model_figures.model_comparison(scores().assign(paper=np.nan))
    assert len(figure.legends[0].get_texts()) == 2 and len(figure.axes[0].texts) == 2


def test_paired_differences_greys_what_is_undecided():
    rows = [("a", 0.1, 0.05, 0.2), ("b", 0.0, -0.1, 0.1)]
    table = pd.DataFrame(rows, columns=["name", "difference", "low", "high"])
    axes = model_figures.paired_differences(table).axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [dot.get_color() for dot in dots] == [BLUE, GREY]
    assert [dot.get_xdata()[0] for dot in dots] == [0.1, 0.0]


def test_paired_differences_of_methods_are_thin_lines_as_far_as_they_fit():
    rows = [("a", 0.1, 0.05, 0.2, -5.0, 5.0), ("b", 0.0, -0.1, 0.1, -0.2, 0.1)]
    columns = ["name", "difference", "low", "high", "methods_low", "methods_high"]
    axes = model_figures.paired_differences(pd.DataFrame(rows, columns=columns)).axes[0]
    thin = axes.collections[-1]
    (first, second) = [path.vertices[:, 0].tolist() for path in thin.get_paths()]
    assert second == [-0.2, 0.1] and -1 < first[0] < -0.2 and thin.get_linewidth()[0] == 1


def test_rank_by_visibility_draws_a_line_a_model_and_leaves_the_difference_out():
    names = ("frame/a", "super_image/b", "difference")
    rows = [(name, x, 9, x, x - 0.1, x + 0.1) for x in (0.3, 0.8) for name in names]
    table = pd.DataFrame(rows, columns=["model", "visible", "labels", "rank", "low", "high"])
    figure = model_figures.rank_by_visibility(table)
    lines = figure.axes[0].lines
    assert [line.get_label() for line in lines] == ["frame/a", "super_image/b"]
    assert all(list(line.get_ydata()) == [0.3, 0.8] for line in lines)


def test_learning_curves_one_panel_a_model():
    history = pd.DataFrame({"epoch": [1, 2], "val_mAP": [0.1, 0.2]})
    histories = {f"model_{k}": {0: history, 1: history * (k + 1)} for k in range(5)}
    figure = model_figures.learning_curves(histories)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == list(histories)
    assert all(len(axes.lines) == 2 for axes in shown)
    assert shown[0].get_ylim()[0] == 0 and shown[0].get_ylim()[1] >= 1.0  # the highest curve of all panels
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["fold 0", "fold 1"]


def test_ap_table_prints_percent_and_a_dash():
    table = pd.DataFrame([[0.934, np.nan]], index=["nfnet_f3"], columns=["ZC", "CJ"])
    axes = model_figures.ap_table(table).axes[0]
    assert [text.get_text() for text in axes.texts] == ["93", "–"]


def test_an_example_is_nine_frames_row_by_row(monkeypatch):
    frames = np.stack([np.full((2, 480, 3), k, np.uint8) for k in range(9)])
    monkeypatch.setattr(video, "read_frames", lambda path, indices: frames)
    row = pd.Series({"path": "7.mp4", "frames": 90}, name="7.mp4")
    example = model_figures.read_example(row, pd.Series({"CJ": 1, "CK": 0}), pd.Series({"CJ": 0.9, "CK": 0.6}))
    assert example.video == "7.mp4" and example.labels == {"CJ"}
    assert example.image.shape == (3, 720, 3), "at most 240 px wide"
    assert example.image[:, ::240, 0].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


@pytest.mark.parametrize("count", [1, 3])
def test_gallery_colours_what_is_labelled_and_adds_what_was_missed(count):
    probabilities = pd.Series({"ZC": 0.1, "CJ": 0.9, "CK": 0.6, "TL": 0.05})
    example = model_figures.Example("7.mp4", np.zeros((9, 9, 3), np.uint8), {"CJ", "TL"}, probabilities)
    figure = model_figures.prediction_gallery([example] * count, top=2)
    picture, bars = figure.axes[:2]
    assert picture.get_title(loc="left") == "7.mp4: CJ TL"
    assert tick_names(bars) == ["CJ", "CK", "TL"]
    from matplotlib.colors import to_rgba

    assert [bar.get_facecolor() for bar in bars.patches] == [to_rgba(c) for c in (BLUE, PALE, BLUE)]
