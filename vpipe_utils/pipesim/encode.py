"""Frames to a video file. One thread and no version strings, so that the same frames give the same bytes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np


class Format(NamedTuple):
    """One way to write a file."""

    codec: str
    share: float  # of all files
    scale: int  # of the picture: some cameras deliver more pixels
    options: dict[str, str]


# Most real files are H.264; a few others keep the reading code honest. All are .mp4, as in QV-Pipe.
X265 = "pools=none:frame-threads=1:wpp=0:log-level=none:info=0"  # one thread, no version string
# On processors with AVX-512 its macroblock tree reads uninitialised memory: other bytes each time.
X264 = "mbtree=0"
FORMATS = (
    Format("libx264", 0.90, 1, {"preset": "veryfast", "crf": "24", "threads": "1", "x264-params": X264}),
    Format("libx264", 0.04, 2, {"preset": "veryfast", "crf": "26", "threads": "1", "x264-params": X264}),
    Format("mpeg4", 0.03, 1, {"qmin": "4", "qmax": "4", "threads": "1"}),
    Format("libx265", 0.03, 1, {"preset": "ultrafast", "crf": "26", "x265-params": X265}),
)


def write_video(path: Path, frames: np.ndarray, fps: float, format_index: int = 0, coarser: int = 0) -> None:
    """Write uint8 frames (F, H, W, 3) RGB to an MP4 file. Width and height must be even.

    `coarser` is added to the format's quality number: 6 more halve the bits.
    """
    codec, _, scale, options = FORMATS[format_index]
    options = options | {key: str(int(options[key]) + coarser) for key in ("crf", "qmin", "qmax") if key in options}
    height, width = frames.shape[1] * scale, frames.shape[2] * scale
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = 25
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        if codec == "libx265":
            stream.codec_context.codec_tag = "hvc1"  # the tag that players expect
        for image in frames:
            if scale != 1:
                image = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
            for packet in stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
