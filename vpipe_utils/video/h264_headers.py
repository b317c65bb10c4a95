"""Reading the headers of H.264: parameter sets and slice headers, with the limits that FFmpeg's decoder has.

Section and table numbers are those of ITU-T H.264 (08/2021). A header beyond these limits raises HeaderError: the
decoder would give no frame for its picture.
"""

from __future__ import annotations

from typing import NamedTuple

# Types of units, table 7-1
SLICE, IDR_SLICE, SPS, PPS = 1, 5, 7, 8
P, B, SP = 0, 1, 3  # types of slices modulo 5, table 7-6; the others (I, SI) refer to nothing
WITH_CHROMA_FORMAT = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)  # profiles, 7.3.2.1.1
HEADER_BYTES = 512  # more than any slice header takes


class HeaderError(ValueError):
    """One sentence: what is wrong with a header, or what in it we do not read."""


class Format(NamedTuple):
    """The fields of a sequence parameter set (7.3.2.1.1) that we need for slice headers and the order of pictures."""

    frame_num_bits: int
    poc_type: int
    poc_bits: int
    planes: bool  # each colour plane is coded separately
    frames_only: bool  # no interlaced pictures
    reorder: int | None  # how many pictures may be decoded before one and shown after it; None: it does not say
    lowest_qp: int  # below 0 where luma has more than 8 bits


class Coding(NamedTuple):
    """The fields of a picture parameter set (7.3.2.2) that we need for slice headers."""

    cabac: bool
    bottom_order: bool
    references: tuple[int, int]
    weighted: bool
    weighted_b: bool
    qp: int
    deblocking: bool
    redundant: bool


class Picture(NamedTuple):
    """The fields of a slice header (7.3.3) that all slices of a picture share."""

    idr: bool
    refers: bool  # other pictures may refer to it
    frame_num: int
    idr_pic_id: int
    poc_lsb: int  # the low bits of its place in the order of output


class Headers(NamedTuple):
    """The parameter sets of a file: their bytes, the only format, and the codings by number."""

    units: frozenset[bytes]
    format: Format
    codings: dict[int, Coding]


class _Bits:
    """Reads fixed (u) and exponential-Golomb (ue, se) codes, 9.1."""

    def __init__(self, data: bytes) -> None:
        data = data.replace(b"\0\0\3", b"\0\0")  # 7.4.1: the 3 is not data; it prevents start codes
        self.value, self.left = int.from_bytes(data, "big"), 8 * len(data)

    def u(self, n: int) -> int:
        self.left -= n
        if self.left < 0:
            raise HeaderError("the header of a picture ends too early")
        return self.value >> self.left & ((1 << n) - 1)

    def ue(self, most: int = 2**32) -> int:
        zeros = self.left - (self.value & ((1 << self.left) - 1)).bit_length()
        number = self.u(2 * zeros + 1) - 1
        if number > most:
            raise HeaderError("the header of a picture holds an impossible number")
        return number

    def se(self) -> int:
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def read_headers(extradata: bytes) -> Headers:
    """The parameter sets in an MP4's decoder configuration (ISO/IEC 14496-15, 5.3.3.1)."""
    found: list[bytes] = []
    at = 5
    try:
        for mask in (31, 255):  # first sequence, then picture parameter sets
            count, at = extradata[at] & mask, at + 1
            for _ in range(count):
                length = int.from_bytes(extradata[at : at + 2], "big")
                found.append(bytes(extradata[at + 2 : at + 2 + length]))
                at += 2 + length
        formats = {_format(unit) for unit in found if unit[0] & 31 == SPS}
        codings = dict(_coding(unit) for unit in found if unit[0] & 31 == PPS)
    except IndexError:
        raise HeaderError("the description of its format cannot be read") from None
    if at > len(extradata) or len(formats) != 1:
        raise HeaderError(f"it has {len(formats)} descriptions of its format")
    return Headers(frozenset(found), formats.pop(), codings)


def read_slice(unit: bytes, headers: Headers) -> tuple[int, Picture]:
    """(its first macroblock, its picture), 7.3.3. Reads the whole header: an error anywhere in it must be found."""
    bits, of = _Bits(unit[1:HEADER_BYTES]), headers.format
    idr, refers = unit[0] & 31 == IDR_SLICE, bool(unit[0] & 0x60)
    block, kind, number = bits.ue(), bits.ue(9) % 5, bits.ue(255)
    if number not in headers.codings:
        raise HeaderError("the header of a picture names parameters that the file does not have")
    coding = headers.codings[number]
    bits.u(2 if of.planes else 0)
    frame_num = bits.u(of.frame_num_bits)
    if not of.frames_only and bits.u(1):
        raise HeaderError("its pictures are interlaced")
    idr_pic_id = bits.ue(65535) if idr else 0
    poc_lsb = bits.u(of.poc_bits) if of.poc_type == 0 else 0
    if of.poc_type == 0 and coding.bottom_order:
        bits.se()
    if coding.redundant and bits.ue():
        raise HeaderError("it repeats pictures as a spare")
    _read_references(bits, kind, coding, 1 << of.frame_num_bits)
    if refers:
        _read_marking(bits, idr)
    if coding.cabac and kind in (P, B, SP):
        bits.ue(2)
    if not of.lowest_qp <= coding.qp + bits.se() <= 51:
        raise HeaderError("the header of a picture holds an impossible number")
    if kind in (SP, SP + 1):
        raise HeaderError("it switches between streams")
    if coding.deblocking and bits.ue(2) != 1 and max(abs(bits.se()), abs(bits.se())) > 6:
        raise HeaderError("the header of a picture holds an impossible number")
    return block, Picture(idr, refers, frame_num, idr_pic_id, poc_lsb)


def _read_references(bits: _Bits, kind: int, coding: Coding, span: int) -> None:
    """The lists of references, their order (7.3.3.1) and weights (7.3.3.2)."""
    lists = {P: 1, SP: 1, B: 2}.get(kind, 0)
    if kind == B:
        bits.u(1)  # how motion is inferred
    counts = coding.references[:lists]
    if lists and bits.u(1):
        counts = tuple(bits.ue(15) + 1 for _ in range(lists))
    for count in counts:
        changes = 0
        while (bits.u(1) if changes == 0 else True) and bits.ue(3) != 3:
            changes += 1
            if bits.ue() >= span or changes > count:
                raise HeaderError("the header of a picture refers to impossible pictures")
    if (coding.weighted and kind in (P, SP)) or (coding.weighted_b and kind == B):
        _ = bits.ue(7), bits.ue(7)
        for _ in range(sum(counts)):
            values = [bits.se() for _ in range(2)] if bits.u(1) else []
            values += [bits.se() for _ in range(4)] if bits.u(1) else []
            if any(not -128 <= value <= 127 for value in values):
                raise HeaderError("the header of a picture holds an impossible number")


def _read_marking(bits: _Bits, idr: bool) -> None:
    """Which references are kept, 7.3.3.3."""
    if idr:
        bits.u(2)
    elif bits.u(1):
        while operation := bits.ue(6):
            if operation == 5:
                raise HeaderError("its order of output starts anew at a picture that is no keyframe")
            _ = bits.ue(), operation == 3 and bits.ue()


def _format(unit: bytes) -> Format:
    bits = _Bits(unit[1:])
    profile, _ = bits.u(8), bits.u(16)
    bits.ue()  # its number
    planes, more_bits = False, 0
    if profile in WITH_CHROMA_FORMAT:
        chroma = bits.ue()
        planes = bool(chroma == 3 and bits.u(1))
        more_bits, _, _ = bits.ue(6), bits.ue(), bits.u(1)  # depths, transform bypass
        if bits.u(1):
            for which in range(12 if chroma == 3 else 8):
                if bits.u(1):
                    _skip_scaling_list(bits, 16 if which < 6 else 64)
    frame_num_bits, poc_type, poc_bits = bits.ue(12) + 4, bits.ue(2), 0
    if poc_type == 0:
        poc_bits = bits.ue(12) + 4
    elif poc_type == 1:
        raise HeaderError("its pictures say their order in a way that is not read here")
    _ = bits.ue(), bits.u(1), bits.ue(), bits.ue()  # references, gaps, width, height
    frames_only = bool(bits.u(1))
    _ = frames_only or bits.u(1), bits.u(1)  # adaptive interlacing, direct inference
    if bits.u(1):
        _ = [bits.ue() for _ in range(4)]  # cropping
    reorder = _reorder(bits) if bits.u(1) else None
    return Format(frame_num_bits, poc_type, poc_bits, planes, frames_only, reorder, -6 * more_bits)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    """7.3.2.1.1.1; a value of 0 ends the list."""
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _reorder(bits: _Bits) -> int | None:
    """`max_num_reorder_frames` of the usability information (E.1.1), the last but one of its fields."""
    if bits.u(1) and bits.u(8) == 255:
        bits.u(32)  # an aspect ratio that is in no table
    _ = bits.u(1) and bits.u(1)  # overscan
    if bits.u(1):
        _ = bits.u(4), bits.u(1) and bits.u(24)  # format, range and colours
    if bits.u(1):
        _ = bits.ue(), bits.ue()  # place of the chroma samples
    if bits.u(1):
        bits.u(65)  # the length of a tick, and whether ticks are even
    buffers = [bits.u(1) and (_skip_buffer(bits) or 1) for _ in range(2)]
    _ = any(buffers) and bits.u(1), bits.u(1)  # low delay, picture structure
    if not bits.u(1):
        return None
    _ = bits.u(1), [bits.ue() for _ in range(4)]
    return bits.ue(16)


def _skip_buffer(bits: _Bits) -> None:
    """The parameters of a hypothetical decoder, E.1.2."""
    count, _ = bits.ue() + 1, bits.u(8)
    for _ in range(count):
        _ = bits.ue(), bits.ue(), bits.u(1)
    bits.u(20)


def _coding(unit: bytes) -> tuple[int, Coding]:
    bits = _Bits(unit[1:])
    number, _ = bits.ue(255), bits.ue()
    cabac, bottom_order = bool(bits.u(1)), bool(bits.u(1))
    if bits.ue():
        raise HeaderError("its pictures are put together from groups of slices")
    references = (bits.ue(31) + 1, bits.ue(31) + 1)
    weighted, weighted_b = bool(bits.u(1)), bits.u(2) == 1
    qp, _, _ = 26 + bits.se(), bits.se(), bits.se()
    deblocking, _, redundant = bool(bits.u(1)), bits.u(1), bool(bits.u(1))
    return number, Coding(cabac, bottom_order, references, weighted, weighted_b, qp, deblocking, redundant)
