"""Figures show the numbers they were given, render without a display, and leave no global state."""

import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.report import data_figures, one_run


def label_table(n=40, classes=CLASSES, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame((rng.random((n, len(classes))) < 0.2).astype(np.uint8), columns=list(classes))
    table.iloc[:, 1] |= (table.sum(axis=1) == 0).astype(np.uint8)
    table.insert(0, "video", [f"{i}.mp4" for i in range(n)])
    return table


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_label_distribution_shows_the_counts():
    table = label_table()
    figure = data_figures.label_distribution(table)
    bars, side = figure.axes
    names = [tick.get_text() for tick in bars.get_yticklabels()]
    widths = dict(zip(names, (bar.get_width() for bar in bars.patches), strict=True))
    assert widths["CK  displaced joint"] == table["CK"].sum()
    assert list(widths.values()) == sorted(widths.values())  # the most frequent class at the top
    assert sum(bar.get_height() for bar in side.patches) == len(table)


def test_cooccurrence_shows_pairs_and_totals():
    table = pd.DataFrame({"video": list("abc"), "CJ": [1, 1, 0], "CK": [1, 0, 1], "ZW": [0, 0, 1]})
    axes = data_figures.cooccurrence(table).axes[0]
    # row by row without the zeros: CJ 2 1, CK 1 2 1, ZW 1 1
    assert texts(axes) == ["2", "1", "1", "2", "1", "1", "1"]


def test_own_classes_are_named_as_they_are():
    table = label_table(5, ["crack", "gap in the wall"])
    names = [tick.get_text() for tick in data_figures.label_distribution(table).axes[0].get_yticklabels()]
    assert sorted(names) == ["crack", "gap in the wall"]


@pytest.mark.parametrize("draw", [data_figures.label_distribution, data_figures.cooccurrence])
def test_an_own_class_with_the_code_of_an_official_one_keeps_its_own_name(draw):
    table = label_table(9, ["ZC", "FS", "CJ"])  # codes of QV-Pipe, but not its list
    plain = [tick.get_text() for tick in draw(table).axes[0].get_yticklabels()]
    assert sorted(plain) == ["CJ", "FS", "ZC"] and draw(table).axes[0].get_legend() is None
    named = [tick.get_text() for tick in draw(table, {"FS": "broken flange"}).axes[0].get_yticklabels()]
    assert sorted(named) == ["CJ", "FS  broken flange", "ZC"]
    axes = one_run.per_class_ap({"FS": 0.5, "CJ": 0.2}, names={"FS": "broken flange"}).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["FS  broken flange", "CJ"]


def test_fold_distribution_has_both_parts_of_every_fold():
    table = label_table(40)
    folds = pd.Series(np.arange(40) % 4, index=table["video"])
    figure = data_figures.fold_distribution(table, folds)
    assert len(figure.axes) == 8
    training, validation = figure.axes[2:4]  # of fold 1
    chosen = np.arange(40) % 4 == 1
    counts = table[list(CLASSES)].to_numpy()
    assert [bar.get_height() for bar in validation.patches] == counts[chosen].sum(axis=0).tolist()
    assert [bar.get_height() for bar in training.patches] == counts[~chosen].sum(axis=0).tolist()
    assert validation.get_title(loc="left") == "Fold 1, validation: 10 videos"


def test_sample_frames_grid_and_titles():
    images = [np.full((12, 16, 3), 40 * k, dtype=np.uint8) for k in range(5)]
    figure = data_figures.sample_frames(images, [f"video {k}" for k in range(5)], columns=3)
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown] == [f"video {k}" for k in range(5)]
    assert all((axes.images[0].get_array() == image).all() for axes, image in zip(shown, images, strict=True))
    with pytest.raises(ValueError, match="5 images and 1 titles"):
        data_figures.sample_frames(images, ["one"])


def test_long_titles_are_wrapped():
    title = "AJ  concealed lateral connection\nframe 12 of 26518_4.mp4"
    figure = data_figures.sample_frames([np.zeros((4, 4, 3), np.uint8)] * 5, [title] * 5, columns=5)
    lines = figure.axes[0].get_title().split("\n")
    assert len(lines) > 2 and max(map(len, lines)) <= 22


def test_a_box_is_drawn_at_the_size_of_the_frame():
    frame = np.zeros((40, 80, 3), np.uint8)
    marked = data_figures.boxed(frame, pd.Series({"x0": 5, "y0": 2, "x1": 20, "y1": 10}), width=40)
    rows, columns = marked.any(axis=2).nonzero()
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 20, 10, 40) and not frame.any()


def test_super_image_numbers_its_tiles():
    figure = data_figures.super_image(np.zeros((30, 45, 3), np.uint8), grid=3, title="one")
    assert texts(figure.axes[0]) == [str(k) for k in range(1, 10)]
    assert len(data_figures.super_image(np.zeros((8, 8, 3), np.uint8), grid=2).axes[0].texts) == 4


def test_figures_render_as_png_without_a_display_and_without_pyplot():
    code = (
        "import sys, numpy as np; from vpipe_utils.report import data_figures, model_figures, one_run; "
        "png = data_figures.super_image(np.zeros((9, 9, 3), np.uint8)).png(); "
        "assert png.startswith(b'\\x89PNG') and len(png) > 1000; "
        "assert 'matplotlib.pyplot' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PATH": ""})


def test_style_does_not_leak():
    before = dict(matplotlib.rcParams)
    figure = data_figures.label_distribution(label_table())
    assert isinstance(figure, Figure) and dict(matplotlib.rcParams) == before
