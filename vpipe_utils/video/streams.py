"""Opening a file, and which of its streams is the video.

It is a stream that is there to be watched: no cover picture, no thumbnails, no still. If there are several, those with
less than two pictures are left out, unless all are so short. Of the rest it is the one that the file marks as default
(an MP4 does so by enabling a track), else the first.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import av
from av.stream import Disposition

from vpipe_utils.video.errors import VideoError

BESIDE = (
    Disposition.attached_pic
    | Disposition.timed_thumbnails
    | Disposition.still_image
    | Disposition.dependent
    | Disposition.metadata
)
LISTS = ("concat", "hls", "dash")
TEXT = ("tty", "bin", "xbin", "adf", "idf")  # text in colours, which FFmpeg draws; it takes many texts for this


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The file and its video, to be decoded by one thread. Raises VideoError where it has none."""
    path = Path(path)
    with _container(path) as container:
        streams = watched(container)
        if not streams:
            raise VideoError(_why_none(container), path)
        if len(streams) > 1:
            streams = _moving(path, streams) or streams
        stream = next((each for each in streams if each.disposition & Disposition.default), streams[0])
        if stream.codec_context is None:
            raise VideoError("not one frame can be decoded (codec unknown)", path)
        stream.thread_count = 1  # we work on one video per process; and FFmpeg's own threads must not log to us
        yield container, stream


def watched(container: av.container.InputContainer) -> list[av.VideoStream]:
    """The streams of pictures that are there to be watched."""
    return [stream for stream in container.streams.video if not stream.disposition & BESIDE]


def _moving(path: Path, streams: list[av.VideoStream]) -> list[av.VideoStream]:
    """Those of a file's streams that hold more than one packet."""
    packets = Counter(dict.fromkeys((stream.index for stream in streams), 0))
    with contextlib.suppress(av.FFmpegError, OSError), _container(path) as container:
        for packet in container.demux():
            if packet.size and packet.stream_index in packets:
                packets[packet.stream_index] += 1
            if min(packets.values()) > 1:
                break
    return [stream for stream in streams if packets[stream.index] > 1]


def _container(path: Path) -> av.container.InputContainer:
    try:
        container = av.open(str(path.absolute()), metadata_errors="replace")
    except PermissionError:
        raise VideoError("it may not be read (permission denied)", path) from None
    except (av.FFmpegError, OSError):
        raise VideoError("it is not a video, or its header is damaged or cut off", path) from None
    kind = container.format.name
    refused = {
        "it is a list of other files, not a video": kind in LISTS,
        "it is a text, not a video": kind in TEXT,
        "it is a picture, not a video": kind == "image2" or kind.endswith("_pipe"),
    }
    for reason in (reason for reason, is_so in refused.items() if is_so):
        container.close()
        raise VideoError(reason, path)
    return container


def _why_none(container: av.container.InputContainer) -> str:
    kinds = sorted({stream.type for stream in container.streams if stream.type != "video"})
    kinds += ["a cover picture or thumbnails"] if container.streams.video else []
    return "it has no video stream" + (f", only {' and '.join(kinds)}" if kinds else "")
