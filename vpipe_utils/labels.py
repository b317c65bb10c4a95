"""Annotation and submission files: read, validate, write.

A table of labels has one row a video: column ``video`` (the file's name, which identifies the video
everywhere) and one uint8 column of 0 and 1 for each class, named by the class's code, in class order.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from vpipe_utils.classes import CLASSES, NORMAL
from vpipe_utils.runs import atomic_path, validate_predictions

VIDEO_EXTENSIONS = tuple(".mp4 .avi .mov .mkv .m4v .mpg .mpeg .wmv .ts .mts .webm .flv".split())


def class_columns(table: pd.DataFrame) -> list[str]:
    """The class columns of a table of labels or predictions: all but ``video``."""
    return [column for column in table.columns if column != "video"]


def recording_of(video: str) -> str:
    """Recording that a file is a piece of: '26518_4.mp4' -> '26518', 'd17920.mp4' -> 'd17920'."""
    stem = Path(video).stem
    return re.sub(r"(?<=.)_\d+$", "", stem)


# ---------------------------------------------------------------- statistics of a table of labels


def class_counts(labels: pd.DataFrame) -> pd.Series:
    """Videos with each class, in class order."""
    return labels[class_columns(labels)].sum().astype(int).rename("videos")


def labels_per_video(labels: pd.DataFrame) -> pd.Series:
    """How many videos have one label, two, ...: index = labels, value = videos."""
    counts = labels[class_columns(labels)].sum(axis=1).astype(int)
    return counts.value_counts().sort_index().rename_axis("labels").rename("videos")


def cooccurrence(labels: pd.DataFrame) -> pd.DataFrame:
    """Videos that have both classes, (C, C); the diagonal holds the videos with the class."""
    codes = class_columns(labels)
    matrix = labels[codes].to_numpy(dtype=np.int64)
    return pd.DataFrame(matrix.T @ matrix, index=codes, columns=codes)


# ---------------------------------------------------------------- annotation files


def read_annotations(
    path: str | Path, classes: Sequence[str] = CLASSES, normal: str | None = NORMAL
) -> pd.DataFrame:
    """Read an annotation file into a table of labels, in the file's order.

    ``.json`` is the official form ``{"26703.mp4": [8, 14], ...}`` (an entry is a class's index in
    ``classes``; its code is taken too); ``.csv`` has a column ``video`` and one 0/1 column a class.
    ``normal`` is the class that excludes all others; None, or one not in ``classes``: no such rule.
    Raises FileNotFoundError, or ValueError with one sentence naming the file, the video and the fault.
    """
    path = Path(path)
    classes = check_classes(classes)
    readers = {".json": _read_json_rows, ".csv": _read_csv_rows}
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path}: an annotation file must end in .json or .csv; rename or convert it.")
    rows = readers[path.suffix.lower()](path, _read_text(path), classes)
    if not rows:
        raise ValueError(f"{path}: no video is named in it; give at least one video with its classes.")

    seen: set[str] = set()
    matrix = np.zeros((len(rows), len(classes)), dtype=np.uint8)
    for row, (video, indices) in enumerate(rows):
        where = f"{path}: {video!r}"
        _check_video_name(path, video)
        if video in seen:
            raise ValueError(f"{where} is named twice; merge the two entries into one.")
        seen.add(video)
        if not indices:
            only = f"[{classes.index(normal)}] ({normal})" if normal in classes else "its classes"
            raise ValueError(f"{where} has no class; write {only} or take the video out of the file.")
        for index in indices:
            if matrix[row, index]:
                raise ValueError(f"{where} has class {index} ({classes[index]}) twice; name each class once.")
            matrix[row, index] = 1
        if normal in classes and matrix[row, classes.index(normal)] and len(indices) > 1:
            others = ", ".join(classes[i] for i in sorted(indices) if classes[i] != normal)
            raise ValueError(f"{where} is normal ({normal}) and has {others} at once; keep one of the two.")
    return _label_table([video for video, _ in rows], matrix, classes)


def write_annotations(labels: pd.DataFrame, path: str | Path) -> None:
    """Write a table of labels as an annotation file: official JSON, or CSV when the name ends so."""
    path = Path(path)
    codes = class_columns(labels)
    with atomic_path(path) as temporary:
        if path.suffix.lower() == ".csv":
            labels[["video", *codes]].to_csv(temporary, index=False)
            return
        matrix = labels[codes].to_numpy()
        rows = {v: np.flatnonzero(row).tolist() for v, row in zip(labels["video"], matrix, strict=True)}
        lines = ",\n".join(f"{json.dumps(v)}: {json.dumps(indices)}" for v, indices in rows.items())
        Path(temporary).write_text("{\n" + lines + "\n}\n", encoding="utf-8")


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


# ---------------------------------------------------------------- submissions


def write_submission(
    predictions: pd.DataFrame, path: str | Path, classes: Sequence[str] | None = None
) -> None:
    """Write predictions as the official JSON ``{"name.mp4": [one probability a class], ...}``.

    ``predictions``: column ``video`` and a column a class, probabilities in [0, 1]. The order in the
    file is that of ``classes``; without it QV-Pipe's order, or the columns' own for another class list.
    """
    columns = class_columns(predictions)
    if classes is None:
        classes = CLASSES if set(columns) == set(CLASSES) else columns
    ordered = predictions[["video", *(code for code in classes if code in columns)]]
    matrix = validate_predictions(ordered, classes, where=str(path))[list(classes)].to_numpy()
    # str() of a float32 is the shortest text that reads back to the same value, so no ties arise
    lines = ",\n".join(
        f"{json.dumps(video)}: [{', '.join(str(float(str(value))) for value in row)}]"
        for video, row in zip(predictions["video"], matrix, strict=True)
    )
    with atomic_path(Path(path)) as temporary:
        Path(temporary).write_text("{\n" + lines + "\n}\n", encoding="utf-8")


def read_submission(path: str | Path, classes: Sequence[str] = CLASSES) -> pd.DataFrame:
    """Read an official submission into a table: ``video`` and one float32 column a class."""
    path = Path(path)
    classes = check_classes(classes)
    pairs = _parse_json(path, _read_text(path))
    seen: set[str] = set()
    for video, values in pairs:
        _check_video_name(path, video)
        if video in seen:
            raise ValueError(f"{path}: {video!r} is predicted twice; keep one of the entries.")
        seen.add(video)
        numbers = isinstance(values, list) and all(type(value) in (int, float) for value in values)
        if not numbers or len(values) != len(classes):
            raise ValueError(f"{path}: {video!r} must have a list of {len(classes)} numbers, one a class.")
    videos = [video for video, _ in pairs]
    matrix = np.array([values for _, values in pairs], dtype=np.float32).reshape(len(pairs), len(classes))
    return validate_predictions(_label_table(videos, matrix, classes), classes, where=str(path))


# ---------------------------------------------------------------- the parts


class _Pairs(list):
    """What was a JSON object; a plain list could not be told from a JSON array."""


def _label_table(videos: Sequence[str], matrix: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    table = pd.DataFrame(matrix, columns=list(classes))
    table.insert(0, "video", list(videos))
    return table


def _read_text(path: Path) -> str:
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file; give the path of one that is.")
    if not path.is_file():
        raise ValueError(f"{path}: this is a folder, not a file; give the file's path.")
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheet programs put a byte order mark first
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: the file is not text in UTF-8; save it as UTF-8.") from error
    if not text.strip():
        raise ValueError(f"{path}: the file is empty; give at least one video with its classes.")
    return text


def _parse_json(path: Path, text: str) -> list[tuple[str, object]]:
    """The entries of the outermost object as pairs, so that a name given twice is seen."""
    try:
        data = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        at = f" (line {error.lineno}: {error.msg})" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(f"{path}: the file is not valid JSON{at}; correct it there.") from error
    if not isinstance(data, _Pairs):
        raise ValueError(f'{path}: the file must hold one JSON object such as {{"26703.mp4": [8, 14]}}.')
    return list(data)


def _read_json_rows(path: Path, text: str, classes: list[str]) -> list[tuple[str, list[int]]]:
    rows = []
    for video, entries in _parse_json(path, text):
        if type(entries) is not list:
            shown = "an object" if isinstance(entries, list) else json.dumps(entries, ensure_ascii=False)
            raise ValueError(f"{path}: {video!r} has {shown}; write a list of class indices such as [8, 14].")
        rows.append((video, [_class_index(path, video, entry, classes) for entry in entries]))
    return rows


def _class_index(path: Path, video: str, entry: object, classes: list[str]) -> int:
    if type(entry) is int and 0 <= entry < len(classes):  # not isinstance: true would pass for 1
        return entry
    if isinstance(entry, str) and entry in classes:
        return classes.index(entry)
    known = f"classes are 0–{len(classes) - 1} ({_shortened(classes)})"
    if type(entry) in (int, str):
        raise ValueError(f"{path}: {video!r} has class {entry!r}; {known}.")
    shown = "a list or an object" if isinstance(entry, list) else json.dumps(entry)
    raise ValueError(f"{path}: {video!r} has {shown} where a class index is expected; {known}.")


def _read_csv_rows(path: Path, text: str, classes: list[str]) -> list[tuple[str, list[int]]]:
    try:
        lines = [line for line in csv.reader(text.splitlines(), strict=True) if line]
    except csv.Error as error:
        raise ValueError(f"{path}: the file is not valid CSV ({error}); correct it there.") from error
    header = [name.strip() for name in lines[0]]
    expected = ["video", *classes]
    for name in header:
        if header.count(name) > 1:
            raise ValueError(f"{path}: the column {name!r} is there twice; keep one.")
    missing = [name for name in expected if name not in header]
    unknown = [name for name in header if name not in expected]
    if unknown:
        raise ValueError(
            f"{path}: the column {unknown[0]!r} is no class; the columns are video, {_shortened(classes)}. "
            "Drop it, or add it to classes in data.yaml; columns are separated by commas."
        )
    if missing:
        raise ValueError(f"{path}: the column {missing[0]!r} is missing; give video and every class.")
    rows = []
    for line in lines[1:]:
        video = line[header.index("video")].strip() if len(line) > header.index("video") else ""
        if len(line) != len(header):
            raise ValueError(f"{path}: {video!r} has {len(line)} values, the header {len(header)}; mend it.")
        cells = {name: cell.strip() for name, cell in zip(header, line, strict=True)}
        for code in classes:
            if cells[code] not in ("0", "1"):
                raise ValueError(f"{path}: {video!r} has {cells[code]!r} in column {code}; write 0 or 1.")
        rows.append((video, [index for index, code in enumerate(classes) if cells[code] == "1"]))
    return rows


def _check_video_name(path: Path, video: str) -> None:
    if re.search(r"[/\\\x00-\x1f\ud800-\udfff]", video) or video in (".", ".."):
        raise ValueError(
            f"{path}: {video!r} is not a plain file name; videos lie in one folder, name them without a path."
        )
    stem, suffix = Path(video).stem, Path(video).suffix.lower()
    if suffix not in VIDEO_EXTENSIONS or not stem:
        endings = ", ".join(VIDEO_EXTENSIONS)
        raise ValueError(f"{path}: {video!r} is no video's name; names end in one of {endings}.")


def _shortened(names: Sequence[str], most: int = 17) -> str:
    return ", ".join(names) if len(names) <= most else ", ".join(names[:most]) + ", …"
