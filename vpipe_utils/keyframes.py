"""The fast way to a few frames of a video: decode from the keyframe before each, and nothing else.

Exact or not taken: every doubt (see `_opened` and `_units`) ends it, and the caller reads on from the start. It needs
the number of frames that decoding the whole file gives. Where that equals the number of packets, every packet
gives one frame, so the i-th frame is the one with the i-th smallest time stamp; where a damaged packet gave none, the
numbers differ. Keyframe flags lie (recovery points, broken links), so a start must be an instantaneous refresh (IDR,
or a random access picture of HEVC) in the bitstream itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

CONTAINERS = ("mov", "matroska")  # with lengths before each unit, and a time stamp on every packet
MOST_BYTES = 2**29  # packets are held in memory; a larger file is read through
WORTHWHILE = 0.8  # share of the frames that may have to be decoded before reading through is as good


class Unit(NamedTuple):
    """One packet of the video: the bytes, and what its bitstream says."""

    packet: av.Packet
    pts: int
    starts: bool  # decoding can start here
    droppable: bool  # no other frame refers to it


def jump_to_frames(path: str | Path, wanted: np.ndarray, frames: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (index, uint8 (H, W, 3) RGB frame) for the ascending `wanted`, as far as that is certainly exact.

    `frames`: how many frames decoding all of the file gives. Ends early, without an error, wherever a doubt arises: the
    rest must then be read from the start.
    """
    with contextlib.suppress(av.FFmpegError, OSError, _Doubt), _opened(path) as (container, stream):
        units = _units(container, stream, frames)
        shown = sorted(unit.pts for unit in units if not unit.packet.is_discard)
        if wanted[-1] >= frames:
            return
        targets = [shown[index] for index in wanted.tolist()]
        numbers = dict(zip(targets, wanted.tolist(), strict=True))
        context = stream.codec_context
        context.thread_count = 1  # parallel work goes one video a process
        for first, last, of_group in _plan(units, targets):
            for pts, frame in _decode(context, units[first : last + 1], of_group):
                yield numbers[pts], frame
            context.flush_buffers()


def why_not_jump(path: str | Path, frames: int) -> str:
    """Why single frames of a video of so many frames are read from its start; "" where they are jumped to."""
    try:
        with _opened(path) as (container, stream):
            units = _units(container, stream, frames)
            starts = [unit.pts for unit in units if unit.starts]
            if len(starts) < 2:
                raise _Doubt("decoding can start at its first frame only")
            context = stream.codec_context
            if any(frame.rotation for frame in [*context.decode(units[0].packet), *context.decode(None)]):
                raise _Doubt("the picture is to be turned")
    except _Doubt as doubt:
        return str(doubt)
    except (av.FFmpegError, OSError) as error:
        return f"its packets cannot be listed ({type(error).__name__})"
    return ""


class _Doubt(Exception):
    """Something is not as it should be: read through instead."""


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The file and its one video stream, if its format is one whose packets can be trusted."""
    path = Path(path).absolute()
    if path.stat().st_size > MOST_BYTES:
        raise _Doubt(f"it is larger than {MOST_BYTES / 2**20:.0f} MiB")
    with av.open(str(path), metadata_errors="replace") as container:
        kind = container.format.name.split(",")[0]
        if kind not in CONTAINERS:
            raise _Doubt(f"its container, {kind}, need not say when a packet is shown")
        if len(container.streams.video) != 1:
            raise _Doubt(f"it has {len(container.streams.video)} video streams")
        stream = container.streams.video[0]
        context = stream.codec_context
        if context.name not in ("h264", "hevc"):
            raise _Doubt(f"its codec, {context.name}, is not one whose starting points are known here")
        if (context.extradata or b"")[:1] != b"\x01":
            raise _Doubt("its packets have start codes in place of lengths")
        if context.pix_fmt != "yuv420p":
            raise _Doubt(f"its colours are stored as {context.pix_fmt}")
        yield container, stream


def _units(container: av.container.InputContainer, stream: av.VideoStream, frames: int) -> list[Unit]:
    """All packets in decoding order; raises _Doubt where one is damaged or has no time stamp of its own."""
    codec, extra = stream.codec_context.name, stream.codec_context.extradata
    length_bytes = (extra[4 if codec == "h264" else 21] & 3) + 1
    units, seen = [], set()
    for packet in container.demux(stream):
        if packet.size == 0:  # the end
            continue
        if packet.is_corrupt or packet.pts is None or packet.pts in seen:
            raise _Doubt("a packet is damaged or has no time of its own")
        seen.add(packet.pts)
        kinds = _picture_kinds(bytes(packet), length_bytes, codec)
        if not kinds:
            raise _Doubt("a packet does not hold what its lengths say")
        if codec == "h264":  # (type, whether anything refers to it)
            starts = all(kind == 5 for kind, _ in kinds)
            droppable = not any(refers for _, refers in kinds)
        else:  # 16 to 21: random access; pictures before it in time are never asked of it
            starts, droppable = all(16 <= kind <= 21 for kind, _ in kinds), False
        units.append(Unit(packet, packet.pts, starts, droppable))
    shown = sum(not unit.packet.is_discard for unit in units)
    if shown != frames:
        raise _Doubt(f"it has {shown} packets to show, but {frames} frames can be decoded")
    return units


def _picture_kinds(data: bytes, length_bytes: int, codec: str) -> list[tuple[int, bool]]:
    """(type, is referred to) of every slice in a packet of length-prefixed units; empty where lengths do not fit."""
    kinds, at = [], 0
    while at + length_bytes < len(data):
        length = int.from_bytes(data[at : at + length_bytes], "big")
        at += length_bytes
        if length == 0 or at + length > len(data):
            return []
        if codec == "h264":
            kind, refers = data[at] & 31, bool(data[at] & 0x60)
            picture = 1 <= kind <= 5
        else:
            kind, refers = data[at] >> 1 & 63, True
            picture = kind < 32
        if picture:
            kinds.append((kind, refers))
        at += length
    return kinds if at == len(data) else []


def _plan(units: list[Unit], targets: list[int]) -> list[tuple[int, int, list[int]]]:
    """(first packet, last packet, time stamps) of each stretch to decode; _Doubt where reading through is as good."""
    place = {unit.pts: k for k, unit in enumerate(units)}
    starts = [k for k, unit in enumerate(units) if unit.starts]
    groups: dict[int, list[int]] = {}
    for pts in targets:
        before = [k for k in starts if k <= place[pts] and units[k].pts <= pts]
        if not before:
            raise _Doubt("decoding cannot start at its first frame")
        groups.setdefault(before[-1], []).append(pts)
    plan = [(first, max(place[pts] for pts in of), of) for first, of in sorted(groups.items())]
    effort = sum(last - first + 1 for first, last, _ in plan)
    if effort > WORTHWHILE * (max(last for _, last, _ in plan) + 1):
        raise _Doubt("too few points to start from")
    return plan


def _decode(
    context: av.VideoCodecContext, units: list[Unit], targets: list[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """(time stamp, frame) of the targets, ascending; raises _Doubt for anything unexpected."""
    left = list(targets)
    fed = (unit.packet for unit in units if unit.pts in targets or not unit.droppable)
    for packet in [*fed, None]:  # None: hand out what is held back for reordering
        for frame in context.decode(packet):
            if frame.is_corrupt or frame.pts is None or frame.rotation:
                raise _Doubt
            if not left or frame.pts < left[0]:
                continue
            if frame.pts != left[0]:
                raise _Doubt
            yield left.pop(0), frame.to_ndarray(format="rgb24")
    if left:
        raise _Doubt
