"""From videos to pictures: every frame as a JPEG file (the paper's way) or the tile cache (ours).

The paper extracts all frames of all 9,601 videos at original resolution, one folder a video (section II.A):
one to two terabytes for QV-Pipe. `extract_all` does the same. The notebooks read the tile cache instead,
which keeps only what the models are fed: see `tile_writer` and `tile_cache`.
"""

from __future__ import annotations

import errno
import os
import tempfile
import unicodedata
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from vpipe_utils import video
from vpipe_utils.data.probe_journal import VERSION, require_unchanged
from vpipe_utils.data.sampling import uniform_indices
from vpipe_utils.project.parallel import run_parallel
from vpipe_utils.storage.files import atomic_path, make_folder, sweep, writing
from vpipe_utils.storage.tables import read_json, write_json
from vpipe_utils.tiles.tile_writer import encode_jpeg, require_disk

SOURCE = "source.json"  # beside a video's pictures: which file they are of
NAME_REFUSED = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)  # disks differ in what names they allow
SAMPLED_FRAMES = 3  # frames a sampled video that the cost estimate encodes


class Cost(NamedTuple):
    """Estimate for writing every frame of some videos."""

    frames: int
    bytes: int


def extraction_cost(videos: pd.DataFrame, quality: int = 95, sample: int = 10) -> Cost:
    """Estimate what `extract_all` of the readable `videos` takes, from a few frames of `sample` of them."""
    videos = videos[videos["readable"]]
    if videos.empty:
        return Cost(0, 0)
    pixels = videos["frames"] * videos["width"] * videos["height"]
    rows = uniform_indices(len(videos), min(sample, len(videos)))
    size = sum(_video_bytes(row.path, row.frames, quality) for row in videos.iloc[rows].itertuples())
    return Cost(int(videos["frames"].sum()), int(pixels.sum() / pixels.iloc[rows].sum() * size))


def _video_bytes(path: str, frames: int, quality: int) -> int:
    with video.noting_damage():  # which extraction itself will tell
        pictures = video.read_frames(path, uniform_indices(frames, SAMPLED_FRAMES))
    return sum(len(encode_jpeg(picture, quality)) for picture in pictures) * frames // SAMPLED_FRAMES


def extract_all(
    videos: pd.DataFrame, folder: str | Path, quality: int = 95, workers: int = 1, progress: bool = True
) -> pd.DataFrame:
    """Write every frame of every readable video as `<folder>/<video>/000000.jpg` …, at original resolution.

    A video's folder appears when all its frames are written; one that is there already and of the same content
    is kept, so a killed run continues. Returns one row a readable video: video, folder, frames, bytes, damage (what of
    it is damaged, see `index_videos`), why_not (the reason, should it have become unreadable since it was indexed, or
    the disk not allow its name; else ""). Raises OSError before any work where the disk cannot hold the estimated size,
    and where it cannot be written.
    """
    folder = make_folder(folder)
    sweep(folder)  # of a run that was killed
    readable = videos[videos["readable"]]
    twins = {} if _tells_case(folder) else _twins(readable["video"].tolist())
    jobs = [(row.video, row.path, row.content, twins.get(row.video, "")) for row in readable.itertuples()]
    todo = readable[[_extracted(folder / name, _key(content, quality)) is None for name, _, content, _ in jobs]]
    advice = "use the tile cache (build_tile_cache), or put the folder on a larger disk"
    needed = int(1.1 * extraction_cost(todo, quality).bytes)  # the estimate is good to about a tenth
    require_disk(folder, needed, f"every frame of {len(todo)} videos", advice)
    try:
        rows = list(run_parallel(partial(_extract, folder, quality), jobs, workers, progress, "extracting frames"))
    finally:
        sweep(folder)  # of workers that a fault of another one ended
    table = pd.DataFrame(rows, columns=["video", "folder", "frames", "bytes", "damage", "why_not"])
    known = readable["damage"].reset_index(drop=True)
    return table.assign(damage=known.where(known != "", table["damage"]))


def _tells_case(folder: Path) -> bool:
    """Whether names that differ in case alone are two files there; on many disks of Windows and macOS they are one."""
    with writing(folder), tempfile.NamedTemporaryFile(prefix=".case.", suffix=".tmp", dir=folder) as file:
        return not Path(file.name.replace(".case.", ".CASE.")).exists()


def _twins(names: Sequence[str]) -> dict[str, str]:
    """Name → the name before it that differs from it in case or in the form of its accents alone."""
    first: dict[str, str] = {}
    plain = {name: unicodedata.normalize("NFC", name).casefold() for name in names}
    return {name: first[plain[name]] for name in names if first.setdefault(plain[name], name) != name}


def _extract(folder: Path, quality: int, job: tuple[str, str, str, str]) -> dict[str, object]:
    """Runs in a worker: all frames of one video, unless they are there."""
    name, path, content, twin = job
    target = folder / name
    row = {"video": name, "folder": str(target), "why_not": ""}
    try:
        if twin:
            raise video.VideoError(f"the disk of {folder} takes its name for that of '{twin}': rename one", path)
        there = _extracted(target, _key(content, quality))
        if there is None and target.is_dir() and any(target.iterdir()) and not (target / SOURCE).is_file():
            raise video.VideoError(f"{target} holds files that are not ours: name another folder to extract to", path)
        return row | (_write_frames(path, content, target, quality) if there is None else there)
    except video.VideoError as error:
        reason = error.reason
    except OSError as error:
        if error.errno not in NAME_REFUSED:
            raise
        reason = f"the disk of {folder} allows no folder of its name ({os.strerror(error.errno)}): rename it"
    return row | {"frames": 0, "bytes": 0, "damage": "", "why_not": reason}


def _write_frames(path: str, content: str, target: Path, quality: int) -> dict[str, int | str]:
    frames = size = 0
    require_unchanged(path, content)
    with atomic_path(target) as part, video.noting_damage() as damaged:
        part.mkdir()
        for index, picture in video.iter_frames(path):
            data = encode_jpeg(picture, quality)
            (part / f"{index:06d}.jpg").write_bytes(data)
            frames, size = frames + 1, size + len(data)
        found = {"frames": frames, "bytes": size, "damage": video.damage_noted(damaged)}
        write_json({"key": _key(content, quality), **found}, part / SOURCE)
    return found


def _extracted(target: Path, key: str) -> dict[str, int | str] | None:
    """Frames, bytes and damage of a finished extraction of the same file, None where there is none."""
    if not (target / SOURCE).is_file():
        return None
    source = read_json(target / SOURCE)
    return {name: source[name] for name in ("frames", "bytes", "damage")} if source["key"] == key else None


def _key(content: str, quality: int) -> str:
    return f"{content}-q{quality}-{VERSION}"
