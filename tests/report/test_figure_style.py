"""A figure that fails becomes a sentence, names are no formulas, and nothing global changes."""

from __future__ import annotations

import base64
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.utils.capture import capture_output

from vpipe_utils.report import data_figures, figure_style, model_figures, one_run

HOSTILE = ["costs $5", "$a_{b", "<b>CRACK</b>", "裂缝", "כתם בצינור", "شرخ", "two\nlines", "x" * 300, "_hid", "a|b"]


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As users have it: a figure that fails stops nothing."""
    monkeypatch.delenv(figure_style.STRICT)


@figure_style.quiet
def broken_figure() -> matplotlib.figure.Figure:
    raise ValueError("3 images and $2 <titles>")


def shown(value: object) -> dict[str, str]:
    """What a notebook stores of a value."""
    return DisplayFormatter().format(value)[0]


def test_a_figure_that_fails_is_a_sentence(lenient: None, tmp_path: Path) -> None:
    figure = broken_figure()
    bundle = shown(figure)
    assert "image/png" not in bundle
    assert "broken figure could not be drawn (ValueError: 3 images and <span>&#36;</span>2" in bundle["text/markdown"]
    assert "<titles>" not in bundle["text/markdown"]
    figure.savefig(tmp_path / "figure.png")  # as notebook 10 does for the start page
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_tests_see_the_error() -> None:
    with pytest.raises(ValueError, match="3 images"):
        broken_figure()
    with pytest.raises(ZeroDivisionError), figure_style.drawing("a cell"):
        print(1 / 0)


def test_a_figure_that_fails_only_when_drawn_is_a_sentence(lenient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert base64.b64decode(shown(data_figures.super_image(np.zeros((9, 9, 3))))["image/png"]).startswith(b"\x89PNG")
    shown_first, written_first, strict = (data_figures.super_image(np.zeros((9, 9, 3), np.uint8)) for _ in range(3))
    for figure in (shown_first, written_first, strict):
        monkeypatch.setattr(figure.axes[0], "draw", lambda *_: {}["$2_"])
    assert "KeyError" in shown(shown_first)["text/markdown"] and "image/png" not in shown(shown_first)
    for figure in (shown_first, written_first):  # as notebook 10 does for the start page
        assert figure.png().startswith(b"\x89PNG") and "KeyError" in shown(figure)["text/markdown"]
    monkeypatch.setenv(figure_style.STRICT, "strict")
    with pytest.raises(KeyError):
        strict.png()


def test_a_cell_that_only_shows_goes_on(lenient: None) -> None:
    with capture_output() as captured:  # without a notebook, display() prints what is shown
        with figure_style.drawing("what the network sees"):
            raise StopIteration("no batch")
        print("goes on")
    assert "goes on" in captured.stdout and "Markdown" in captured.stdout
    with pytest.raises(KeyboardInterrupt), figure_style.drawing("a cell"):
        raise KeyboardInterrupt


@pytest.mark.filterwarnings("error")  # matplotlib warns of every character that no font has
def test_every_figure_takes_every_name() -> None:
    names = HOSTILE
    rng = np.random.default_rng(0)
    labels = pd.DataFrame(rng.integers(0, 2, (len(names) + 1, len(names))), columns=names)
    labels.insert(0, "video", [f"{name.strip()}.mp4" for name in names] + ["last.mp4"])
    folds = pd.Series(np.arange(len(labels)) % 2, index=labels["video"])
    score = {"measured": 0.4, "low": 0.3, "high": 0.5, "paper": np.nan, "approach": "frame"}
    history = pd.DataFrame({"epoch": [1], "train_loss": 1.0, "val_loss": 1.0, "val_mAP": 0.2, "samples_per_s": 9.0})
    example = model_figures.Example(
        names[3], np.zeros((9, 9, 3), np.uint8), set(names), pd.Series(rng.random(len(names)), index=names)
    )
    differences = pd.DataFrame({"name": names, "difference": 0.1, "low": -0.1, "high": 0.2})
    sight = pd.DataFrame({"model": names[:2], "visible": 0.5, "labels": 3, "rank": 0.7, "low": 0.6, "high": 0.8})
    ap = pd.DataFrame(rng.random((3, len(names))), index=names[:3], columns=names)
    figures = [
        data_figures.label_distribution(labels),
        data_figures.cooccurrence(labels),
        data_figures.fold_distribution(labels, folds),
        one_run.per_class_ap(pd.Series(0.5, index=names), chance=pd.Series(0.2, index=names)),
        data_figures.sample_frames(
            [np.zeros((4, 4, 3), np.uint8)] * len(names), [data_figures.class_label(n, {}) for n in names], 5
        ),
        data_figures.super_image(
            np.zeros((9, 9, 3), np.uint8), title=data_figures.class_label(names[1], {names[1]: names[3]})
        ),
        model_figures.model_comparison(pd.DataFrame([{"name": name, **score} for name in names])),
        model_figures.paired_differences(differences),
        model_figures.rank_by_visibility(sight),
        model_figures.cost_bars(pd.DataFrame({"parameters_m": 1.0, "gflops": 2.0}, index=names)),
        model_figures.learning_curves({name: {0: history} for name in names}),
        model_figures.ap_table(ap),
        model_figures.prediction_gallery([example]),
    ]
    before = dict(matplotlib.rcParams)
    assert all(figure.png().startswith(b"\x89PNG") for figure in figures)
    assert dict(matplotlib.rcParams) == before
    bars = figures[0].axes[0]
    assert len(bars.patches) == len(names), "a bar each, also where names look alike"
    assert any("$5" in tick.get_text() for tick in bars.get_yticklabels())


def test_names_that_look_alike_when_shortened_keep_a_bar_each() -> None:
    names = [f"{'long ' * 20}{k}{' name' * 20}" for k in range(4)]
    labels = pd.DataFrame(np.eye(4, dtype=int), columns=names)
    labels.insert(0, "video", list("abcd"))
    assert [bar.get_width() for bar in data_figures.label_distribution(labels).axes[0].patches] == [1] * 4
