"""The sentences of notebooks 06 and 10 claim what the intervals allow, and name no winner where they allow none."""

import numpy as np
import pandas as pd

from vpipe_utils.evaluation.resampling import Difference
from vpipe_utils.evaluation.selection import Flattery
from vpipe_utils.report import conclusions
from vpipe_utils.report.result_tables import COLOUR, FLOOR

FIGURES = {"n_videos": 90, "n_recordings": 80, "judged_on": "held-out videos", "chance_mAP": 0.1}
FIGURES |= {"classes_without_positives": []}
PAIR = ("super_image/a", "frame/b")
CLEAR, UNDECIDED = Difference(0.1, 0.05, 0.2), Difference(0.0, -0.1, 0.1)
FOUND = {PAIR: (CLEAR, UNDECIDED)}
EPOCHS = pd.DataFrame({"gain": [0.02, 0.04], "flattery": [0.01, 0.03]})


def models(*measured, names=("a", "b"), clears=(True, True), folds=2):
    """Two models and the baseline, as `result_tables.comparison` has them."""
    rows = [*zip(["super_image/a", "frame/b"], names, measured, clears, strict=True), (FLOOR, COLOUR, 0.05, False)]
    table = pd.DataFrame(rows, columns=["name", "shown_name", "measured", "clears"]).assign(low=0.1, high=1.0)
    above = {"above": table["measured"] - 0.05, "above_low": np.where(table["clears"], 0.01, -0.1), "above_high": 0.2}
    return table.assign(folds=folds, **above)


def runs(*rows):
    columns = ["name", "approach", "model", "fold", "finished"]
    return pd.DataFrame([(f"{a}/{m}", a, m, k, done) for a, m, k, done in rows], columns=columns)


def test_runs_are_described_and_what_is_missing_is_named():
    table = runs(("frame", "f", 0, True), ("video", "v", 0, True), ("super_image", "s", 1, True))
    table = pd.concat([table, runs(("super_image", "mine", 1, False))])
    text = conclusions.describe_runs(table)
    assert "3 finished runs: 3 models on folds 0, 1." in text and "Not finished: super_image/mine fold 1" in text
    assert "left out below: frame-wise." in conclusions.describe_runs(table[table["approach"] != "frame"])


def test_verdict_says_no_more_than_the_interval():
    assert conclusions.verdict("A", "B", 0.05, 0.02, 0.08) == "A beats B by +0.050 [+0.020, +0.080] mAP"
    assert conclusions.verdict("A", "B", -0.05, -0.08, -0.02).startswith("A falls behind B by -0.050")
    assert "cannot be told apart" in conclusions.verdict("A", "B", 0.05, -0.01, 0.11)
    assert "cannot be told apart" in conclusions.verdict("A", "B", 0.05, 0.0, 0.11)
    tiny = conclusions.verdict("A", "B", 0.0004, 0.0001, 0.0008)
    assert tiny == "A beats B by +0.0004 [+0.0001, +0.0008] mAP"
    assert conclusions.verdict("A", "B", 0, 0, 0) == "A and B have exactly the same mAP here"


def test_order_of_approaches():
    found = {
        ("super_image/x", "frame/y"): CLEAR,
        ("super_image/x", "video/z"): UNDECIDED,
        ("video/z", "frame/y"): Difference(-0.1, -0.2, -0.05),
    }
    text = conclusions.order_of_approaches(found)
    assert text.endswith(
        "confirmed: super-image over frame-wise; undecided: super-image over Video Swin; "
        "reversed: Video Swin over frame-wise"
    )
    assert "fewer than two approaches" in conclusions.order_of_approaches({})
    assert "with one run a model" in conclusions.order_of_approaches({PAIR: None})


def test_a_claim_about_methods_needs_runs():
    line = conclusions.pair_line(PAIR, CLEAR, UNDECIDED, 2)
    assert line == (
        "super_image/a beats frame/b by +0.100 [+0.050, +0.200] mAP. As methods, over 2 runs: +0.000 [-0.100, +0.100], "
        "which is undecided."
    )
    assert "which is clear too" in conclusions.pair_line(PAIR, CLEAR, CLEAR, 12)
    assert conclusions.pair_line(PAIR, CLEAR, None, 1).endswith("That is of one run each, not of the methods.")


def test_what_choosing_flatters_is_said_with_its_figure():
    kept, weights = conclusions.choice_lines(Flattery(0.5, 0.49), EPOCHS)
    assert "is +0.030 mAP above the last one" in kept and "+0.020 of validation scores is flattery" in kept
    assert "change the ensemble's validation score by +0.010 mAP" in weights
    kept, weights = conclusions.choice_lines(Flattery(0.5, np.nan), EPOCHS.assign(flattery=np.nan))
    assert "takes two folds" in kept and "takes two folds" in weights and "nan" not in kept + weights
    assert "were given" in conclusions.choice_lines(None, EPOCHS)[1]


def test_of_few_videos_no_winner_is_named():
    few, table = FIGURES | {"n_videos": 2, "n_recordings": 1}, models(1.0, 0.05)
    lines = conclusions.report_lines(table, few, "own data", FOUND, [PAIR], 2)
    assert lines == [
        "Judged on 2 held-out videos of 1 recording (own data). With fewer than 20 scored videos no figure here means "
        "anything, so no model is called the best; chance is 0.100."
    ]
    sight = pd.DataFrame({"model": ["difference"], "visible": 0.5, "rank": 0.2, "low": 0.1, "high": 0.3})
    assert conclusions.sight_lines(sight, PAIR, 19) == [] and conclusions.sight_lines(None, PAIR, 90) == []
    assert "super_image/a beats frame/b by +0.200" in conclusions.sight_lines(sight, PAIR, 20)[0]
    enough = conclusions.report_lines(table, FIGURES | {"n_videos": 20}, "own data", FOUND, [PAIR], 2)
    assert "Highest: **a** with 1.000" in enough[0] and any("beats" in line for line in enough)


def test_a_model_that_does_not_clear_the_baseline_is_never_the_highest():
    lines = conclusions.report_lines(models(0.9, 0.5, clears=(False, True)), FIGURES, "PipeSim", {}, [], 1)
    assert "Highest: **b** with 0.500" in lines[0]
    assert "Too small to say anything here" in lines[1] and "than that: a." in lines[1]
    assert "has 0.050 [0.100, 1.000]" in lines[1]
    none = conclusions.report_lines(models(0.9, 0.5, clears=(False, False)), FIGURES, "PipeSim", {}, [], 1)
    assert len(none) == 1 and "No model is shown to be better" in none[0] and "Highest" not in none[0]
    assert "Every row clears it" in conclusions.floor_line(models(0.9, 0.5), 90)
    assert "so few videos" in conclusions.floor_line(models(0.9, 0.5, clears=(False, False)), 19)


def test_figures_are_called_runs():
    demo = conclusions.run_words(2, "PipeSim")
    assert "2 training runs, one a fold" in demo and "0.017" in demo and "±0.02" in demo
    assert "one training run." in conclusions.run_words(1, "own data")
    assert "has not been measured" in conclusions.run_words(1, "own data")
    assert "2 runs a model resolve little" in conclusions.scope(2)
    assert "nothing can be said of the methods" in conclusions.scope(1) and "little" not in conclusions.scope(12)


def test_equal_models_and_classes_without_a_video_are_said():
    figures = FIGURES | {"classes_without_positives": ["<b>", "ROOT"]}
    lines = conclusions.report_lines(models(0.5, 0.5), figures, "own data", {}, [], 1)
    assert "All models have the same mAP, 0.500 [0.100, 1.000]; chance" in lines[0] and "Highest" not in lines[0]
    assert lines[1] == "No scored video has &#60;b&#62;, ROOT: what no video has counts 0 in every mAP."
    few = conclusions.report_lines(models(0.5, 0.5), figures | {"n_videos": 2}, "own data", {}, [], 1)
    assert few[1] == lines[1] and "no model is called the best; chance" in few[0]


def test_the_reports_closing_sentences_are_text():
    table = models(0.4, 0.15, names=("<b>x</b>", "<i>y</i>"), clears=(True, False))
    pair = ("super_image/<b>x</b>", "frame/y")
    lines = conclusions.report_lines(table, FIGURES, "own data", {pair: (CLEAR, None)}, [pair], 1)
    lines += conclusions.limits("own data")
    assert "Highest: **&#60;b&#62;x&#60;/b&#62;** with 0.400 [0.100, 1.000]; chance is 0.100." in lines[0]
    assert "&#60;b&#62;x" in lines[3] and "beats frame/y by +0.100" in lines[3]
    assert "&#60;i&#62;y&#60;/i&#62;" in lines[1] and "QV-Pipe only" in lines[-1]
    assert not any("<b>" in line or "<i>" in line for line in lines)
    assert conclusions.limits("QV-Pipe") == []


def test_a_lone_member_is_the_ensemble():
    figures = FIGURES | {"n_videos": 40, "best_member": "super_image/a_b", "members": {"super_image/a_b": 1.0}}
    figures |= {"difference": (0, 0, 0), "zc_effect": (0, 0, 0)}
    table = models(0.2, 0.2, folds=1).assign(
        heldout_mAP=0.2, single_mAP=0.2, approach=["super_image", "frame", "baseline"]
    )
    text = conclusions.ensemble_summary(figures, table, ["Chosen."], True, None)
    assert "has one member, super_image/a_b, and so is this model" in text and "no normal class" in text
    assert text.endswith("- Chosen.")
    assert "Averaging" not in text and "beats" not in text
    text = conclusions.ensemble_summary(figures, table.assign(folds=2, heldout_mAP=0.25), [], True, "OK")
    assert "Averaging the folds moves a model by +0.050" in text
    assert "no leaderboard score" in conclusions.ensemble_summary(figures, table, [], False, "OK")


def test_findings_name_the_rule_and_claim_none_without_a_normal_class():
    """Notebook 10 says them too."""
    figures = {"members": {"frame/a": 0.5, "video/b": 0.5}, "best_member": "video/b", "n_videos": 20}
    figures |= {"difference": (0.05, 0.02, 0.08), "zc_effect": (0, 0, 0)}
    by_weights, by_rule = conclusions.ensemble_findings(figures, "ZC")
    assert by_weights.startswith("The weighted ensemble beats the member that validated best (video/b) by +0.050")
    assert by_rule.startswith("The ensemble with the ZC rule and the one without have exactly the same mAP here")
    assert "with the rule for videos sure to be 'OK' and" in conclusions.ensemble_findings(figures, "OK")[1]
    alone, none = conclusions.ensemble_findings(figures | {"members": {"video/b": 1.0}}, None)
    assert alone == "The ensemble has one member, video/b, and so is this model." and "ZC" not in none
    few = figures | {"n_videos": 19, "members": {"frame/a": 0.5, "video/b": 0.5}}
    assert conclusions.ensemble_findings(few, "ZC") == ["What the ensemble adds cannot be told from 19 scored videos."]
    lone = conclusions.ensemble_findings(few | {"members": {"video/b": 1.0}}, None)
    assert lone == [alone, none]


def test_weights_by_loss_are_said_with_their_gain_or_that_it_is_open() -> None:
    from vpipe_utils.evaluation.resampling import Difference
    from vpipe_utils.report.conclusions import weight_lines

    said = weight_lines({"least loss": Difference(0.01, -0.01, 0.03), "greedy selection": Difference(0.02, 0.01, 0.03)})
    assert said.startswith("- The ensemble with weights by least loss and the one with the weights above cannot")
    assert "greedy selection beats the one with the weights above by +0.020 [+0.010, +0.030] mAP" in said
    assert "Nothing is held out" in weight_lines({})
