"""What is read of a clip when it is shown: nine frames, or the file for the browser's own player; or why not."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pandas as pd

from vpipe_utils import video
from vpipe_utils.data.sampling import uniform_indices
from vpipe_utils.review.page.sheets import SIDE, sheet_jpeg

PLAYED = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mp4", ".webm": "webm"}  # ending -> format, of what browsers open
CODECS = ("h264", "vp8", "vp9", "av1")  # that Chrome, Edge, Firefox and Safari of today play
LARGEST = 64 * 2**20  # bytes sent to a notebook at once; our choice: a few seconds on a slow line
REMEMBERED = 64  # contact sheets, about 60 kB each


class NotShownError(ValueError):
    """Why a clip, or its picture, is not shown: one sentence."""


def nine_frames(facts: pd.Series) -> bytes:
    """The contact sheet of a clip as JPEG; ``facts``: its row of the videos table.

    Raises NotShownError where the file is gone, cannot be read, or is shorter than the table says.
    """
    path, count = _file(facts), facts["frames"]
    try:
        with video.noting_damage():  # the table of videos has it, in words
            return _sheet(path, path.stat().st_mtime_ns, 1 if pd.isna(count) else max(1, int(count)))
    except (video.VideoError, IndexError, OSError) as error:
        raise NotShownError(f"No frames can be shown: {error}") from None


@lru_cache(maxsize=REMEMBERED)
def _sheet(path: Path, changed: int, count: int) -> bytes:
    return sheet_jpeg(list(video.read_frames(path, uniform_indices(count, SIDE**2))))


def clip_file(facts: pd.Series) -> tuple[bytes, str]:
    """The bytes of a clip and their format, "mp4" or "webm", as a `<video>` takes them.

    Raises NotShownError for a kind of file that browsers do not play, a large one, and one that is gone.
    """
    path = _file(facts)
    kind, codec = PLAYED.get(path.suffix.lower()), facts["codec"]
    if kind is None or codec not in CODECS:
        what = f"{codec or 'this codec'} in {path.suffix or 'a file without an ending'}"
        raise NotShownError(f"Browsers do not play {what}. Open it in a player: {path}")
    try:
        size = path.stat().st_size
        if size > LARGEST:
            has = f"{size / 2**20:,.0f} MB"
            raise NotShownError(f"The clip has {has}, too much for a notebook. Open it in a player: {path}")
        return path.read_bytes(), kind
    except OSError as error:
        raise NotShownError(f"The clip cannot be read ({error.strerror}): {path}") from None


def _file(facts: pd.Series) -> Path:
    if not isinstance(facts["path"], str):
        raise NotShownError("This clip is not in the table of videos: run notebook 01 again.")
    path = Path(facts["path"])
    if not path.is_file():
        raise NotShownError(f"The file is not there any more: {path}. Put it back, or run notebook 01 again.")
    return path
