"""What a table of labels says: which row is a video, which column a class, which cell a mark.

A table that people keep holds more than names and marks: a title above the header, a column of remarks, row numbers.
What is certain to be such is left out and said; anything else that is no mark is a fault with its row: so are sums.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from vpipe_utils.user_files.name_matching import has_video_ending, tidy
from vpipe_utils.user_files.spreadsheets import Row, Sheet, read_sheet
from vpipe_utils.user_files.user_text import listed, many

MARKS = {"x", "v", "✓", "✔", "√", "true", "wahr", "vrai", "yes", "y", "ja", "j", "oui", "si", "sí", "是", "有"}
NO_MARKS = {"-", "–", "—", "false", "falsch", "faux", "no", "n", "nein", "non", "否", "无", "無"}
HEADER_ROWS = 20  # the header lies within the first of them


class Entry(NamedTuple):
    """One video of a label file."""

    where: str  # "row 5: ", or "" where nothing but the name says where
    video: str  # as the file has it
    classes: list[int]


class Columns(NamedTuple):
    """Where in a row what is found."""

    header: Row
    place: dict[str, int]  # "video" and each class: index of its column


def read_label_sheet(
    path: Path, classes: Sequence[str], is_file: Callable[[str], bool]
) -> tuple[list[Entry], list[str], list[str]]:
    """A CSV or workbook as (entries, faults, notes).

    Faults are sentences with the row; notes say what was left out or had to be taken for something. ``is_file``:
    whether a name is that of a file in the folder of videos. Raises ValueError, without the path, for what is no table.
    """
    expected = ["video", *classes]
    sheet = read_sheet(path, lambda rows: _fits(rows, expected, is_file))
    columns, faults, notes = _columns(sheet, expected, is_file)
    notes = [note for note in (sheet.how, *notes) if note]
    if faults:
        return [], faults, notes
    entries, faults, more = _entries(sheet, columns, classes, is_file)
    return entries, faults, notes + more


def _fits(rows: list[Row], expected: Sequence[str], is_file: Callable[[str], bool]) -> tuple[bool, int, int]:
    """How well a reading of a file fits: whether it holds labels, wanted columns, rows that hold a file's name."""
    places = max((_places(cells, expected) for _, cells in rows[:HEADER_ROWS]), key=len, default={})
    column = places.get("video", 0)
    labels = "video" in places and len(places) > 1 < len(rows)
    return labels, len(places), sum(len(cells) > column and is_file(cells[column]) for _, cells in rows)


def _places(cells: Sequence[str], expected: Sequence[str]) -> dict[str, int]:
    """Expected name → index of the first cell that is it. Case, blanks and line breaks count only between twins."""
    exact = {cell.strip(): index for index, cell in reversed(list(enumerate(cells)))}
    alike = {tidy(cell): index for index, cell in reversed(list(enumerate(cells)))}
    times = Counter(map(tidy, expected))
    places = {name: exact[name] for name in expected if name in exact}
    return places | {
        name: alike[tidy(name)]
        for name in expected
        if name not in places and times[tidy(name)] == 1 and tidy(name) in alike
    }


def _columns(
    sheet: Sheet, expected: Sequence[str], is_file: Callable[[str], bool]
) -> tuple[Columns, list[str], list[str]]:
    if not sheet.rows:
        return Columns((1, []), {}), ["the file is empty; give at least one video with its classes."], []
    found = [_places(cells, expected) for _, cells in sheet.rows[:HEADER_ROWS]]
    top = max(range(len(found)), key=lambda row: len(found[row]))  # the first of the best
    number, header = sheet.rows[top]
    place = found[top]
    faults, notes = [], []
    if top:
        notes.append(f"{many(top, 'row')} above the header left out")
    twice = [name for name in place if sum(_places([cell], [name]) != {} for cell in header) > 1]
    faults += [f"the column {name!r} is there twice; keep one." for name in twice]
    missing = [name for name in expected if name not in place]
    for index, cell in enumerate(header):
        if index in place.values() or _places([cell], twice):
            continue
        values = [cells[index].strip() for _, cells in sheet.rows[top + 1 :] if len(cells) > index]
        kind = _kind(cell, [value for value in values if value])
        name = " ".join(cell.split())
        called = f"the column {name!r}" if name else f"column {_letters(index)}"
        if "video" in missing and any(is_file(value) or has_video_ending(value) for value in values):
            faults.append(f"{called} holds names of videos; call it 'video'.")
        elif missing and set(map(tidy, values)) & set(map(tidy, missing)):
            advice = "give each class a column of its own, with 1 where it is there."
            faults.append(f"{called} holds names of classes; {advice}")
        elif kind == "marks" or (missing and name and kind != "numbers"):
            near = difflib.get_close_matches(name, missing, n=1)
            advice = f"did you mean {near[0]!r}?" if near else "drop it, or add it to classes in data.yaml."
            called += "" if name else ", which has marks but no name,"
            faults.append(f"{called} is no class; the columns are {listed(expected, 17)}; {advice}")
        elif kind != "empty":
            what = " (row numbers)" if kind == "numbers" else ""
            notes.append(f"column {name or _letters(index)!r}{what} is no class, left out")
    if missing:
        plural = "columns" if len(missing) > 1 else "column"
        faults.append(
            f"the {plural} {listed([repr(name) for name in missing], 17)} {'are' if missing[1:] else 'is'} missing "
            f"in row {number}; give video and every class."
        )
    return Columns((number, header), place), faults, notes


def _kind(name: str, values: list[str]) -> str:
    """Of a column that was not asked for: 'empty', 'numbers' (of the rows), 'marks' (an unknown class) or 'text'."""
    if not values:
        return "empty"
    unnamed = re.fullmatch(r"|unnamed: \d+|index|nr\.?|no\.?|#|id|row|序号", tidy(name)) is not None
    first = int(values[0]) if values[0].isdecimal() else -1
    if unnamed and first >= 0 and values == [str(first + k) for k in range(len(values))]:
        return "numbers"
    return "marks" if all(mark_of(value) is not None for value in values) else "text"


@lru_cache(1000)  # a table has few different cells
def mark_of(cell: str) -> bool | None:
    """Whether a cell marks a class as there; a blank one does not. None: it is no mark."""
    text = tidy(cell)
    if re.fullmatch(r"1([.,]0*)?", text) or text in MARKS:
        return True
    return False if not text or re.fullmatch(r"0([.,]0*)?", text) or text in NO_MARKS else None


def _entries(
    sheet: Sheet, columns: Columns, classes: Sequence[str], is_file: Callable[[str], bool]
) -> tuple[list[Entry], list[str], list[str]]:
    number, header = columns.header
    entries, faults, left_out = [], [], []
    blanks, words, all_blank, zeros = 0, Counter(), [], False
    rows = [(row, cells) for row, cells in sheet.rows if row > number]
    for row, cells in rows:
        where = f"row {row}: "
        short = len(cells) < len(header)
        values = [cells[i].strip() if i < len(cells) else "" for i in range(max(len(header), len(cells)))]
        video = values[columns.place["video"]]
        marks = [values[columns.place[code]] for code in classes]
        if reason := _no_video(video, values, marks, header, is_file):
            left_out.append(f"row {row} ({reason}) left out")
            continue
        if not video:
            faults.append(f"{where}it has values but no video; name the video, or take the row out.")
            continue
        if any(values[len(header) :]) or (short and row == rows[-1][0] and not sheet.whole):
            faults.append(f"{where}{video!r} has {len(cells)} values, the header {len(header)}; give it one a column.")
            continue
        read = [mark_of(cell) for cell in marks]
        wrong = [f"{cell!r} in column {classes[k]}" for k, cell in enumerate(marks) if read[k] is None]
        if wrong:
            faults.append(f"{where}{video!r} has {listed(wrong)}; write 0 or 1, or take the row out.")
            continue
        words.update((cell, mark) for cell, mark in zip(marks, read, strict=True) if cell not in ("", "0", "1"))
        blanks += marks.count("")
        zeros |= any(cell and mark is False for cell, mark in zip(marks, read, strict=True))
        if not any(marks):
            all_blank.append(len(entries))
        entries.append(Entry(where, video, [index for index, mark in enumerate(read) if mark]))
    if zeros:  # then a blank row may as well be one that nobody has filled in yet
        faults += [
            f"{entries[k].where}{entries[k].video!r} has no marks at all, while other rows have 0; write 0 where a "
            "class is not there, or take the row out."
            for k in all_blank
        ]
        if not sheet.whole and len(cells) - 1 in columns.place.values() and not cells[-1].strip():
            faults.append(f"{where}{video!r} may be cut off: no last mark, no line end; write the mark.")
    notes = left_out if len(left_out) < 4 else [*left_out[:3], f"{len(left_out) - 3} more such rows left out"]
    for mark in (True, False):
        taken = [cell for (cell, is_mark) in words if is_mark is mark]
        if taken:
            notes.append(f"{listed([repr(cell) for cell in taken], 6)} taken as {int(mark)}")
    if blanks:
        notes.append(f"{many(blanks, 'blank cell')} taken as 0")
    return entries, faults, notes


def _no_video(
    video: str, values: Sequence[str], marks: Sequence[str], header: Sequence[str], is_file: Callable[[str], bool]
) -> str | None:
    """What a row is that stands for no video; None for all others."""
    if is_file(video):
        return None
    if next(value for value in values if value).startswith("#") and not any(marks):
        return "a comment"
    if [tidy(value) for value in values] == [tidy(cell) for cell in header]:
        return "the header again"
    return None


def _letters(index: int) -> str:
    """A column as spreadsheets name it: 0 is A, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
