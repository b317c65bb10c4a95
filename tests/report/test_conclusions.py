"""Notebook 10 closes with what its figures allow to say, and names no winner where they allow none."""

import pandas as pd

from vpipe_utils.report import conclusions

FIGURES = {"n_videos": 90, "judged_on": "held-out videos", "chance_mAP": 0.1, "classes_without_positives": []}
PAIR = ("super_image/a", "frame/b")
INTERVAL = {PAIR: (0.1, 0.05, 0.2)}


def models(*measured):
    return pd.DataFrame({"paper_name": ["a", "b"], "model": ["a", "b"], "measured": measured, "low": 0.1, "high": 1.0})


def test_of_few_videos_no_winner_is_named():
    few, table = FIGURES | {"n_videos": 2}, models(1.0, 0.05)
    lines = conclusions.report_lines(table, few, "own data", INTERVAL, INTERVAL)
    assert lines == [
        "Judged on 2 held-out videos (own data). With fewer than 20 scored videos no figure here means anything, so no "
        "model is called the best; chance is 0.100."
    ]
    assert conclusions.limits(table, few, "QV-Pipe") == []
    sight = pd.DataFrame({"model": ["difference"], "visible": 0.5, "rank": 0.2, "low": 0.1, "high": 0.3})
    assert conclusions.sight_lines(sight, PAIR, 19) == [] and conclusions.sight_lines(None, PAIR, 90) == []
    assert "super_image/a beats frame/b by +0.200" in conclusions.sight_lines(sight, PAIR, 20)[0]
    enough = conclusions.report_lines(table, FIGURES | {"n_videos": 20}, "own data", INTERVAL, INTERVAL)
    assert "Highest: **a** with 1.000" in enough[0] and "beats" in enough[1]


def test_equal_models_and_classes_without_a_video_are_said():
    figures = FIGURES | {"classes_without_positives": ["<b>", "ROOT"]}
    lines = conclusions.report_lines(models(0.5, 0.5), figures, "own data", {}, {})
    assert "All models have the same mAP, 0.500 [0.100, 1.000]; chance" in lines[0] and "Highest" not in lines[0]
    assert lines[1] == "No scored video has &#60;b&#62;, ROOT: what no video has counts 0 in every mAP."
    few = conclusions.report_lines(models(0.5, 0.5), figures | {"n_videos": 2}, "own data", {}, {})
    assert few[1] == lines[1] and "called the best; all have the same mAP, 0.500 [0.100, 1.000]; chance" in few[0]


def test_the_reports_closing_sentences_are_text():
    table = pd.DataFrame(
        {"paper_name": ["<b>x</b>", "y"], "model": ["<b>x</b>", "y"], "measured": [0.4, 0.15], "low": 0.1, "high": 0.5}
    )
    pair = ("super_image/<b>x</b>", "frame/y")
    lines = conclusions.report_lines(table, FIGURES, "own data", {pair: (0.1, 0.05, 0.2)}, {pair: (0.1, 0.05, 0.2)})
    lines += conclusions.limits(table, FIGURES, "own data")
    assert "Highest: **&#60;b&#62;x&#60;/b&#62;** with 0.400 [0.100, 0.500]; chance is 0.100." in lines[0]
    assert "&#60;b&#62;x" in lines[1] and "beats frame/y by +0.100" in lines[1]
    assert "no use for comparisons: y." in lines[3] and "QV-Pipe only" in lines[4]
    assert not any("<b>" in line for line in lines)


def test_near_chance_is_told_apart_also_where_chance_is_high():
    assert conclusions.is_near_chance(0.19, 0.1) and not conclusions.is_near_chance(0.21, 0.1)
    assert conclusions.is_near_chance(0.7, 0.5) and not conclusions.is_near_chance(0.8, 0.5)
