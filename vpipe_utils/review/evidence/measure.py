"""Evidence of trained networks beside PipeSim's truth: a row a label, for every way of attribution that is asked for.

PipeSim records in which frames a class is in sight and in which box (evidence.parquet). A label of a clip is asked for
whether the network gives it a high probability or not; `evidence.summary` tells the two apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from vpipe_utils import video
from vpipe_utils.learning.fold_run import finished_run
from vpipe_utils.project.progress import progress_bar
from vpipe_utils.review.evidence import sight
from vpipe_utils.review.evidence.attribution import map_frame, score_tiles
from vpipe_utils.review.evidence.networks import ClipLogits, as_tiles, network_tiles, sampled_frames
from vpipe_utils.review.evidence.places import Box, area, holds, hottest, inside
from vpipe_utils.storage.files import make_folder

BEST_TILE, BEST_FRAME = "best of the nine tiles", "best of all frames"  # ways of the question "frame"


class Asked(NamedTuple):
    """What is measured of a run: ways to find the tile, and ways to find the place in the most telling frame."""

    tile_ways: Sequence[str]
    map_ways: Sequence[str]
    spans: bool = False  # whether first and last frame in sight are measured too


def measure(
    run: Path, truth: pd.DataFrame, videos: pd.DataFrame, asked: Asked, journal: Path, progress: bool = True
) -> pd.DataFrame:
    """One row a label, question and way: video, class, question, way and what was hit.

    Questions: which "tile" of the nine, which "frame" of all, where in it ("map"), and from when to when ("span").

    `run`: folder of a finished run. `truth`: evidence.parquet. `videos`: clips to measure: video, path. `journal`: a
    file with a line a clip, which the same call reads again and goes on with; the caller names it after what it is of.
    """
    done = _read_journal(journal)
    missing = [row for row in videos.itertuples() if row.video not in done]
    if missing:
        params, network = finished_run(run)
        logits, classes = ClipLogits(params, network), params.class_codes
        by_clip = dict(tuple(truth[truth["class"].isin(classes)].groupby("video")))
        make_folder(journal.parent)
        with journal.open("a", encoding="utf-8") as file:
            for row in progress_bar(missing, description=f"evidence of {params.model}", progress=progress):
                seen = by_clip.get(row.video)
                rows = [] if seen is None else measure_clip(logits, classes, row.path, seen, asked)
                file.write(json.dumps({"video": row.video, "rows": rows}) + "\n")
                file.flush()
        done = _read_journal(journal)
    rows = [row | {"video": name} for name in videos["video"] for row in done[name]]
    return pd.DataFrame(rows)


def measure_clip(
    logits: ClipLogits, classes: Sequence[str], path: str, truth: pd.DataFrame, asked: Asked
) -> list[dict[str, object]]:
    """The rows of one clip. `truth`: its rows of evidence.parquet."""
    frames = video.read_frames(path, np.arange(video.count_frames(path)))
    small, sampled = as_tiles(frames, logits.params), sampled_frames(logits.params, len(frames))
    nine = network_tiles(small[sampled], logits.params)
    codes = list(truth["class"].unique())
    numbers = [list(classes).index(code) for code in codes]
    size = frames.shape[2], frames.shape[1]
    boxes = {code: _boxes(truth, code, np.arange(len(frames))) for code in codes}
    rows = []
    for way in asked.tile_ways:
        scores = score_tiles(way, logits, nine, numbers)
        for code, score in zip(codes, scores, strict=True):
            row = _time_row(int(sampled[score.argmax()]), sampled, boxes[code])
            rows.append({"class": code, "question": "tile", "way": way} | row)
    found, seen = sight.look(logits, small.__getitem__, sampled, len(frames), numbers)
    tiles_alone = sight.score_frames(logits, small.__getitem__, np.unique(sampled), numbers)
    for column, (code, number, of) in enumerate(zip(codes, numbers, seen, strict=True)):
        frame = int(found.frames[of.place])
        best_tile = int(tiles_alone.frames[sight.most_telling(logits, tiles_alone, column, number)])
        for way, when in ((BEST_TILE, best_tile), (BEST_FRAME, frame)):
            row = _time_row(when, sampled, boxes[code])
            rows.append({"class": code, "question": "frame", "way": way} | row)
        picture, tile = network_tiles(small[[frame]], logits.params)[0], sight.nearest(sampled, frame)
        for way in asked.map_ways:
            heat = map_frame(way, logits, nine, tile, picture, number, frames[frame])
            row = _map_row(heat, frame, sampled, boxes[code], size)
            rows.append({"class": code, "question": "map", "way": way} | row)
        if asked.spans:
            in_sight = np.sort(truth.loc[truth["class"] == code, "frame"].to_numpy())
            row = {"class": code, "question": "span", "way": "", "frames": len(frames)}
            spans = {"": sight.true_span(in_sight, frame), "told_": of.span}
            spans["own_"] = sight.own_segment(sampled, tile, len(frames))
            for name, span in spans.items():
                row |= {f"{name}first": span.first, f"{name}last": span.last}
            rows.append(row)
    return rows


def _boxes(truth: pd.DataFrame, code: str, frames: np.ndarray) -> list[Box | None]:
    """The box (x0, y0, x1, y1) of a class in each frame, in pixels; None where it is not in sight."""
    known = truth[truth["class"] == code].set_index("frame")[["x0", "y0", "x1", "y1"]]
    return [tuple(map(float, known.loc[frame])) if frame in known.index else None for frame in frames]


def _time_row(frame: int, sampled: np.ndarray, boxes: Sequence[Box | None]) -> dict[str, float]:
    """Whether the class is in sight in a frame, and how often it is in that of a tile by chance."""
    by_chance = np.mean([boxes[of] is not None for of in sampled])
    return {"time": float(boxes[frame] is not None), "time_chance": float(by_chance)}


def _map_row(
    heat: np.ndarray | None, frame: int, sampled: np.ndarray, boxes: Sequence[Box | None], size: tuple[int, int]
) -> dict[str, float]:
    """Whether the hottest point lies in the box, how much of the heat does, and the same of what needs no network.

    The naive points, each the share of the nine tiles in which it hits, so no draw blurs it: the centre of the picture,
    a random point (the box's share of the picture), and the method's own point in a tile by chance. No map counts as a
    miss.
    """
    width, height = size
    row = _time_row(frame, sampled, boxes)
    x, y = hottest(heat, size) if heat is not None else (np.nan, np.nan)
    row["point"] = float(holds(boxes[frame], x, y))
    row["energy"] = inside(heat, boxes[frame], size) if heat is not None else 0.0
    nine = [boxes[of] for of in sampled]
    row["centre"] = float(np.mean([holds(box, width / 2, height / 2) for box in nine]))
    row["random"] = float(np.mean([area(box) / (width * height) for box in nine]))
    row["chance_tile"] = float(np.mean([holds(box, x, y) for box in nine]))
    row["no_map"] = float(heat is None)
    return row


def _read_journal(journal: Path) -> dict[str, list[dict[str, object]]]:
    """Rows of the clips that are done; a last line that a killed process left half written is taken off the file."""
    if not journal.is_file():
        return {}
    text = journal.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        journal.write_text(whole, encoding="utf-8")
    return {entry["video"]: entry["rows"] for entry in _entries(whole.splitlines())}


def _entries(lines: Iterable[str]) -> Iterable[dict]:
    return (json.loads(line) for line in lines)
