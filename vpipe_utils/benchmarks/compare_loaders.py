"""Super-images from disk, the usual way and ours: how many a second one core loads.

The usual way is a data set over JPEG files: PIL opens, torchvision resizes, makes a float tensor and normalises, frame
by frame; or it leaves them bytes. Ours is `TileDataset` over the tile cache, whose batches stay bytes: they become
floats on the device, or here, to compare floats with floats.
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

BATCH = 8  # as in training at the paper's size
FEW = BATCH  # super-images of full frames in a round: they take ten times as long
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as in everybody's code
FRAMES, TILES, TILE_BYTES = "PIL, files of full frames", "PIL, files of tiles", "PIL, files of tiles, as bytes"
COLLATED, COPY = "PIL, files of tiles, collated", "copying the bytes"
FLOAT, BYTES = "float", "bytes"
USUAL = {FLOAT: TILES, BYTES: TILE_BYTES}  # what a way is compared with: it gives the same
KINDS = ("jpeg", "uint8")  # of tile caches
TO_TENSOR = {
    torch.float32: transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)]),
    torch.uint8: transforms.PILToTensor(),
}


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
    full_files, tile_files = _files(exact, frames, tiles)
    stored = np.stack([exact.cache.tiles(video) for video in exact.videos])
    stored = stored.reshape(len(exact.videos), items_per_video, -1)
    kept = np.empty((BATCH, stored.shape[-1]), np.uint8)

    def copy(items: list[int]) -> None:
        for row, item in zip(kept, items, strict=False):
            np.copyto(row, stored[item % len(exact.videos), item // len(exact.videos)])

    side = params.grid * params.input_tile
    # Kept: these ways need not wait for new memory, as COLLATED (a DataLoader's way) and ours do.
    batches = {FLOAT: torch.zeros(BATCH, 3, side, side), BYTES: torch.zeros(BATCH, 3, side, side, dtype=torch.uint8)}

    def usual(gives: str, files: list[list[Path]], most: int | None = None) -> Loader:
        def load(items: list[int]) -> Tensor:
            for image, item in zip(batches[gives], items, strict=False):
                usual_super_image(files[item], params.grid, image)
            return batches[gives][: len(items)]

        return Loader(gives, lambda: load, most)

    def collate(items: list[int]) -> Tensor:
        singles = [torch.empty(3, side, side) for _ in items]
        for image, item in zip(singles, items, strict=True):
            usual_super_image(tile_files[item], params.grid, image)
        return torch.stack(singles)

    ways = {
        FRAMES: usual(FLOAT, full_files, FEW),
        COLLATED: Loader(FLOAT, lambda: collate),
        TILES: usual(FLOAT, tile_files),
        TILE_BYTES: usual(BYTES, tile_files),
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


def usual_super_image(files: Sequence[Path], grid: int, image: Tensor) -> None:
    """JPEG files, row by row, into `image` (3, H, W): as normalised float32, or as uint8 where it is that."""
    size = image.shape[-1] // grid
    resize, to_tensor = transforms.Resize((size, size)), TO_TENSOR[image.dtype]
    for number, file in enumerate(files):
        row, column = divmod(number, grid)
        with Image.open(file) as picture:
            tile = to_tensor(resize(picture.convert("RGB")))
        image[:, row * size : (row + 1) * size, column * size : (column + 1) * size] = tile


def _files(data: TileDataset, frames: Path, tiles: Path) -> tuple[list[list[Path]], list[list[Path]]]:
    """The extracted frames of every item, and its tiles, written as JPEG files."""
    tiles.mkdir(parents=True, exist_ok=True)
    full_files, tile_files = [], []
    for item in range(len(data)):
        name, positions = data.videos[item % len(data.videos)], data.positions(item, None)
        wanted = data.cache.frame_indices(name)[positions]
        full_files.append([frames / name / f"{frame:06d}.jpg" for frame in wanted])
        tile_files.append([tiles / f"{item:06d}_{number}.jpg" for number in range(data.count)])
        for file, tile in zip(tile_files[-1], data.cache.tiles(name, positions), strict=True):
            file.write_bytes(encode_jpeg(tile, JPEG_QUALITY))
    return full_files, tile_files


def measure(ways: Mapping[str, Loader], items: int, rounds: int) -> pd.DataFrame:
    """Load items 0 to `items` - 1 in batches of BATCH every way, one thread: one row a way.

    The ways take turns, every other round backwards. Columns: way, gives, per_s (super-images a second of CPU, median
    of the rounds), ratio (against the usual way that gives the same, bytes or floats, of files of tiles: median of the
    rounds' ratios), ratio_low, ratio_high (their range) and copy_share (per_s as a share of that of copying the bytes).
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
        ratios, shares = taken[USUAL[loader.gives]] / taken[way], taken[COPY] / taken[way]
        figures = (1 / np.median(taken[way]), np.median(ratios), ratios.min(), ratios.max(), np.median(shares))
        rows.append((way, loader.gives, *figures))
    return pd.DataFrame(rows, columns=["way", "gives", "per_s", "ratio", "ratio_low", "ratio_high", "copy_share"])


def describe(table: pd.DataFrame) -> list[str]:
    """A sentence a kind of cache: ours against the usual way, bytes with bytes and floats with floats.

    ``table``: rows of `measure`.
    """
    ratio = table.set_index("way")["ratio"]
    return [
        f"Loading from the {kind} cache against the usual way with files of tiles: bytes with bytes "
        f"x {ratio[f'ours, {kind}']:.1f} as fast (x {ratio[f'ours, {kind}, first time']:.1f} when tiles are read for "
        f"the first time and checked), floats with floats x {ratio[f'ours, {kind}, to floats']:.2f} "
        f"(x {ratio[f'ours, {kind}, to floats'] / ratio[COLLATED]:.2f} where the usual way takes new memory too)."
        for kind in KINDS
    ]


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
