"""What both readers, `jump` and `sequential`, share: a packet decoded, the complaints, what is known of a video."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import av

from vpipe_utils.video.timing import Time

# Frames; H.264, A.3.1. Frames are decoded in another order than they are shown: a frame can be shown before its
# reference picture, but at most so many frames before. So damage in a reference picture shows no later than that.
MAX_REORDER = 16


class VideoFacts(NamedTuple):
    """What is known of a video, from its headers alone or from decoding it."""

    times: list[Time]  # one a frame, in the order in which they are shown
    width: int  # pixels, turned by the rotation
    height: int
    read_through: str = ""  # why single frames are decoded from the start; "" where `jump` reaches them
    damage: str = ""  # which frames are damaged or lost; "" where none was noticed

    @property
    def frames(self) -> int:
        return len(self.times)


class Decoded(NamedTuple):
    """What the decoder gives for one packet."""

    frames: list[av.VideoFrame]
    faults: list[str]  # what it complains of
    failed: str  # the name of the error with which it gave up; "" for none


def decode(context: av.VideoCodecContext, packet: av.Packet | None) -> Decoded:
    """Decode one packet. None ends the stream: the decoder gives the frames that it held back for reordering."""
    with complaints(context.codec.name) as faults:
        try:
            frames, failed = context.decode(packet), ""
        except av.FFmpegError as error:
            frames, failed = [], type(error).__name__
    return Decoded(frames, faults, failed)


@contextlib.contextmanager
def complaints(name: str) -> Iterator[list[str]]:
    """Collect the errors that FFmpeg logs for the container or codec `name`; the list is filled when the block ends."""
    found: list[str] = []
    level, skips_repeated = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture() as logs:
            yield found
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skips_repeated)
    found += [message.strip() for _, source, message in logs if source == name]
