"""The files of a review: one folder for one set of new clips, written by `make predict`, read by its page and exports.

    clips.parquet        one row a clip, those that cannot be read too
    predictions.parquet  probabilities of the clips that can be read, as `evaluation.predictions` has them
    calibrated.parquet   the same table after calibration: of a hundred clips at 0.7, seventy should show the class
    evidence.parquet     one row a clip and shown class: the most telling frame and where in it
    queue.parquet        one row a predicted clip: in which order to look, and whether a person must
    review.json          what predicted it, classes, guarantee, limits of drift

Pictures lie in pictures/ beside them; tables name them relative to the folder.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vpipe_utils.storage.tables import read_table, write_table

CLIPS, PREDICTIONS, CALIBRATED = "clips.parquet", "predictions.parquet", "calibrated.parquet"
EVIDENCE, QUEUE, REVIEW = "evidence.parquet", "queue.parquet", "review.json"
PICTURES = "pictures"
PREDICTED, UNREADABLE = "predicted", "unreadable"  # status of a clip
COLUMNS = {
    CLIPS: {
        "video": "str",  # file name, as everywhere
        "path": "str",  # absolute
        "recording": "str",
        "frames": "int64",  # that decoding gives; 0 where it gives none
        "fps": "float64",
        "duration_s": "float64",
        "width": "int64",  # pixels
        "height": "int64",
        "status": "str",  # PREDICTED or UNREADABLE
        "reason": "str",  # why it cannot be read, else empty
    },
    EVIDENCE: {
        "video": "str",
        "class": "str",  # code
        "probability": "float64",  # calibrated
        "frame": "int64",  # index of the most telling frame in the clip
        "second": "float64",  # its time in the clip
        "first_s": "float64",  # first and last second in sight around it
        "last_s": "float64",
        "x": "float64",  # the hottest point, in pixels of the frame
        "y": "float64",
        "x0": "float64",  # box around the hot part: x1 and y1 exclusive
        "y0": "float64",
        "x1": "float64",
        "y1": "float64",
        "picture": "str",  # the frame, relative to the folder of the review
        "heat": "str",  # the map as a picture with an alpha channel, of the frame's shape; as above
    },
    QUEUE: {
        "video": "str",
        "rank": "int64",  # 1 is looked at first
        "watch": "bool",  # on the list whose promise review.json states
        "need": "float64",  # what the order follows, in [0, 1]
        "drift": "float64",  # distance to the clips of calibration, 1 at the limit above which it warns
        "why": "str",  # the sentence that the page shows
    },
}


def write_review_table(table: pd.DataFrame, folder: Path, name: str) -> None:
    """Write one of COLUMNS' tables; its columns are put in order. Raises ValueError for a missing or strange column."""
    write_table(_checked(table, name, f"{folder / name}"), folder / name)


def read_review_table(folder: Path, name: str) -> pd.DataFrame:
    """Read one of COLUMNS' tables. Errors: those of `read_table`, and ValueError for other columns."""
    return _checked(read_table(folder / name), name, f"{folder / name}")


def _checked(table: pd.DataFrame, name: str, where: str) -> pd.DataFrame:
    wanted = COLUMNS[name]
    if set(table.columns) != set(wanted):
        odd = sorted(set(table.columns) ^ set(wanted))
        raise ValueError(f"{where}: columns differ from those of a review in {', '.join(map(repr, odd))}")
    return table[list(wanted)].astype(wanted)
