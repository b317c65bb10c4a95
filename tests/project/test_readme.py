"""What the README shows is what a command of it printed: its tables are made from the records of finished runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))

import tables  # noqa: E402


@pytest.mark.parametrize("name", tables.PAGES)
def test_tables_are_the_records_of_a_run(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert tables.renewed(text) == text, "run docs/tables.py"


def test_every_table_has_its_place() -> None:
    places = [found[1] for name in tables.PAGES for found in tables.PLACE.findall((ROOT / name).read_text())]
    assert sorted(places) == sorted([*tables.TABLES, "headline"])


def test_the_headline_has_every_row_and_interval() -> None:
    record = json.loads((tables.RECORDS / "demo" / "headline.json").read_text(encoding="utf-8"))
    assert cells_of(tables.headline()) == [
        [f"{cell:.3f}" if isinstance(cell, float) else cell or "" for cell in row]
        for part in (record, record.get("small", {}))
        for row in part.get("rows", [])
    ]


def test_what_does_not_clear_the_baseline_stands_in_a_table_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"columns": ["Model", "Here"], "rows": [["tiny", "0.2"]], "note": "Too small to say anything here:"}
    (tmp_path / "demo").mkdir()
    record = {"columns": ["Model", "Here"], "rows": [["lite0", 0.6]], "small": small}
    (tmp_path / "demo" / "headline.json").write_text(json.dumps(record))
    monkeypatch.setattr(tables, "RECORDS", tmp_path)
    shown, note, apart = tables.headline().split("\n\n")
    assert cells_of(shown) == [["lite0", "0.600"]] and note == small["note"] and cells_of(apart) == [["tiny", "0.2"]]


def cells_of(text: str) -> list[list[str]]:
    """The cells of the rows of Markdown tables, without their heads."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    heads = {place - 1 for place, cells in enumerate(found) if set(cells) == {"---"}}
    return [cells for place, cells in enumerate(found) if not {place, place - 1} & heads]


def test_loading_compares_like_with_like(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes never stand beside the floats of the usual way; where the record has its bytes, beside those."""
    loaded = tables._loaded()
    assert "against the usual way" not in tables.loading_bytes() or "PIL, files of tiles, as bytes" in loaded.index
    usual = pd.DataFrame([["bytes", 100.0, 1.0, 0.05]], columns=["gives", "per_s", "ratio", "copy_share"])
    usual.index = ["PIL, files of tiles, as bytes"]
    monkeypatch.setattr(tables, "_loaded", lambda: pd.concat([loaded.drop(usual.index, errors="ignore"), usual]))
    assert tables.loading_bytes().splitlines()[2] == "| the usual way | 100 | 1 × | 0.05 × |"
    broken = loaded.copy()
    broken["gives"] = "float"
    monkeypatch.setattr(tables, "_loaded", lambda: broken)
    with pytest.raises(ValueError, match="must all give bytes"):
        tables.loading_bytes()


def test_reading_is_compared_with_the_paper_and_with_those_that_are_right() -> None:
    read = pd.read_csv(tables.RECORDS / "reading" / "reading.csv").set_index(["clip", "way"])
    rows = [line.strip("| ").split(" | ") for line in tables.reading().splitlines()]
    for column, clip in enumerate(rows[0][1:], 1):
        of_paper, right, any_other = (float(row[column].removesuffix(" ×")) for row in rows[2:])
        assert abs(of_paper - read.loc[(clip, "ours"), "ratio"]) < 0.06
        assert of_paper > right > any_other
