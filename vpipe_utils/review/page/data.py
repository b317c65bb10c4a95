"""What the page of a review shows, as one JavaScript file: names, probabilities, evidence and addresses of pictures.

The page never builds HTML out of these texts; here they are only kept from ending a script or a line early.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from vpipe_utils.review.page.sheets import sheet_name
from vpipe_utils.review.proposals import Review, proposed
from vpipe_utils.review.tables import PREDICTED

FIELDS = ("second", "first_s", "last_s", "x", "y", "x0", "y0", "x1", "y1")  # of evidence, in this order


def page_data(review: Review) -> dict[str, object]:
    """Everything that the page needs, as JSON knows it. Clips come by rank, those that cannot be read last."""
    record = review.record
    marks = proposed(review)
    clips = _clips(review, marks)
    return {
        "id": review_id(record.get("name") or review.folder.name, [clip["video"] for clip in clips]),
        "name": str(record.get("name") or review.folder.name),
        **{
            key: record[key] for key in ("model", "made", "preset", "guarantee", "drift") if record.get(key) is not None
        },
        "classes": [{"code": code, "name": review.names.get(code, "")} for code in review.classes],
        "normal": None if review.normal is None else review.classes.index(review.normal),
        "thresholds": [review.thresholds[code] for code in review.classes],
        "videos_dir": _common_folder(review.clips),
        "folder": str(review.folder.resolve()),
        "exports": sorted(path.name for path in (review.folder / "exports").glob("*") if path.is_file()),
        "report": "../../report/index.html" if _beside_a_report(review.folder) else None,
        "clips": clips,
    }


def review_id(name: str, videos: list[str]) -> str:
    """What decisions are kept under in a browser: predicting the same clips again finds them again."""
    text = "\n".join([name, *sorted(videos)])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def as_script(data: dict[str, object]) -> str:
    """A JavaScript file that sets `REVIEW`. ASCII only: `<`, line separators and lone surrogates are escapes."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return f"var REVIEW = {text.replace('<', chr(92) + 'u003c').replace('>', chr(92) + 'u003e')};\n"


def address(path: str | Path, folder: Path) -> list[str]:
    """URLs of a file as seen from a page in ``folder``: relative, then absolute; one that fits is enough."""
    path = Path(os.path.abspath(path))
    urls = [f"file://{quote(path.as_posix())}" if path.anchor == "/" else path.as_uri()]
    try:
        return [quote(os.path.relpath(path, os.path.abspath(folder)).replace(os.sep, "/")), *urls]
    except ValueError:  # another drive
        return urls


def _clips(review: Review, marks: pd.DataFrame) -> list[dict[str, object]]:
    queue = review.queue.drop_duplicates("video").set_index("video")
    values = review.calibrated.set_index("video")
    evidence = {name: rows for name, rows in review.evidence.groupby("video", sort=False)}
    ordered = review.clips.assign(rank=review.clips["video"].map(queue["rank"]))
    ordered = ordered.sort_values("rank", na_position="last", kind="stable")
    return [_clip(review, row, queue, values, marks, evidence.get(row.video)) for row in ordered.itertuples()]


def _clip(
    review: Review, row: tuple, queue: pd.DataFrame, values: pd.DataFrame, marks: pd.DataFrame,
    evidence: pd.DataFrame | None,
) -> dict[str, object]:  # fmt: skip
    clip = {
        "video": row.video,
        "urls": address(row.path, review.folder),
        "path": row.path,
        "recording": row.recording,
        "seconds": _rounded(row.duration_s, 2),
        "frames": int(row.frames),
        "size": [int(row.width), int(row.height)],
    }
    if row.status != PREDICTED:
        return clip | {"unreadable": row.reason or "it could not be read"}
    clip |= {
        "p": [_rounded(value, 4) for value in values.loc[row.video]],
        "proposed": [k for k, mark in enumerate(marks.loc[row.video]) if mark],
        "evidence": [] if evidence is None else [_evidence(review, each) for each in evidence.to_dict("records")],
    }
    if (review.folder / sheet_name(row.video)).is_file():
        clip["sheet"] = sheet_name(row.video)
    if row.video in queue.index:
        order = queue.loc[row.video]
        clip |= {"rank": int(order["rank"]), "watch": bool(order["watch"]), "why": order["why"]}
        clip |= {"need": _rounded(order["need"], 4), "drift": _rounded(order["drift"], 3)}
    return clip


def _evidence(review: Review, row: dict) -> dict[str, object]:
    pictures = {
        key: quote(row[key]) for key in ("picture", "heat") if row[key] and (review.folder / row[key]).is_file()
    }
    place = [_rounded(row[field], 3) for field in FIELDS]
    return {"class": review.classes.index(row["class"]), "at": place, **pictures}


def _rounded(value: object, digits: int) -> float | None:
    return None if pd.isna(value) else round(float(value), digits)


def _beside_a_report(folder: Path) -> bool:
    """Whether this is outputs/<preset>/review/<name> of a preset with pages; these may come after this one."""
    preset = folder.resolve().parents[1]
    return folder.resolve().parent.name == "review" and any(
        (preset / name).is_dir() for name in ("report", "notebooks")
    )


def _common_folder(clips: pd.DataFrame) -> str | None:
    """The folder in which all clips lie; None where there are several."""
    folders = {os.path.dirname(path) for path in clips["path"]}
    return folders.pop() if len(folders) == 1 else None
