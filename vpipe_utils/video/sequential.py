"""Decoding a video from its first frame on: what all faster ways are measured by.

One decoder, PyAV's FFmpeg, with one thread (more conceal damage differently). It ends, as OpenCV's loop does, at the
first packet that cannot be decoded; a damaged picture that it can make something of is a frame.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from vpipe_utils.video.colours import Colours
from vpipe_utils.video.errors import DamageWarning, VideoError, frame_list
from vpipe_utils.video.jump import LATEST, complaints, decode
from vpipe_utils.video.streams import opened
from vpipe_utils.video.timing import Time


class Decoded(NamedTuple):
    """What decoding all of a video finds out. `damage`: a sentence; "" where it gives one intact frame a packet."""

    times: list[Time]  # of its frames
    damage: str
    width: int
    height: int

    @property
    def frames(self) -> int:
        return len(self.times)


def step_through(
    path: Path, wanted: np.ndarray | None, done: int = 0, told: int | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (index, RGB frame) of the ascending `wanted` (None: all) without the first `done`.

    Raises VideoError; warns with DamageWarning, but not of the damaged frame `told`. Goes a little beyond the last one
    wanted: a damaged picture may be shown after those that refer to it.
    """
    targets = itertools.count(done) if wanted is None else iter(wanted[done:].tolist())
    target, last, position, colours = next(targets, None), 0, -1, Colours(path)
    if target is None:  # the fast way found all of them before it met with doubt
        return
    for position, frame in enumerate(_Reading(path).frames()):
        colours.see(frame)
        if frame.is_corrupt and position != told:
            warnings.warn(DamageWarning(path, position), stacklevel=3)
        if position == target:
            yield position, colours.rgb(frame)
            target, last = next(targets, None), position
        if target is None and position >= last + LATEST:
            return
    if wanted is not None and target is not None:
        raise VideoError(f"frame {target} was asked for, but it has {position + 1} frames", path)


def decode_all(path: Path) -> Decoded:
    """Decode all of a video, and convert a picture of each kind in it. Raises VideoError."""
    reading, colours = _Reading(path), Colours(path)
    times: list[Time] = []
    damaged: list[int] = []
    kinds: set[tuple[object, ...]] = set()
    for index, frame in enumerate(reading.frames()):
        colours.see(frame)
        times.append(Time(frame.pts, frame.dts, frame.duration))
        damaged += [index] if frame.is_corrupt else []
        kind = (frame.format.name, frame.colorspace, frame.color_range, frame.interlaced_frame)
        if kind not in kinds:
            colours.rgb(frame)
            kinds.add(kind)
    height, width = colours.size
    return Decoded(times, _damage(reading, len(times), damaged), width, height)


def _damage(reading: _Reading, frames: int, damaged: list[int]) -> str:
    said = [f"{frame_list(damaged)} of {frames} {'are' if len(damaged) > 1 else 'is'} damaged"] if damaged else []
    said += [f"it has {reading.packets} packets, but {frames} frames can be decoded"] * (frames < reading.packets)
    said += [f"its container is damaged ({fault})" for fault in reading.of_container[:1]]
    said += [reading.breaks_off] * bool(reading.breaks_off and not said)
    said += [f"its decoder complains ({fault})" for fault in reading.of_decoder[:1] if not said]
    return "; ".join(said)


class _Reading:
    """Reads a file from its start, and notes what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.packets = 0  # that should be shown
        self.of_decoder: list[str] = []
        self.of_container: list[str] = []
        self.breaks_off = ""

    def frames(self) -> Iterator[av.VideoFrame]:
        """All frames; VideoError where there is none."""
        none, failed = True, ""
        with opened(self.path) as (container, stream):
            for packet in self._packets(container, stream):
                self.packets += packet is not None and bool(packet.size) and not packet.is_discard
                if failed:  # only counting what is lost
                    continue
                frames, faults, failed = decode(stream.codec_context, packet)
                self.of_decoder += [*faults, failed] if failed else faults
                none = none and not frames
                yield from frames
            if none:
                codec = stream.codec_context.codec.canonical_name
                raise VideoError(f"not one frame can be decoded (codec {codec})", self.path)

    def _packets(self, container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet | None]:
        """The packets, and one at the end that is empty, or None where reading breaks off."""
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
            self.of_container += faults
            ended = packet is None or not packet.size
            yield packet
