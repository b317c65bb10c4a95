"""Annotation and submission files: read, validate, write.

A table of labels has one row a video: column ``video`` (the file's name, which identifies the video
everywhere) and one uint8 column of 0 and 1 for each class, named by the class's code, in class order.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from vpipe_utils.data.classes import CLASSES, NORMAL
from vpipe_utils.user_files.label_sheets import Entry, read_label_sheet
from vpipe_utils.user_files.name_matching import VIDEO_EXTENSIONS, FileNames, has_video_ending, shown, without_folder
from vpipe_utils.user_files.spreadsheets import TEXTS, WORKBOOKS, decoded
from vpipe_utils.user_files.user_text import listed

MOST_FAULTS = 20  # that are said of one file; more would not be read


def class_columns(table: pd.DataFrame) -> list[str]:
    """The class columns of a table of labels or predictions: all but ``video``."""
    return [column for column in table.columns if column != "video"]


def recording_of(video: str) -> str:
    """Recording that a file is a piece of: '26518_4.mp4' -> '26518', 'd17920.mp4' -> 'd17920'."""
    stem = unicodedata.normalize("NFC", Path(video).stem)  # the pieces of one may be written in both forms
    return re.sub(r"(?<=.)_\d+$", "", stem)


def class_counts(labels: pd.DataFrame) -> pd.Series:
    """Videos with each class, in class order."""
    return labels[class_columns(labels)].sum().astype(int).rename("videos")


def labels_per_video(labels: pd.DataFrame) -> pd.Series:
    """How many videos have one label, two, ...: index = labels, value = videos."""
    counts = labels[class_columns(labels)].sum(axis=1).astype(int)
    return counts.value_counts().sort_index().rename_axis("labels").rename("videos")


def cooccurrence(labels: pd.DataFrame) -> pd.DataFrame:
    """Videos that have both classes, (C, C); the diagonal holds the videos with the class."""
    marks = labels[class_columns(labels)].astype(np.int64)
    return marks.T @ marks


class LabelFile(NamedTuple):
    """What an annotation file says, and how it was read."""

    table: pd.DataFrame
    notes: list[str]  # what was left out or had to be taken for something: "12 blank cells taken as 0"
    written: dict[str, str]  # file's name → the name in the annotations, where the two are written differently


def read_annotations(
    path: str | Path, classes: Sequence[str] = CLASSES, normal: str | None = NORMAL, files: FileNames | None = None
) -> pd.DataFrame:
    """Read an annotation file into a table of labels, in the file's order.

    ``.json`` is the official form ``{"26703.mp4": [8, 14], ...}`` (an entry is a class's index in ``classes``; its code
    is taken too). A CSV or workbook has a column ``video`` and one a class, with 0 or 1: see `label_sheets`. ``normal``
    is the class that excludes all others; None, or one not in ``classes``: no such rule, and a video may have no class.
    ``files``: the names in the folder of videos; a label then means the one file that fits (`name_matching`), and the
    table has the file's name. Without it every name must be a plain one with a video's ending.
    Raises FileNotFoundError, or ValueError that names the file, and each fault with its video and, in a table, its row.
    """
    return read_label_file(path, classes, normal, files).table


def read_label_file(
    path: str | Path, classes: Sequence[str] = CLASSES, normal: str | None = NORMAL, files: FileNames | None = None
) -> LabelFile:
    """`read_annotations`, with what there is to say about it."""
    path = Path(path)
    classes = check_classes(classes)
    suffix = path.suffix.lower()
    if suffix not in (".json", *TEXTS, *WORKBOOKS):
        known = ", ".join((*TEXTS, *WORKBOOKS))
        raise ValueError(f"{path}: an annotation file must end in .json or one of {known}; rename or convert it.")
    check_file(path)

    def is_file(name: str) -> bool:
        return files is not None and bool(files.meant_by(name))

    try:
        if suffix == ".json":
            entries, faults, notes = _read_json(path, classes, is_file)
        else:
            entries, faults, notes = read_label_sheet(path, classes, is_file)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not entries and not faults:
        faults.append("no video is named in it; give at least one video with its classes.")
    rows: dict[str, Entry] = {}
    for entry in entries:
        video, fault = _video_of(entry, files)
        fault = fault or _fault_of(entry, rows.get(video), classes, normal, sheet=suffix != ".json")
        if fault:
            faults.append(entry.where + fault)
        rows.setdefault(video, entry)
    if not faults and not any(entry.classes for entry in entries):
        faults.append("no video in it has any class; mark the classes of some.")
    if faults:
        raise ValueError(_said(path, sorted(faults, key=_row_of)))
    matrix = np.zeros((len(rows), len(classes)), dtype=np.uint8)
    for row, entry in enumerate(rows.values()):
        matrix[row, entry.classes] = 1
    written = {video: entry.video for video, entry in rows.items() if entry.video != video}
    table = pd.DataFrame(matrix, columns=classes)
    table.insert(0, "video", list(rows))
    return LabelFile(table, notes, written)


def _said(path: Path, faults: list[str]) -> str:
    if len(faults) == 1:
        return f"{path}: {faults[0]}"
    more = [f"and {len(faults) - MOST_FAULTS:,} more."] if len(faults) > MOST_FAULTS else []
    return "\n  ".join([f"{path}: {len(faults):,} faults.", *faults[:MOST_FAULTS], *more])


def _row_of(fault: str) -> int:
    row = re.match(r"row (\d+): ", fault)
    return int(row[1]) if row else 0


def _video_of(entry: Entry, files: FileNames | None) -> tuple[str, str]:
    """The video that an entry means, and what is wrong with its name ("" for nothing)."""
    name = entry.video
    if re.search(r"[\x00-\x1f\ud800-\udfff]", name):
        return name, f"{name!r} is not a plain file name; it holds signs that no name has."
    if files is None:
        return name, _fault_of_name(name)
    found = files.meant_by(name)
    if len(found) > 1:
        alike = " and ".join(shown(found))
        return name, f"{name!r} may mean {alike}; write the name exactly as the file's, or rename one of the files."
    if found:
        return found[0], ""
    return without_folder(name), "" if without_folder(name) not in ("", ".", "..") else f"{name!r} names no file."


def fault_of_path(name: str) -> str:
    if re.search(r"[/\\]", name) or name in ("", ".", ".."):
        return f"{name!r} is not a plain file name; videos lie in one folder, name them without a path."
    return ""


def _fault_of_name(name: str) -> str:
    if name and (fault := fault_of_path(name)):
        return fault
    if not has_video_ending(name):
        return f"{name!r} is no video's name; names end in {', '.join(VIDEO_EXTENSIONS[:12])} or the like."
    return ""


def _fault_of(entry: Entry, earlier: Entry | None, classes: list[str], normal: str | None, sheet: bool) -> str:
    """What is wrong with the classes of an entry, or with there being two of it; "" for nothing."""
    video = repr(entry.video)
    if earlier is not None:
        if earlier.video == entry.video:
            there = f" (first in {earlier.where.removesuffix(': ')})" if earlier.where else ""
            return f"{video} is named twice{there}; merge the two entries into one."
        both = " and ".join(shown([entry.video, earlier.video]))
        return f"{both} both mean one file; merge the two entries, or give the name of the other file."
    if normal in classes and not entry.classes:
        index = classes.index(normal)
        advice = f"write [{index}] ({normal}) or take the video"
        advice = f"write 1 under {normal}, or take the row" if sheet else advice
        return f"{video} has no class; {advice} out of the file."
    for index in entry.classes:
        if entry.classes.count(index) > 1:
            return f"{video} has class {index} ({classes[index]}) twice; name each class once."
    if normal in classes and classes.index(normal) in entry.classes and len(entry.classes) > 1:
        others = ", ".join(classes[i] for i in sorted(entry.classes) if classes[i] != normal)
        return f"{video} is normal ({normal}) and has {others} at once; keep one of the two."
    return ""


def check_classes(classes: Sequence[str]) -> list[str]:
    """The class list as a list of names; ValueError when it cannot be one."""
    classes = list(classes)
    if not classes:
        raise ValueError("classes: the list is empty; name at least one class.")
    for name in classes:
        if not isinstance(name, str) or not name.strip() or name == "video":
            raise ValueError(f"classes: {name!r} cannot name a class; use texts other than 'video'.")
        if classes.count(name) > 1:
            raise ValueError(f"classes: {name!r} is listed twice; name each class once.")
    return classes


class _Pairs(list):
    """What was a JSON object; a plain list could not be told from a JSON array."""


def check_file(path: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file; give the path of one that is.")
    if not path.is_file():
        raise ValueError(f"{path}: this is a folder, not a file; give the file's path.")
    if not path.read_bytes().strip():
        raise ValueError(f"{path}: the file is empty; give at least one video with its classes.")


def parse_pairs(text: str) -> list[tuple[str, object]]:
    """The entries of the outermost object as pairs, so that a name given twice is seen. ValueError without the path."""
    try:
        data = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        at = f" (line {error.lineno}: {error.msg})" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(f"the file is not valid JSON{at}; correct it there.") from error
    if not isinstance(data, _Pairs):
        raise ValueError('the file must hold one JSON object such as {"26703.mp4": [8, 14]}.')
    return list(data)


def _read_json(
    path: Path, classes: list[str], is_file: Callable[[str], bool]
) -> tuple[list[Entry], list[str], list[str]]:
    readings = decoded(path.read_bytes())
    text, encoding = max(readings, key=lambda reading: sum(map(is_file, re.findall(r'"([^"\\]+)"\s*:', reading[0]))))
    entries, faults = [], []
    for video, values in parse_pairs(text):
        if type(values) is not list:
            what = "an object" if isinstance(values, list) else json.dumps(values, ensure_ascii=False)
            faults.append(f"{video!r} has {what}; write a list of class indices such as [8, 14].")
            continue
        wrong = [fault for value in values if (fault := _fault_of_class(value, classes))]
        faults += [f"{video!r} has {fault}" for fault in wrong]
        if not wrong:
            indices = [classes.index(value) if isinstance(value, str) else value for value in values]
            entries.append(Entry("", video, indices))
    return entries, faults, [] if encoding == "UTF-8" else [f"read as {encoding}"]


def _fault_of_class(value: object, classes: list[str]) -> str:
    if type(value) is int and 0 <= value < len(classes):  # not isinstance: true would pass for 1
        return ""
    if isinstance(value, str) and value in classes:
        return ""
    known = f"classes are 0–{len(classes) - 1} ({listed(classes, 17)})"
    if type(value) in (int, str):
        return f"class {value!r}; {known}."
    what = "a list or an object" if isinstance(value, list) else json.dumps(value)
    return f"{what} where a class index is expected; {known}."
