"""Reading the tile cache: a few evenly spread frames of every video, small and square, in a few large files.

Training reads the same nine (or so) frames of a video again and again; decoding a whole video for them each
time would cost far more than the training. `tile_build` writes the cache, this module reads it.

A shard file holds the tiles of up to 256 videos one after the other, raw (`uint8`, exact) or as JPEG.
`index.parquet` has one row a video: video, key (changes when the file does), frames (of the video), shard,
offset (bytes), sizes (bytes of each tile), crc32 (of the video's tiles), version, cache_frames, tile_size,
tile_format.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from vpipe_utils import video
from vpipe_utils.runs import read_table

REBUILD = "delete the folder and run notebook 01 again"


class TileCache:
    """Read access to a tile cache. May be handed to other processes: files are opened where they are read.

    `videos` (names, sorted), `frames_per_video`, `tile_size` (px), `tile_format`. Opening raises
    FileNotFoundError without a finished cache and ValueError where files do not match the index.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        index = _read_index(self.folder)
        self.videos: list[str] = index["video"].tolist()
        self.frames_per_video = int(index["cache_frames"].iloc[0])
        self.tile_size = int(index["tile_size"].iloc[0])
        self.tile_format: str = index["tile_format"].iloc[0]
        self._row = {name: row for row, name in enumerate(self.videos)}
        self._shard: list[str] = index["shard"].tolist()
        self._frames: list[int] = index["frames"].tolist()
        self._crc: list[int] = index["crc32"].tolist()
        self._starts = _tile_starts(index)  # bytes (V, frames_per_video + 1): tile p is [p] to [p + 1]
        self._maps: dict[str, np.memmap] = {}
        self._check_files()

    def tiles(self, name: str, positions: Sequence[int] | None = None) -> np.ndarray:
        """Tiles of one video at cache `positions` (0 … frames_per_video - 1; None: all), in the order asked.

        uint8 (N, S, S, 3) RGB, a copy. Raises ValueError for an unknown video or position.
        """
        row = self._find(name)
        wanted = self._checked_positions(positions)
        data, starts = self._map(row), self._starts[row]
        size = (self.tile_size, self.tile_size, 3)
        if self.tile_format == "uint8":
            tiles = data[starts[0] : starts[-1]].reshape(-1, *size)
            return np.array(tiles if positions is None else tiles[wanted])
        tiles = np.empty((len(wanted), *size), np.uint8)
        for tile, position in zip(tiles, wanted, strict=True):
            decoded = cv2.imdecode(data[starts[position] : starts[position + 1]], cv2.IMREAD_COLOR_RGB)
            if decoded is None or decoded.shape != size:
                raise ValueError(f"{self.folder}: a tile of '{name}' is damaged; {REBUILD}")
            tile[:] = decoded
        return tiles

    def array(
        self, videos: Sequence[str] | None = None, positions: Sequence[int] | None = None
    ) -> np.ndarray:
        """Tiles of several videos (None: all) in one array: uint8 (V, N, S, S, 3) RGB."""
        videos = self.videos if videos is None else list(videos)
        n = len(self._checked_positions(positions))
        array = np.empty((len(videos), n, self.tile_size, self.tile_size, 3), np.uint8)
        for row, name in enumerate(videos):
            array[row] = self.tiles(name, positions)
        return array

    def frame_indices(self, name: str) -> np.ndarray:
        """Which frames of the video its cached tiles are: int64 (frames_per_video,)."""
        return video.uniform_indices(self._frames[self._find(name)], self.frames_per_video)

    def verify(self) -> None:
        """Read everything and compare checksums; raises ValueError naming the first damaged video."""
        for row, name in enumerate(self.videos):
            starts = self._starts[row]
            if zlib.crc32(self._map(row)[starts[0] : starts[-1]]) != self._crc[row]:
                raise ValueError(f"{self.folder}: the tiles of '{name}' are damaged; {REBUILD}")

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_maps": {}}  # pickling a memory map would copy the whole file

    def _map(self, row: int) -> np.memmap:
        shard = self._shard[row]
        if shard not in self._maps:
            self._maps[shard] = np.memmap(self.folder / f"{shard}.bin", np.uint8, mode="r")
        return self._maps[shard]

    def _find(self, name: str) -> int:
        if name not in self._row:
            raise ValueError(
                f"{self.folder}: '{name}' is not among the {len(self.videos)} cached videos; "
                "if videos.parquet has it as readable, run notebook 01 again"
            )
        return self._row[name]

    def _checked_positions(self, positions: Sequence[int] | None) -> np.ndarray:
        if positions is None:
            return np.arange(self.frames_per_video)
        wanted = np.asarray(positions, dtype=np.int64)
        if len(wanted) and not 0 <= wanted.min() <= wanted.max() < self.frames_per_video:
            raise ValueError(
                f"{self.folder}: positions run from 0 to {self.frames_per_video - 1}, got {wanted.tolist()}"
            )
        return wanted

    def _check_files(self) -> None:
        """Every shard is there and as long as the index says."""
        ends = pd.Series(self._starts[:, -1]).groupby(pd.Series(self._shard)).max()
        for shard, expected in ends.items():
            path = self.folder / f"{shard}.bin"
            found = path.stat().st_size if path.is_file() else None
            if found != expected:
                what = "is missing" if found is None else f"has {found} bytes where its index says {expected}"
                raise ValueError(f"{path} {what}; {REBUILD}")


def _read_index(folder: Path) -> pd.DataFrame:
    path = folder / "index.parquet"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: run notebook 01, which builds the tile cache")
    try:
        return read_table(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({error}); {REBUILD}") from None


def _tile_starts(index: pd.DataFrame) -> np.ndarray:
    """Where each tile starts in its shard, and in the last column where the video ends: bytes (V, F + 1)."""
    ends = np.cumsum(np.stack(index["sizes"].to_numpy()).astype(np.int64), axis=1)
    return index["offset"].to_numpy()[:, None] + np.pad(ends, ((0, 0), (1, 0)))
