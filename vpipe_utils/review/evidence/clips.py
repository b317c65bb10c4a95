"""Evidence of the clips of a review: evidence.parquet and pictures/, as `review.tables` describes them.

A clip: its frames are read and scored; each shown class gets its most telling frame, a map over it, and the first and
the last second in sight. What is found is noted clip by clip in evidence/, so a stopped run goes on where it was and
ends with the same bytes.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from vpipe_utils import video
from vpipe_utils.learning.params import FrameParams, SuperImageParams, TrainParams
from vpipe_utils.project.progress import progress_bar
from vpipe_utils.review.evidence import sight
from vpipe_utils.review.evidence.attribution import CLOSER, has_maps, looks_closer, map_frame
from vpipe_utils.review.evidence.networks import ClipLogits, as_tiles, network_tiles, sampled_frames
from vpipe_utils.review.evidence.pictures import hot_box, picture_name, write_pictures
from vpipe_utils.review.evidence.places import hottest
from vpipe_utils.review.tables import COLUMNS, EVIDENCE, PICTURES, PREDICTED, write_review_table
from vpipe_utils.storage.files import make_folder, remove, sweep
from vpipe_utils.storage.tables import read_json, write_json

JOURNAL = "evidence"  # folder, a file a clip
VERSION = 2  # raise it when the same input gives other evidence
# Chosen on validation clips by super-images whose tiles are read one by one: outputs/reference/evidence/ways.csv.
MAP_WAY = "Grad-CAM, two stages, mirrored, closer"
ONE_SIZE = "Grad-CAM, two stages, mirrored"  # for whole super-images, and for networks that keep to one size
WITHOUT_MAPS = "patch hidden"  # for backbones whose stages are no convolutions


def explaining(members: Sequence[tuple[TrainParams, nn.Module, float]]) -> tuple[TrainParams, nn.Module]:
    """Which member of an ensemble (parameters, network, weight) gives the evidence for all of it.

    First a super-image whose tiles are read one by one and averaged: what a tile adds is exact there, and it points
    best (outputs/reference/evidence/). Then the super-image, then the frame model with the largest weight. Raises
    ValueError where there is none of these.
    """

    def rank(member: tuple[TrainParams, nn.Module, float]) -> tuple[bool, bool, float]:
        params, _, weight = member
        grid = isinstance(params, SuperImageParams)
        return grid and params.tile_tokens and params.head == "linear", grid, weight

    fitting = [member for member in members if isinstance(member[0], SuperImageParams | FrameParams)]
    if not fitting:
        names = ", ".join(params.model for params, *_ in members) or "none"
        raise ValueError(f"evidence needs a super-image or a frame model; there is {names}")
    params, network, _ = max(fitting, key=rank)
    return params, network


def write_evidence(
    explainer: tuple[TrainParams, nn.Module],
    clips: pd.DataFrame,
    calibrated: pd.DataFrame,
    folder: Path,
    shown: Mapping[str, Sequence[str]],
    progress: bool = True,
    workers: int = 1,
) -> list[str]:
    """Write evidence.parquet and pictures/ of a review; gives a sentence for each clip or class that has no row.

    Args:
        explainer: what `explaining` gives.
        clips: the table clips.parquet; those with status PREDICTED are looked at.
        calibrated: column `video` and a column a class: the probability that is noted.
        folder: of the review.
        workers: threads, each with one core of PyTorch's.
        shown: clip -> codes of the classes that are explained. The normal class never is: nothing is to be seen.
    """
    params, journal = explainer[0], make_folder(folder / JOURNAL)
    sweep(journal)
    sweep(make_folder(folder / PICTURES))
    earlier = _drawn(journal)
    digest = network_digest(explainer[1])
    chances = calibrated.set_index("video")
    rows, said, kept = [], [], set()
    told = {name: [code for code in codes if code != params.normal_class] for name, codes in shown.items()}
    wanted = clips[(clips["status"] == PREDICTED) & clips["video"].map(lambda name: bool(told.get(name)))]
    way = map_way(ClipLogits(params, explainer[1])) if len(wanted) else ""
    own = threading.local()  # hooks and gradients of a network are of one clip at a time: each thread has a copy

    def look(clip: object) -> tuple[object, Path, dict]:
        if not hasattr(own, "logits"):
            own.logits = ClipLogits(params, copy.deepcopy(explainer[1]))
        codes = told[clip.video]
        note = journal / f"{picture_name(clip.video, '')}.json"
        state = _state(clip, codes, digest)
        found = _noted(note, state, folder)
        if found is None:
            found = {"state": state} | _explained(own.logits, way, clip, codes, folder / PICTURES)
            write_json(found, note)
        return clip, note, found

    total, looked = len(wanted), _in_threads(look, list(wanted.itertuples()), workers)
    for clip, note, found in progress_bar(looked, total, "evidence", progress):
        kept.add(note.name)
        rows += [{"video": clip.video, "probability": float(chances.at[clip.video, row["class"]])} | row
                 for row in found["rows"]]  # fmt: skip
        said += found["said"]
    write_review_table(pd.DataFrame(rows, columns=list(COLUMNS[EVIDENCE])), folder, EVIDENCE)
    now = {row[key] for row in rows for key in ("picture", "heat")}
    remove(*(folder / name for name in earlier - now))  # of clips and classes that the review has no longer
    remove(*(note for note in journal.glob("*.json") if note.name not in kept))
    return said


def _in_threads(function: Callable, items: Sequence, workers: int) -> Iterator:
    """`function` of each item, in order. PyTorch, OpenCV and the decoder let other threads work meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # small pictures gain nothing by more, and figures do not depend on how many there are
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(function, items)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)


def _explained(
    logits: ClipLogits, way: str, clip: object, codes: Sequence[str], pictures: Path
) -> dict[str, list]:
    """Rows (but for video and probability) and sentences of one clip."""
    try:
        return _explain(logits, way, clip, codes, pictures)
    except video.VideoError as error:
        return {"rows": [], "said": [f"{clip.video}: no evidence, for it cannot be read ({error})"]}


def _explain(logits: ClipLogits, way: str, clip: object, codes: Sequence[str], pictures: Path) -> dict[str, list]:
    params, sampled = logits.params, sampled_frames(logits.params, clip.frames)
    numbers = [params.class_codes.index(code) for code in codes]

    def read(frames: np.ndarray) -> np.ndarray:
        return as_tiles((frame for _, frame in video.iter_frames(clip.path, frames)), params)

    found, seen = sight.look(logits, read, sampled, clip.frames, numbers)
    telling = found.frames[[of.place for of in seen]]
    shown = dict(zip(np.unique(telling), video.read_frames(clip.path, np.unique(telling)), strict=True))
    seconds = video.frame_seconds(clip.path)
    nine = network_tiles(found.tiles[np.searchsorted(found.frames, sampled)], params)
    rows, said = [], []
    for code, number, of, when in zip(codes, numbers, seen, telling, strict=True):
        frame, size = shown[when], (shown[when].shape[1], shown[when].shape[0])
        picture = network_tiles(found.tiles[[of.place]], params)[0]
        heat = map_frame(way, logits, nine, sight.nearest(sampled, when), picture, number, frame)
        if heat is None:
            said.append(f"{clip.video}: nothing in its frames speaks for {code}, so no place is shown")
            continue
        row = {"class": code, "frame": int(when), "second": float(seconds[when])}
        row |= {"first_s": float(seconds[of.span.first]), "last_s": float(seconds[of.span.last])}
        row |= dict(zip(("x", "y"), hottest(heat, size), strict=True))
        row |= dict(zip(("x0", "y0", "x1", "y1"), hot_box(heat, size), strict=True))
        names = write_pictures(pictures, picture_name(clip.video, code), frame, heat)
        rows.append(row | dict(zip(("picture", "heat"), (f"{PICTURES}/{name}" for name in names), strict=True)))
    return {"rows": rows, "said": said}


def map_way(logits: ClipLogits) -> str:
    """How the maps of a network are made: the way that points best of those that it allows."""
    if not has_maps(logits.network):
        return WITHOUT_MAPS
    return MAP_WAY if looks_closer(logits) else ONE_SIZE


def settings() -> dict[str, object]:
    """What decides on evidence besides code: noted in the record, which says so where it is older."""
    return {
        "map": MAP_WAY, "closer": list(CLOSER), "share": sight.SHARE, "gap": sight.GAP, "again": sight.AGAIN,
        "most_frames": sight.MOST_FRAMES, "version": VERSION,
    }  # fmt: skip


def network_digest(network: nn.Module) -> str:
    """Changes when a weight does."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _state(clip: object, codes: Sequence[str], digest: str) -> str:
    """What a clip's evidence is made of: the file as it lies there, the classes, the network."""
    try:
        about = Path(clip.path).stat()
        file = [about.st_size, about.st_mtime_ns]
    except OSError:
        file = None
    text = json.dumps([VERSION, clip.video, str(clip.path), file, list(codes), digest])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _noted(note: Path, state: str, folder: Path) -> dict | None:
    """What an earlier run found of the same clip, if its pictures are there."""
    try:
        found = read_json(note)
    except (FileNotFoundError, ValueError):
        return None
    whole = found.get("state") == state
    pictures = [folder / row[key] for row in found.get("rows", ()) for key in ("picture", "heat")]
    return found if whole and all(path.is_file() for path in pictures) else None


def _drawn(journal: Path) -> set[str]:
    """Pictures that the notes of earlier runs name, relative to the folder of the review."""
    named: set[str] = set()
    for note in journal.glob("*.json"):
        with contextlib.suppress(ValueError):
            named |= {row[key] for row in read_json(note)["rows"] for key in ("picture", "heat")}
    return named
