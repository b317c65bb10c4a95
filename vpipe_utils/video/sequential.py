"""Decoding a video from its start: the slow way, which defines what the right frames are.

There is one decoder, PyAV's FFmpeg, with one thread (with more it conceals damage differently). Reading ends, as
OpenCV's loop does, at the first packet that cannot be decoded. A damaged picture of which the decoder can make
something is a frame.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from vpipe_utils.video.colours import Colours
from vpipe_utils.video.decoding import MAX_REORDER, VideoFacts, complaints, decode
from vpipe_utils.video.errors import DamageWarning, VideoError, frame_list
from vpipe_utils.video.streams import opened
from vpipe_utils.video.timing import Time


def decode_from_start(path: Path, wanted: np.ndarray | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (index, uint8 (H, W, 3) RGB frame) of the ascending indices `wanted`, at least one; None: all frames.

    Raises VideoError; warns with DamageWarning. Decodes MAX_REORDER frames more than the last one that is wanted, so
    that damage in its reference pictures is noticed.
    """
    chosen = None if wanted is None else set(wanted.tolist())
    last = math.inf if wanted is None else max(chosen)
    colours, index = Colours(path), -1
    for index, frame in enumerate(_Reading(path).frames()):
        colours.see(frame)
        if frame.is_corrupt:
            warnings.warn(DamageWarning(path, index), stacklevel=3)
        if chosen is None or index in chosen:
            yield index, colours.rgb(frame)
        if index >= last + MAX_REORDER:
            return
    if chosen is not None and index < last:
        missing = min(each for each in chosen if each > index)
        raise VideoError(f"frame {missing} was asked for, but it has {index + 1} frames", path)


def facts_from_decoding(path: Path) -> VideoFacts:
    """Decode all frames, and convert one of each kind to RGB. Raises VideoError."""
    reading, colours = _Reading(path), Colours(path)
    times: list[Time] = []
    damaged: list[int] = []
    kinds: set[tuple[object, ...]] = set()
    for index, frame in enumerate(reading.frames()):
        colours.see(frame)
        times.append(Time(frame.pts, frame.dts, frame.duration))
        if frame.is_corrupt:
            damaged.append(index)
        kind = (frame.format.name, frame.colorspace, frame.color_range, frame.interlaced_frame)
        if kind not in kinds:
            colours.rgb(frame)
            kinds.add(kind)
    height, width = colours.size
    return VideoFacts(times, width, height, damage=reading.damage(len(times), damaged))


class _Reading:
    """One reading of a file from its start, which notes what is wrong with it.

    packet ──► decode ──► frames ──► next packet …      until the file ends, or reading it breaks off
                 │ fails
                 ▼
               decode no more; count the packets whose frames are lost
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.packets = 0  # that are to be shown
        self.decoder_faults: list[str] = []
        self.container_faults: list[str] = []
        self.breaks_off = ""

    def frames(self) -> Iterator[av.VideoFrame]:
        """All frames; VideoError where there is none."""
        none, failed = True, ""
        with opened(self.path) as (container, stream):
            for packet in self._packets(container, stream):
                self.packets += packet is not None and bool(packet.size) and not packet.is_discard
                if failed:
                    continue
                frames, faults, failed = decode(stream.codec_context, packet)
                self.decoder_faults += [*faults, failed] if failed else faults
                none = none and not frames
                yield from frames
            if none:
                codec = stream.codec_context.codec.canonical_name
                raise VideoError(f"not one frame can be decoded (codec {codec})", self.path)

    def _packets(self, container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet | None]:
        """The packets; then an empty one at the end of the file, or None where reading breaks off."""
        packets, ended = container.demux(stream), False
        while not ended:
            packet = None
            with complaints(container.format.name) as faults:
                try:
                    packet = next(packets)
                except IndexError:  # PyAV, at the end of a file in which streams turned up on the way
                    pass
                except (av.FFmpegError, OSError) as error:
                    self.breaks_off = f"reading breaks off ({type(error).__name__})"
            self.container_faults += faults
            ended = packet is None or not packet.size
            yield packet

    def damage(self, frames: int, damaged: list[int]) -> str:
        """What is wrong, in words; "" where each packet gave one intact frame. `damaged`: indices of frames."""
        said = []
        if damaged:
            said.append(f"{frame_list(damaged)} of {frames} {'are' if len(damaged) > 1 else 'is'} damaged")
        if frames < self.packets:
            said.append(f"it has {self.packets} packets, but {frames} frames can be decoded")
        if self.container_faults:
            said.append(f"its container is damaged ({self.container_faults[0]})")
        if self.breaks_off and not said:
            said.append(self.breaks_off)
        if self.decoder_faults and not said:
            said.append(f"its decoder complains ({self.decoder_faults[0]})")
        return "; ".join(said)
