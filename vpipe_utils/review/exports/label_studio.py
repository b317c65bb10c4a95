"""Proposals as tasks of Label Studio: a video with its classes and, where known, when each is in sight.

Form: tasks with `data` and `predictions` (labelstud.io/guide/predictions); of a prediction's results, `choices` says
which classes the clip has (tag Choices), `timelinelabels` in which frames (tag TimelineLabels: `value.ranges` with
`start` and `end`, one range a region). Label Studio counts frames from 1 (its TimelineLabels example begins there). The
labelling set-up that these results need is written beside them, label_studio.xml.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

from vpipe_utils.review.proposals import Review, proposals
from vpipe_utils.storage.files import atomic_path
from vpipe_utils.storage.tables import write_json

TASKS, SET_UP = "label_studio.json", "label_studio.xml"
# Files of a disk as Label Studio serves them (labelstud.io/guide/storage). Paths are from the root of the disk: set
# LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT to "/", or replace their beginning.
LOCAL = "/data/local-files/?d="
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6a3d9a", "#b15928")  # Okabe-Ito and two


def write_label_studio(review: Review, folder: Path) -> list[Path]:
    """Write the tasks (by rank, one a predicted clip) and the labelling set-up."""
    write_json(tasks(review), folder / TASKS)
    with atomic_path(folder / SET_UP) as part:
        part.write_text(set_up(review), encoding="utf-8")
    return [folder / TASKS, folder / SET_UP]


def tasks(review: Review) -> list[dict]:
    """The tasks as JSON knows them. A clip without a proposal is a task, too: somebody may find what was missed."""
    table = {video: rows for video, rows in proposals(review).groupby("video")}
    queue = review.queue.drop_duplicates("video").set_index("video")
    rows = review.clips[review.clips["video"].isin(review.calibrated["video"])]
    rows = rows.assign(rank=rows["video"].map(queue["rank"])).sort_values("rank", kind="stable")
    return [_task(review, row, table.get(row.video), queue) for row in rows.itertuples()]


def set_up(review: Review) -> str:
    """The labelling set-up (XML) for these classes; import the tasks into a project that has it."""
    view = ElementTree.Element("View")
    rates = review.clips.loc[review.clips["fps"] > 0, "fps"]
    rate = f"{rates.mode().iloc[0]:g}" if len(rates) else "25"
    ElementTree.SubElement(view, "Video", name="video", value="$video", frameRate=rate, timelineHeight="120")
    choices = ElementTree.SubElement(
        view, "Choices", name="classes", toName="video", choice="multiple", showInline="true"
    )
    labels = ElementTree.SubElement(view, "TimelineLabels", name="sight", toName="video")
    for k, code in enumerate(review.classes):
        hint = {"hint": review.names[code]} if code in review.names else {}
        ElementTree.SubElement(choices, "Choice", value=code, **hint)
        ElementTree.SubElement(labels, "Label", value=code, background=COLOURS[k % len(COLOURS)], **hint)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _task(review: Review, row: tuple, rows: object, queue: object) -> dict:
    results = []
    if rows is not None:
        results.append(_result(row.video, "classes", "choices", {"choices": rows["class"].tolist()}, None))
        for each in rows.itertuples():
            if not (math.isnan(each.first_s) or math.isnan(each.last_s)) and row.fps > 0:
                span = {"start": _frame(each.first_s, row), "end": _frame(each.last_s, row)}
                code = rows.loc[each.Index, "class"]
                value = {"ranges": [span], "timelinelabels": [code]}
                results.append(_result(row.video, "sight", "timelinelabels", value, each.probability, code))
    data = {"video": LOCAL + quote(row.path.lstrip("/")), "name": row.video, "frames_per_second": row.fps}
    if row.video in queue.index:
        order = queue.loc[row.video]
        data |= {"rank": int(order["rank"]), "watch": bool(order["watch"]), "why": order["why"]}
    model = str(review.record.get("model") or "VPipe")
    score = None if rows is None else round(float(rows["probability"].max()), 4)
    prediction = {"model_version": model, "result": results} | ({} if score is None else {"score": score})
    return {"data": data, "predictions": [prediction]}


def _frame(second: float, row: tuple) -> int:
    """The frame shown at a second, counted from 1 and within the clip."""
    return max(1, min(int(math.floor(second * row.fps + 1e-6)) + 1, int(row.frames) or 1))


def _result(video: str, name: str, kind: str, value: dict, score: float | None, more: str = "") -> dict:
    identity = hashlib.sha256(f"{video}\n{name}\n{more}".encode()).hexdigest()[:10]
    result = {"id": identity, "from_name": name, "to_name": "video", "type": kind, "value": value}
    return result if score is None else result | {"score": round(float(score), 4)}
