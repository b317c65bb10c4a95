"""Building the tile cache that `tile_cache` reads: parallel, interruptible, redone only for what changed.

A shard's name is a hash of what is in it and a small Parquet table is written after each shard, so a build
that was killed continues with the first missing shard, and a changed video costs the decoding of that video
only: the others are copied from the older shard. `index.parquet`, written last, joins the tables. Jobs on several
machines build shards of their own into one folder; whoever builds the whole after them finds these there.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from vpipe_utils import video
from vpipe_utils.data.probe_journal import require_unchanged
from vpipe_utils.data.shards import of_part
from vpipe_utils.project.parallel import run_parallel
from vpipe_utils.storage.files import atomic_path, make_folder, sweep
from vpipe_utils.tiles.tile_cache import REBUILD, SCHEMA, TileCache, cached_indices, read_tiles_table, write_tiles_table

VERSION = 3  # raise it when the bytes of a tile change: older caches are then rebuilt
JPEG_QUALITY = 95  # mean error 1.6 of 255 grey levels on real clips
JPEG_BYTES_PER_PIXEL = 0.3  # of 448-px tiles at that quality; for the disk estimate only


class Settings(NamedTuple):
    """What all tiles of a cache have in common."""

    cache_frames: int
    cache_run: int
    tile_size: int
    tile_format: str

    @property
    def video_bytes(self) -> int:
        """Bytes a video takes: exact for uint8, an estimate for JPEG."""
        pixels = (self.cache_frames + self.cache_run) * self.tile_size**2
        return int(pixels * (3 if self.tile_format == "uint8" else JPEG_BYTES_PER_PIXEL))


class Cached(NamedTuple):
    """Where an earlier build left the tiles of a video."""

    shard: Path
    offset: int
    sizes: list[int]
    crc32: list[int]
    damaged: str


class Job(NamedTuple):
    """One video that a worker decodes."""

    path: str
    frames: int
    content: str
    intact: bool


def build_tile_cache(
    videos: pd.DataFrame,
    folder: str | Path,
    cache_frames: int,
    tile_size: int,
    tile_format: str = "uint8",
    workers: int = 1,
    progress: bool = True,
    cache_run: int = 0,
) -> TileCache:
    """Cache tiles of every readable video of the videos table (see `index_videos`); return the opened cache.

    Tile p of a video is its frame `cached_indices(frames, cache_frames, cache_run)[p]`, resized to tile_size x
    tile_size px whatever its shape (INTER_AREA), as the paper feeds square 448-px tiles of wide videos. A
    video that is cached with the same content and settings is not decoded again. The finished folder is the same, byte
    by byte, for any number of workers, interruptions and jobs. Raises ValueError where no video is readable, VideoError
    for a video that changed since it was indexed, OSError where the disk is too small or cannot be written.
    """
    settings = Settings(cache_frames, cache_run, tile_size, tile_format)
    names = build_shards(videos, folder, settings, workers, progress)
    folder = Path(folder)
    index = pa.concat_tables(read_tiles_table(folder / f"{name}.parquet") for name in names).combine_chunks()
    by_name = np.argsort(index["video"].to_numpy())  # not sort_by, whose engine takes more memory than the table
    write_tiles_table(index.take(by_name), folder / "index.parquet")
    _remove_leftovers(folder, keep=set(names))
    return TileCache(folder)


def build_shards(
    videos: pd.DataFrame,
    folder: str | Path,
    settings: Settings,
    workers: int = 1,
    progress: bool = True,
    part: Sequence[int] = (0, 1),
) -> list[str]:
    """Build the shards of the k-th of n jobs, `part` = (k, n), where they are not there yet; return their names.

    `videos`: the videos table, of all videos or of those of this part. Errors as in `build_tile_cache`.
    """
    folder = make_folder(folder)
    plan = _plan(videos, part)
    shards = {_shard_name(number, shard, settings): shard for number, shard in plan.groupby("shard")}
    missing = {name: shard for name, shard in shards.items() if _finished(folder, name) is None}
    n_missing = sum(map(len, missing.values()))
    advice = "lower cache_frames or tile_size, take tile_format jpeg, or put outputs on a larger disk"
    require_disk(folder, n_missing * settings.video_bytes, f"the tile cache of {n_missing} videos", advice)

    keys = [key for shard in missing.values() for key in shard["key"]]
    cached = _cached_videos(folder, settings, keys) if missing else {}
    jobs = [
        Job(row.path, row.frames, row.content, not row.damage)
        for shard in missing.values()
        for row in shard.itertuples()
        if row.key not in cached
    ]
    new = run_parallel(partial(_read_tiles, settings), jobs, workers, progress, "caching tiles")
    with closing(new):
        for name, shard in missing.items():
            _write_shard(folder, name, shard, settings, cached, new)
    return list(shards)


def require_disk(folder: Path, needed: int, what: str, advice: str) -> None:
    """Raise OSError where fewer than `needed` bytes are free on the disk that `folder` lies on."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"{what} takes about {needed / 1e9:.1f} GB, but the disk of {folder} has {free / 1e9:.1f} GB free: {advice}"
        )


def _plan(videos: pd.DataFrame, part: Sequence[int]) -> pd.DataFrame:
    """The readable videos of a part by name, each with a key that changes when its frames do."""
    columns = ["video", "path", "frames", "damage", "content", "shard", "n_shards"]
    plan = videos.loc[videos["readable"], columns]
    plan = plan[of_part(plan["shard"], part)].sort_values("video", ignore_index=True)
    if plan.empty and part[1] == 1:
        raise ValueError("no video is readable, so there is nothing to cache: see why_not in videos.parquet")
    return plan.assign(key=plan["content"] + "-" + plan["frames"].astype(str))


def _shard_name(number: int, shard: pd.DataFrame, settings: Settings) -> str:
    content = json.dumps([VERSION, *settings, shard[["video", "key"]].to_numpy().tolist()])
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return f"shard_{number:04d}_of_{shard['n_shards'].iloc[0]:04d}_{digest}"


def _finished(folder: Path, name: str) -> pa.Table | None:
    """The table of a shard that is whole, None otherwise. The table is written after the shard."""
    try:
        table = read_tiles_table(folder / f"{name}.parquet")
        size = (folder / f"{name}.bin").stat().st_size
    except (OSError, ValueError):
        return None
    return table if size == pc.sum(pc.list_flatten(table["sizes"])).as_py() else None


def _cached_videos(folder: Path, settings: Settings, keys: Sequence[str]) -> dict[str, Cached]:
    """Key → tiles, of those of `keys` that earlier builds with these settings left in the folder."""
    cached: dict[str, Cached] = {}
    wanted = pa.array(keys, pa.string())
    for path in sorted(folder.glob("shard_*.parquet")):
        table = _finished(folder, path.stem)
        for row in () if table is None else table.filter(pc.is_in(table["key"], wanted)).to_pylist():
            if (row["version"], *(row[name] for name in Settings._fields)) == (VERSION, *settings):
                place = (path.with_suffix(".bin"), row["offset"], row["sizes"], row["crc32"], row["damaged"])
                cached[row["key"]] = Cached(*place)
    return cached


def _read_tiles(settings: Settings, job: Job) -> tuple[list[bytes], str]:
    """Runs in a worker: the tiles of one video as they will lie in the shard, and what of them is damaged, in words."""
    require_unchanged(job.path, job.content)
    indices = cached_indices(job.frames, settings.cache_frames, settings.cache_run)
    size = (settings.tile_size, settings.tile_size)
    with video.noting_damage() as damaged:
        tiles = {}
        for index, frame in video.iter_frames(job.path, indices, job.frames if job.intact else None):
            tile = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
            tiles[index] = tile.tobytes() if settings.tile_format == "uint8" else encode_jpeg(tile, JPEG_QUALITY)
    return [tiles[index] for index in indices.tolist()], video.damage_noted(damaged)


def encode_jpeg(image: np.ndarray, quality: int) -> bytes:
    """An RGB uint8 picture (H, W, 3) as the bytes of a JPEG file."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"OpenCV cannot encode a picture of shape {image.shape} as JPEG")
    return data.tobytes()


def _write_shard(
    folder: Path,
    name: str,
    shard: pd.DataFrame,
    settings: Settings,
    cached: dict[str, Cached],
    new: Iterator[tuple[list[bytes], str]],
) -> None:
    """Write one shard, taking what is cached from older shards and the rest from `new`; then its table."""
    rows = []
    with atomic_path(folder / f"{name}.bin") as part, part.open("wb") as file:
        for row in shard.itertuples():
            tiles, damaged = _copy(cached[row.key]) if row.key in cached else next(new)
            sizes, checks = [len(tile) for tile in tiles], [zlib.crc32(tile) for tile in tiles]
            rows.append((row.video, row.key, row.frames, damaged, name, file.tell(), sizes, checks, VERSION))
            file.writelines(tiles)
    columns = zip(*((*row, *settings) for row in rows), strict=True)
    table = pa.table(dict(zip(SCHEMA.names, columns, strict=True)), SCHEMA)
    write_tiles_table(table, folder / f"{name}.parquet")


def _copy(cached: Cached) -> tuple[list[bytes], str]:
    """The tiles of one video from an older shard."""
    with cached.shard.open("rb") as file:
        file.seek(cached.offset)
        tiles = [file.read(size) for size in cached.sizes]
    if [zlib.crc32(tile) for tile in tiles] != cached.crc32:
        raise ValueError(f"{cached.shard} is damaged; {REBUILD}")
    return tiles, cached.damaged


def _remove_leftovers(folder: Path, keep: set[str]) -> None:
    """Shards that the index does not name, and parts of a build that was killed."""
    sweep(folder)
    for path in [*folder.glob("shard_*_of_*_*.bin"), *folder.glob("shard_*_of_*_*.parquet")]:
        if path.stem not in keep:
            path.unlink()
