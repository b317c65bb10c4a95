"""The fast way to a few frames of a video: decode from the keyframe before each, and nothing else.

Exact or not taken: every doubt (see `_opened` and `_units`) ends it, and the caller reads on from the start. What has
to be certain:

- Where to start. Keyframe flags lie (recovery points, broken links), so a start must be an instantaneous refresh (IDR)
  in the bitstream itself.
- Which frame is the i-th. If every packet gives one frame, it is that with the i-th smallest time stamp; where a
  damaged packet gives none, all later frames move up. The header of every picture proves it (`h264_proof`).
- That damage elsewhere does not reach it. In a decoded stretch the decoder reports damage. What is not decoded may hide
  some, and FFmpeg's decoder keeps traces of it where coefficients are coded with CAVLC, or colours stored as 4:4:4: it
  smears them over pictures past the next keyframe. There, and in every format but 8-bit 4:2:0, the caller must have
  decoded the file once and found it intact.

H.264 alone: FFmpeg's decoder of HEVC says nothing where a picture ends too early, and shows there what was in memory.
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
from vpipe_utils.video.h264_headers import IDR_SLICE
from vpipe_utils.video.streams import opened, watched
from vpipe_utils.video.timing import Time

CONTAINERS = ("mov", "matroska")  # with lengths before each unit, and a time stamp on every packet
SHORTEST = 7  # bytes of a decoder configuration without parameter sets (ISO/IEC 14496-15, 5.3.3.1)
MOST_BYTES = 2**29  # packets are held in memory; a larger file is read through
INTERLACED = "its pictures are interlaced"  # or so the decoder may say of one, going by those decoded before it
LATEST = 16  # H.264, A.3.1: by so many frames at most is a picture shown after those that refer to it


class Doubt(Exception):
    """Something is not as it should be: read through instead. `damaged`: the frame that showed it, if one did."""

    def __init__(self, reason: str, damaged: int | None = None) -> None:
        super().__init__(reason)
        self.damaged = damaged


class Unit(NamedTuple):
    """One packet of the video: the bytes, and what its bitstream says."""

    packet: av.Packet
    pts: int
    starts: bool  # decoding can start here
    droppable: bool  # no other frame refers to it


class Seen(NamedTuple):
    """What `look` finds out. `read_through`: why single frames are reached from the first; "" where by jumping."""

    times: list[Time]  # of its frames
    read_through: str
    width: int
    height: int

    @property
    def frames(self) -> int:
        return len(self.times)


def jump_to_frames(
    path: str | Path, wanted: np.ndarray | None, intact: int | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (index, uint8 (H, W, 3) RGB frame) for the ascending `wanted`; None: all frames.

    `intact`: how many frames decoding all of the file gave, if that met no damage; None where nobody has. Raises Doubt
    as soon as a frame might not be exactly that of sequential decoding; what was yielded before is.
    """
    with _opened(path) as (container, stream):
        units = _units(container, stream, intact)
        shown = sorted(unit.pts for unit in units if not unit.packet.is_discard)
        if wanted is not None and wanted[-1] >= len(shown):
            raise Doubt(f"it has {len(shown)} frames")
        context, colours = stream.codec_context, Colours(path)
        for first, last, targets in _plan(units, shown if wanted is None else [shown[k] for k in wanted.tolist()]):
            for pts, frame in _decode(context, units[first : last + 1], targets, shown, colours):
                yield bisect_left(shown, pts), frame
            context.flush_buffers()


def look(path: str | Path, intact: int | None = None) -> Seen:
    """What can be said of a video of which only the first frame was decoded.

    Raises Doubt, with the reason, where jumping might not be exact with that `intact`.
    """
    with _opened(path) as (container, stream):
        units = _units(container, stream, intact)
        first = _first_frame(stream.codec_context, units)
        if first.interlaced_frame:
            raise Doubt(INTERLACED)
        height, width = Colours(path).rgb(first).shape[:2]  # VideoError where its colours cannot be converted
        shown = [unit.packet for unit in units if not unit.packet.is_discard]
        times = sorted(Time(packet.pts, packet.dts, packet.duration) for packet in shown)
        one_start = sum(unit.starts for unit in units) < 2
        why = "decoding can start at its first frame only" if one_start else ""
        return Seen(times, why, width, height)


def _first_frame(context: av.VideoCodecContext, units: list[Unit]) -> av.VideoFrame:
    for packet in [*(unit.packet for unit in units), None]:
        frames, faults, failed = decode(context, packet)
        if faults or failed:
            break
        if frames:
            return frames[0]
    raise Doubt("its first frame cannot be decoded")


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The file and its one video stream, if its format is one whose packets can be trusted; else Doubt."""
    path = Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Doubt(f"it is larger than {MOST_BYTES / 2**20:.0f} MiB")
        with opened(path) as (container, stream):
            _check(container, stream)
            yield container, stream
    except (av.FFmpegError, OSError) as error:
        raise Doubt(f"its packets cannot be listed ({type(error).__name__})") from None


def _check(container: av.container.InputContainer, stream: av.VideoStream) -> None:
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


@contextlib.contextmanager
def complaints(name: str) -> Iterator[list[str]]:
    """The errors that FFmpeg logs inside in the name of a container or codec; known when the block ends."""
    found: list[str] = []
    level, once = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture() as logs:
            yield found
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(once)
    found += [message.strip() for _, of, message in logs if of == name]


class Given(NamedTuple):
    """What a decoder makes of a packet. `failed`: the error with which it gave up, "" for none."""

    frames: list[av.VideoFrame]
    faults: list[str]
    failed: str


def decode(context: av.VideoCodecContext, packet: av.Packet | None) -> Given:
    """The frames that a packet gives (None: those held back for reordering), and what the decoder finds fault with."""
    with complaints(context.codec.name) as faults:
        try:
            frames, failed = context.decode(packet), ""
        except av.FFmpegError as error:
            frames, failed = [], type(error).__name__
    return Given(frames, faults, failed)


def _units(container: av.container.InputContainer, stream: av.VideoStream, intact: int | None) -> list[Unit]:
    """All packets in decoding order; Doubt where one is damaged, or where not each surely gives one frame."""
    found: list[Unit] = []
    headers: list[list[bytes]] = []
    seen: set[int] = set()
    length_bytes = h264_proof.length_bytes(stream)
    with complaints(container.format.name) as faults:
        packets = list(container.demux(stream))
    if faults:
        raise Doubt(f"its container is damaged ({faults[0]})")
    for packet in packets:
        if packet.size == 0:  # the end
            continue
        if packet.is_corrupt or packet.pts is None or packet.pts in seen:
            raise Doubt("a packet is damaged or has no time of its own")
        if packet.has_sidedata("new_extradata"):
            raise Doubt("its format changes on the way")
        seen.add(packet.pts)
        headers.append(h264_proof.beginnings(bytes(packet), length_bytes))
        found.append(_unit(packet, headers[-1]))
    shown = sum(not unit.packet.is_discard for unit in found)
    if intact is not None and shown != intact:
        raise Doubt(f"it has {shown} packets to show, but {intact} frames can be decoded")
    reason = h264_proof.why_not_one_each(headers, [unit.pts for unit in found], stream)
    if intact is None and not reason:
        reason = _why_decode_first(stream, shown < len(found))
    if reason:
        raise Doubt(reason)
    return found


def _unit(packet: av.Packet, of_packet: list[bytes]) -> Unit:
    slices = h264_proof.slices(of_packet)
    if not slices:
        raise Doubt("a packet does not hold what its lengths say")
    starts = all(kind == IDR_SLICE for kind, _ in slices)
    return Unit(packet, packet.pts, starts, not any(refers for _, refers in slices))


def _why_decode_first(stream: av.VideoStream, hides: bool) -> str:
    """Why only decoding everything tells whether jumping is exact, though nothing speaks against it; "" otherwise."""
    if hides:
        return "some of its frames are not to be shown, so that only decoding counts them"
    if not h264_proof.all_cabac(stream):
        return "it uses H.264's simpler code for numbers (CAVLC), where damage leaves traces in later frames"
    pix_fmt = stream.codec_context.pix_fmt
    if pix_fmt not in ("yuv420p", "yuvj420p"):
        return f"its colours are stored as {pix_fmt}, where damage may leave traces in later frames"
    return ""


def _plan(units: list[Unit], targets: list[int]) -> list[tuple[int, int, list[int]]]:
    """(first packet, last packet, time stamps) of each stretch to decode."""
    place = {unit.pts: k for k, unit in enumerate(units)}
    starts = [k for k, unit in enumerate(units) if unit.starts]
    groups: dict[int, list[int]] = {}
    for pts in targets:
        last = bisect_right(starts, place[pts]) - 1
        while last >= 0 and units[starts[last]].pts > pts:
            last -= 1
        if last < 0:
            raise Doubt("decoding cannot start at its first frame")
        groups.setdefault(starts[last], []).append(pts)
    return [(first, max(place[pts] for pts in of), of) for first, of in sorted(groups.items())]


def _decode(
    context: av.VideoCodecContext, units: list[Unit], targets: list[int], shown: list[int], colours: Colours
) -> Iterator[tuple[int, np.ndarray]]:
    """(time stamp, frame) of the targets, ascending; raises Doubt for anything unexpected.

    A target is held back until no damaged picture that it refers to can still come.
    """
    left, wanted = deque(targets), set(targets)
    held: deque[tuple[int, int, np.ndarray]] = deque()  # (number of frames before it, time stamp, frame)
    came, complaint = 0, ""
    fed = (unit.packet for unit in units if not unit.droppable or unit.pts in wanted)
    for packet in [*fed, None]:
        frames, faults, failed = decode(context, packet)
        complaint = complaint or "; ".join(faults[:1]) or failed
        for frame in frames:
            if frame.pts is None:
                raise Doubt("a frame has no time of its own")
            if frame.interlaced_frame:
                raise Doubt(INTERLACED)
            if frame.is_corrupt:
                raise Doubt("a frame is damaged", bisect_left(shown, frame.pts))
            came += 1
            if left and frame.pts >= left[0]:
                if frame.pts != left.popleft():
                    raise Doubt("a frame is missing")
                held.append((came, frame.pts, colours.rgb(frame)))
            while held and held[0][0] + LATEST <= came and not complaint:
                yield held.popleft()[1:]
    if left or complaint:
        raise Doubt(f"its decoder complains ({complaint})" if complaint else "a frame is missing")
    for _, pts, frame in held:
        yield pts, frame
