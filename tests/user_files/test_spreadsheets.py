"""Tables as rows of text: encodings, separators, and what a cell of a workbook shows."""

from __future__ import annotations

import codecs
import datetime

import pytest

from vpipe_utils.user_files.spreadsheets import _cell, decoded, read_sheet


def most_columns(rows):
    return True, max((len(cells) for _, cells in rows), default=0)


def read(tmp_path, data: bytes, name="table.csv"):
    path = tmp_path / name
    path.write_bytes(data)
    return read_sheet(path, most_columns)


def test_what_proves_itself_is_the_only_reading():
    assert list(decoded(b"a,b")) == [("a,b", "UTF-8")]
    for encoding, called in (("utf-8-sig", "UTF-8"), ("utf-16", "UTF-16")):
        assert list(decoded("Größe,管".encode(encoding))) == [("Größe,管", called)]
    big_endian = codecs.BOM_UTF16_BE + "Größe".encode("utf-16-be")
    assert list(decoded(big_endian)) == [("Größe", "UTF-16")]
    assert list(decoded("abc".encode("utf-16-be"))) == [("abc", "UTF-16")]


def test_what_does_not_can_be_read_in_several_ways():
    readings = dict((name, text) for text, name in decoded("Größe".encode("cp1252")))
    assert readings["ANSI (Windows-1252)"] == "Größe" and len(readings) > 2
    assert next(decoded("Größe,管".encode())) == ("Größe,管", "UTF-8")


def test_a_mark_that_lies():
    with pytest.raises(ValueError, match="it begins as UTF-8 but does not go on so"):
        list(decoded(codecs.BOM_UTF8 + "Größe".encode("cp1252")))


def test_the_judge_decides(tmp_path):
    sheet = read(tmp_path, b"a;b;c\n1,2;3;4\n")
    assert sheet.rows == [(1, ["a", "b", "c"]), (2, ["1,2", "3", "4"])]
    assert sheet.how == "read as UTF-8, columns separated by semicolons" and sheet.whole


def test_a_separator_that_the_file_names_itself(tmp_path):
    sheet = read(tmp_path, b"SEP=#\na#b,c,d,e\n")
    assert sheet.rows == [(1, ["a", "b,c,d,e"])] and sheet.how == "read as UTF-8, columns separated by '#'"


def test_rows_are_counted_with_the_empty_ones(tmp_path):
    sheet = read(tmp_path, b'a,b\n\n,\n"two\nlines",c\n  ,\nd,e')
    assert [number for number, _ in sheet.rows] == [1, 4, 6] and not sheet.whole


def test_cells_as_the_program_shows_them():
    shown = {"26703": 26703.0, "1.5": 1.5, "TRUE": True, "": "", "the date 2024-03-04": datetime.date(2024, 3, 4)}
    assert {text: _cell(value) for text, value in shown.items()} == {text: text for text in shown}
