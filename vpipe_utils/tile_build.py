"""Building the tile cache that `tile_cache` reads: parallel, interruptible, redone only for what changed.

A shard's name is a hash of what is in it and a small Parquet table is written after each shard, so a build
that was killed continues with the first missing shard, and a changed video costs the decoding of that video
only: the others are copied from the older shards. `index.parquet`, written last, joins the tables.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from vpipe_utils import video
from vpipe_utils.parallel import run_parallel
from vpipe_utils.runs import atomic_path, read_table, write_table
from vpipe_utils.tile_cache import REBUILD, TileCache

VERSION = 1  # raise it when the bytes of a tile change: older caches are then rebuilt
FORMATS = ("uint8", "jpeg")
JPEG_QUALITY = 95  # mean error 1.6 of 255 grey levels on real clips
JPEG_BYTES_PER_PIXEL = 0.3  # of 448-px tiles at that quality; for the disk estimate only
VIDEOS_PER_SHARD = 256


class Settings(NamedTuple):
    """What all tiles of a cache have in common."""

    cache_frames: int
    tile_size: int
    tile_format: str

    @property
    def video_bytes(self) -> int:
        """Bytes a video takes: exact for uint8, an estimate for JPEG."""
        pixels = self.cache_frames * self.tile_size**2
        return int(pixels * (3 if self.tile_format == "uint8" else JPEG_BYTES_PER_PIXEL))


class Cached(NamedTuple):
    """Where an earlier build left the tiles of a video."""

    shard: Path
    offset: int
    sizes: list[int]
    crc32: int


class Job(NamedTuple):
    """One video that a worker decodes."""

    path: str
    frames: int


def build_tile_cache(
    videos: pd.DataFrame,
    folder: str | Path,
    cache_frames: int,
    tile_size: int,
    tile_format: str = "uint8",
    workers: int = 1,
    progress: bool = True,
    videos_per_shard: int = VIDEOS_PER_SHARD,
) -> TileCache:
    """Cache `cache_frames` tiles of every readable video of the videos table; return the opened cache.

    Tile p of a video is its frame `uniform_indices(frames, cache_frames)[p]`, resized to tile_size x
    tile_size px whatever its shape (INTER_AREA), as the report feeds square 448-px tiles of wide videos. A
    video that is cached with the same size, modification time and settings is not decoded again. The
    finished folder is the same, byte by byte, for any number of workers and interruptions. Raises ValueError
    for impossible settings, VideoError for a video that changed since it was indexed, OSError where the disk
    is too small.
    """
    settings = _checked(Settings(int(cache_frames), int(tile_size), tile_format))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    plan = _plan(videos)
    starts = range(0, len(plan), videos_per_shard)
    shards = {_shard_name(part, settings): part for part in (plan[i : i + videos_per_shard] for i in starts)}
    missing = {name: shard for name, shard in shards.items() if _finished(folder, name) is None}
    _check_disk(folder, settings, sum(map(len, missing.values())))

    cached = _cached_videos(folder, settings)
    jobs = [
        Job(row.path, row.frames)
        for shard in missing.values()
        for row in shard.itertuples()
        if (row.video, row.key) not in cached
    ]
    new = run_parallel(partial(_read_tiles, settings), jobs, workers, progress, "caching tiles")
    with closing(new):
        for name, shard in missing.items():
            _write_shard(folder, name, shard, settings, cached, new)

    index = pd.concat([read_table(folder / f"{name}.parquet") for name in shards], ignore_index=True)
    write_table(index, folder / "index.parquet")
    _remove_leftovers(folder, keep=set(shards))
    return TileCache(folder)


def require_disk(folder: Path, needed: int, what: str, advice: str) -> None:
    """Raise OSError where fewer than `needed` bytes are free on the disk that `folder` lies on."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"{what} takes about {needed / 1e9:.1f} GB, but the disk of {folder} has {free / 1e9:.1f} GB "
            f"free: {advice}"
        )


def _checked(settings: Settings) -> Settings:
    if settings.tile_format not in FORMATS:
        raise ValueError(f"tile_format is '{settings.tile_format}'; it is one of {', '.join(FORMATS)}")
    if min(settings.cache_frames, settings.tile_size) < 1:
        raise ValueError(f"cache_frames and tile_size start at 1, got {settings[0]} and {settings[1]}")
    return settings


def _plan(videos: pd.DataFrame) -> pd.DataFrame:
    """Readable videos by name: video, path, frames and a key that changes when the file does."""
    columns = ["video", "path", "frames"]
    plan = videos.loc[videos["readable"], columns].sort_values("video", ignore_index=True)
    if plan.empty:
        raise ValueError("no video is readable, so there is nothing to cache: see why_not in videos.parquet")
    plan["key"] = [file_key(row.path, row.frames) for row in plan.itertuples()]
    return plan


def file_key(path: str | Path, *more: object) -> str:
    """Size, modification time and `more` as text: differs when the file was changed or replaced."""
    try:
        stat = Path(path).stat()
    except OSError:
        reason = "it was there when it was indexed, and is gone: run notebook 01 again"
        raise video.VideoError(reason, path) from None
    return "-".join(map(str, (stat.st_size, stat.st_mtime_ns, *more)))


def _shard_name(shard: pd.DataFrame, settings: Settings) -> str:
    content = json.dumps([VERSION, *settings, shard[["video", "key"]].to_numpy().tolist()])
    return f"shard_{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _finished(folder: Path, name: str) -> pd.DataFrame | None:
    """The table of a shard that is whole, None otherwise. The table is written after the shard."""
    try:
        table = pd.read_parquet(folder / f"{name}.parquet")
        size = (folder / f"{name}.bin").stat().st_size
    except (OSError, ValueError):
        return None
    return table if size == sum(int(np.sum(sizes)) for sizes in table["sizes"]) else None


def _cached_videos(folder: Path, settings: Settings) -> dict[tuple[str, str], Cached]:
    """(video, key) → its tiles, of everything with these settings that earlier builds left in the folder."""
    cached = {}
    for path in sorted(folder.glob("shard_*.parquet")):
        table = _finished(folder, path.stem)
        for row in () if table is None else table.itertuples():
            if (row.version, row.cache_frames, row.tile_size, row.tile_format) == (VERSION, *settings):
                shard = path.with_suffix(".bin")
                cached[row.video, row.key] = Cached(shard, row.offset, list(row.sizes), row.crc32)
    return cached


def _check_disk(folder: Path, settings: Settings, n_videos: int) -> None:
    advice = "lower cache_frames or tile_size, take tile_format jpeg, or put outputs on a larger disk"
    require_disk(folder, n_videos * settings.video_bytes, f"the tile cache of {n_videos} videos", advice)


def _read_tiles(settings: Settings, job: Job) -> list[bytes]:
    """Runs in a worker: the tiles of one video as they will lie in the shard."""
    indices = video.uniform_indices(job.frames, settings.cache_frames)
    size = (settings.tile_size, settings.tile_size)
    tiles = {
        index: _encode(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), settings.tile_format)
        for index, frame in video.iter_frames(job.path, indices, job.frames)
    }
    return [tiles[index] for index in indices.tolist()]


def _encode(tile: np.ndarray, tile_format: str) -> bytes:
    if tile_format == "uint8":
        return tile.tobytes()
    return encode_jpeg(tile, JPEG_QUALITY)


def encode_jpeg(image: np.ndarray, quality: int) -> bytes:
    """An RGB uint8 picture (H, W, 3) as the bytes of a JPEG file."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not done:
        raise ValueError(f"OpenCV cannot encode a picture of shape {image.shape} as JPEG")
    return data.tobytes()


def _write_shard(
    folder: Path,
    name: str,
    shard: pd.DataFrame,
    settings: Settings,
    cached: dict[tuple[str, str], Cached],
    new: Iterator[list[bytes]],
) -> None:
    """Write one shard, taking what is cached from older shards and the rest from `new`; then its table."""
    rows = []
    with atomic_path(folder / f"{name}.bin") as part, part.open("wb") as file:
        for row in shard.itertuples():
            tiles = _copy(cached[row.video, row.key]) if (row.video, row.key) in cached else next(new)
            data, sizes = b"".join(tiles), [len(tile) for tile in tiles]
            rows.append((row.video, row.key, row.frames, name, file.tell(), sizes, zlib.crc32(data), VERSION))
            file.write(data)
    table = pd.DataFrame(
        [(*row, *settings) for row in rows],
        columns=["video", "key", "frames", "shard", "offset", "sizes", "crc32", "version", *Settings._fields],
    )
    write_table(table, folder / f"{name}.parquet")


def _copy(cached: Cached) -> list[bytes]:
    """The tiles of one video from an older shard."""
    with cached.shard.open("rb") as file:
        file.seek(cached.offset)
        tiles = [file.read(size) for size in cached.sizes]
    if zlib.crc32(b"".join(tiles)) != cached.crc32:
        raise ValueError(f"{cached.shard} is damaged; {REBUILD}")
    return tiles


def _remove_leftovers(folder: Path, keep: set[str]) -> None:
    """Shards that the index does not name, and parts of a build that was killed."""
    for path in [*folder.glob("shard_*"), *folder.glob(".*.part")]:
        if path.name.startswith(".") or path.stem not in keep:
            path.unlink()
