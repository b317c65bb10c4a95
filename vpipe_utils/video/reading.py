"""The public calls, and which of the two readers they use.

Frames that are asked for (`iter_frames`):

    proof of the headers ──► `jump`: frame, frame, … ─────────────────────► all are given: the end
             │                        │
             │ doubt                  │ doubt, after some of them
             ▼                        ▼
            `sequential`: decode from the start, and give those still wanted ──► the end, or VideoError: no such frame

All frames come from `sequential` at once: there is nothing to jump over.

What is known of a video (`probe`, `count_frames`):

    proof of the headers ──────────────────► number of frames, times, size
             │ doubt
             ▼
            `sequential`: decode all of it ──► the same, and what is damaged
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from vpipe_utils.video.errors import NO_FILE, VideoError
from vpipe_utils.video.jump import facts_from_headers, jump_to_frames, why_read_through
from vpipe_utils.video.sequential import decode_from_start, facts_from_decoding
from vpipe_utils.video.streams import opened
from vpipe_utils.video.timing import rate_and_duration, seconds_of_frames


def probe(path: str | Path) -> dict[str, object]:
    """What a video is. Decodes it once, unless its headers prove the number of frames.

    Returns `fps` (frames per second on average), `frames` (that decoding gives), `duration_s` (from the times of the
    frames; both NaN where the file does not tell, see `timing`), `width` and `height` (pixels as stored, turned by
    the rotation, not scaled by a pixel aspect), `codec` (FFmpeg's name), `read_through` (why its frames are decoded
    from the start; "" where `read_frames` jumps to them) and `damage` (which frames are damaged or lost, a sentence;
    "" where none was noticed: damage inside a picture shows only when it is decoded). Raises VideoError.
    """
    path = _checked_path(path)
    facts = facts_from_headers(path)
    if facts is None:
        facts = facts_from_decoding(path)
        why = "some of it is damaged" if facts.damage else why_read_through(path, facts.frames)
        facts = facts._replace(read_through=why)
    with opened(path) as (_, stream):
        fps, duration = rate_and_duration(facts.times, stream)
        codec = stream.codec_context.codec.canonical_name
    return {
        "fps": fps,
        "frames": facts.frames,
        "duration_s": duration,
        "width": facts.width,
        "height": facts.height,
        "codec": codec,
        "read_through": facts.read_through,
        "damage": facts.damage,
    }


def count_frames(path: str | Path) -> int:
    """Number of frames that decoding all of a video gives, at least 1. Decodes only if headers do not prove it.

    Raises VideoError.
    """
    path = _checked_path(path)
    facts = facts_from_headers(path) or facts_from_decoding(path)
    return facts.frames


def frame_seconds(path: str | Path) -> np.ndarray:
    """When each frame is shown, in seconds after the first: float64, one a frame, by the file's own time stamps.

    Where the file has none, frames are spread evenly over its duration, and at 25 a second where it has no duration.
    Decodes only if headers do not prove the times. Raises VideoError.
    """
    path = _checked_path(path)
    facts = facts_from_headers(path) or facts_from_decoding(path)
    with opened(path) as (_, stream):
        seconds = seconds_of_frames(facts.times, stream)
        if np.isnan(seconds).any():
            fps, _ = rate_and_duration(facts.times, stream)
            seconds = np.arange(facts.frames) / (fps if fps > 0 else 25.0)
    return seconds


def read_frames(path: str | Path, indices: Sequence[int], intact: int | None = None) -> np.ndarray:
    """Frames at `indices`, in the order asked (repeats allowed): uint8 (N, H, W, 3) RGB, rotation applied.

    `intact`: the number of frames of a video in which `probe` found no damage. With it `read_frames` can jump in more
    files. Raises VideoError, also for an index that the video does not have. Warns with DamageWarning where a frame
    that was decoded on the way is damaged.
    """
    indices = _checked_indices(indices, path)
    if not len(indices):
        _, frame = next(iter_frames(path, [0]))
        return np.empty((0, *frame.shape), np.uint8)
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

    Holds a few frames in memory, however long the video is; where it jumps, also the packets of the file, at most half
    a GiB. `intact`, errors and warnings as in `read_frames`.
    """
    path = _checked_path(path)
    if indices is None:
        yield from decode_from_start(path)
        return
    wanted, given = np.unique(_checked_indices(indices, path)), 0
    if not len(wanted):
        return
    for found in jump_to_frames(path, wanted, intact):
        yield found
        given += 1
    if given < len(wanted):
        yield from decode_from_start(path, wanted[given:])


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
