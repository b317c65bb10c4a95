"""Super-images from disk, the usual way and ours: how many a second one core loads.

The usual way is a data set over JPEG files: PIL opens, torchvision resizes, makes a float tensor and normalises, frame
by frame. Ours is `TileDataset` over the tile cache, whose batches stay bytes: they become floats on the device.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms

from vpipe_utils.learning.datasets import TileDataset
from vpipe_utils.learning.inputs import make_input
from vpipe_utils.learning.params import SuperImageParams
from vpipe_utils.storage.tables import read_table
from vpipe_utils.tiles.tile_cache import TileCache
from vpipe_utils.tiles.tile_writer import JPEG_QUALITY, encode_jpeg

BATCH = 8  # as in training at the report's size
FEW = BATCH  # super-images of full frames in a round: they take ten times as long
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as in everybody's code
FRAMES, TILES, COPY = "PIL, files of full frames", "PIL, files of tiles", "copying the bytes"
COLLATED = "PIL, files of tiles, collated"
FLOAT, BYTES = "float", "bytes"
KINDS = ("jpeg", "uint8")  # of tile caches


class Loader(NamedTuple):
    """A way to load. `make` gives what maps item numbers to a batch; it is called before each round, unmeasured."""

    gives: str
    make: Callable[[], Callable[[list[int]], object]]
    most: int | None = None  # items a round


def loaders(
    caches: Mapping[str, TileCache], frames: Path, tiles: Path, items_per_video: int, params: SuperImageParams
) -> dict[str, Loader]:
    """All ways over the same super-images of `params.grid`² tiles.

    `caches`: "uint8" and "jpeg", of the same videos, `items_per_video` times as many tiles a video as a super-image
    has. `frames`: what `extract_all` wrote of these videos. `tiles`: a folder for tiles as JPEG files, filled here.
    """
    count = params.grid**2
    exact = _data(caches["uint8"], count, items_per_video)
    full_files, tile_files = _frame_files(exact, frames), _tile_files(exact, tiles)
    stored = exact.cache.array().reshape(len(exact.videos), items_per_video, -1)
    kept = np.empty((BATCH, stored.shape[-1]), np.uint8)

    def copy(items: list[int]) -> None:
        for row, item in zip(kept, items, strict=False):
            np.copyto(row, stored[item % len(exact.videos), item // len(exact.videos)])

    side = params.grid * params.input_tile
    images = torch.zeros(BATCH, 3, side, side)  # kept: TILES need not wait for new memory, as COLLATED and ours do

    def collate(items: list[int]) -> Tensor:
        singles = [torch.empty(images.shape[1:]) for _ in items]
        for image, item in zip(singles, items, strict=True):
            usual_super_image(tile_files[item], params.grid, image)
        return torch.stack(singles)

    def usual(files: list[list[Path]], items: list[int]) -> Tensor:
        for image, item in zip(images, items, strict=False):
            usual_super_image(files[item], params.grid, image)
        return images[: len(items)]

    ways = {
        FRAMES: Loader(FLOAT, lambda: lambda items: usual(full_files, items), FEW),
        COLLATED: Loader(FLOAT, lambda: collate),
        TILES: Loader(FLOAT, lambda: lambda items: usual(tile_files, items)),
    }
    for name in KINDS:
        ways |= _ours(name, caches[name], count, items_per_video, params)
    return ways | {COPY: Loader(BYTES, lambda: copy)}


def _ours(name: str, cache: TileCache, count: int, items_per_video: int, params: SuperImageParams) -> dict[str, Loader]:
    known = _data(cache, count, items_per_video)
    for item in range(len(known)):  # so that `known` has compared every checksum
        known[item]

    def fresh() -> Callable[[list[int]], object]:
        return _data(TileCache(cache.folder), count, items_per_video).__getitems__

    return {
        f"ours, {name}, first time": Loader(BYTES, fresh),
        f"ours, {name}": Loader(BYTES, lambda: known.__getitems__),
        f"ours, {name}, to floats": Loader(FLOAT, lambda: lambda items: make_input(*known.__getitems__(items), params)),
    }


def _data(cache: TileCache, count: int, items_per_video: int) -> TileDataset:
    return TileDataset(cache, cache.videos, None, count, items_per_video=items_per_video)


USUAL = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])


def usual_super_image(files: Sequence[Path], grid: int, image: Tensor) -> None:
    """JPEG files as one normalised image, row by row, into float32 (3, H, W)."""
    size = image.shape[-1] // grid
    resize = transforms.Resize((size, size))
    for number, file in enumerate(files):
        row, column = divmod(number, grid)
        with Image.open(file) as picture:
            tile = USUAL(resize(picture.convert("RGB")))
        image[:, row * size : (row + 1) * size, column * size : (column + 1) * size] = tile


def _frame_files(data: TileDataset, folder: Path) -> list[list[Path]]:
    """The extracted frames of every item."""
    files = []
    for item in range(len(data)):
        name = data.videos[item % len(data.videos)]
        frames = data.cache.frame_indices(name)[data.positions(item, None)]
        files.append([folder / name / f"{frame:06d}.jpg" for frame in frames])
    return files


def _tile_files(data: TileDataset, folder: Path) -> list[list[Path]]:
    """The tiles of every item, written as JPEG files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for item in range(len(data)):
        tiles = data.cache.tiles(data.videos[item % len(data.videos)], data.positions(item, None))
        files.append([folder / f"{item:06d}_{number}.jpg" for number in range(len(tiles))])
        for file, tile in zip(files[-1], tiles, strict=True):
            file.write_bytes(encode_jpeg(tile, JPEG_QUALITY))
    return files


def measure(ways: Mapping[str, Loader], items: int, rounds: int) -> pd.DataFrame:
    """Load items 0 to `items` - 1 in batches of BATCH every way, one thread: one row a way.

    The ways take turns, every other round backwards. Columns: way, gives, per_s (super-images a second of CPU, median
    of the rounds), ratio (against the usual way with files of tiles, median of the rounds' ratios), ratio_low,
    ratio_high (their range) and copy_share (per_s as a share of that of copying the bytes, likewise).
    """
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    with one_thread():
        for number in range(rounds + 1):  # the first one warms up
            for way in list(ways)[:: -1 if number % 2 else 1]:
                load, most = ways[way].make(), min(items, ways[way].most or items)
                began = time.process_time()
                for first in range(0, most, BATCH):
                    load(list(range(first, min(first + BATCH, most))))
                seconds[way].append((time.process_time() - began) / most)
    taken = {way: np.array(values[1:]) for way, values in seconds.items()}
    rows = []
    for way, loader in ways.items():
        ratios, shares = taken[TILES] / taken[way], taken[COPY] / taken[way]
        figures = (1 / np.median(taken[way]), np.median(ratios), ratios.min(), ratios.max(), np.median(shares))
        rows.append((way, loader.gives, *figures))
    return pd.DataFrame(rows, columns=["way", "gives", "per_s", "ratio", "ratio_low", "ratio_high", "copy_share"])


def describe(table: pd.DataFrame, wanted: Mapping[str, float]) -> list[str]:
    """A sentence a kind of cache: ours against the usual way. `wanted`: kind → ratio aimed at.

    ``table``: rows of `measure`.
    """
    ratio = table.set_index("way")["ratio"]
    lines = []
    for kind in KINDS:
        aim = f" (wanted: at least {wanted[kind]:g})" if kind in wanted else ""
        plain, first, floats = (ratio[f"ours, {kind}{more}"] for more in ("", ", first time", ", to floats"))
        lines.append(
            f"Loading from the {kind} cache: x {plain:.1f} as fast as the usual way with files of tiles{aim}, "
            f"x {first:.1f} when tiles are read for the first time and checked. Where the CPU makes floats too: "
            f"x {floats:.2f}, and x {floats / ratio[COLLATED]:.2f} with the usual way collated."
        )
    return lines


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """One thread each for PyTorch and OpenCV."""
    threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads[0])
        cv2.setNumThreads(threads[1])


def sizes(extracted: pd.DataFrame, caches: Mapping[str, TileCache], tiles: Sequence[int]) -> pd.DataFrame:
    """Bytes a video, indexed by video: `frames` as JPEG files (what `extract_all` gives), and so many tiles."""
    table = extracted.set_index("video")[["frames", "bytes"]].rename(columns={"bytes": "JPEG files"})
    for name, cache in caches.items():
        index = read_table(cache.folder / "index.parquet").set_index("video")
        for number in tiles:
            table[f"{number} tiles, {name}"] = index["sizes"].map(np.mean) * number
    return table
