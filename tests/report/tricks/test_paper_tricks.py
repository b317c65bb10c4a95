"""Tables IV and V as printed, and that every row has what stands for it."""

from __future__ import annotations

import pandas as pd
import pytest

from vpipe_utils.report.tricks import paper_tricks
from vpipe_utils.report.tricks.paper_tricks import COST, NO_TRAINING, PAIRS, SCREENING, TRAINED, WEAK


def test_all_rows_are_there_as_printed() -> None:
    table = paper_tricks.printed_tables()
    points = table.groupby("table")["points"].agg(list)
    assert points["IV"] == [1, 0.6, 1, 2.2, 0.9, 1.8, 0.5, 2, 5, 1.8, 0.12]
    assert points["V"] == [-1, -0.6, -1.6, -2.2, -1, -19.4, -19.7, -22, -25, -3, -0.3, -0.5, -1.6, -1.3]
    assert table.loc["flip", "description"] == "Horizonal flip", "as it is printed"
    assert table.loc["rate", ["level", "type"]].tolist() == ["Model", "Learning Strategy"]
    assert table.loc[table["local"], "points"].tolist() == [-19.4, -19.7, -22, -25]
    assert table.index.is_unique and table["name"].is_unique


def test_boosts_are_positive_and_a_file_that_takes_one_away_has_the_sign_turned() -> None:
    table, stands = paper_tricks.printed_tables(), paper_tricks.stand_ins()
    assert ((table["points"] > 0) == (table["table"] == "IV")).all()
    table_of = stands["row"].map(table["table"])
    trained = stands["kind"].isin([TRAINED, COST])
    assert (stands.loc[trained & (table_of == "IV"), "sign"] == -1).all()
    assert (stands.loc[~trained | (table_of == "V"), "sign"] == 1).all()


def test_what_a_file_does_to_a_run_is_what_both_of_its_rows_say() -> None:
    """Consecutive sampling is one comparison of the two tables: with the file mAP falls by 2.2."""
    both = paper_tricks.stand_ins().query("trick == 'consecutive'")
    assert both["row"].tolist() == ["uniform", "sequence"]
    assert (both["sign"] * both["points"]).tolist() == [-2.2, -2.2]


def test_every_row_has_something_that_stands_for_it() -> None:
    stands = paper_tricks.stand_ins()
    assert set(stands["row"]) == set(paper_tricks.printed_tables().index)
    assert set(stands["kind"]) == {TRAINED, COST, NO_TRAINING, WEAK}
    assert stands.groupby("row")["points"].nunique().eq(1).all()
    # flips, ensembles and grids apart; uniform and sequence sampling are two rows, the ways to a batch one
    asked = stands[(stands["kind"] != COST) & ~stands["trick"].str.endswith("same_input")]
    assert len(asked) == paper_tricks.COMPARISONS == 28


def test_one_rows_effect() -> None:
    assert paper_tricks.printed_points("ema") == 5 and paper_tricks.printed_points("thresholds") == -1.3
    with pytest.raises(ValueError, match="no row 'emma'; the rows are size, flip"):
        paper_tricks.printed_points("emma")


def measured(**verdicts: str) -> pd.DataFrame:
    """Effects of files: half a point up, from a tenth to 0.9."""
    rows = [(trick, 0.005, 0.001, 0.009, 10, verdict) for trick, verdict in verdicts.items()]
    return pd.DataFrame(rows, columns=["trick", "difference", "low", "high", "runs", "verdict"])


def test_measured_effects_stand_beside_their_rows_in_points_and_with_the_rows_sign() -> None:
    found = measured(no_flip="helps", consecutive="helps", randaug="cannot be told", grid_4="hurts", grid_5="helps")
    tables = {"effects": found, "untrained": measured(zc_rule="no effect of 1 point")}
    fourth, fifth = (paper_tricks.beside_the_paper(tables, table).set_index("row") for table in ("IV", "V"))
    assert list(fourth.index) == ["flip", "uniform", "zc"]
    assert list(fifth.index) == ["randaug", "sequence", "grid", "grid"]
    assert fourth.loc["flip", ["difference", "low", "high"]].tolist() == pytest.approx([-0.5, -0.9, -0.1])
    assert fourth.loc["flip", "verdict"] == "hurts", "without the flip it is better, so the flip hurts"
    assert fourth["points"].tolist() == [0.6, 2.2, 0.12] and fourth.loc["zc", "difference"] == pytest.approx(0.5)
    assert fifth.loc["sequence", ["difference", "low", "high"]].tolist() == pytest.approx([0.5, 0.1, 0.9])
    assert fifth["verdict"].tolist() == ["cannot be told", "helps", "hurts", "helps"]


def screened(**differences: float) -> pd.DataFrame:
    """Main effects of a screening of 64 runs, and an interaction, which stands for no row."""
    rows = [(term, "main", value, value - 0.005, value + 0.005, 64, "hurts") for term, value in differences.items()]
    rows.append(("no_flip:no_ema", "interaction", 0.1, 0.05, 0.15, 64, "helps"))
    return pd.DataFrame(rows, columns=["term", "kind", "difference", "low", "high", "runs", "verdict"])


def test_screening_stands_in_until_there_are_pairs() -> None:
    tables = {"effects": measured(no_flip="helps"), "screening": screened(no_flip=-0.2, small_lr=-0.03)}
    rows = paper_tricks.beside_the_paper(tables, "IV").set_index("row")
    assert rows["by"].to_dict() == {"flip": PAIRS, "rate": SCREENING}
    assert rows.loc["flip", "difference"] == pytest.approx(-0.5) and rows.loc["rate", "difference"] == pytest.approx(3)
    assert rows.loc["rate", "verdict"] == "helps" and rows.loc["rate", "runs"] == 64


def test_what_has_no_interval_stands_beside_nothing() -> None:
    without = measured(no_flip="cannot be told").assign(low=float("nan"))
    assert paper_tricks.beside_the_paper({"effects": without}, "IV").empty


def test_every_row_of_both_tables_is_there_measured_or_not() -> None:
    tables = {"effects": measured(no_flip="helps"), "weak": measured(mae_transmil="hurts").assign(difference=-0.2)}
    fourth, fifth = (paper_tricks.every_row(tables, table) for table in ("IV", "V"))
    assert fourth["row"].nunique() == 11 and fifth["row"].nunique() == 14
    assert fourth["trick"].tolist()[-3:] == ["fold_mean", "fold_mix", "zc_rule"]
    assert set(fourth.loc[fourth["kind"] == COST, "trick"]) == {"full_precision", "no_checkpointing"}
    assert fourth.dropna(subset="low")["trick"].tolist() == ["no_flip"]
    weak = fifth.set_index("trick").loc["mae_transmil"]
    assert weak["difference"] == pytest.approx(-20) and weak["points"] == -22 and weak["verdict"] == "hurts"
    assert paper_tricks.every_row({}, "V")["low"].isna().all()
