"""Reading the tile cache: a few frames of every video, small and square, in a few large files.

Training reads the same nine (or so) frames of a video again and again; decoding a whole video for them each
time would cost far more than the training. `tile_writer` writes the cache, this module reads it.

Of each video there are `cache_frames` evenly spread frames, several a segment so that training can vary them, and
behind them a run of `cache_run` neighbouring ones from the middle, for consecutive sampling. A shard file holds the
tiles of about 200 videos one after the other, raw (`uint8`, exact) or as JPEG. `index.parquet` has one row a video:
video, key (changes when the file's content does), frames (of the video), damaged (what of the tiles is, in words),
shard, offset (bytes), sizes (bytes of each tile), crc32 (of each tile), version, cache_frames, cache_run, tile_size,
tile_format.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vpipe_utils.data.params import DataParams
from vpipe_utils.data.sampling import uniform_indices
from vpipe_utils.storage.files import atomic_path

# Arrow's own allocator keeps tens of MB of what it once had; the system's gives them back.
pa.set_memory_pool(pa.system_memory_pool())
REBUILD = "delete the folder and run notebook 01 again"
TEXT, COUNT, COUNTS = pa.string(), pa.int64(), pa.list_(pa.uint32())
SCHEMA = pa.schema({
    "video": TEXT, "key": TEXT, "frames": COUNT, "damaged": TEXT, "shard": TEXT, "offset": COUNT, "sizes": COUNTS,
    "crc32": COUNTS, "version": COUNT, "cache_frames": COUNT, "cache_run": COUNT, "tile_size": COUNT,
    "tile_format": TEXT,
})  # fmt: skip


def cached_indices(frames: int, cache_frames: int, cache_run: int = 0) -> np.ndarray:
    """Which frames of a video its tiles are: `cache_frames` uniform ones, then the run, int64.

    The run is in the middle of the video; in one that is shorter it ends with repetitions of the last frame.
    """
    first = max(0, frames - cache_run) // 2
    run = np.minimum(first + np.arange(cache_run, dtype=np.int64), frames - 1)
    return np.concatenate([uniform_indices(frames, cache_frames), run])


class TileCache:
    """Read access to a tile cache. May be handed to other processes: files are opened where they are read.

    `videos` (names, sorted), `frames_per_video` (uniform tiles), `run` (tiles in the run), `tile_size` (px),
    `tile_format`. Opening raises FileNotFoundError without a finished cache and ValueError where files do not match the
    index; a tile is compared with its checksum when this object reads it for the first time.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        index = _read_index(self.folder)
        self.videos: list[str] = index["video"].to_pylist()
        self.frames_per_video: int = index["cache_frames"][0].as_py()
        self.run: int = index["cache_run"][0].as_py()
        self.tile_size: int = index["tile_size"][0].as_py()
        self.tile_format: str = index["tile_format"][0].as_py()
        said = zip(self.videos, index["damaged"].to_pylist(), strict=True)
        self.damaged: dict[str, str] = {name: words for name, words in said if words}
        self._row = {name: row for row, name in enumerate(self.videos)}
        self._shards: list[str] = index["shard"].unique().to_pylist()
        self._shard = pc.index_in(index["shard"], index["shard"].unique()).to_numpy()  # number of its shard, (V,)
        self._frames = index["frames"].to_numpy()  # (V,)
        self._starts = _tile_starts(index)  # bytes (V, T + 1): tile p is [p] to [p + 1]
        self._crc = _matrix(index, "crc32")  # uint32 (V, T)
        self._verified = np.zeros(self._crc.shape, bool)
        self._maps: dict[str, np.memmap] = {}
        self._check_files()

    def tiles(self, name: str, positions: Sequence[int] | None = None, out: np.ndarray | None = None) -> np.ndarray:
        """Tiles of one video at cache `positions` (None: the uniform ones), in the order asked.

        uint8 (N, S, S, 3) RGB: `out`, where given, is filled. Positions count the uniform tiles first, then the run.
        Raises ValueError for an unknown video or position, and for a damaged tile.
        """
        row = self._find(name)
        wanted = self._checked_positions(positions)
        size = (self.tile_size, self.tile_size, 3)
        out = np.empty((len(wanted), *size), np.uint8) if out is None else out
        data, starts = self._map(row), self._starts[row].tolist()
        for tile, position in zip(out, wanted, strict=True):
            stored = data[starts[position] : starts[position + 1]]
            self._verify(row, position, stored)
            tile[:] = stored.reshape(size) if self.tile_format == "uint8" else self._decode(row, stored)
        return out

    def content(self, name: str) -> str:
        """What changes when anything does that is read of a video here: its number of frames, a pixel of a tile."""
        row = self._find(name)
        return f"{self._frames[row]} {self._crc[row].tobytes().hex()}"

    def frames(self, name: str) -> int:
        """Number of frames of the video."""
        return int(self._frames[self._find(name)])

    def frame_indices(self, name: str) -> np.ndarray:
        """Which frames of the video its cached tiles are: int64 (frames_per_video + run,)."""
        return cached_indices(self.frames(name), self.frames_per_video, self.run)

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_maps": {}}  # pickling a memory map would copy the whole file

    def _map(self, row: int) -> np.memmap:
        shard = self._shards[self._shard[row]]
        if shard not in self._maps:
            # As a plain array: slicing a memmap costs more than reading a small tile.
            self._maps[shard] = np.asarray(np.memmap(self.folder / f"{shard}.bin", np.uint8, mode="r"))
        return self._maps[shard]

    def _verify(self, row: int, position: int, stored: np.ndarray) -> None:
        if not self._verified[row, position]:
            if zlib.crc32(stored) != self._crc[row, position]:
                raise ValueError(self._says_damaged(row))
            self._verified[row, position] = True

    def _decode(self, row: int, stored: np.ndarray) -> np.ndarray:
        tile = cv2.imdecode(stored, cv2.IMREAD_COLOR_RGB)
        if tile is None or tile.shape != (self.tile_size, self.tile_size, 3):
            raise ValueError(self._says_damaged(row))
        return tile

    def _says_damaged(self, row: int) -> str:
        path = self.folder / f"{self._shards[self._shard[row]]}.bin"
        return f"{path}: a tile of '{self.videos[row]}' is damaged; {REBUILD}"

    def _find(self, name: str) -> int:
        if name not in self._row:
            raise ValueError(
                f"{self.folder}: '{name}' is not among the {len(self.videos)} cached videos; "
                "if videos.parquet has it as readable, run notebook 01 again"
            )
        return self._row[name]

    def _checked_positions(self, positions: Sequence[int] | None) -> list[int]:
        if positions is None:
            return list(range(self.frames_per_video))
        wanted = [int(position) for position in positions]
        last = self.frames_per_video + self.run - 1
        if wanted and not 0 <= min(wanted) <= max(wanted) <= last:
            raise ValueError(f"{self.folder}: positions run from 0 to {last}, got {wanted}")
        return wanted

    def _check_files(self) -> None:
        """Every shard is there and as long as the index says."""
        ends = np.zeros(len(self._shards), np.int64)
        np.maximum.at(ends, self._shard, self._starts[:, -1])
        for shard, expected in zip(self._shards, ends.tolist(), strict=True):
            path = self.folder / f"{shard}.bin"
            found = path.stat().st_size if path.is_file() else None
            if found != expected:
                what = "is missing" if found is None else f"has {found} bytes where its index says {expected}"
                raise ValueError(f"{path} {what}; {REBUILD}")


def open_tiles(params: DataParams, videos: Sequence[str]) -> TileCache:
    """The tile cache, where it holds all of `videos` as `params` asks for. ValueError: it was built otherwise."""
    cache = TileCache(params.layout.tiles)
    built = {"cache_frames": cache.frames_per_video, "cache_run": cache.run, "tile_size": cache.tile_size}
    for key, found in built.items():
        if found != getattr(params, key):
            raise ValueError(
                f"{params.layout.tiles} was built with {key} {found}, now it is {getattr(params, key)}: "
                "run notebook 01 again"
            )
    missing = sorted(set(videos) - set(cache.videos))
    if missing:
        raise ValueError(
            f"{params.layout.tiles} is of older data: {len(missing)} of {len(videos)} videos are not in it, first "
            f"'{missing[0]}': run notebook 01 again"
        )
    return cache


def write_tiles_table(table: pa.Table, path: Path) -> None:
    """Write the table of a shard or the index, with a checksum a page."""
    with atomic_path(path) as part:
        # small groups and no dictionaries: else the writer takes many times the memory of the table
        pq.write_table(table, part, row_group_size=1024, use_dictionary=False, write_page_checksum=True)


def read_tiles_table(path: Path) -> pa.Table:
    """Read what `write_tiles_table` wrote. Raises FileNotFoundError where it is missing, ValueError where damaged."""
    try:
        table = pq.read_table(path, page_checksum_verification=True, partitioning=None, use_threads=False)
        table = table.select(SCHEMA.names).cast(SCHEMA)
        table.validate(full=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged file, or one of an older version, fails in any way there is
        raise ValueError(f"{path} cannot be read ({type(error).__name__}); {REBUILD}") from None
    if not len(table):
        raise ValueError(f"{path} has no rows; {REBUILD}")
    return table


def _read_index(folder: Path) -> pa.Table:
    path = folder / "index.parquet"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: run notebook 01, which builds the tile cache")
    return read_tiles_table(path)


def _matrix(table: pa.Table, column: str) -> np.ndarray:
    """A column of lists of one length as uint32 (V, T)."""
    return table[column].combine_chunks().flatten().to_numpy().reshape(len(table), -1)


def _tile_starts(index: pa.Table) -> np.ndarray:
    """Where each tile starts in its shard, and in the last column where the video ends: bytes, int64 (V, T + 1)."""
    sizes = _matrix(index, "sizes")
    starts = np.zeros((len(sizes), sizes.shape[1] + 1), np.int64)
    np.cumsum(sizes, axis=1, dtype=np.int64, out=starts[:, 1:])
    starts += index["offset"].to_numpy()[:, None]
    return starts
