"""A review read as a whole, and what it proposes: the classes of a clip that clear their thresholds.

The page and all exports ask here, so that they say the same of a clip.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from vpipe_utils.data.annotations import class_columns
from vpipe_utils.data.classes import NORMAL, are_official, long_names
from vpipe_utils.evaluation.predictions import read_predictions
from vpipe_utils.review.tables import CALIBRATED, CLIPS, COLUMNS, EVIDENCE, PREDICTED, QUEUE, REVIEW, read_review_table
from vpipe_utils.storage.tables import read_json, read_table

THRESHOLD = 0.5  # of a class for which review.json has none: as likely there as not


class Review(NamedTuple):
    """The folder of a review, read. `clips` has all clips, `calibrated` those that could be read, in its order."""

    folder: Path
    record: Mapping[str, object]  # review.json
    clips: pd.DataFrame
    calibrated: pd.DataFrame
    evidence: pd.DataFrame  # no rows where no network can show any
    queue: pd.DataFrame  # by rank
    classes: list[str]
    names: dict[str, str]  # code → long name, of those that have one
    normal: str | None  # the class that excludes all others
    thresholds: dict[str, float]


def read_review(folder: str | Path) -> Review:
    """Read a review; the table of evidence may be missing, and keys of review.json.

    Raises FileNotFoundError or ValueError, with the path, for a folder that is no review or one with damaged tables.
    """
    folder = Path(folder)
    record = read_json(folder / REVIEW) if (folder / REVIEW).is_file() else {}
    classes = list(record.get("classes") or class_columns(read_table(folder / CALIBRATED)))
    clips = read_review_table(folder, CLIPS)
    readable = clips.loc[clips["status"] == PREDICTED, "video"].tolist()
    calibrated = read_predictions(folder / CALIBRATED, classes, readable)
    if (folder / EVIDENCE).is_file():
        evidence = read_review_table(folder, EVIDENCE)
    else:
        evidence = pd.DataFrame(columns=list(COLUMNS[EVIDENCE])).astype(COLUMNS[EVIDENCE])
    evidence = evidence[evidence["video"].isin(readable) & evidence["class"].isin(classes)]
    queue = read_review_table(folder, QUEUE).sort_values("rank")
    thresholds = {code: float((record.get("threshold") or {}).get(code, THRESHOLD)) for code in classes}
    normal = record.get("normal", NORMAL if are_official(classes) else None)
    names = long_names(classes, record.get("class_names"))
    return Review(
        folder, record, clips, calibrated, evidence, queue, classes, names,
        normal if normal in classes else None, thresholds,
    )  # fmt: skip


def proposed(review: Review) -> pd.DataFrame:
    """For each predicted clip (index `video`) and class whether it is proposed, bool.

    The normal class is proposed only where no other is: a clip that may show a defect is not called normal.
    """
    table = review.calibrated.set_index("video")
    # float32 against float64: 0.7 as float32 is less than 0.7
    marks = table >= np.array([review.thresholds[code] for code in review.classes], dtype=np.float32)
    if review.normal is not None:
        others = [code for code in review.classes if code != review.normal]
        marks[review.normal] &= ~marks[others].any(axis=1)
    return marks


def proposals(review: Review) -> pd.DataFrame:
    """One row a proposed class of a clip: rank, video, class, probability, and where it is seen (NaN: not looked for).

    Columns `rank`, `video`, `class`, `name`, `probability`, `second`, `first_s`, `last_s`, `frame`; by rank, then by
    probability. The normal class is no proposal. `frame` is Int64 with missing values.
    """
    marks = proposed(review)
    if review.normal is not None:
        marks = marks.drop(columns=review.normal)
    values = review.calibrated.set_index("video")
    long = values[list(marks.columns)].where(marks).stack().dropna().rename_axis(["video", "class"])
    table = long.rename("probability").astype(float).reset_index()
    table = table.merge(review.queue[["video", "rank"]], on="video", how="left")
    seen = review.evidence[["video", "class", "second", "first_s", "last_s", "frame"]]
    seen = seen.drop_duplicates(["video", "class"])
    table = table.merge(seen, on=["video", "class"], how="left").astype({"frame": "Int64"})
    table["name"] = table["class"].map(lambda code: review.names.get(code, ""))
    table["rank"] = table["rank"].fillna(len(review.clips) + 1).astype(int)
    table = table.sort_values(["rank", "probability"], ascending=[True, False], kind="stable", ignore_index=True)
    return table[["rank", "video", "class", "name", "probability", "second", "first_s", "last_s", "frame"]]
