"""The proof that each packet of an H.264 file gives one frame, from its headers alone.

A decoder conceals damage inside a picture: a damaged picture still is one frame. But a picture whose header is damaged
gives no frame, and then every later frame has a smaller index. So `why_not_one_each` reads the header of every picture,
and twice: `h264_headers` checks the limits of the decoder, FFmpeg's filter `h264_metadata` those of the standard. The
picture numbers must have no gap. The order of output must be that of the presentation times, and it must need no more
delay than the stream announces.
"""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Iterator, Sequence

import av
from av.bitstream import BitStreamFilterContext

from vpipe_utils.video.h264_headers import (
    HEADER_BYTES,
    IDR_SLICE,
    PPS,
    SLICE,
    SPS,
    Format,
    HeaderError,
    Headers,
    Picture,
    read_headers,
    read_slice,
)

SEI = 6
HARMLESS = (SEI, 9, 12)  # supplemental information, access unit delimiter, filler: none is a picture
DISPLAY_ORIENTATION = 47  # table D-1


def units(data: bytes, length_bytes: int) -> list[bytes]:
    """The NAL units of a packet, in which a length stands before each unit; none where the lengths do not fit."""
    found, at = [], 0
    while at + length_bytes < len(data):
        length = int.from_bytes(data[at : at + length_bytes], "big")
        at += length_bytes
        if length == 0 or at + length > len(data):
            return []
        found.append(data[at : at + length])
        at += length
    return found if at == len(data) else []


def length_bytes(stream: av.VideoStream) -> int:
    """How many bytes the length before each NAL unit takes (ISO/IEC 14496-15, 5.3.3.1)."""
    return (stream.codec_context.extradata[4] & 3) + 1


def beginnings(data: bytes, length_bytes: int) -> list[bytes]:
    """The NAL units of a packet, slices cut after their headers; none where the lengths do not fit."""
    found = units(data, length_bytes)
    return [unit[:HEADER_BYTES].rstrip(b"\0") if unit[0] & 31 in (SLICE, IDR_SLICE) else unit for unit in found]


def slices(of_packet: list[bytes]) -> list[tuple[int, bool]]:
    """(type, whether other pictures may refer to it) of every slice among the units of a packet."""
    return [(unit[0] & 31, bool(unit[0] & 0x60)) for unit in of_packet if 1 <= unit[0] & 31 <= 5]


def all_cabac(stream: av.VideoStream) -> bool:
    """Whether all pictures of an H.264 stream are coded with CABAC; the other code is CAVLC."""
    return all(coding.cabac for coding in read_headers(stream.codec_context.extradata).codings.values())


def why_not_one_each(of_packets: Sequence[list[bytes]], times: Sequence[int], stream: av.VideoStream) -> str:
    """Why decoding might not give one frame a packet, in the order of their `times`; "" if that is proven.

    `of_packets`: the `beginnings` of all packets in decoding order; `times`: their presentation times.
    """
    size = length_bytes(stream)
    try:
        headers = read_headers(stream.codec_context.extradata)
        pictures = [_picture(of_packet, headers) for of_packet in of_packets]
        _check_order(pictures, times, headers.format)
        standard = BitStreamFilterContext("h264_metadata", stream)
        for of_packet in of_packets:
            whole = b"".join(len(unit).to_bytes(size, "big") + unit for unit in of_packet)
            if len(standard.filter(av.Packet(whole))) != 1:
                return "a packet holds more than one picture"
    except HeaderError as error:
        return str(error)
    except av.FFmpegError:
        return "the header of a picture cannot be read"
    return ""


def messages(unit: bytes) -> list[int]:
    """The types of the messages in a unit of supplemental information (7.3.2.3.1), until one is cut off."""
    data, at, found = unit[1:].replace(b"\0\0\3", b"\0\0"), 0, []
    while at < len(data) - 1:  # the last byte ends the unit
        values = []
        for _ in ("type", "size"):  # a sum: bytes of 255, then one smaller byte
            start = at
            while at < len(data) and data[at] == 255:
                at += 1
            values.append(255 * (at - start) + int.from_bytes(data[at : at + 1], "big"))
            at += 1
        found.append(values[0])
        at += values[1]
    return found


def _picture(of_packet: list[bytes], headers: Headers) -> Picture:
    """The one picture of a packet; HeaderError where there is none, or more than one, or a change of format."""
    found: Picture | None = None
    last_block = -1
    for unit in of_packet:
        kind = unit[0] & 31
        if kind == SEI and DISPLAY_ORIENTATION in messages(unit):
            raise HeaderError("its pictures say how they are to be turned")
        if kind in HARMLESS or (kind in (SPS, PPS) and unit in headers.units):
            continue
        if kind not in (SLICE, IDR_SLICE):
            raise HeaderError(f"a packet holds something other than a picture (unit type {kind})")
        block, picture = read_slice(unit, headers)
        if (block == 0) != (found is None) or block <= last_block or found not in (None, picture):
            raise HeaderError("the parts of a picture do not fit together")
        found, last_block = picture, block
    if found is None:
        raise HeaderError("a packet holds no picture")
    return found


def _check_order(pictures: Sequence[Picture], times: Sequence[int], of: Format) -> None:
    """HeaderError where a picture is missing, or comes out later than announced, or in another order than the times."""
    if not pictures or not pictures[0].idr:
        raise HeaderError("decoding cannot start at its first frame")
    expected, runs = 0, []
    for picture, place, time in zip(pictures, _places(pictures, of), times, strict=True):
        if picture.idr:
            runs.append([])  # of (place in output, time), sorted
            expected = 0
        if picture.frame_num != expected:
            raise HeaderError("a picture is missing")
        expected = (picture.frame_num + picture.refers) % (1 << of.frame_num_bits)
        insort(runs[-1], (place, time))
        if len(runs[-1]) - bisect(runs[-1], (place, time)) > (of.reorder or 0):
            raise HeaderError("its pictures come further out of order than it announces")
    shown = [(run, place, time) for run, of_run in enumerate(runs) for place, time in of_run]
    for (run, place, time), (next_run, next_place, next_time) in zip(shown, shown[1:], strict=False):
        if time >= next_time or (run, place) == (next_run, next_place):
            raise HeaderError("its time stamps are not in the order of its pictures")


def _places(pictures: Sequence[Picture], of: Format) -> Iterator[int]:
    """Place of each picture in the order of output, 8.2.1.1 (type 0) and 8.2.1.3 (type 2: the decoding order)."""
    if of.poc_type == 2:
        yield from range(len(pictures))
        return
    span, high, low = 1 << of.poc_bits, 0, 0  # high and low: of the last reference picture
    for picture in pictures:
        if picture.idr:
            high, low = 0, 0
        if picture.poc_lsb < low and low - picture.poc_lsb >= span // 2:
            above = high + span
        elif picture.poc_lsb > low and picture.poc_lsb - low > span // 2:
            above = high - span
        else:
            above = high
        yield above + picture.poc_lsb
        if picture.refers:
            high, low = above, picture.poc_lsb
