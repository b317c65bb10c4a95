"""Headers of H.264: units, fields and order are as the encoder was told; what does not fit is said."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from make_videos import make_video

from vpipe_utils.video.h264_headers import IDR_SLICE, SLICE, HeaderError, _Bits, read_headers, read_slice
from vpipe_utils.video.h264_proof import all_cabac, beginnings, length_bytes, messages, slices, units, why_not_one_each


def test_units_by_hand() -> None:
    assert units(b"\0\0\0\2ab\0\0\0\1c", 4) == [b"ab", b"c"]
    assert units(b"\0\3abc", 2) == [b"abc"]
    for broken in (b"\0\0\0\3ab", b"\0\0\0\2abc", b"\0\0\0\0", b""):
        assert units(broken, 4) == []


def test_codes_by_hand() -> None:
    bits = _Bits(bytes([0b1_010_011_0, 0b0100_0010, 0b1_0000000]))  # ue 0, 1, 2, 3; then se of 4
    assert [bits.ue() for _ in range(4)] == [0, 1, 2, 3]
    assert bits.se() == -2
    assert _Bits(b"\0\0\3\1").u(24) == 1, "the byte 3 after two zeros only keeps start codes from arising"
    with pytest.raises(HeaderError, match="ends too early"):
        _Bits(b"\0").ue()
    with pytest.raises(HeaderError, match="impossible number"):
        _Bits(bytes([0b00100000])).ue(most=2)


class Stream:
    """The packets of a file, and what its headers say of them."""

    def __init__(self, path: Path, params: str, **more: object) -> None:
        make_video(path, 40, codec_options={"x264-params": f"keyint=12:scenecut=0:{params}"}, **more)
        self.container = av.open(str(path))
        self.stream = self.container.streams.video[0]
        packets = [packet for packet in self.container.demux(self.stream) if packet.size]
        self.data, self.times = [bytes(packet) for packet in packets], [packet.pts for packet in packets]

    def why_not(self, data: list[bytes] | None = None, times: list[int] | None = None) -> str:
        of_packets = [beginnings(packet, length_bytes(self.stream)) for packet in data or self.data]
        return why_not_one_each(of_packets, times or self.times, self.stream)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    return Stream(tmp_path_factory.mktemp("h264") / "a.mp4", "bframes=3:b-adapt=0:b-pyramid=normal:ref=3")


@pytest.mark.parametrize(
    "params",
    [
        "bframes=0",
        "bframes=4:b-pyramid=normal:ref=4",
        "weightp=2:weightb=1:ref=3",
        "slices=3",
        "cabac=0",
        "8x8dct=0:ref=1",
        "aud=1:nal-hrd=vbr:bitrate=200:vbv-maxrate=300:vbv-bufsize=300",
        "cqm=jvt",
        "colormatrix=bt709:sar=4/3:range=tv",
    ],
)
def test_whatever_the_encoder_is_told_one_packet_is_one_frame(params: str, tmp_path: Path) -> None:
    of = Stream(tmp_path / "a.mkv", params)
    assert of.why_not() == ""
    assert all_cabac(of.stream) == (params != "cabac=0")


def test_fields_are_those_of_the_encoder(sound: Stream) -> None:
    headers = read_headers(sound.stream.codec_context.extradata)
    assert headers.format.frames_only and headers.format.poc_type == 0 and headers.format.reorder == 2
    pictures = []
    for data in sound.data:
        (unit,) = [unit for unit in units(data, length_bytes(sound.stream)) if unit[0] & 31 in (SLICE, IDR_SLICE)]
        block, picture = read_slice(unit, headers)
        assert block == 0
        pictures.append(picture)
    starts = [k for k, picture in enumerate(pictures) if picture.idr]
    assert starts == [0, 12, 24, 36]
    for first, last in zip(starts, [*starts[1:], 40], strict=True):
        order = np.argsort(np.argsort([picture.poc_lsb for picture in pictures[first:last]]))
        assert order.tolist() == np.argsort(np.argsort(sound.times[first:last])).tolist(), "shown in the order of times"
    assert any(not picture.refers for picture in pictures) and slices(units(sound.data[0], 4)) == [(IDR_SLICE, True)]


def test_what_does_not_fit_is_said(sound: Stream) -> None:
    data, times = sound.data, sound.times
    refers = next(k for k in range(2, 40) if slices(units(data[k], 4))[0] == (SLICE, True))
    assert sound.why_not([*data[:refers], *data[refers + 1 :]], [*times[:refers], *times[refers + 1 :]]) == (
        "a picture is missing"
    )
    swapped = [*times[:2], times[3], times[2], *times[4:]]
    assert "order" in sound.why_not(times=swapped)
    assert "cannot start" in sound.why_not(data[1:], times[1:])
    assert sound.why_not([*data[:5], data[5] + data[6], *data[7:]], [*times[:6], *times[7:]]) != ""
    assert "no picture" in sound.why_not([*data[:5], b"\0\0\0\2\6\5", *data[6:]])
    assert sound.why_not([*data[:5], data[5][:-3], *data[6:]]) == "a packet holds no picture"


def test_no_single_bit_of_a_slice_header_goes_unseen_where_it_moves_frames(sound: Stream) -> None:
    """The number of a picture or its place in output: each bit of either is noticed."""
    at = next(k for k in range(2, 40) if slices(units(sound.data[k], 4)) == [(SLICE, True)])
    seen = 0
    for bit in range(8, 24):  # behind the unit's type: first block, kind, parameters, number
        data = bytearray(sound.data[at])
        data[4 + bit // 8] ^= 128 >> bit % 8
        seen += bool(sound.why_not([*sound.data[:at], bytes(data), *sound.data[at + 1 :]]))
    assert seen >= 12


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("06 05 02 aa bb 80", [5]),
        ("06 05 02 aa bb 2f 03 01 02 03 80", [5, 47]),
        ("06 ff 30 01 aa 80", [303]),
        ("06 2f 03 00 00 03 01 05 00 80", [47, 5]),  # the 3 only keeps a start code from arising
        ("06 01 ff", [1]),  # cut off
        ("06", []),
    ],
)
def test_messages_of_a_unit(unit: str, expected: list[int]) -> None:
    assert messages(bytes.fromhex(unit)) == expected
