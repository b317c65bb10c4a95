"""Probing a video, exact access to its frames, and the indices that are sampled from it.

Frame i means the i-th frame that decoding the file from its start gives, the way the report's CV2 loop
counts: up to the first frame that cannot be decoded, which in a damaged file comes before the end. Headers
lie (a cut-off file announces frames it does not have), so nothing here believes a frame count it has not
decoded. OpenCV decodes: stepping with `grab()` and converting only the wanted frames with `retrieve()` gives
the same pixels as converting all, and a rotation flag is applied. Where the number of frames is known,
`keyframes` reaches the wanted ones faster, or leaves them to this. PyAV reads what a header is good for
(codec, frame rate) and finds out why a file cannot be read.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# quiet: what is wrong with a file reaches the user as a VideoError, not as FFmpeg's lines on stderr
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import av
import cv2
import numpy as np

from vpipe_utils.keyframes import jump_to_frames, why_not_jump


class VideoError(ValueError):
    """A video that cannot be read. `reason` is a sentence without the file's name; `str()` has both."""

    def __init__(self, reason: str, path: str | Path | None = None) -> None:
        super().__init__(reason, path)
        self.reason = reason
        self.path = path

    def __str__(self) -> str:
        return f"{Path(self.path).name}: {self.reason}" if self.path is not None else self.reason


def probe(path: str | Path) -> dict[str, object]:
    """Decode the whole file once and say what it is.

    Returns `fps` (frames per second, NaN where the file does not say), `frames` (decoded), `duration_s`
    (frames / fps), `width` and `height` (pixels as seen, rotation applied), `codec` (FFmpeg's name) and
    `read_through` (why its frames are read from the start; "" where `read_frames` jumps to them).
    Raises VideoError.
    """
    with _capture(path) as capture:
        height, width = _first_frame(capture, path).shape[:2]
        frames = 1
        while capture.grab():
            frames += 1
    fps, codec = _header(path)
    return {
        "fps": fps,
        "frames": frames,
        "duration_s": frames / fps,
        "width": width,
        "height": height,
        "codec": codec,
        "read_through": why_not_jump(path, frames),
    }


def count_frames(path: str | Path) -> int:
    """Number of frames that a full sequential decode gives, at least 1. Raises VideoError."""
    with _capture(path) as capture:
        frames = 0
        while capture.grab():
            frames += 1
    if not frames:
        raise VideoError(_why_no_frame(path), path)
    return frames


def read_frames(path: str | Path, indices: Sequence[int], frames: int | None = None) -> np.ndarray:
    """Frames at `indices`, in the order asked (repeats allowed): uint8 (N, H, W, 3) RGB, rotation applied.

    `frames`, the number that `probe` found: with it the file is not decoded from its start where that is as exact.
    Raises VideoError, also for an index that the video does not have.
    """
    indices = _checked(indices, path)
    if not len(indices):
        with _capture(path) as capture:
            return _first_frame(capture, path)[None][:0]
    pictures: np.ndarray | None = None
    for index, frame in iter_frames(path, indices, frames):
        if pictures is None:
            pictures = np.empty((len(indices), *frame.shape), np.uint8)
        pictures[indices == index] = frame
    return pictures


def iter_frames(
    path: str | Path, indices: Sequence[int] | None = None, frames: int | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (index, uint8 (H, W, 3) RGB frame), each wanted index once and ascending; None: all frames.

    Holds one frame at a time, whatever the length of the video; with `frames` (see `read_frames`) also the file's
    packets, up to half a GiB. Raises VideoError.
    """
    wanted = None if indices is None else np.unique(_checked(indices, path))
    if wanted is not None and frames is not None and len(wanted):
        done = 0
        for found in jump_to_frames(path, wanted, frames):
            yield found
            done += 1
        wanted = wanted[done:]
        if not len(wanted):
            return
    with _capture(path) as capture:
        yield from _decode_through(capture, path, wanted)


def uniform_indices(n_frames: int, n: int) -> np.ndarray:
    """`n` ascending frame indices spread evenly over `n_frames`: the middle of each of `n` equal stretches.

    Where the video is shorter than `n`, frames repeat (a video is never dropped). int64 (n,), values in
    [0, n_frames). The report's uniform sampling (sections III.B and III.C), which does not say where in its
    stretch a frame is taken: the middle is our choice. Raises ValueError for n_frames or n below 1.
    """
    _positive(n_frames, n)
    return (2 * np.arange(n, dtype=np.int64) + 1) * n_frames // (2 * n)


def consecutive_indices(n_frames: int, n: int, start: int | None = None) -> np.ndarray:
    """`n` neighbouring frame indices from `start`; without it, the middle of the video. int64 (n,).

    A late `start` is moved forward so that `n` frames fit; a video shorter than `n` gives `uniform_indices`.
    The "sequence sample" of the report's Table V. Raises ValueError for n_frames or n below 1.
    """
    _positive(n_frames, n)
    if n_frames < n:
        return uniform_indices(n_frames, n)
    latest = n_frames - n
    first = latest // 2 if start is None else min(max(int(start), 0), latest)
    return first + np.arange(n, dtype=np.int64)


def _decode_through(
    capture: cv2.VideoCapture, path: str | Path, wanted: np.ndarray | None
) -> Iterator[tuple[int, np.ndarray]]:
    """Step through every frame up to the last wanted: always exact."""
    position = -1
    for target in itertools.count() if wanted is None else wanted.tolist():
        while position < target:
            if not capture.grab():
                if position < 0:
                    raise VideoError(_why_no_frame(path), path)
                if wanted is None:
                    return
                raise VideoError(f"frame {target} was asked for, but it has {position + 1} frames", path)
            position += 1
        yield target, _retrieve(capture, position, path)


def _first_frame(capture: cv2.VideoCapture, path: str | Path) -> np.ndarray:
    if not capture.grab():
        raise VideoError(_why_no_frame(path), path)
    return _retrieve(capture, 0, path)


def _retrieve(capture: cv2.VideoCapture, position: int, path: str | Path) -> np.ndarray:
    """The frame last grabbed, as RGB."""
    done, frame = capture.retrieve()
    if not done or frame is None or frame.ndim != 3:
        raise VideoError(f"frame {position} cannot be converted to a colour picture", path)
    return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


@contextmanager
def _capture(path: str | Path) -> Iterator[cv2.VideoCapture]:
    """An open capture with one decoder thread: parallel work goes one video a process."""
    path = Path(path)
    if not path.is_file():
        raise VideoError("it is not a file" if path.exists() else "there is no such file", path)
    if not path.stat().st_size:
        raise VideoError("the file is empty", path)
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        # CAP_FFMPEG alone: OpenCV's other readers would take `%` in a name for a picture series
        capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    finally:
        cv2.utils.logging.setLogLevel(level)
    try:
        if not capture.isOpened():
            raise VideoError(_why_no_frame(path), path)
        yield capture
    finally:
        capture.release()


def _header(path: str | Path) -> tuple[float, str]:
    """(frames per second, codec) as the file's header gives them; (NaN, "unknown") where it does not."""
    try:
        with av.open(str(Path(path).absolute()), metadata_errors="replace") as container:
            stream = container.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate
            return float(rate) if rate else float("nan"), stream.codec_context.name
    except (av.FFmpegError, OSError, IndexError, AttributeError):
        return float("nan"), "unknown"


def _why_no_frame(path: str | Path) -> str:
    """The reason, as a sentence, why not one frame of a file that is there could be decoded."""
    try:
        with av.open(str(Path(path).absolute()), metadata_errors="replace") as container:
            if not container.streams.video:
                kinds = sorted({stream.type for stream in container.streams})
                return "it has no video stream" + (f", only {' and '.join(kinds)}" if kinds else "")
            context = container.streams.video[0].codec_context
            codec = context.name if context is not None else "unknown"
    except PermissionError:
        return "it may not be read (permission denied)"
    except (av.FFmpegError, OSError):
        return "it is not a video, or its header is damaged or cut off"
    return f"not one frame can be decoded (codec {codec})"


def _checked(indices: Sequence[int], path: str | Path) -> np.ndarray:
    """Indices as int64 (N,); whole numbers from 0."""
    array = np.asarray(indices)
    if array.size and (array.ndim != 1 or array.dtype.kind not in "iu"):
        raise VideoError(f"frame indices are whole numbers in a row, got {array.dtype} {array.shape}", path)
    array = array.reshape(-1).astype(np.int64)
    if len(array) and array.min() < 0:
        raise VideoError(f"frame {array.min()} was asked for; frames count from 0", path)
    return array


def _positive(n_frames: int, n: int) -> None:
    if n_frames < 1 or n < 1:
        raise ValueError(f"cannot take {n} frames of {n_frames}; both must be at least 1")
