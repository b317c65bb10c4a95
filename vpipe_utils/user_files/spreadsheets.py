"""Tables as spreadsheet programs save them: rows of text, whatever the encoding, the separator or the kind of file.

What a CSV means stands nowhere in it. The caller knows what it looks for, so it judges: of all readings that are
possible the one that fits best is taken, and `Sheet.how` says which.
"""

from __future__ import annotations

import codecs
import csv
import io
import posixpath
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import charset_normalizer

from vpipe_utils.user_files.user_text import listed

WORKBOOKS = (".xlsx", ".xlsm")  # calamine reads others, but shows errors in them as blank cells
TEXTS = (".csv", ".tsv", ".txt")
WORKBOOK_STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # of a zip file (.xlsx, .ods) and of an old .xls
HEAD = 20_000  # signs of a text by which its readings are judged
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "'|'"}
ENCODINGS = {  # as Python calls them: as users do; the first that fits is taken where the others fit no better
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "ANSI (Windows-1252)",
    "gb18030": "GBK",
    "big5": "Big5",
    "cp932": "Shift-JIS",
    "cp949": "Korean (cp949)",
    "cp1250": "ANSI (Windows-1250)",
    "cp1251": "ANSI (Windows-1251)",
    "mac_roman": "Mac Roman",
    "cp850": "MS-DOS (cp850)",
    "cp437": "MS-DOS (cp437)",
}
BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}

Row = tuple[int, list[str]]  # its number as a spreadsheet counts, from 1, and its cells
Judge = Callable[[list[Row]], tuple]  # how well rows fit; first, whether they hold what is looked for


class Sheet(NamedTuple):
    rows: list[Row]
    how: str  # "read as GBK, columns separated by semicolons"; "" where nothing had to be guessed
    whole: bool = True  # False: its last line does not end, so it may be cut off


def read_sheet(path: str | Path, judge: Judge) -> Sheet:
    """Read a CSV, TSV or workbook; of its possible readings the one that ``judge`` gives the highest value.

    Raises ValueError without the file's name where none is possible, or two sheets hold what is looked for.
    """
    path = Path(path)
    if path.suffix.lower() in WORKBOOKS:
        return _workbook_sheet(path, judge)
    return _text_sheet(path.read_bytes(), judge)


def decoded(data: bytes) -> Iterator[tuple[str, str]]:
    """The possible readings of a text: (text, name of the encoding); the likeliest first.

    A byte order mark proves itself, and so does ASCII. Everything else is a guess: UTF-8 where it is possible (few
    short names in GBK are that too), then in charset-normalizer's order.
    """
    for mark, encoding in BOMS.items():
        if data.startswith(mark):
            text = _strictly(data[len(mark) if encoding == "utf-8" else 0 :], encoding)
            if text is None:
                raise ValueError(f"it begins as {ENCODINGS[encoding]} but does not go on so; save it again as UTF-8.")
            yield text, ENCODINGS[encoding]
            return
    if b"\0" in data:
        encoding = "utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be"
        likely = [encoding]
    elif (text := _strictly(data, "utf-8")) is not None:
        yield text, ENCODINGS["utf-8"]
        likely = [] if data.isascii() else list(ENCODINGS)[4:]
    else:
        isolation = list(ENCODINGS)[4:]
        windows = isolation[:-2]  # those of MS-DOS are taken only where names are found in them
        guessed = [match.encoding for match in charset_normalizer.from_bytes(data, cp_isolation=windows)]
        likely = [name for name in guessed if name in ENCODINGS]
        if likely and likely[0].startswith("cp125"):
            likely.insert(0, "cp1252")  # of the same family by far the most frequent
        likely += isolation
    texts: dict[str, list[str]] = {}
    for encoding in likely:
        if (text := _strictly(data, encoding)) is not None and "\0" not in text:
            texts.setdefault(text, []).append(encoding)
    if likely and not texts:
        raise ValueError("it is not text in any encoding known here; save it as CSV in UTF-8.")
    order = list(ENCODINGS)
    yield from ((text, ENCODINGS[min(same, key=order.index)]) for text, same in texts.items())


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _text_sheet(data: bytes, judge: Judge) -> Sheet:
    if data.startswith(WORKBOOK_STARTS):
        raise ValueError("it is a workbook in spite of its name; save it as .xlsx or as CSV.")
    readings = []
    for text, encoding in decoded(data):
        text = io.StringIO(text, newline=None).read()  # line ends of Windows and of old Macs
        first, _, rest = text.partition("\n")
        told = re.fullmatch(r'"?sep=(.)"?', first.strip(" \r"), flags=re.IGNORECASE)  # Excel's own line, no row of it
        readings += [(rest if told else text, encoding, separator) for separator in (told[1] if told else SEPARATORS)]
    text, encoding, separator = max(readings, key=lambda reading: judge(_rows(_sample(reading[0]), reading[2])))
    rows = _rows(text, separator, strict=True)
    usual = (encoding, separator) == ("UTF-8", ",")
    name = SEPARATORS.get(separator, repr(separator))
    how = "" if usual else f"read as {encoding}, columns separated by {name}"
    return Sheet(rows, how, text.endswith("\n"))


def _sample(text: str) -> str:
    """The beginning of a text, and of the rest the lines in which encodings differ."""
    rest = (line for line in text[HEAD:].split("\n") if not line.isascii())
    return text[:HEAD] + "".join(f"\n{line}" for line in islice(rest, 100))


def _rows(text: str, separator: str, strict: bool = False) -> list[Row]:
    rows, reader = [], csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict)
    try:
        for cells in reader:
            rows.append((len(rows) + 1, cells))
    except csv.Error as error:
        why = "a quote is never closed" if "unexpected end" in str(error) else error
        raise ValueError(f"the file is not valid CSV (row {len(rows) + 1}: {why}); correct it there.") from error
    return _not_empty(rows)


def _workbook_sheet(path: Path, judge: Judge) -> Sheet:
    import python_calamine  # only here: most labels are no workbook

    try:
        book = python_calamine.load_workbook(str(path))
        sheets = {}
        for name in book.sheet_names:
            rows = enumerate(book.get_sheet_by_name(name).to_python(skip_empty_area=False), 1)
            sheets[name] = _not_empty((number, [_cell(value) for value in row]) for number, row in rows)
        found, *others = sorted(sheets, key=lambda name: judge(sheets[name]), reverse=True)
        unread = list(_unread(path, found))
    except Exception as error:  # calamine has an exception for each kind of file, and passes on those of zip
        raise ValueError(f"it cannot be read as a workbook ({error}); save it as .xlsx or as CSV.") from None
    if others and judge(sheets[others[0]])[0]:
        both = " and ".join(repr(name) for name in sheets if name in (found, others[0]))
        raise ValueError(f"the sheets {both} both hold labels; keep one, or put the rows into one.")
    if unread:
        raise ValueError(f"without a value in sheet {found!r}: {listed(unread)}; put one there.")
    return Sheet(sheets[found], f"read from sheet {found!r}" if others else "")


def _unread(path: Path, name: str) -> Iterator[str]:
    """The cells of a sheet that calamine shows as blank though they are not: errors, formulas never computed."""
    with zipfile.ZipFile(path) as file:
        named = ElementTree.fromstring(file.read("xl/workbook.xml")).iterfind("{*}sheets/{*}sheet[@name]")
        key = next(of.get(id_) for of in named if of.get("name") == name for id_ in of.keys() if id_.endswith("}id"))
        links = ElementTree.fromstring(file.read("xl/_rels/workbook.xml.rels"))
        target = next(link.get("Target") for link in links if link.get("Id") == key)
        with file.open(posixpath.join("xl", target).lstrip("/")) as xml:
            for _, element in ElementTree.iterparse(xml):
                if element.tag.endswith("}c"):
                    value, kind = element.findtext("{*}v"), element.get("t")
                    if kind == "e":
                        yield f"{element.get('r', 'a cell')} ({value})"
                    elif element.find("{*}f") is not None and not value and kind != "str":  # "str": an empty text
                        yield f"{element.get('r', 'a cell')} (a formula, never computed)"
                elif element.tag.endswith("}row"):
                    element.clear()


def _cell(value: object) -> str:
    """A cell as the program shows it: 26703, not 26703.0."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date):
        return f"the date {value:%Y-%m-%d}"
    return str(value)


def _not_empty(rows: Iterable[Row]) -> list[Row]:
    return [(number, cells) for number, cells in rows if any(cell.strip() for cell in cells)]
