"""Tables of labels as people save them: what a spreadsheet program shows is what is read, and it is said."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpipe_utils.data import annotations
from vpipe_utils.user_files.label_sheets import mark_of
from vpipe_utils.user_files.name_matching import FileNames, key_of, tidy

CLASSES = ["OK", "CRACK", "ROOTS"]
NAMES = ["Nord_1.mp4", "Nord_2.mp4", "Nord_3.mp4"]
EXPECTED = {"video": NAMES, "OK": [1, 0, 0], "CRACK": [0, 1, 1], "ROOTS": [0, 0, 1]}
PLAIN = "video,OK,CRACK,ROOTS\nNord_1.mp4,1,0,0\nNord_2.mp4,0,1,0\nNord_3.mp4,0,1,1\n"


def read(folder: Path, content: str | bytes, classes=CLASSES, normal="OK", files=None, name="labels.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return annotations.read_label_file(path, classes, normal, None if files is None else FileNames(files))


SAVED = {
    "as it should be": (PLAIN, []),
    "semicolons": (PLAIN.replace(",", ";"), ["read as UTF-8, columns separated by semicolons"]),
    "tabs": (PLAIN.replace(",", "\t"), ["read as UTF-8, columns separated by tabs"]),
    "Excel's sep line": ("sep=;\r\n" + PLAIN.replace(",", ";"), ["read as UTF-8, columns separated by semicolons"]),
    "a sep line in quotes": ('"sep=\t"\n' + PLAIN.replace(",", "\t"), ["read as UTF-8, columns separated by tabs"]),
    "Excel's Unicode text": (
        PLAIN.replace(",", "\t").encode("utf-16"),
        ["read as UTF-16, columns separated by tabs"],
    ),
    "UTF-16 without a mark": (PLAIN.encode("utf-16-le"), ["read as UTF-16, columns separated by commas"]),
    "Windows line ends and a mark": ("\ufeff" + PLAIN.replace("\n", "\r\n"), []),
    "line ends of old Macs": (PLAIN.replace("\n", "\r"), []),
    "quotes everywhere": ("\n".join('"' + '","'.join(row.split(",")) + '"' for row in PLAIN.splitlines()) + "\n", []),
    "rows of commas at the end": (PLAIN + ",,,\n,,,\n , ,,\n\n", []),
    "empty columns at the end": ("\n".join(row + ",," for row in PLAIN.splitlines()), []),
    "a header with blanks and another case": (PLAIN.replace("video,OK,CRACK", " Video ,ok,\u00a0Crack"), []),
    "line breaks in the header": (PLAIN.replace("video", '"video\n"').replace("ROOTS", '"\nROOTS"'), []),
    "a title above": ("Inspection 2024,,,\n,,,\n" + PLAIN, ["1 row above the header left out"]),
    "two rows of headers": (",Clean,Defects,\n" + PLAIN, ["1 row above the header left out"]),
    "blank cells": (PLAIN.replace(",0", ","), ["5 blank cells taken as 0"]),
    "crosses": (
        PLAIN.replace(",0", ",").replace(",1", ",x"),
        ["'x' taken as 1", "5 blank cells taken as 0"],
    ),
    "words": (
        PLAIN.replace(",0", ",nein").replace(",1", ",Ja"),
        ["'Ja' taken as 1", "'nein' taken as 0"],
    ),
    "TRUE and FALSE": (
        PLAIN.replace(",0", ",FALSE").replace(",1", ",TRUE"),
        ["'TRUE' taken as 1", "'FALSE' taken as 0"],
    ),
    "decimal commas": (
        "video;OK;CRACK;ROOTS\nNord_1.mp4;1,0;0,0;0\nNord_2.mp4;0,0;1,0;0\nNord_3.mp4;0;1;1,0\n",
        ["read as UTF-8, columns separated by semicolons", "'1,0' taken as 1", "'0,0' taken as 0"],
    ),
    "decimal points": (
        PLAIN.replace(",0", ",0.0").replace(",1", ",1.0"),
        ["'1.0' taken as 1", "'0.0' taken as 0"],
    ),
    "row numbers, as pandas writes them": (
        "\n".join(f"{k - 1 if k else ''},{row}" for k, row in enumerate(PLAIN.splitlines())),
        ["column 'A' (row numbers) is no class, left out"],
    ),
    "remarks": (
        "video,OK,CRACK,ROOTS,Remark\nNord_1.mp4,1,0,0\nNord_2.mp4,0,1,0,\"deep, wet\"\nNord_3.mp4,0,1,1,\n",
        ["column 'Remark' is no class, left out"],
    ),
    "comments": ("# mine,,,\n" + PLAIN + "# end\n", ["1 row above the header left out", "row 6 (a comment) left out"]),
    "two files in one": (
        PLAIN.replace("Nord_2", "video,OK,CRACK,ROOTS\nNord_2"),
        ["row 3 (the header again) left out"],
    ),
}


@pytest.mark.parametrize("kind", SAVED)
def test_read_as_a_spreadsheet_means_it(tmp_path, kind):
    content, notes = SAVED[kind]
    found = read(tmp_path, content)
    assert found.table.to_dict("list") == EXPECTED
    assert found.notes == notes


ENCODED = {
    "cp1252": ("Nordstraße_1.mp4", "Riß", "ANSI (Windows-1252)"),
    "gbk": ("管道_1.mp4", "破裂", "GBK"),
    "big5": ("管道_1.mp4", "破裂", "Big5"),
    "cp932": ("下水管_1.mp4", "亀裂", "Shift-JIS"),
    "cp1250": ("Łódź_1.mp4", "Pęknięcie", "ANSI (Windows-1250)"),
    "cp1251": ("Труба_1.mp4", "Трещина", "ANSI (Windows-1251)"),
    "mac_roman": ("Nordstraße_1.mp4", "Riß", "Mac Roman"),
    "cp850": ("Nordstraße_1.mp4", "Riß", "MS-DOS (cp850)"),
    "cp437": ("Ω_1.mp4", "Ω", "MS-DOS (cp437)"),
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_the_encoding_is_the_one_in_which_names_are_found(tmp_path, encoding):
    video, defect, called = ENCODED[encoding]
    told = f"read as {called}, columns separated by semicolons"
    by_class = read(tmp_path, f"video;{defect}\n{video};1\n".encode(encoding), [defect], None)
    assert (by_class.table["video"].tolist(), by_class.notes) == ([video], [told])
    by_file = read(tmp_path, f"video;CRACK\n{video};1\n".encode(encoding), ["CRACK"], None, [video, "x.mp4"])
    assert (by_file.table["video"].tolist(), by_file.notes) == ([video], [told])


def test_a_name_in_gbk_that_is_utf_8_too(tmp_path):
    data = "video,CRACK\n一.mp4,1\n".encode("gbk")
    assert data.decode() == "video,CRACK\nһ.mp4,1\n"
    assert read(tmp_path, data, ["CRACK"], None, ["一.mp4"]).table["video"].tolist() == ["一.mp4"]
    assert read(tmp_path, data, ["CRACK"], None, ["x.mp4"]).table["video"].tolist() == ["һ.mp4"]


def test_names_far_down_decide_the_encoding_too(tmp_path):
    plain = "".join(f"{k}.mp4,1\n" for k in range(5000))
    found = read(tmp_path, f"video,CRACK\n{plain}管道_1.mp4,1\n".encode("gbk"), ["CRACK"], None, ["管道_1.mp4"])
    assert found.table["video"].iloc[-1] == "管道_1.mp4" and found.notes == ["read as GBK, columns separated by commas"]


def test_a_text_file_of_excel(tmp_path):
    found = read(tmp_path, PLAIN.replace(",", "\t").encode("utf-16"), name="labels.txt")
    assert found.table.to_dict("list") == EXPECTED


def test_a_class_name_may_hold_a_separator(tmp_path):
    found = read(tmp_path, 'video;"crack,\nlong"\n"a;b.mp4";1\n', ["crack, long"], None)
    assert found.table.to_dict("list") == {"video": ["a;b.mp4"], "crack, long": [1]}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (PLAIN.replace("CRACK", "CRAK"), "the column 'CRAK' is no class; .*did you mean 'CRACK'"),
        (PLAIN.replace("video", "file"), "the column 'file' holds names of videos; call it 'video'"),
        (PLAIN.replace("video", "file"), "the column 'video' is missing in row 1"),
        ("video;class\nNord_1.mp4;ok\n", "the column 'class' holds names of classes; give each class a column of its"),
        (PLAIN.replace("Nord_2", '"Nord_2'), "not valid CSV .row 3: a quote is never closed"),
        (PLAIN.replace(",1,1", ",2,1"), "row 4: 'Nord_3.mp4' has '2' in column CRACK"),
        (PLAIN.replace(",1,1", ",×,1"), "row 4: 'Nord_3.mp4' has '×' in column CRACK"),
        ("\n".join(row + ",1" for row in PLAIN.splitlines()), "the column '1' is no class"),
        (PLAIN.replace("ROOTS", "ROOTS,").replace("1,1", "1,1,x"), "column E, which has marks but no name"),
        (PLAIN + ",0,1,0\n", "row 5: it has values but no video; name the video, or take the row out"),
        (PLAIN + "Total,1,2,1\n", "row 5: 'Total' has '2' in column CRACK; write 0 or 1, or take the row out"),
        (PLAIN.removesuffix("1\n"), "row 4: 'Nord_3.mp4' may be cut off"),
        (PLAIN + "Nord_4.mp4\n", "row 5: 'Nord_4.mp4' has no class"),
        ("Nord_1.mp4,1,0,0\n", "the columns 'video', 'OK', 'CRACK', 'ROOTS' are missing in row 1"),
    ],
)
def test_what_is_not_certain_is_a_fault_with_its_row(tmp_path, content, fault):
    with pytest.raises(ValueError, match=fault):
        read(tmp_path, content)


def test_a_row_without_marks_is_a_clean_video_only_where_zeros_are_never_written(tmp_path):
    crosses = "video;CRACK;ROOTS\na.mp4;x;\nb.mp4;;\n"
    assert read(tmp_path, crosses, CLASSES[1:], None).table["CRACK"].tolist() == [1, 0]
    with pytest.raises(ValueError, match="row 3: 'b.mp4' has no marks at all, while other rows have 0"):
        read(tmp_path, crosses.replace("x;\n", "x;0\n"), CLASSES[1:], None)


def test_rows_are_counted_as_a_spreadsheet_counts_them(tmp_path):
    text = 'sep=;\n"a title\nof two lines"\n\nvideo;CRACK;"a\nremark"\n\na.mp4;1;"two\nlines"\nb.mp4;3;\n'
    with pytest.raises(ValueError, match="row 6: 'b.mp4' has '3' in column CRACK"):
        read(tmp_path, text, ["CRACK"], None)


def test_marks():
    for cell in ("1", "1,00", "１", " X ", "是", "Oui", "true"):
        assert mark_of(cell) is True, cell
    for cell in ("", "0.0", "Non", "-", "FALSE"):
        assert mark_of(cell) is False, cell
    for cell in ("2", "?", "10", "01.2", "×", "11"):
        assert mark_of(cell) is None, cell


LETTERS = {"utf-8": "aé管Ж_1 ,;\"'", "utf-16": "aé管Ж_1;,", "cp1252": "aßö_1", "gbk": "管道破_1", "cp1251": "трещин_1"}
WORDS = [("1", "0"), ("x", ""), ("1,0", "0,0"), ("TRUE", "FALSE"), ("ja", "nein")]


@st.composite
def saved_tables(draw):
    """(bytes, classes, videos, marks) of a table as some program may save it, with what people add to it."""
    encoding = draw(st.sampled_from(sorted(LETTERS)))
    names = st.text(LETTERS[encoding], min_size=1, max_size=8).map(str.strip).filter(bool)
    classes = draw(st.lists(names, min_size=1, max_size=4, unique_by=tidy))
    videos = draw(st.lists(names.map(lambda name: f"{name}.mp4"), min_size=1, max_size=12, unique_by=key_of))
    marks = [[draw(st.booleans()) for _ in classes] for _ in videos]
    marks[0][0] = True
    one, zero = draw(st.sampled_from(WORDS))
    cells = [[one if mark else zero for mark in row] for row in marks]
    rows = [["Video", *classes], *([video, *row] for video, row in zip(videos, cells, strict=True))]
    if draw(st.booleans()):
        rows = [[*row, "" if k else "Remark"] for k, row in enumerate(rows)]
        rows[1][-1] = "wet, deep; dark"
    rows += [[""] * len(rows[0])] * draw(st.integers(0, 2))
    text, separator = io.StringIO(), draw(st.sampled_from(",;\t"))
    ends = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    csv.writer(text, delimiter=separator, lineterminator=ends, quoting=quoting).writerows(rows)
    return text.getvalue().encode(encoding), classes, videos, marks


@settings(max_examples=60, deadline=None)
@given(saved_tables())
def test_whatever_was_saved_comes_back(tmp_path_factory, table):
    data, classes, videos, marks = table
    found = read(tmp_path_factory.mktemp("saved"), data, classes, None, videos).table
    assert found["video"].tolist() == videos
    assert found[classes].to_numpy().tolist() == marks


# ---------------------------------------------------------------- workbooks


def write_workbook(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    """A small .xlsx as Excel lays it out, texts inline."""

    def cell(value: object) -> str:
        if isinstance(value, str) and value.startswith("<c"):
            return value
        if isinstance(value, bool):
            return f'<c t="b"><v>{int(value)}</v></c>'
        if isinstance(value, int | float):
            return f"<c><v>{value}</v></c>"
        return "<c/>" if value is None else f'<c t="inlineStr"><is><t xml:space="preserve">{value}</t></is></c>'

    def sheet(rows: list[list[object]]) -> str:
        inner = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
        return f'<worksheet xmlns="{main}/main"><sheetData>{inner}</sheetData></worksheet>'

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    names = "".join(f'<sheet name="{name}" sheetId="{k}" r:id="r{k}"/>' for k, name in enumerate(sheets, 1))
    links = "".join(
        f'<Relationship Id="r{k}" Type="{office}/worksheet" Target="worksheets/s{k}.xml"/>'
        for k in range(1, len(sheets) + 1)
    )
    relations = f'xmlns="{package}/relationships"'
    root = f'<Relationship Id="r1" Type="{office}/officeDocument" Target="xl/workbook.xml"/>'
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("[Content_Types].xml", f'<Types xmlns="{package}/content-types"/>')
        file.writestr("_rels/.rels", f"<Relationships {relations}>{root}</Relationships>")
        book = f'<workbook xmlns="{main}/main" xmlns:r="{office}"><sheets>{names}</sheets></workbook>'
        file.writestr("xl/workbook.xml", book)
        file.writestr("xl/_rels/workbook.xml.rels", f"<Relationships {relations}>{links}</Relationships>")
        for k, rows in enumerate(sheets.values(), 1):
            file.writestr(f"xl/worksheets/s{k}.xml", sheet(rows))
    return path


ROWS = [
    ["Video", "OK", "CRACK", "ROOTS", "note"],
    ["Nord_1.mp4", 1, 0, 0, None],
    ["Nord_2.mp4", None, True, False, "wet"],
    ["Nord_3.mp4", 0.0, 1.0, "x", None],
]


def test_a_workbook(tmp_path):
    path = write_workbook(tmp_path / "labels.xlsx", {"Sheet1": [["Survey of 2024"], [], *ROWS]})
    found = annotations.read_label_file(path, CLASSES, "OK")
    assert found.table.to_dict("list") == EXPECTED
    assert found.notes == ["1 row above the header left out", "column 'note' is no class, left out",
                           "'TRUE', 'x' taken as 1", "'FALSE' taken as 0", "1 blank cell taken as 0"]  # fmt: skip
    faulty = write_workbook(tmp_path / "faulty.xlsx", {"Sheet1": [["Survey of 2024"], [], *ROWS, ["Nord_4.mp4", 0, 7]]})
    with pytest.raises(ValueError, match="row 7: 'Nord_4.mp4' has '7' in column CRACK"):
        annotations.read_label_file(faulty, CLASSES, "OK")


def test_the_sheet_that_holds_the_labels_is_found(tmp_path):
    other = [["what the columns mean"], ["OK", "nothing to see"]]
    path = write_workbook(tmp_path / "labels.xlsx", {"Legend": other, "2024": ROWS})
    found = annotations.read_label_file(path, CLASSES, "OK")
    assert found.table.to_dict("list") == EXPECTED and found.notes[0] == "read from sheet '2024'"


@pytest.mark.parametrize("more", ["", '" state="hidden'])
def test_two_sheets_of_labels_are_a_fault(tmp_path, more):
    later = [ROWS[0][:2], ["Nord_4.mp4", 1]]
    path = write_workbook(tmp_path / "labels.xlsx", {"2023": ROWS, "Legend": [["OK", "video"]], f"2024{more}": later})
    with pytest.raises(ValueError, match="the sheets '2023' and '2024' both hold labels; keep one, or put"):
        annotations.read_annotations(path, CLASSES, "OK")


def test_cells_without_a_value_are_no_blank_ones(tmp_path):
    well = '<c r="B2"><f>1</f><v>1</v></c>', '<c r="C2" t="str"><f>""</f><v></v></c>', 0
    sheets = {"Legend": [['<c r="A1" t="e"><v>#N/A</v></c>']], "1": [ROWS[0][:4], ["Nord_1.mp4", *well]]}
    found = annotations.read_annotations(write_workbook(tmp_path / "labels.xlsx", sheets), CLASSES, "OK")
    assert found.to_numpy().tolist() == [["Nord_1.mp4", 1, 0, 0]]
    never = '<c r="D3"><f>SUM(A1)</f><v></v></c>', '<c r="E3"><f>1</f></c>'
    sheets["1"].append(["Nord_2.mp4", '<c r="B3" t="e"><f>X</f><v>#REF!</v></c>', 1, *never])
    fault = r"in sheet '1': B3 \(#REF!\), D3 \(a formula, never computed\), E3 \(a formula, never computed\); put"
    with pytest.raises(ValueError, match=fault):
        annotations.read_annotations(write_workbook(tmp_path / "labels.xlsx", sheets), CLASSES, "OK")


def test_numbers_are_names_of_videos_where_they_fit_a_file(tmp_path):
    path = write_workbook(tmp_path / "labels.xlsx", {"1": [["video", "CRACK"], [26703, 1], ["26704", 0]]})
    found = annotations.read_label_file(path, ["CRACK"], None, FileNames(["26703.mp4", "26704.mp4"]))
    assert found.table["video"].tolist() == ["26703.mp4", "26704.mp4"]


def test_what_is_no_workbook(tmp_path):
    with pytest.raises(ValueError, match="labels.xlsx: it cannot be read as a workbook"):
        read(tmp_path, PLAIN, name="labels.xlsx")
    workbook = write_workbook(tmp_path / "good.xlsx", {"1": ROWS})
    with pytest.raises(ValueError, match="labels.csv: it is a workbook in spite of its name"):
        read(tmp_path, workbook.read_bytes())
