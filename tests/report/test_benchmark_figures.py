"""Figures of reading and loading, and the loading that they show: right values in the right places. No times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fakes import smoke_params
from make_videos import make_video

from vpipe_utils.benchmarks import compare_loaders
from vpipe_utils.data.video_table import index_videos
from vpipe_utils.learning.superimage import assemble
from vpipe_utils.report import benchmark_figures
from vpipe_utils.report.figure_style import BLUE, ORANGE, PALE
from vpipe_utils.tiles import frame_extraction, tile_writer

NAN = float("nan")


def reading_table() -> pd.DataFrame:
    columns = ["clip", "way", "why_not", "ratio", "ratio_low", "ratio_high", "exact", "odd_exact", "odd_clips"]
    rows = [
        ("720p", "paper", "", 1.0, 1.0, 1.0, True, 2, 2),
        ("720p", "theirs", "", 4.0, 3.5, 4.5, True, 1, 2),
        ("720p", "absent", "not installed", NAN, NAN, NAN, False, 0, 2),
        ("720p", "ours", "", 6.0, 5.5, 6.5, True, 2, 2),
        ("1080p", "paper", "", 1.0, 1.0, 1.0, True, 2, 2),
        ("1080p", "theirs", "", 2.0, 2.0, 2.0, False, 1, 2),
        ("1080p", "absent", "not installed", NAN, NAN, NAN, False, 0, 2),
        ("1080p", "ours", "", 8.0, 8.0, 8.0, True, 2, 2),
    ]
    return pd.DataFrame(rows, columns=columns)


def colours(axes) -> list[str]:
    return [matplotlib_hex(bar) for bar in axes.patches]


def matplotlib_hex(bar) -> str:
    return "#" + "".join(f"{round(255 * part):02X}" for part in bar.get_facecolor()[:3])


def test_reading_ratios() -> None:
    figure = benchmark_figures.reading_ratios(reading_table(), "ours")
    small, large = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["720p", "1080p"]
    assert [bar.get_width() for bar in small.patches] == [1.0, 4.0, 6.0]
    assert colours(small) == [BLUE, PALE, ORANGE] and small.patches[1].get_hatch()
    assert colours(large) == [BLUE, PALE, ORANGE]
    ticks = [tick.get_text() for tick in small.get_yticklabels()]
    assert ticks == ["paper  (2 of 2)", "theirs  (1 of 2)", "absent", "ours  (2 of 2)"]
    assert [text.get_text().strip() for text in small.texts] == ["1.0", "4.0", "not measured", "6.0"]
    assert [line.get_xdata()[0] for axes in figure.axes for line in axes.lines] == [1, 1], "the paper's way"
    assert small.get_xlim()[0] == 0
    assert len(figure.legends[0].get_texts()) == 3


def test_loading_speeds() -> None:
    rows = [("PIL", "float", 50.0, 1.0), ("ours, to floats", "float", 75.0, 1.5), ("ours", "bytes", 500.0, 10.0)]
    table = pd.DataFrame([*rows, ("copy", "bytes", 2000.0, 40.0)], columns=["way", "gives", "per_s", "ratio"])
    floats, raw = benchmark_figures.loading_speeds(table, "copy").axes
    assert colours(floats) == [BLUE, ORANGE] and colours(raw) == [ORANGE, PALE]
    assert [bar.get_width() for bar in raw.patches] == [500.0, 2000.0]
    assert [text.get_text() for text in raw.texts] == ["500  (x 10.0)", "2,000  (x 40.0)"]
    assert floats.get_xlim()[0] == raw.get_xlim()[0] == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Two videos, their frames as files, and both caches: two super-images of four tiles a video."""
    folder = tmp_path_factory.mktemp("loading")
    for name in ("a.mp4", "b.mp4"):
        make_video(folder / "videos" / name, 16, first=len(name) + ord(name[0]))
    videos = index_videos(folder / "videos", [])
    extracted = frame_extraction.extract_all(videos, folder / "frames")
    caches = {
        kind: tile_writer.build_tile_cache(videos, folder / kind, 8, 16, kind) for kind in compare_loaders.KINDS
    }
    params = smoke_params(grid=2, input_tile=16, channels_last=False)
    ways = compare_loaders.loaders(caches, folder / "frames", folder / "tiles", 2, params)
    return {"extracted": extracted, "caches": caches, "ways": ways, "folder": folder}


def test_every_way_loads_the_same_super_images(made: dict[str, object]) -> None:
    ways, items = made["ways"], [0, 1, 2, 3]
    load = {name: way.make()(items) for name, way in ways.items()}
    tiles = load["ours, uint8"][0]
    cache = made["caches"]["uint8"]
    expected = np.stack([cache.tiles(cache.videos[k % 2], range(4 * (k // 2), 4 * (k // 2) + 4)) for k in items])
    assert np.array_equal(tiles.permute(0, 1, 3, 4, 2), expected)
    assert torch.equal(load["ours, uint8, first time"][0], tiles)
    assert torch.equal(load["ours, uint8, to floats"], assemble(tiles, 2) / 255)
    mean, std = (torch.tensor(values)[:, None, None] for values in (compare_loaders.MEAN, compare_loaders.STD))
    usual = load[compare_loaders.TILES] * std + mean
    assert torch.equal(load[compare_loaders.COLLATED], load[compare_loaders.TILES])
    assert load[compare_loaders.TILE_BYTES].dtype == torch.uint8
    assert torch.equal(load[compare_loaders.TILE_BYTES], (255 * usual).round().byte())
    floats = load["ours, jpeg, to floats"]
    assert (usual - floats).abs().max() < 0.03, "both are the JPEG's pixels; decoders differ by a few grey levels"
    resized = load[compare_loaders.FRAMES] * std + mean
    assert (resized - load["ours, uint8, to floats"]).abs().mean() < 0.05, "other filters, the same frames"


def test_measuring_loads_everything_every_round(made: dict[str, object]) -> None:
    asked = {name: [] for name in made["ways"]}

    def counted(name: str, way: compare_loaders.Loader) -> compare_loaders.Loader:
        return way._replace(make=lambda: lambda items: asked[name].append(items) or sum(range(20_000)))

    ways = {name: counted(name, way) for name, way in made["ways"].items()}
    table = compare_loaders.measure(ways, 10, 2)
    assert list(table["way"]) == list(ways)
    assert asked["ours, uint8"] == [list(range(8)), [8, 9]] * 3, "a round warms up"
    assert asked[compare_loaders.FRAMES] == [list(range(8))] * 3, "fewer of what takes long"
    of = table.set_index("way")
    assert {gives: of.loc[way, "ratio"] for gives, way in compare_loaders.USUAL.items()} == {"float": 1, "bytes": 1}
    assert [of.loc[way, "gives"] for way in compare_loaders.USUAL.values()] == ["float", "bytes"], "like with like"
    lines = compare_loaders.describe(table.assign(ratio=np.arange(len(table))))
    assert ["jpeg" in line for line in lines] == [True, False]
    assert "bytes with bytes x 5.0 as fast (x 4.0 " in lines[0] and "floats with floats x 6.00 (x 6.00 " in lines[0]


def test_sizes_are_those_of_the_files(made: dict[str, object]) -> None:
    sizes = compare_loaders.sizes(made["extracted"], made["caches"], (4, 8))
    folder: Path = made["folder"]
    on_disk = sum(file.stat().st_size for file in (folder / "frames" / "a.mp4").glob("*.jpg"))
    assert sizes["JPEG files"]["a.mp4"] == on_disk and sizes["frames"]["a.mp4"] == 16
    assert sizes["4 tiles, uint8"].tolist() == [4 * 16 * 16 * 3] * 2
    shards = sum(file.stat().st_size for file in (folder / "jpeg").glob("*.bin"))
    assert sizes["8 tiles, jpeg"].sum() == pytest.approx(shards)
