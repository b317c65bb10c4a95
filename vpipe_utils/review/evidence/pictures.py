"""The pictures of a review: the most telling frame of a clip, and over it the heat, as a picture of the same shape."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib import colormaps
from scipy.ndimage import label

from vpipe_utils.storage.files import atomic_path
from vpipe_utils.tiles.tile_writer import encode_jpeg

QUALITY = 85  # of the frame as JPEG, for looking at it; our choice
LONGEST = 40  # characters of a clip's name that its pictures' names keep
MOST_ALPHA = 0.6  # the hottest place still lets the frame shine through
HALF = 0.5  # the box holds what is at least half as hot as the hottest point; our choice
COLOURS = "inferno"  # from black to yellow, readable without telling red from green


def picture_name(video: str, code: str) -> str:
    """A file name without ending that every system and browser takes, whatever clip and class are called.

    Two different clips or classes never share one: the hash is of both names.
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "-", Path(video).stem).strip("-")[:LONGEST]
    digest = hashlib.sha256(f"{video}\0{code}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{plain}-{digest}" if plain else digest


def hot_box(heat: np.ndarray, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The box (x0, y0, x1, y1) around the hot part in which the hottest point lies, in pixels of the frame.

    `heat`: `(s, s)`, `size`: (width, height) of the frame; x1 and y1 exclusive.
    """
    parts, _ = label(heat >= HALF * heat.max())
    rows, columns = np.nonzero(parts == parts[np.unravel_index(heat.argmax(), heat.shape)])
    across, down = size[0] / heat.shape[1], size[1] / heat.shape[0]
    return (
        float(columns.min() * across),
        float(rows.min() * down),
        float((columns.max() + 1) * across),
        float((rows.max() + 1) * down),
    )


def heat_picture(heat: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A map `(s, s)` as RGBA uint8 `(height, width, 4)` of the frame's size; the hotter, the less transparent."""
    full = cv2.resize(heat.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    share = np.clip(full / full.max(), 0, 1)
    picture = (colormaps[COLOURS](share) * 255).round().astype(np.uint8)
    picture[..., 3] = (share * MOST_ALPHA * 255).round().astype(np.uint8)
    return picture


def write_pictures(folder: Path, name: str, frame: np.ndarray, heat: np.ndarray) -> Sequence[str]:
    """Write <name>.jpg and <name>.png into `folder`; gives their names."""
    with atomic_path(folder / f"{name}.jpg") as part:
        part.write_bytes(encode_jpeg(frame, QUALITY))
    picture = heat_picture(heat, (frame.shape[1], frame.shape[0]))
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA), [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not done:
        raise ValueError(f"OpenCV cannot encode a picture of shape {picture.shape} as PNG")
    with atomic_path(folder / f"{name}.png") as part:
        part.write_bytes(data.tobytes())
    return f"{name}.jpg", f"{name}.png"
