"""Jumping: to reach a few frames of a video, decode from the keyframe before each, and nothing else.

    file ──► packets ──► proof ──► stretches ──► decode a stretch ──► its frames ──► next stretch …
                │          │                         │
                └──────────┴─────────────────────────┴──► Doubt: no more frames; the caller decodes from the start

A frame is exactly that of sequential decoding, or it is not given. This has to be certain:

- Where decoding can start. Keyframe flags can be wrong (recovery points, broken links). So a stretch starts where the
  bitstream itself says so: at an instantaneous decoder refresh (IDR).
- Which frame is number i. If each packet gives one frame, it is the one with the i-th smallest presentation time. A
  damaged packet can give none; then all later frames have a smaller number. `h264_proof` reads the header of every
  picture to prove that each gives a frame.
- That damage elsewhere changes nothing here. Where we decode, the decoder reports damage. Packets that we skip may be
  damaged without our knowing, and FFmpeg's decoder lets old damage through past the next keyframe where numbers are
  coded with CAVLC, or colours are stored as 4:4:4. There, and in every format but 8-bit 4:2:0, we jump only if the
  caller has decoded all of the file once and found it intact.

Only H.264: FFmpeg's HEVC decoder says nothing where a picture ends too early, and shows old memory there.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from vpipe_utils.video import h264_proof
from vpipe_utils.video.colours import Colours
from vpipe_utils.video.decoding import MAX_REORDER, VideoFacts, complaints, decode
from vpipe_utils.video.h264_headers import IDR_SLICE
from vpipe_utils.video.streams import opened, watched
from vpipe_utils.video.timing import Time

CONTAINERS = ("mov", "matroska")  # with a length before each NAL unit, and a presentation time on every packet
SHORTEST = 7  # bytes of a decoder configuration without parameter sets (ISO/IEC 14496-15, 5.3.3.1)
MOST_BYTES = 2**29  # of a file, for all its packets are held in memory; our choice
INTERLACED = "its pictures are interlaced"  # the decoder may say so of one because of the pictures before it


class Doubt(Exception):
    """Why a frame might not be exact. It never leaves this module: the public calls below stop instead."""


class CodedFrame(NamedTuple):
    """A packet of the video: a frame before it is decoded, and what the bitstream says of it."""

    packet: av.Packet
    pts: int  # presentation time
    is_start: bool  # decoding can start here
    droppable: bool  # it is no reference picture


class Stretch(NamedTuple):
    """Packets to decode one after the other, and the presentation times of the frames that are wanted of them."""

    coded: list[CodedFrame]
    wanted: set[int]


def jump_to_frames(path: Path, wanted: np.ndarray, intact: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (index, uint8 (H, W, 3) RGB frame) of the ascending indices `wanted`, as many as are certainly exact.

    `intact`: how many frames decoding all of the file gave, if it found no damage; None where nobody has done so.
    Stops at the first doubt: then the rest must be decoded from the start. Raises VideoError.
    """
    with contextlib.suppress(Doubt), _opened(path) as (container, stream):
        coded = _proven(container, stream, intact)
        shown = _presentation_times(coded)
        if wanted[-1] >= len(shown):
            return
        context, colours = stream.codec_context, Colours(path)
        for stretch in _plan(coded, [shown[index] for index in wanted.tolist()]):
            for pts, frame in _decode(context, stretch, colours):
                yield bisect_left(shown, pts), frame
            context.flush_buffers()


def facts_from_headers(path: Path) -> VideoFacts | None:
    """What the headers prove and the first frame shows; None in doubt. Raises VideoError for its colours."""
    with contextlib.suppress(Doubt):
        return _facts(path, None)
    return None


def why_read_through(path: Path, intact: int) -> str:
    """Why single frames of a video that is `intact` (its number of frames) are decoded from the start; "" if not."""
    try:
        return _facts(path, intact).read_through
    except Doubt as doubt:
        return str(doubt)


def _facts(path: Path, intact: int | None) -> VideoFacts:
    with _opened(path) as (container, stream):
        coded = _proven(container, stream, intact)
        first = _first_frame(stream.codec_context, coded)
        if first.interlaced_frame:
            raise Doubt(INTERLACED)
        height, width = Colours(path).rgb(first).shape[:2]
        shown = [each.packet for each in coded if not each.packet.is_discard]
        times = sorted(Time(packet.pts, packet.dts, packet.duration) for packet in shown)
        one_start = sum(each.is_start for each in coded) < 2
        return VideoFacts(times, width, height, "decoding can start at its first frame only" if one_start else "")


def _first_frame(context: av.VideoCodecContext, coded: list[CodedFrame]) -> av.VideoFrame:
    for packet in [*(each.packet for each in coded), None]:
        frames, faults, failed = decode(context, packet)
        if faults or failed:
            break
        if frames:
            return frames[0]
    raise Doubt("its first frame cannot be decoded")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The file and its one video stream; Doubt where its format is not one that can be proven."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Doubt(f"it is larger than {MOST_BYTES / 2**20:.0f} MiB")
        with opened(path) as (container, stream):
            _require_format(container, stream)
            yield container, stream
    except (av.FFmpegError, OSError) as error:
        raise Doubt(f"its packets cannot be listed ({type(error).__name__})") from None


def _require_format(container: av.container.InputContainer, stream: av.VideoStream) -> None:
    kind = container.format.name.split(",")[0]
    if kind not in CONTAINERS:
        raise Doubt(f"its container, {kind}, need not say when a packet is shown")
    if len(watched(container)) != 1:
        raise Doubt(f"it has {len(watched(container))} video streams")
    context = stream.codec_context
    if context.name != "h264":
        raise Doubt(f"its codec, {context.name}, is not H.264")
    extradata = context.extradata or b""
    if len(extradata) < SHORTEST or extradata[0] != 1:
        raise Doubt("its packets have start codes in place of lengths, or nothing says how long lengths are")


def _proven(container: av.container.InputContainer, stream: av.VideoStream, intact: int | None) -> list[CodedFrame]:
    """All packets in decoding order; Doubt where one is damaged, or where one might not give exactly one frame."""
    with complaints(container.format.name) as faults:
        packets = [packet for packet in container.demux(stream) if packet.size]  # the last one is empty: the end
    if faults:
        raise Doubt(f"its container is damaged ({faults[0]})")
    length_bytes, headers, coded = h264_proof.length_bytes(stream), [], {}
    for packet in packets:
        if packet.is_corrupt or packet.pts is None or packet.pts in coded:
            raise Doubt("a packet is damaged or has no time of its own")
        if packet.has_sidedata("new_extradata"):
            raise Doubt("its format changes on the way")
        headers.append(h264_proof.beginnings(bytes(packet), length_bytes))
        coded[packet.pts] = _coded(packet, headers[-1])
    shown = sum(not packet.is_discard for packet in packets)
    if intact is not None and shown != intact:
        raise Doubt(f"it has {shown} packets to show, but {intact} frames can be decoded")
    if reason := h264_proof.why_not_one_each(headers, list(coded), stream):
        raise Doubt(reason)
    if intact is None and not _headers_suffice(stream, hides=shown < len(packets)):
        raise Doubt("all of it must be decoded once, for it may be damaged where headers do not show it")
    return list(coded.values())


def _coded(packet: av.Packet, header: list[bytes]) -> CodedFrame:
    slices = h264_proof.slices(header)
    if not slices:
        raise Doubt("a packet does not hold what its lengths say")
    is_start = all(kind == IDR_SLICE for kind, _ in slices)
    return CodedFrame(packet, packet.pts, is_start, not any(refers for _, refers in slices))


def _headers_suffice(stream: av.VideoStream, hides: bool) -> bool:
    """Whether frames are exact if the headers are sound, though nobody has decoded all of the file."""
    if hides:  # frames, by an edit list: only decoding counts the others
        return False
    # with CAVLC or other colours FFmpeg's decoder can leave traces of damage in later frames
    return h264_proof.all_cabac(stream) and stream.codec_context.pix_fmt in ("yuv420p", "yuvj420p")


def _presentation_times(coded: list[CodedFrame]) -> list[int]:
    """Of the frames that are shown, in order: the i-th is that of frame i. An edit list hides the others."""
    return sorted(each.pts for each in coded if not each.packet.is_discard)


def _plan(coded: list[CodedFrame], wanted: list[int]) -> list[Stretch]:
    """The stretches to decode for the frames with the presentation times `wanted`, each from the IDR before them."""
    place = {each.pts: k for k, each in enumerate(coded)}
    starts = [k for k, each in enumerate(coded) if each.is_start]
    groups: dict[int, set[int]] = {}
    for pts in wanted:
        last = bisect_right(starts, place[pts]) - 1
        while last >= 0 and coded[starts[last]].pts > pts:  # shown later than the frame: not its keyframe
            last -= 1
        if last < 0:
            raise Doubt("decoding cannot start at its first frame")
        groups.setdefault(starts[last], set()).add(pts)
    stretches = []
    for first, of in sorted(groups.items()):
        end = max(place[pts] for pts in of) + 1
        needed = [each for each in coded[first:end] if not each.droppable or each.pts in of]
        stretches.append(Stretch(needed, of))
    return stretches


def _decode(context: av.VideoCodecContext, stretch: Stretch, colours: Colours) -> Iterator[tuple[int, np.ndarray]]:
    """(presentation time, RGB frame) of those wanted, ascending. Doubt at damage, or where another frame comes.

    A frame waits for MAX_REORDER more: its reference pictures may be shown after it, and one of them may be damaged.
    """
    expected, came = _presentation_times(stretch.coded), 0
    waiting: deque[tuple[int, int, np.ndarray]] = deque()  # (when to give it: frames that came, its time, the frame)
    for packet in [*(each.packet for each in stretch.coded), None]:
        frames, faults, failed = decode(context, packet)
        if faults or failed:
            raise Doubt(f"its decoder complains ({[*faults, failed][0]})")
        for frame in frames:
            if frame.interlaced_frame:
                raise Doubt(INTERLACED)
            if frame.is_corrupt:
                raise Doubt("a frame is damaged")
            if [frame.pts] != expected[came : came + 1]:
                raise Doubt("another frame comes than its packets announce")
            came += 1
            if frame.pts in stretch.wanted:
                waiting.append((came + MAX_REORDER, frame.pts, colours.rgb(frame)))
            if waiting and waiting[0][0] == came:
                yield waiting.popleft()[1:]
    if came < len(expected):
        raise Doubt("a frame is missing")
    for _, pts, frame in waiting:
        yield pts, frame
