"""100,000 videos take no other code: an index, a plan and a cache of that size, with made-up content."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from make_videos import make_video

from vpipe_utils.data import probe_journal
from vpipe_utils.data.shards import shard_count, shard_of
from vpipe_utils.data.video_table import index_videos
from vpipe_utils.tiles import tile_writer
from vpipe_utils.tiles.tile_cache import SCHEMA, TileCache, write_tiles_table
from vpipe_utils.tiles.tile_writer import Settings, build_shards

COUNT = 100_000
SIZE, FRAMES, RUN = 8, 45, 9
BYTES = 3 * SIZE**2


@pytest.fixture(scope="module")
def names() -> list[str]:
    return sorted(f"{number}.mp4" for number in range(COUNT))


@pytest.fixture(scope="module")
def videos(names: list[str], tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Indexed from a journal, as a second run would; the files are there, and of one byte each."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "videos").mkdir()
    (folder / "journal").mkdir()
    known = {"fps": 25.0, "frames": 500, "duration_s": 20.0, "width": 1280, "height": 720, "codec": "h264"}
    known |= {"read_through": "", "damage": "", "readable": True, "why_not": "", "decoders": probe_journal.DECODERS}
    with (folder / "journal" / "0_of_1.jsonl").open("w") as journal:
        for number, name in enumerate(names):
            path = folder / "videos" / name
            path.write_bytes(b"v")
            of_file = {"video": name, "size": 1, "mtime_ns": path.stat().st_mtime_ns, "content": f"{number:064x}"}
            journal.write(json.dumps(known | of_file) + "\n")
    return index_videos(folder / "videos", names[:10], progress=False, journal=folder / "journal")


def test_the_index(videos: pd.DataFrame, names: list[str], tmp_path: Path) -> None:
    assert videos["video"].tolist() == names and videos["readable"].all()
    assert videos["n_shards"].eq(shard_count(COUNT)).all() and videos["shard"].nunique() == 512
    videos.to_parquet(tmp_path / "videos.parquet")
    assert (tmp_path / "videos.parquet").stat().st_size < 50e6


def test_one_part_of_a_hundred_knows_what_to_do(videos: pd.DataFrame, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tile_writer, "_read_tiles", lambda *_: ([bytes(BYTES)] * (FRAMES + RUN), ""))
    shards = build_shards(videos, tmp_path, Settings(FRAMES, RUN, SIZE, "uint8"), progress=False, part=(7, 100))
    assert len(shards) == 6  # 7, 107 … 507 of 512
    assert 6 * 120 * (FRAMES + RUN) * BYTES < sum(path.stat().st_size for path in tmp_path.glob("*.bin"))


def test_the_cache(names: list[str], tmp_path: Path) -> None:
    n_shards, tiles = shard_count(COUNT), FRAMES + RUN
    number = np.array([shard_of(name, n_shards) for name in names])
    place = pd.Series(number).groupby(number).cumcount().to_numpy()
    for shard, count in enumerate(np.bincount(number)):
        with (tmp_path / f"shard_{shard}.bin").open("wb") as file:
            file.truncate(int(count) * tiles * BYTES)  # zeros that take no room
    columns = {
        "video": names,
        "key": names,
        "frames": np.full(COUNT, 500),
        "damaged": [""] * COUNT,
        "shard": [f"shard_{shard}" for shard in number],
        "offset": place * tiles * BYTES,
        "sizes": list(np.full((COUNT, tiles), BYTES, np.uint32)),
        "crc32": list(np.full((COUNT, tiles), zlib.crc32(bytes(BYTES)), np.uint32)),
        "version": np.full(COUNT, tile_writer.VERSION),
        **{name: np.full(COUNT, value) for name, value in zip(
            ("cache_frames", "cache_run", "tile_size"), (FRAMES, RUN, SIZE), strict=True)},
        "tile_format": ["uint8"] * COUNT,
    }  # fmt: skip
    write_tiles_table(pa.table(columns, SCHEMA), tmp_path / "index.parquet")
    cache = TileCache(tmp_path)
    assert len(cache.videos) == COUNT
    for name in (names[0], names[COUNT // 2], names[-1]):
        assert cache.tiles(name, [0, tiles - 1]).shape == (2, SIZE, SIZE, 3)
    assert len(pickle.dumps(cache)) < 100e6  # what a loader's process gets


PREPARE = """
import resource, sys
from vpipe_utils.tiles.tile_writer import build_tile_cache
from vpipe_utils.data.video_table import index_videos
if __name__ == "__main__":
    source, folder = sys.argv[1:]
    videos = index_videos(source, [], 2, progress=False, journal=folder + "/journal")
    build_tile_cache(videos, folder + "/tiles", 45, 64, "jpeg", 2, progress=False, cache_run=9)
    print(*(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_videos(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(PREPARE)
    peaks = []
    for count in (100, 1000):
        source = tmp_path / f"videos_{count}"
        one = make_video(source / "0.mp4", 60, width=320, height=240)
        for number in range(1, count):
            shutil.copy(one, source / f"{number}.mp4")
        # through a small process: a child inherits the peak of the one that starts it
        command = ["sh", "-c", f"{sys.executable} script.py {source} {tmp_path / str(count)}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        peaks.append([int(word) for word in done.stdout.split()])
    print("peaks in KiB, parent and largest worker:", peaks)
    assert all(many <= 1.1 * few for few, many in zip(*peaks, strict=True)), peaks
