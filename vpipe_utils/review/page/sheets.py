"""Contact sheets: nine frames of a clip, spread over all of it, as one small picture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from vpipe_utils.review.tables import PICTURES
from vpipe_utils.storage.files import atomic_path

SIDE = 3  # frames in a row, and rows
WIDTH = 240  # px a frame: nine of them are readable, and 1,000 sheets take some 60 MB
QUALITY = 82  # of the JPEG, our choice


def sheet_name(name: str) -> str:
    """Where a clip's sheet lies, relative to the folder of the review; a hash, since names hold any character."""
    return f"{PICTURES}/sheets/{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:20]}.jpg"


def contact_sheet(frames: Sequence[np.ndarray]) -> np.ndarray:
    """Up to nine frames, uint8 `(H, W, 3)` of one size, as a grid row by row: `(3 h, 720, 3)`; missing ones are grey.

    Raises ValueError for none or for more than nine.
    """
    if not 0 < len(frames) <= SIDE**2:
        raise ValueError(f"a contact sheet takes 1 to {SIDE**2} frames, not {len(frames)}")
    height, width = frames[0].shape[:2]
    height = max(1, round(height * WIDTH / width))
    sheet = np.full((SIDE * height, SIDE * WIDTH, 3), 128, dtype=np.uint8)
    for k, frame in enumerate(frames):
        row, column = divmod(k, SIDE)
        small = cv2.resize(frame, (WIDTH, height), interpolation=cv2.INTER_AREA)
        sheet[row * height : (row + 1) * height, column * WIDTH : (column + 1) * WIDTH] = small
    return sheet


def sheet_jpeg(frames: Sequence[np.ndarray]) -> bytes:
    """The contact sheet of ``frames`` (RGB) as a JPEG file."""
    done, data = cv2.imencode(".jpg", contact_sheet(frames)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise RuntimeError("the contact sheet could not be encoded")
    return data.tobytes()


def write_sheet(frames: Sequence[np.ndarray], folder: Path, name: str) -> Path:
    """Write the contact sheet of clip ``name``; ``frames``: RGB, spread evenly over the clip, in its order."""
    path = folder / sheet_name(name)
    data = sheet_jpeg(frames)
    with atomic_path(path) as part:
        part.write_bytes(data)
    return path
