"""Predictions: one row a video of probabilities in [0, 1], checked at every write and read, and the official JSON.

A table of predictions has the column ``video`` and one float32 column a class, named by the class's code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from vpipe_utils.data.annotations import check_classes, check_file, class_columns, fault_of_path, parse_pairs
from vpipe_utils.data.classes import CLASSES
from vpipe_utils.storage.files import atomic_path
from vpipe_utils.storage.tables import read_table, write_table
from vpipe_utils.user_files.spreadsheets import decoded


def as_table(videos: Sequence[str], probabilities: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Probabilities `(V, C)` as the table that is written: `video`, then one column a class."""
    return pd.concat(
        [pd.DataFrame({"video": list(videos)}), pd.DataFrame(probabilities, columns=list(classes))], axis=1
    )


def validate_predictions(
    table: pd.DataFrame, classes: Sequence[str], videos: Sequence[str] | None = None, where: str = "predictions"
) -> pd.DataFrame:
    """Check that `table` is one row a video of probabilities in [0, 1]; return it in the order of `videos`.

    Raises ValueError naming `where`, the first offending video and the fault.
    """
    expected = ["video", *classes]
    if list(table.columns) != expected:
        raise ValueError(f"{where}: columns are {list(table.columns)}, expected {expected}")
    twice = table["video"][table["video"].duplicated()]
    if len(twice):
        raise ValueError(f"{where}: video '{twice.iloc[0]}' has more than one row")
    if videos is not None:
        missing = sorted(set(videos) - set(table["video"]))
        if missing:
            raise ValueError(f"{where}: {len(missing)} of {len(videos)} videos are missing, first '{missing[0]}'")
        extra = sorted(set(table["video"]) - set(videos))
        if extra:
            raise ValueError(f"{where}: video '{extra[0]}' is not one of the {len(videos)} expected")
        table = table.set_index("video").loc[list(videos)].reset_index()
    values = table[list(classes)].to_numpy(dtype=np.float32)
    bad = ~((values >= 0) & (values <= 1))  # also true for NaN
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"{where}: video '{table['video'].iloc[row]}', class {classes[column]}: "
            f"{values[row, column]} is no probability in [0, 1]"
        )
    return as_table(table["video"], values, classes)


def write_predictions(
    table: pd.DataFrame, path: str | Path, videos: Sequence[str] | None, classes: Sequence[str]
) -> None:
    """Validate and write probabilities, one row a video (`videos`: those that must be there, no other)."""
    write_table(validate_predictions(table, classes, videos, str(path)), path)


def read_predictions(path: str | Path, classes: Sequence[str], videos: Sequence[str] | None = None) -> pd.DataFrame:
    """Read and validate probabilities, in the order of `videos` where given."""
    return validate_predictions(read_table(path), classes, videos, str(path))


def write_submission(predictions: pd.DataFrame, path: str | Path, classes: Sequence[str] | None = None) -> None:
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
    check_file(path)
    try:
        pairs = parse_pairs(next(decoded(path.read_bytes()))[0])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    seen: set[str] = set()
    for video, values in pairs:
        if fault := fault_of_path(video):  # any ending: whatever can be read is a video, and is predicted
            raise ValueError(f"{path}: {fault}")
        if video in seen:
            raise ValueError(f"{path}: {video!r} is predicted twice; keep one of the entries.")
        seen.add(video)
        numbers = isinstance(values, list) and all(type(value) in (int, float) for value in values)
        if not numbers or len(values) != len(classes):
            raise ValueError(f"{path}: {video!r} must have a list of {len(classes)} numbers, one a class.")
    videos = [video for video, _ in pairs]
    matrix = np.array([values for _, values in pairs], dtype=np.float32).reshape(len(pairs), len(classes))
    return validate_predictions(as_table(videos, matrix, classes), classes, where=str(path))
