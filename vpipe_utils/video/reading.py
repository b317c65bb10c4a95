"""Probing a video, and exact access to its frames.

**Which frame.** Frame i is the i-th that decoding the file from its start gives, the way the report's CV2 loop counts:
up to the first packet that cannot be decoded, which in a damaged file comes before the end. The header of a file lies
(a cut-off one announces frames it does not have): a count is decoded, or proven from the header of every single
picture. `jump` reaches single frames fast, where that is certainly exact; `sequential` decodes everything else
from the start. Where a file holds several streams, `streams` says which is the video.

**Which colours.** One definition for every format and way of reading (`colours`):

- Matrix and range are those that the picture itself declares, else its container; where neither does: BT.601, and the
  limited range (luma 16 to 235, colour 16 to 240 of 8 bits), which is what OpenCV and FFmpeg take.
- The transfer (gamma, PQ, HLG) stays as coded and primaries (BT.2020, P3) are not mapped: a bright clip of a telephone
  looks flat, but as it was recorded, and nothing depends on what a maker thinks a screen can show.
- Grey and RGB are taken as stored, whatever range is declared.
- Colour that several pixels share (4:2:0 and the like) is given to each of them as it is; in interlaced pictures within
  each field. More than 8 bits are rounded to 8. Transparency is dropped.
- 8-bit 4:2:0 and 4:2:2 come out of swscale's fast way, at most 3 grey levels (of 255) off the exact values, and bit for
  bit as from OpenCV where that agrees with the above; all others within one.
- All pictures are turned and mirrored by the display matrix of the first (an H.264 stream may repeat it at keyframes
  alone). Where size, format or colour matrix change on the way, each picture is converted by its own, then scaled
  (INTER_AREA) to the size of the first.
- A matrix that FFmpeg cannot convert (YCgCo, constant luminance, ICtCp, ...) is a VideoError.
"""

from __future__ import annotations

import errno
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from vpipe_utils.video.errors import NO_FILE, DamageWarning, VideoError
from vpipe_utils.video.jump import Doubt, jump_to_frames, look
from vpipe_utils.video.sequential import decode_all, step_through
from vpipe_utils.video.streams import opened
from vpipe_utils.video.timing import rate_and_duration


def probe(path: str | Path) -> dict[str, object]:
    """Say what a video is. Its headers suffice where they prove the number of frames; else it is decoded once.

    Returns `fps` (frames per second on average), `frames` (that decoding gives), `duration_s` (from the times of the
    frames; both NaN where the file does not tell, see `timing`), `width` and `height` (pixels as stored, turned by
    the rotation, not scaled by a pixel aspect), `codec` (FFmpeg's name), `read_through` (why its frames are read from
    the start; "" where `read_frames` jumps to them) and `damage` (which frames are damaged or lost, a
    sentence; "" where none was noticed: inside a picture only decoding shows it). Raises VideoError.
    """
    path = _checked_path(path)
    damage = ""
    try:
        times, read_through, width, height = look(path)
    except Doubt:
        times, damage, width, height = decode_all(path)
        read_through = "some of it is damaged" if damage else _why_read_through(path, len(times))
    with opened(path) as (_, stream):
        fps, duration = rate_and_duration(times, stream)
        codec = stream.codec_context.codec.canonical_name
    return {
        "fps": fps,
        "frames": len(times),
        "duration_s": duration,
        "width": width,
        "height": height,
        "codec": codec,
        "read_through": read_through,
        "damage": damage,
    }


def count_frames(path: str | Path) -> int:
    """Number of frames that a full sequential decode gives, at least 1; decodes only where headers do not prove it.

    Raises VideoError.
    """
    path = _checked_path(path)
    try:
        return look(path).frames
    except Doubt:
        return decode_all(path).frames


def read_frames(path: str | Path, indices: Sequence[int], intact: int | None = None) -> np.ndarray:
    """Frames at `indices`, in the order asked (repeats allowed): uint8 (N, H, W, 3) RGB, rotation applied.

    `intact`: the number of frames of a video in which `probe` found no damage; with it more files need not be decoded
    from their start. Raises VideoError, also for an index that the video does not have; warns with DamageWarning where
    a frame that was decoded on the way is damaged.
    """
    indices = _checked_indices(indices, path)
    if not len(indices):
        return next(iter_frames(path, [0]))[1][None][:0]
    pictures: np.ndarray | None = None
    for index, frame in iter_frames(path, indices, intact):
        if pictures is None:
            pictures = np.empty((len(indices), *frame.shape), np.uint8)
        pictures[indices == index] = frame
    return pictures


def iter_frames(
    path: str | Path, indices: Sequence[int] | None = None, intact: int | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (index, uint8 (H, W, 3) RGB frame), each wanted index once and ascending; None: all frames.

    Holds a few frames at a time, whatever the length of the video, and where it jumps the file's packets, up to half a
    GiB. `intact`, errors and warnings as in `read_frames`.
    """
    path = _checked_path(path)
    wanted = None if indices is None else np.unique(_checked_indices(indices, path))
    if wanted is not None and not len(wanted):
        return
    done, damaged = 0, None
    try:
        for found in jump_to_frames(path, wanted, intact):
            yield found
            done += 1
        return
    except Doubt as doubt:
        damaged = doubt.damaged
    if damaged is not None:
        warnings.warn(DamageWarning(path, damaged), stacklevel=2)
    yield from step_through(path, wanted, done, damaged)


def _why_read_through(path: Path, intact: int) -> str:
    try:
        return look(path, intact).read_through
    except Doubt as doubt:
        return str(doubt)


def _checked_path(path: str | Path) -> Path:
    """The path of a file that is there and can be opened under its name; VideoError says what is wrong with it."""
    path = Path(path)
    try:
        str(path).encode()
        if not path.is_file():
            raise VideoError("it is not a file" if path.exists() else NO_FILE, path)
        if not path.stat().st_size:
            raise VideoError("the file is empty", path)
    except UnicodeEncodeError:
        raise VideoError("its name is not UTF-8 text: rename it", path) from None
    except PermissionError:
        raise VideoError("it may not be read (permission denied)", path) from None
    except OSError as error:
        long = error.errno == errno.ENAMETOOLONG
        raise VideoError("no file can have so long a name" if long else f"it cannot be read ({error})", path) from None
    return path


def _checked_indices(indices: Sequence[int], path: str | Path) -> np.ndarray:
    """Indices as int64 (N,); whole numbers from 0."""
    array = np.asarray(indices)
    if array.size and (array.ndim != 1 or array.dtype.kind not in "iu"):
        raise VideoError(f"frame indices are whole numbers in a row, got {array.dtype} {array.shape}", path)
    array = array.reshape(-1).astype(np.int64)
    if len(array) and array.min() < 0:
        raise VideoError(f"frame {array.min()} was asked for; frames count from 0", path)
    return array
