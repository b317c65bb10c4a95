"""From a decoded picture to RGB: the one place where it is done, for every format, every codec and both readers.

- Matrix and range are those that the picture itself declares, else its container. If neither does: BT.601, and the
  limited range (luma 16 to 235, colour 16 to 240 of 8 bits), which is what OpenCV and FFmpeg take.
- The transfer (gamma, PQ, HLG) stays as coded, and primaries (BT.2020, P3) are not mapped. So a bright clip of a
  telephone looks flat, but it is as it was recorded.
- Grey and RGB are taken as stored, whatever range is declared.
- Where several pixels share one colour sample (4:2:0 and the like), each gets that colour; in interlaced pictures
  within each field. More than 8 bits are rounded to 8. Transparency is dropped.
- 8-bit 4:2:0 and 4:2:2 are converted by swscale's fast code: at most 3 grey levels (of 255) off the exact values, and
  bit for bit as OpenCV does where OpenCV follows these rules. All others are within 1 level.
- All pictures are turned and mirrored by the display matrix of the first (an H.264 stream may repeat it only at
  keyframes). If size, format or matrix change on the way, each picture is converted by its own, then scaled
  (INTER_AREA) to the size of the first.
- A matrix that FFmpeg cannot convert (YCgCo, constant luminance, ICtCp, ...) is a VideoError.

FFmpeg's swscale does the arithmetic. Three things keep it from choosing for itself: it is not told of transfer and
primaries, or it would map tones; it is not told where in its block a colour sample lies, except for formats in which
that changes nothing; and a picture whose sides are not multiples of a block is filled up to one and cut afterwards,
or it would blur the colours, and not always in the same way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from vpipe_utils.video.errors import VideoError

# Pixels that share a colour sample all get that colour (POINT), also along a row (FULL_CHR_H_INT)
EXACT = Interpolation.POINT | Interpolation.FULL_CHR_H_INT
ONE = 1 << 16  # the number 1 in a display matrix
UPRIGHT = (ONE, 0, 0, ONE)
FAST = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p")
BLOCKS = {  # by a part of the format's name: (across, down)
    "410": (4, 4), "411": (4, 1), "420": (2, 2), "422": (2, 1), "440": (1, 2),
    "nv12": (2, 2), "nv21": (2, 2), "p010": (2, 2), "p016": (2, 2), "nv16": (2, 1), "p210": (2, 1), "p216": (2, 1),
}  # fmt: skip


class Colours:
    """Makes RGB of the pictures of one video; all are turned like the first, and as large.

    Args:
        path: of the video, to name it in errors.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self.size: tuple[int, int] | None = None  # (height, width) as seen
        self._matrix = UPRIGHT

    def see(self, frame: av.VideoFrame) -> None:
        """Take size and rotation from the first frame; to be called with it, wanted or not. Later calls change nothing.

        Raises VideoError as `rgb`.
        """
        if self.size is None:
            with self._refusing(frame):
                self._matrix = _display_matrix(frame)
            sides = (frame.height, frame.width)
            self.size = sides[::-1] if _swaps_sides(self._matrix) else sides

    def rgb(self, frame: av.VideoFrame) -> np.ndarray:
        """uint8 (H, W, 3), turned like the first. Raises VideoError where the format cannot be converted."""
        self.see(frame)
        with self._refusing(frame):
            picture = np.ascontiguousarray(_turned(_converted(frame), self._matrix))
        if picture.shape[:2] == self.size:
            return picture
        return cv2.resize(picture, self.size[::-1], interpolation=cv2.INTER_AREA)

    @contextlib.contextmanager
    def _refusing(self, frame: av.VideoFrame) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, OSError, ValueError):
            name, matrix = frame.format.name, int(frame.colorspace)
            reason = f"its colours cannot be converted to RGB ({name}, colour matrix {matrix})"
            raise VideoError(reason, self.path) from None


def _display_matrix(frame: av.VideoFrame) -> tuple[int, ...]:
    """How a picture is to be turned, see `_turned`."""
    # We ask a small copy: a frame whose `side_data` was asked for stays in memory, nobody knows for how long.
    small = VideoReformatter().reformat(frame, 8, 8, "rgb24", interpolation=EXACT, threads=1)
    found = (data for data in small.side_data if data.type.name == "DISPLAYMATRIX")
    return next((tuple(np.frombuffer(data, np.int32)[[0, 1, 3, 4]].tolist()) for data in found), UPRIGHT)


def _turned(picture: np.ndarray, matrix: tuple[int, ...]) -> np.ndarray:
    """The picture turned by a multiple of 90 degrees, and mirrored; by any other matrix it is left as it is.

    A point (x, y) is shown at (a x + c y, b x + d y), a to d being numbers 0, 1, 3 and 4 of a display matrix.
    """
    a, b, c, d = matrix
    if _swaps_sides(matrix):
        picture, a, d = picture.swapaxes(0, 1), c, b
    elif (abs(a), b, c, abs(d)) != UPRIGHT:
        return picture
    return picture[:: 1 if d > 0 else -1, :: 1 if a > 0 else -1]


def _swaps_sides(matrix: tuple[int, ...]) -> bool:
    a, b, c, d = matrix
    return (a, abs(b), abs(c), d) == (0, ONE, ONE, 0)


def _converted(frame: av.VideoFrame) -> np.ndarray:
    across, down = _block(frame)
    fields = 2 if frame.interlaced_frame and down > 1 else 1
    fits = frame.width % across == 0 and frame.height % (down * fields) == 0
    if (across, down) == (1, 1) or (fits and frame.format.name in FAST):
        return _by_swscale(frame)
    picture = np.empty((frame.height, frame.width, 3), np.uint8)
    for first in range(fields):
        field = picture[first::fields]
        field[:] = _by_swscale(_copied(frame, fields, first))[: len(field), : frame.width]
    return picture


def _by_swscale(frame: av.VideoFrame) -> np.ndarray:
    # Each picture gets a new converter, for a converter keeps its last picture in memory. If a damaged picture ends too
    # early, the decoder shows what lay in its memory before; so which memory is free must not depend on our reading.
    return VideoReformatter().reformat(frame, format="rgb24", interpolation=EXACT, threads=1).to_ndarray()


def _copied(frame: av.VideoFrame, step: int, first: int) -> av.VideoFrame:
    """Every `step`-th row of a picture from `first` on, filled up to sides that are multiples of its blocks."""
    across, down = _block(frame)
    height = len(range(first, frame.height, step))
    copy = av.VideoFrame(-(-frame.width // across) * across, -(-height // down) * down, frame.format.name)
    for old, new in zip(frame.planes, copy.planes, strict=True):
        rows = np.frombuffer(old, np.uint8).reshape(old.height, -1)[:: 1 if old.line_size > 0 else -1][first::step]
        data = np.zeros((new.height, new.line_size), np.uint8)
        used = min(rows.shape[1], new.line_size)
        data[: len(rows), :used], data[len(rows) :, :used] = rows[:, :used], rows[-1, :used]
        new.update(data)
    copy.colorspace, copy.color_range = frame.colorspace, frame.color_range
    return copy


def _block(frame: av.VideoFrame) -> tuple[int, int]:
    """(across, down): how many pixels share a colour."""
    return next((block for part, block in BLOCKS.items() if part in frame.format.name), (1, 1))
