"""The sentences of notebook 07 say what the tables say, and no more."""

from __future__ import annotations

from io import StringIO

import pandas as pd
import pytest

from vpipe_utils.report.tricks import paper_tricks, words
from vpipe_utils.report.tricks.resolution import Spread, papers_spread, resolution


def test_what_the_paper_can_say() -> None:
    spread = papers_spread()
    first, second, third, _ = words.papers_lines(resolution(spread), spread)
    assert "1.86 points" in first and "by 0.87" in first and "saves 89 %" in first
    assert "resolve ±1.4 points" in second and "12 of the 25" in second and "AutoAugment" in second
    assert "EMA" not in second and "11 or 17" in second
    assert "28 questions, takes 17 pairs" in third and third.endswith("takes 53.")


def test_the_sentences_follow_the_spread() -> None:
    spread = Spread(6, 4, 1.0, 0.1)
    lines = words.papers_lines(resolution(spread), spread)
    assert "1 of the 25" in lines[1] and "ZC rule" in lines[1]


def test_tables_have_a_row_a_trick_and_what_more_pairs_resolve() -> None:
    spread = papers_spread()
    table = words.effect_table(resolution(spread))
    assert len(table) == 25 and table.loc["ema"].tolist() == ["IV", "EMA of the weights", "+5.00", "yes", 3, 5]
    rows = words.spread_table(spread)["points"]
    assert rows["effect that 4 pairs resolve"] == "±1.38" and rows["effect that 20 pairs resolve"] == "±0.41"


def measured() -> pd.DataFrame:
    return pd.DataFrame({
        "row": ["flip", "size", "ema"], "name": ["horizontal flip", "larger tiles", "EMA of the weights"],
        "trick": ["no_flip", "small_tiles", "no_ema"], "points": [0.6, 1.0, 5.0], "difference": [0.2, 0.4, 3.1],
        "low": [-0.5, -0.9, 1.0], "high": [0.9, 1.7, 5.2], "runs": [10, 10, 9],
        "verdict": ["no effect of 1 point", "cannot be told", "helps"],
    })  # fmt: skip


def test_measured_effects_as_a_table() -> None:
    table = words.side_by_side(measured().assign(by="pairs"))
    assert table.iloc[2].tolist() == ["EMA of the weights", "no_ema", "+5.00", "+3.1 [+1.0, +5.2]", "9", "helps"]


def test_what_was_measured_is_said_by_verdict() -> None:
    of_itself = pd.DataFrame({"misses": [True] + [False] * 19})
    lines = words.measured_lines({"a_a": of_itself}, measured())
    assert lines[0] == "No effect of 1 point: horizontal flip." and lines[2] == "Helps: EMA of the weights."
    assert "EMA (+5 points), is +3.1 [+1.0, +5.2] here" in lines[3]
    assert lines[4].startswith("Of 20 comparisons") and "1 have an interval that misses 0; 1 would" in lines[4]
    assert len(words.measured_lines({}, measured().iloc[:1])) == 2


def test_what_has_verdicts_of_its_own_in_one_row_of_the_paper_is_named_by_its_file() -> None:
    rows = measured().assign(row="grid", name="larger grid", trick=["grid_4", "grid_5", "grid_5_same_input"])
    rows["verdict"] = ["helps", "helps", "hurts"]
    lines = words.measured_lines({}, rows, ["One more."])
    assert lines[0] == "Helps: larger grid by grid_4, larger grid by grid_5."
    assert lines[1] == "Hurts: larger grid by grid_5_same_input."
    assert lines[-2:] == ["One more.", words.SYNTHETIC]


def test_a_loss_is_said_at_both_rates() -> None:
    row = {"name": "larger batch", "difference": -15.8, "low": -18.0, "high": -13.6}
    row |= {"tuned_difference": -7.9, "tuned_low": -10.7, "tuned_high": -5.1}
    row |= {"removed_difference": -8.0, "removed_low": -9.4, "removed_high": -6.5}
    assert words.tuned_lines(pd.DataFrame([row])) == [
        "larger batch: -15.8 [-18.0, -13.6] points at the recipe's rate, -7.9 [-10.7, -5.1] with each side at its own."
    ]


def test_short_trainings_are_said_where_another_rate_suits_the_recipe() -> None:
    rates = {"own": [0.3, 0.4], "lr_third": [0.2, 0.2], "lr_triple": [0.45, 0.1]}
    tuning = pd.DataFrame({"trick": ["recipe", "x"], **rates})
    line = words.budget_line(tuning)
    assert "is 0.300 at its own learning rate and 0.450 at three times that rate, by two runs each" in line
    assert "as short as the bench's" in line and line in words.measured_lines({"tuning": tuning}, measured())
    assert words.budget_line(tuning.assign(own=0.5)) == "Of the rates that were tried the recipe's own is its best one."
    small = words.budget_line(tuning.assign(lr_third=0.6))
    assert "0.600 at a third that rate" in small and small.endswith("holds for a rate that is too large.")
    unfinished = tuning.assign(lr_triple=[None, 0.1])
    assert words.measured_lines({"tuning": unfinished}, measured()) == words.measured_lines({}, measured())


def test_runs_on_two_devices_are_said() -> None:
    row = {"device": "A card", "precision": "bf16", "other_device": "CPU", "other_precision": "32", "difference": 0.002,
           "low": -0.003, "high": 0.007, "runs": 48, "apart": 0.0166, "seeds_apart": 0.015,
           "verdict": "no effect of 1 point"}  # fmt: skip
    line = words.devices_line(pd.read_csv(StringIO(pd.DataFrame([row]).to_csv(index=False))))  # as notebooks have it
    assert "48 runs were made twice with the same seeds, on A card in bfloat16 and on CPU in 32 bit" in line
    assert "+0.2 [-0.3, +0.7] points more (no effect of 1 point)" in line
    assert "1.7 points apart (SD), about as far as two of different seeds" in line
    assert ", not so far as two of different seeds" in words.devices_line(pd.DataFrame([row | {"apart": 0.004}]))


def test_the_noise_of_runs_is_said_beside_what_is_not_fitted() -> None:
    row = {"again": 32, "run_sd": 0.012, "freedom": 28, "fit_sd": 0.037, "half": 0.019, "half_of_noise": 0.007}
    line = words.noise_line(pd.DataFrame([row]))
    assert "32 runs" in line and "1.2 points (SD)" in line and "3.7 points around the fit" in line
    assert "±1.9" in line and "±0.7" in line


def test_the_screening_and_the_coverage_as_tables() -> None:
    found = pd.DataFrame({
        "term": ["no_ema", "a:b"], "difference": [0.02, 0.0], "low": [0.01, -0.01], "high": [0.03, 0.01],
        "aliases": [None, "c:d"], "verdict": ["helps", "cannot be told"],
    })  # fmt: skip
    assert words.screening_table(found).to_numpy().tolist() == [
        ["no_ema", "+2.0 [+1.0, +3.0]", "", "helps"], ["a:b", "+0.0 [-1.0, +1.0]", "c:d", "cannot be told"],
    ]  # fmt: skip
    simulated = pd.DataFrame({"case": ["3 pairs"], "clips": [240], "intervals": [300], "held": [0.953],
                              "error": [0.012], "half_width": [0.051]})  # fmt: skip
    assert words.coverage_table(simulated).iloc[0].tolist() == ["3 pairs", 240, 300, "95.3 ± 1.2 %", "5.1"]


def test_lowering_tricks_that_do_the_opposite_and_those_that_deceive_are_named() -> None:
    rows = measured().assign(points=[-0.6, -1.0, -5.0])
    untrained = pd.DataFrame({
        "trick": ["class_thresholds", "best_model_per_class", "zc_rule"], "self_deception": [0.01, 0.034, None],
        "deception_low": [0.0, 0.01, None],
    })  # fmt: skip
    lines = words.lowering_lines({"untrained": untrained}, rows)
    assert "Helps: EMA of the weights." in lines and "Cannot be told: larger tiles." in lines
    assert "The other way round than in the paper: EMA of the weights." in lines
    assert any("pretended by best model of each class" in line and "3.4 points more" in line for line in lines)
    assert not any("other way" in line or "pretended" in line for line in words.lowering_lines({}, measured()))


def effect(trick: str, difference: float, low: float, high: float, verdict: str, **more: object) -> pd.DataFrame:
    row = {"trick": trick, "difference": difference, "low": low, "high": high, "runs": 6, "verdict": verdict}
    return pd.DataFrame([row | more])


def test_both_tables_side_by_side_say_of_every_row_what_there_is() -> None:
    tables = {"effects": effect("no_ema", -0.03, -0.04, -0.02, "hurts")}
    shown = words.side_by_side(paper_tricks.every_row(tables, "IV")).set_index("file or function")
    assert shown.loc["no_ema"].tolist() == ["EMA of the weights", "+5.00", "+3.0 [+2.0, +4.0]", "6", "helps"]
    assert shown.loc["no_flip", ["here [95 %]", "pairs", "verdict"]].tolist() == ["", "", "not measured yet"]
    assert set(shown.loc[["full_precision", "no_checkpointing"], "verdict"]) == {words.COSTS}


def test_effects_are_counted_by_how_they_stand_to_the_papers() -> None:
    parts = [effect("no_ema", -0.03, -0.04, -0.02, "hurts"), effect("randaug", 0.02, 0.01, 0.03, "helps"),
             effect("no_flip", 0.0, -0.005, 0.005, "no effect of 1 point")]  # fmt: skip
    tables = {"effects": pd.concat(parts)}
    rows = pd.concat([paper_tricks.every_row(tables, table) for table in ("IV", "V")])
    lines = words.agreement_lines(rows)
    assert lines[0].startswith("3 of the 30 comparisons that stand for the 25 rows")
    assert "in the paper's direction: 1 (EMA of the weights (no_ema))." in lines[1]
    assert "the other way round: 1 (RandAugment (randaug))." in lines[2]
    assert "No effect of 1 point: 1 (horizontal flip (no_flip))." in lines[3]
    assert lines[-1] == words.SYNTHETIC and "QV-Pipe" in lines[-1]


def test_what_only_screening_tells_says_so() -> None:
    main = effect("small_lr", -0.03, -0.04, -0.02, "hurts", kind="main").rename(columns={"trick": "term"})
    tables = {"effects": effect("no_ema", -0.03, -0.04, -0.02, "hurts"), "screening": main.assign(runs=64)}
    rows = paper_tricks.every_row(tables, "IV")
    shown = words.side_by_side(rows).set_index("file or function")
    assert shown.loc["small_lr", ["pairs", "verdict"]].tolist() == ["64 runs", "helps, by screening"]
    assert shown.loc["no_ema", ["pairs", "verdict"]].tolist() == ["6", "helps"]
    assert any(line.startswith("1 of these are by screening alone") for line in words.agreement_lines(rows))


def tuned(removed: float) -> dict[str, pd.DataFrame]:
    ends = {"removed": removed, "removed_low": removed - 0.01, "removed_high": removed + 0.01}
    rates = {"rate": "lr_third", "plain_rate": "own"}
    own = effect("no_ema", -0.03 - removed, -0.04 - removed, -0.02 - removed, "hurts", **rates)
    return {"effects": effect("no_ema", -0.03, -0.04, -0.02, "hurts"), "tuned": own.assign(**ends)}


def test_what_tuning_removes_has_the_sign_of_the_papers_row() -> None:
    rows = words.tuned_rows(tuned(-0.025))
    assert rows.loc[0, ["difference", "low", "high"]].tolist() == pytest.approx([3, 2, 4])
    assert rows.loc[0, ["tuned_difference", "tuned_low", "tuned_high"]].tolist() == pytest.approx([0.5, -0.5, 1.5])
    assert rows.loc[0, ["removed_difference", "removed_low", "removed_high"]].tolist() == pytest.approx([2.5, 1.5, 3.5])
    table = words.tuned_table(rows).iloc[0]
    assert table.tolist() == ["EMA of the weights", "+3.0 [+2.0, +4.0]", "+0.5 [-0.5, +1.5]", "+2.5 [+1.5, +3.5]",
                              "a third", "its own", 6]  # fmt: skip
    assert "A part of the gain is the learning rate's; what is left is not told" in words.tuned_lines(rows)[0]
    assert "It is not shown that a part" in words.tuned_lines(words.tuned_rows(tuned(0.0)))[0]


def test_the_rates_that_were_tried() -> None:
    tried = pd.DataFrame({"trick": ["recipe", "no_ema"], "own": [0.3, 0.2], "lr_third": [0.31, float("nan")]})
    table = words.tuning_table(tried)
    assert list(table.index) == ["the paper's recipe", "with no_ema"] and list(table) == ["its own", "a third"]
    assert table.iloc[0].tolist() == ["0.300", "0.310"] and table.iloc[1, 1] == "not run yet"


def test_why_the_recipe_is_not_compared_with_itself() -> None:
    assert words.a_a_or_why({}) == words.NOT_RUN
    assert "more repetitions" in words.a_a_or_why({"runs": pd.DataFrame()})
    assert words.a_a_or_why({"a_a": pd.DataFrame({"misses": [False] * 20})}).startswith("Of 20 comparisons")
