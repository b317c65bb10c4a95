"""The closing sentences say what the figures say, of any data, and show names as text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fakes import smoke_params
from markdown_it import MarkdownIt

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.evaluation.params import EnsembleParams
from vpipe_utils.learning.params import read_model
from vpipe_utils.project.parameter_files import layer_files, read_layers
from vpipe_utils.report import paper_tables, sentences


def labels(**columns: list[int]) -> pd.DataFrame:
    table = pd.DataFrame(columns)
    table.insert(0, "video", [f"{k}.mp4" for k in range(len(table))])
    return table


def videos(n: int) -> pd.DataFrame:
    return pd.DataFrame({"readable": [True] * n, "duration_s": 36.0})


def params(**changes):
    return EnsembleParams.from_values(read_layers(layer_files("smoke", "ensemble")) | changes)


def labels_with(counts):
    table = pd.DataFrame(0, index=range(max(counts)), columns=list(CLASSES[: len(counts)]))
    for code, count in zip(table.columns, counts, strict=True):
        table.loc[: count - 1, code] = 1
    table.insert(0, "video", [f"{i}.mp4" for i in range(len(table))])
    return table


def said(table: pd.DataFrame, jpeg: int = 300, cache: int = 100, names: dict[str, str] | None = None) -> str:
    return sentences.data_summary(videos(len(table)), table, names or {}, jpeg, cache)


def test_data() -> None:
    text = said(labels(OK=[1, 0, 0, 0], CRACK=[0, 1, 1, 1]), names={"CRACK": "a long crack"})
    assert "4 of 4 videos can be read, 2.4 minutes (QV" in text and "1.00 labels on average" in text
    assert "most frequent class, a long crack, has 3.0 times as many videos as the rarest, OK" in text
    assert "All frames as JPEG would take 3.0 times the disk of the tile cache." in text


def test_a_normal_class_is_claimed_only_where_there_is_one() -> None:
    assert sentences.normal_rule("O*K") == "The normal class, O&#42;K, excludes all others."
    assert "no normal class" in sentences.normal_rule(None) and "excludes" not in sentences.normal_rule(None)


def test_lengths() -> None:
    assert [sentences.duration(hours) for hours in (0.07, 55.0)] == ["4.2 minutes", "55.0 hours"]
    assert "nan" not in sentences.duration(float("nan"))


def test_data_of_one_kind_or_none() -> None:
    assert "All classes that occur have 2 videos each" in said(labels(OK=[1, 1], CRACK=[0, 0]))
    assert "No video has CRACK." in said(labels(OK=[1, 1], CRACK=[0, 0]))
    assert "No class has a single video. No video has OK, CRACK." in said(labels(OK=[0, 0], CRACK=[0, 0]))


def test_a_cache_larger_than_the_files_is_not_praised() -> None:
    text = said(labels(OK=[1, 0]), jpeg=2_000_000, cache=3_500_000)
    assert "takes more disk here (3.5 MB) than all frames as JPEG would (2.0 MB)" in text
    assert "times the disk" not in text


def test_names_are_text() -> None:
    text = said(labels(**{"<b>CRACK</b>": [1, 1, 1], "*a_b*|$1$": [1, 0, 0]}))
    page = MarkdownIt().render(text)
    assert "&lt;b&gt;CRACK&lt;/b&gt;" in page and "<b>" not in page and "<em>" not in page
    counts = pd.DataFrame({0: [1, 0], 1: [1, 1], "spread": [0, 1]}, index=["OK", "<b>CRACK</b>"])
    page = MarkdownIt().render(sentences.folds_summary(False, counts, 0, 0, 1, 0))
    assert "some fold: &lt;b&gt;CRACK" in page


def test_folds() -> None:
    counts = pd.DataFrame({0: [3, 0, 0], 1: [2, 1, 0], "spread": [1, 1, 0]}, index=["OK", "CRACK", "NONE"])
    text = sentences.folds_summary(True, counts, 5, 2, 4, 0)
    assert "**recordings kept whole**" in text and "differ by at most 1 video." in text
    assert "tear 2 of 5 recordings" in text and "whole tears 0 and leaves a spread of at most 4" in text
    assert "in some fold: CRACK." in text and "single labelled video: NONE." in text
    assert "No recording has several files" in sentences.folds_summary(False, counts, 0, 0, 1, 0)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            "frame_tresnet",
            ["single frames of 32 px, mean pooling", "baseline has 0.547 on the", "max is best on this fold (0.400;"],
        ),
        (
            "video_swin_k400",
            [
                "clips of 9 frames of 32 px",
                "Video Swin has 0.647 (0.645 to 0.648), with EMA 0.683 on the",
                "clips a second",
            ],
        ),
        (
            "efficientnet_l2",
            ["super-images of 96 px", "models have 0.703 (0.683 to 0.711) on the", "super-images a second"],
        ),
    ],
)
def test_a_run(model: str, words: list[str]) -> None:
    result = {"parameters": 512_000, "weights": "random start", "val_mAP": 0.3, "best_epoch": 3, "epochs": 12}
    result |= {"samples_per_s": 1234.0, "pooling": {"mean": 0.3, "max": 0.4, "median": 0.2, "logit_mean": 0.1}}
    targets = np.eye(4)[[0, 1, 2, 3, 0, 1]]
    text = sentences.run_summary(smoke_params(model), result, targets)
    for word in [*words, "**0.300** on fold 0", "0.5 M parameters", "from random weights", "epoch was 3 of 12; 1,234"]:
        assert word in text, text
    assert "rough figure" in text and "which is better" in text, "chance is above 0.3"
    assert "nan" not in text


def test_only_the_papers_own_network_stands_beside_its_figure() -> None:
    papers = [sentences.paper_figure(read_model("paper", model)) for model in ("nfnet_f3", "video_swin_k600")]
    assert papers == [
        ["The paper's NFNet F3 has 0.714 (0.693 to 0.750) over its 5 folds (Table VI)."],
        ["The paper's Video Swin-B, Kinetics-600 has 0.645 on the leaderboard."],
    ]
    other = read_model("paper", "nfnet_f3").model_copy(update={"backbone": "dm_nfnet_f4"})
    assert "super-image models have 0.703 (0.683 to 0.711) on the" in sentences.paper_figure(other)[0]


def test_poolings_that_are_equal() -> None:
    assert "equal on this fold (0.500)" in sentences.pooling_sentence({"mean": 0.5, "max": 0.5, "median": 0.5})


def test_guessing_that_is_better_is_said_to_be() -> None:
    targets = np.eye(2)[[0, 1] * 60]
    assert sentences.against_guessing({"val_mAP": 0.1}, targets) == "guessing gives 0.518, which is better"
    assert sentences.against_guessing({"val_mAP": 0.55}, targets).endswith("which this hardly beats")
    assert sentences.against_guessing({"val_mAP": 0.75}, targets).endswith("(1.4 times as much)")


def test_nothing_to_find() -> None:
    assert "none of its validation videos has a label" in sentences.against_guessing({"val_mAP": 0.0}, np.zeros((3, 4)))


def test_costs_beside_the_papers_parameters_and_a_plain_step() -> None:
    counted = pd.DataFrame(
        {"parameters_m": [83.4, 87.0, 5.0], "paper_m": [78.0, 88.0, np.nan], "gflops": [300.0, 1200.0, 30.0]},
        index=["tresnet", "swin", "own"],
    )
    measured = pd.DataFrame(
        {"train_ratio": [1.2, 1.0], "predict_ratio": [1.5, 1.1], "first": [2.0, 2.0], "last": [1.0, 3.0]},
        index=["tresnet", "swin"],
    )
    prints, counts, speed, falls = sentences.cost_lines(counted, measured, "smoke", "cpu", 4)
    assert "Of the 2 models whose parameters the paper prints, 1 agree with it within 3 %" in prints
    assert "`tresnet` with 6.9%" in prints
    assert "`swin` costs 1,200 GFLOPs, 40 times one of `own`" in counts
    assert "training x 1.10, prediction x 1.30 (medians over 2 models)" in speed
    assert "fell for 1 of 2 models in 4 steps" in falls
    assert len(sentences.cost_lines(counted, measured[:0], "smoke", "cpu", 4)) == 2, "nothing fits this machine"


def test_data_is_named_for_what_it_is():
    few = labels_with((5, 3, 2))
    assert sentences.data_name(params(), few) == "PipeSim"
    assert "not sewer video" in sentences.describe_data(params(), few, 7)
    files = {"source": "files", "videos_dir": "data/my_videos", "annotations": "data/labels.csv"}
    own = sentences.describe_data(params(**files), few, 1200)
    assert "own data, folder 'my_videos'" in own and "5 labelled videos" in own and "1,200 test videos" in own
    real = labels_with(paper_tables.QV_PIPE_COUNTS)
    assert sentences.data_name(params(**files), real) == "QV-Pipe"
    assert sentences.data_name(params(**files), labels_with([300] * 17)) == "own data"
