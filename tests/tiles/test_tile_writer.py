"""The tile cache: right tiles, nothing done twice, the same bytes whatever happened on the way."""

from __future__ import annotations

import hashlib
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from make_videos import HEADER_FIRST, damage, make_video, record_decoding

from vpipe_utils import video
from vpipe_utils.data import shards, video_table
from vpipe_utils.data.sampling import uniform_indices
from vpipe_utils.data.video_table import index_videos
from vpipe_utils.tiles.tile_cache import TileCache
from vpipe_utils.tiles.tile_writer import Settings, build_shards, build_tile_cache

COUNT = 7


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Seven videos of 5 to 35 frames and a broken one."""
    folder = tmp_path_factory.mktemp("source")
    for number in range(COUNT):
        make_video(folder / f"v{number}.mp4", 5 * (number + 1), first=10 * number)
    (folder / "broken.mp4").write_text("no video")
    return folder


@pytest.fixture(scope="module")
def videos(source):
    """Indexed into four small shards: v1, v4, v5 and v6; v0; v2 and v3; the broken one, of which nothing comes."""
    return in_small_shards(source)


def in_small_shards(folder: Path) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(video_table, "shard_count", lambda n: shards.shard_count(n, 3))
        return index_videos(folder, [], progress=False)


def build(videos, folder, tile_format="uint8", **more) -> TileCache:
    return build_tile_cache(videos, folder, 9, 16, tile_format, progress=False, **more)


def tiles_of(cache: TileCache, positions: range | None = None) -> np.ndarray:
    """All tiles of a cache, (V, N, S, S, 3): each is compared with its checksum."""
    return np.stack([cache.tiles(name, positions) for name in cache.videos])


def content(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def expected_tiles(path: Path, n: int, size: int) -> np.ndarray:
    pictures = video.read_frames(path, uniform_indices(video.count_frames(path), n))
    return np.stack([cv2.resize(p, (size, size), interpolation=cv2.INTER_AREA) for p in pictures])


@pytest.fixture(scope="module", params=["uint8", "jpeg"])
def cache(request, videos, tmp_path_factory):
    return build(videos, tmp_path_factory.mktemp(request.param), request.param)


def test_what_the_cache_says(cache):
    assert cache.videos == [f"v{number}.mp4" for number in range(COUNT)]  # without the broken one
    assert (cache.frames_per_video, cache.tile_size) == (9, 16)
    assert tiles_of(cache, range(9 + cache.run)).shape == (COUNT, 9 + cache.run, 16, 16, 3), "all whole"


def test_tiles_are_the_resized_frames(cache, source):
    for name in ("v0.mp4", "v6.mp4"):
        expected = expected_tiles(source / name, 9, 16)
        tiles = cache.tiles(name)
        assert tiles.dtype == np.uint8
        if cache.tile_format == "uint8":
            np.testing.assert_array_equal(tiles, expected)
        else:  # JPEG blurs the noise in the test pictures, but keeps their order
            error = np.abs(tiles.astype(int) - expected).mean(axis=(1, 2, 3))
            assert error.max() < 20
    assert cache.frame_indices("v0.mp4").tolist() == [0, 0, 1, 1, 2, 3, 3, 4, 4]  # of 5 frames


def test_positions(cache):
    everything = cache.tiles("v4.mp4")
    np.testing.assert_array_equal(cache.tiles("v4.mp4", [8, 0, 0]), everything[[8, 0, 0]])
    assert cache.tiles("v4.mp4", []).shape == (0, 16, 16, 3)
    for bad in ([9], [-1]):
        with pytest.raises(ValueError, match="positions run from 0 to 8"):
            cache.tiles("v4.mp4", bad)


def test_unknown_video(cache):
    with pytest.raises(ValueError, match=r"'broken.mp4' is not among the 7 cached videos"):
        cache.tiles("broken.mp4")


def test_a_cache_travels_between_processes_without_its_content(cache):
    cache.tiles("v2.mp4")
    data = pickle.dumps(cache)
    assert len(data) < 20_000
    np.testing.assert_array_equal(pickle.loads(data).tiles("v2.mp4"), cache.tiles("v2.mp4"))


def test_jpeg_is_smaller_and_near(videos, tmp_path, source):
    smooth = videos[videos["video"] == "v6.mp4"]
    raw = tiles_of(build_tile_cache(smooth, tmp_path / "raw", 9, 64, progress=False))
    jpeg = tiles_of(build_tile_cache(smooth, tmp_path / "jpeg", 9, 64, "jpeg", progress=False))
    upper = slice(2, 28)  # the bars, away from the noise
    assert np.abs(raw[:, :, upper].astype(int) - jpeg[:, :, upper]).mean() < 3
    sizes = [next((tmp_path / name).glob("*.bin")).stat().st_size for name in ("raw", "jpeg")]
    assert sizes[1] < 0.7 * sizes[0]


def test_nothing_is_decoded_twice(videos, tmp_path, monkeypatch):
    before = build(videos, tmp_path)
    stored = content(tmp_path)
    monkeypatch.setattr(video, "iter_frames", lambda *_: pytest.fail("a cached video was decoded again"))
    after = build(videos, tmp_path)
    assert content(tmp_path) == stored
    assert after.videos == before.videos


def test_only_changed_videos_are_decoded(videos, source, tmp_path, monkeypatch):
    build(videos, tmp_path / "cache")
    untouched = {name: digest for name, digest in content(tmp_path / "cache").items() if "0001_of" in name}
    shutil.copytree(source, tmp_path / "changed")  # other paths and times, the same content
    make_video(tmp_path / "changed" / "v3.mp4", 12, first=100)
    (tmp_path / "changed" / "v4.mp4").unlink()
    changed = in_small_shards(tmp_path / "changed")
    decoded = record_decoding(monkeypatch)
    cache = build(changed, tmp_path / "cache")
    assert decoded == ["v3.mp4"]
    assert cache.videos == ["v0.mp4", "v1.mp4", "v2.mp4", "v3.mp4", "v5.mp4", "v6.mp4"]
    for name in ("v3.mp4", "v5.mp4"):
        np.testing.assert_array_equal(cache.tiles(name), expected_tiles(tmp_path / "changed" / name, 9, 16))
    assert len(untouched) == 2 and untouched.items() <= content(tmp_path / "cache").items()
    build(changed, tmp_path / "fresh")
    assert content(tmp_path / "cache") == content(tmp_path / "fresh")  # older shards are gone


def test_other_settings_are_another_cache(videos, tmp_path):
    build(videos, tmp_path)
    cache = build_tile_cache(videos, tmp_path, 4, 24, progress=False)
    assert tiles_of(cache).shape == (COUNT, 4, 24, 24, 3)
    assert len(list(tmp_path.iterdir())) == 7  # three shards, a table each, and the index


def test_a_run_of_neighbours_from_the_middle(videos, source, tmp_path):
    cache = build(videos, tmp_path, cache_run=6)
    assert (cache.frames_per_video, cache.run) == (9, 6)
    assert cache.frame_indices("v6.mp4")[9:].tolist() == [14, 15, 16, 17, 18, 19]  # of 35
    assert cache.frame_indices("v0.mp4")[9:].tolist() == [0, 1, 2, 3, 4, 4]  # of 5
    run = cache.tiles("v6.mp4", range(9, 15))
    pictures = video.read_frames(source / "v6.mp4", range(14, 20))
    expected = [cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA) for picture in pictures]
    np.testing.assert_array_equal(run, expected)
    assert cache.tiles("v6.mp4").shape[0] == 9 and tiles_of(cache).shape[1] == 9  # uniform ones unless asked


def test_jobs_of_their_own_join_into_the_same_cache(videos, tmp_path, monkeypatch):
    build(videos, tmp_path / "whole", "jpeg", cache_run=2)
    settings = Settings(9, 2, 16, "jpeg")
    for k in range(2):
        build_shards(videos, tmp_path / f"job_{k}", settings, progress=False, part=(k, 2))
        assert not (tmp_path / f"job_{k}" / "index.parquet").exists()
        shutil.copytree(tmp_path / f"job_{k}", tmp_path / "joined", dirs_exist_ok=True)
    monkeypatch.setattr(video, "iter_frames", lambda *_: pytest.fail("a job has cached it already"))
    build(videos, tmp_path / "joined", "jpeg", cache_run=2)
    assert content(tmp_path / "joined") == content(tmp_path / "whole")


def test_damaged_frames_among_the_tiles_are_named(tmp_path):
    path = make_video(tmp_path / "in" / "a.mp4", 30, width=320, height=240, container_options=HEADER_FIRST)
    damage(path, 0.5, 4000)
    found = in_small_shards(tmp_path / "in")
    cache = build(found, tmp_path / "out")
    assert found["damage"][0] or cache.damaged["a.mp4"].startswith("damaged, with what refers to it: frame")


@pytest.mark.parametrize("tile_format", ["uint8", "jpeg"])
def test_an_interrupted_build_continues(videos, tmp_path, monkeypatch, tile_format):
    build(videos, tmp_path / "whole", tile_format)
    original = video.iter_frames

    def stop_at_v2(path, *arguments):
        if Path(path).name == "v2.mp4":
            raise KeyboardInterrupt
        return original(path, *arguments)

    monkeypatch.setattr(video, "iter_frames", stop_at_v2)
    with pytest.raises(KeyboardInterrupt):
        build(videos, tmp_path / "cut", tile_format)
    assert not (tmp_path / "cut" / "index.parquet").exists()
    assert len(list((tmp_path / "cut").glob("shard_*.bin"))) == 2
    with pytest.raises(FileNotFoundError, match="run notebook 01"):
        TileCache(tmp_path / "cut")

    monkeypatch.undo()
    decoded = record_decoding(monkeypatch)
    build(videos, tmp_path / "cut", tile_format)
    assert decoded == ["v2.mp4", "v3.mp4"]  # the first two shards are kept
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


def test_a_build_killed_for_good_continues(videos, tmp_path):
    build(videos, tmp_path / "whole")
    videos.to_parquet(tmp_path / "videos.parquet")
    script = f"""
import time
import pandas as pd
from vpipe_utils.tiles import tile_writer
whole_shard = tile_writer._write_shard
def write_and_wait(folder, name, *arguments):
    whole_shard(folder, name, *arguments)
    time.sleep(60)
if __name__ == "__main__":
    tile_writer._write_shard = write_and_wait
    (part := tile_writer.Path({str(tmp_path / "cut")!r})).mkdir()
    left = part / ".shard_0.bin.0123abcd-1-1.part"
    left.write_text("left by an even older build, on another machine")
    __import__("os").utime(left, (0, 0))
    videos = pd.read_parquet({str(tmp_path / "videos.parquet")!r})
    tile_writer.build_tile_cache(videos, part, 9, 16, workers=2, progress=False)
"""
    (tmp_path / "script.py").write_text(script)
    process = subprocess.Popen([sys.executable, tmp_path / "script.py"])
    deadline = time.monotonic() + 60
    while not list((tmp_path / "cut").glob("shard_*.parquet")):
        assert process.poll() is None, "the build ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "cut" / "index.parquet").exists()
    build(videos, tmp_path / "cut", workers=2)
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


def test_the_number_of_workers_changes_nothing(videos, tmp_path):
    build(videos, tmp_path / "one", "jpeg")
    build(videos, tmp_path / "two", "jpeg", workers=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_files_that_do_not_match_the_index(videos, tmp_path):
    build(videos, tmp_path)
    shard = sorted(tmp_path.glob("*.bin"))[0]
    data = shard.read_bytes()
    shard.write_bytes(data[:-1])
    says = f"has {len(data) - 1} bytes where its index says {len(data)}; delete"
    with pytest.raises(ValueError, match=says):
        TileCache(tmp_path)
    tiles_of(build(videos, tmp_path))  # and building again mends it
    shard.unlink()
    with pytest.raises(ValueError, match=r"\.bin is missing; delete the folder and run notebook 01 again"):
        TileCache(tmp_path)
    shard.write_bytes(bytes(len(data)))
    with pytest.raises(ValueError, match=f"{shard.name}: a tile of 'v1.mp4' is damaged; delete the"):
        tiles_of(TileCache(tmp_path))
    (tmp_path / "index.parquet").write_text("nonsense")
    with pytest.raises(ValueError, match="index.parquet cannot be read"):
        TileCache(tmp_path)


@pytest.mark.parametrize("tile_format", ["uint8", "jpeg"])
def test_one_flipped_bit_anywhere_is_found(videos, tmp_path, tile_format):
    build(videos, tmp_path, tile_format)
    shard = sorted(tmp_path.glob("*.bin"))[0]
    whole = shard.read_bytes()
    for at in np.linspace(0, len(whole) - 1, 25, dtype=int):
        data = bytearray(whole)
        data[at] ^= 4
        shard.write_bytes(data)
        with pytest.raises(ValueError, match=f"{shard.name}: a tile of 'v[1456].mp4' is damaged"):
            tiles_of(TileCache(tmp_path))


def test_a_damaged_index_is_never_read_as_whole(videos, tmp_path):
    build(videos, tmp_path)
    path, good = tmp_path / "index.parquet", TileCache(tmp_path)
    whole, tiles = path.read_bytes(), tiles_of(good)
    said = 0
    for at in range(0, len(whole), 41):
        data = bytearray(whole)
        data[at] ^= 16
        path.write_bytes(data)
        try:
            found = TileCache(tmp_path)
            np.testing.assert_array_equal(tiles_of(found), tiles)  # the bit was of no meaning
            assert found.videos == good.videos
        except ValueError as error:
            said += "delete the folder and run notebook 01 again" in str(error)
    assert said > 0.5 * len(whole) / 41


def test_impossible_wishes(videos, tmp_path):
    with pytest.raises(ValueError, match="no video is readable"):
        build_tile_cache(videos[~videos["readable"]], tmp_path, 9, 16, progress=False)
    with pytest.raises(OSError, match=r"tile cache of 7 videos takes about .* GB free: lower cache_frames"):
        build_tile_cache(videos, tmp_path, 10_000, 20_000, progress=False)


def test_a_video_that_changed_since_it_was_indexed(videos, tmp_path):
    copy = videos[videos["video"].isin(["v1.mp4", "v2.mp4"])].copy()
    v2 = copy["video"] == "v2.mp4"
    copy.loc[v2, "frames"] = 40
    with pytest.raises(video.VideoError, match="v2.mp4: frame 15 was asked for, but it has 15 frames"):
        build_tile_cache(copy, tmp_path, 9, 16, progress=False)
    copy.loc[v2, "path"] = str(tmp_path / "v2.mp4")
    says = "v2.mp4: it is gone or was changed since it was indexed: run notebook 01 again"
    with pytest.raises(video.VideoError, match=says):
        build_tile_cache(copy, tmp_path, 9, 16, progress=False)
    make_video(tmp_path / "v2.mp4", 40)
    with pytest.raises(video.VideoError, match=says):
        build_tile_cache(copy, tmp_path, 9, 16, progress=False)
