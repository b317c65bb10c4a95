"""One definition of colours, in every format: the judge is the arithmetic of matrix and range, in floating point."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Mapping
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from odd_videos import write

from vpipe_utils.video import DamageWarning, VideoError, iter_frames, probe, read_frames
from vpipe_utils.video.colours import Colours

UNKNOWN, BT709, FCC, BT470BG, SMPTE170M, SMPTE240M, BT2020 = 2, 1, 4, 5, 6, 7, 9  # ITU-T H.273, table 4
WEIGHTS = {  # of red and blue in luma, ibid.
    UNKNOWN: (0.299, 0.114), BT470BG: (0.299, 0.114), SMPTE170M: (0.299, 0.114), FCC: (0.30, 0.11),
    BT709: (0.2126, 0.0722), SMPTE240M: (0.212, 0.087), BT2020: (0.2627, 0.0593),
}  # fmt: skip
LIMITED, FULL = 1, 2
PQ, HLG, P3, BT2020_PRIMARIES = 16, 18, 12, 9  # ibid., tables 2 and 3
PHONES = {
    "bt601": {"colorspace": SMPTE170M, "color_trc": 6, "color_primaries": 6},
    "bt709": {"colorspace": BT709, "color_trc": 1, "color_primaries": 1},
    "bt2020": {"colorspace": BT2020, "color_trc": 14, "color_primaries": BT2020_PRIMARIES},
    "hlg": {"colorspace": BT2020, "color_trc": HLG, "color_primaries": BT2020_PRIMARIES},
    "pq": {"colorspace": BT2020, "color_trc": PQ, "color_primaries": BT2020_PRIMARIES},
    "p3": {"colorspace": BT709, "color_trc": 1, "color_primaries": P3},
    "linear": {"color_trc": 8},
    "nothing": {},
}


def expected(frame: av.VideoFrame) -> np.ndarray:
    """RGB of a picture by ITU-T H.273, 8.3: each pixel with the luma that is its own and the colour of its block."""
    planes, depth = [], frame.format.components[0].bits
    for plane in frame.planes:
        values = np.frombuffer(plane, np.uint8 if depth == 8 else np.uint16).reshape(plane.height, -1)
        planes.append(values[:, : plane.width].astype(float) / 2 ** (depth - 8))
    luma, fields = planes[0], 2 if frame.interlaced_frame else 1
    down, across = (-(-a // b) for a, b in zip(luma.shape, planes[1].shape, strict=True))
    y, x = np.indices(luma.shape)
    row = y // down
    if fields == 2 and down == 2:  # within a field, which is every other row; one may have a row of colour less
        row = y // 4 * 2 + y % 2
        row[row == len(planes[1])] -= 2
    blue, red = (plane[row, x // across] - 128 for plane in planes[1:])
    if frame.color_range != FULL and not frame.format.name.startswith("yuvj"):
        luma, blue, red = (luma - 16) * 255 / 219, blue * 255 / 224, red * 255 / 224
    of_red, of_blue = WEIGHTS[int(frame.colorspace)]
    r, b = luma + 2 * (1 - of_red) * red, luma + 2 * (1 - of_blue) * blue
    g = (luma - of_red * r - of_blue * b) / (1 - of_red - of_blue)
    return np.stack([r, g, b], -1).clip(0, 255)


def assert_right(found: np.ndarray, frame: av.VideoFrame) -> None:
    fast = frame.format.name in ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p")  # swscale rounds more there
    off = np.abs(found - expected(frame))
    assert found.shape == (frame.height, frame.width, 3) and found.dtype == np.uint8
    assert off.max() <= (3.5 if fast else 1.01) and off.mean() <= (1.1 if fast else 0.51), (off.max(), off.mean())


def random_picture(pix_fmt: str, width: int, height: int, **tags: int) -> av.VideoFrame:
    """Noise in every plane, so that each sample of colour differs from its neighbours; colours mostly within RGB."""
    frame, random = av.VideoFrame(width, height, pix_fmt), np.random.default_rng(0)
    for k, plane in enumerate(frame.planes):
        depth = frame.format.components[k].bits
        values = random.integers(*((16, 235) if k == 0 else (90, 166)), plane.buffer_size // (1 if depth == 8 else 2))
        values = values << (depth - 8) | random.integers(0, 1 << (depth - 8), values.shape)
        plane.update(values.astype(np.uint8 if depth == 8 else np.uint16).tobytes())
    for name, value in tags.items():
        setattr(frame, name, value)
    return frame


@pytest.mark.parametrize("size", [(96, 64), (98, 62), (97, 64), (96, 63), (97, 63)], ids=str)
@pytest.mark.parametrize(
    "pix_fmt",
    ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p"]
    + ["yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv420p12le"],
)
def test_every_format_and_size(pix_fmt: str, size: tuple[int, int]) -> None:
    for matrix in WEIGHTS:
        for colour_range in (0, LIMITED, FULL):
            frame = random_picture(pix_fmt, *size, colorspace=matrix, color_range=colour_range)
            assert_right(Colours("a.mp4").rgb(frame), frame)


@pytest.mark.parametrize(("planar", "other"), [("yuv420p", "nv12"), ("yuv422p", "uyvy422"), ("yuv420p10le", "p010le")])
@pytest.mark.parametrize("size", [(96, 64), (98, 62)], ids=str)
def test_where_the_samples_lie_changes_nothing(planar: str, other: str, size: tuple[int, int]) -> None:
    frame = random_picture(planar, *size)
    # One thread: several write over each other's first pixels of a row, about once in 1,500 conversions.
    off = np.abs(Colours("a.mp4").rgb(frame.reformat(format=other, threads=1)) - expected(frame))
    assert off.max() <= 1.01


@pytest.mark.parametrize("colour_range", [0, LIMITED, FULL])
def test_grey_and_rgb_are_taken_as_stored(colour_range: int) -> None:
    values = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    for pix_fmt, stored, shown in (("rgb24", values, values), ("gray", values[..., 0], values[..., [0, 0, 0]])):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(stored), format=pix_fmt)
        frame.color_range = colour_range
        np.testing.assert_array_equal(Colours("a.mp4").rgb(frame), shown)


def tagged(
    path: Path,
    pix_fmt: str,
    size: tuple[int, int],
    tags: Mapping[str, int],
    codec: str,
    frames: int = 3,
    gop: int = 12,
    **options: str,
) -> Path:
    """A video of one picture, again and again, that says of its colours what `tags` say."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=12, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        stream.codec_context.gop_size = gop
        for _ in range(frames):
            container.mux(stream.encode(random_picture(pix_fmt, *size, **tags)))
        container.mux(stream.encode())
    return path


CODECS = {
    "h264.mp4": ("libx264", "yuv420p"),
    "h264_10.mp4": ("libx264", "yuv420p10le"),
    "h264_444.mkv": ("libx264", "yuv444p"),
    "hevc.mp4": ("libx265", "yuv420p"),
    "hevc_10.mp4": ("libx265", "yuv420p10le"),
    "vp9.webm": ("libvpx-vp9", "yuv420p"),
    "av1_10.mp4": ("libsvtav1", "yuv420p10le"),
    "lossless.mkv": ("ffv1", "yuv422p10le"),
    "mpeg2.ts": ("mpeg2video", "yuv420p"),
}
QUIET = {
    "libx265": {"x265-params": "log-level=none"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "12"},
}


@pytest.mark.parametrize("kind", CODECS)
@pytest.mark.parametrize("tags", PHONES)
def test_matrix_and_range_are_heeded_and_no_tones_mapped(kind: str, tags: str, tmp_path: Path) -> None:
    codec, pix_fmt = CODECS[kind]
    path = tagged(tmp_path / kind, pix_fmt, (98, 62), PHONES[tags], codec, **QUIET.get(codec, {}))
    with av.open(str(path)) as container:
        decoded = list(container.decode(video=0))
    if PHONES[tags].get("colorspace") and kind != "mpeg2.ts":
        assert decoded[0].colorspace == PHONES[tags]["colorspace"], "the file says what it is meant to"
    for frames in ([frame for _, frame in iter_frames(path)], read_frames(path, [0, 1, 2])):
        for found, frame in zip(frames, decoded, strict=True):
            assert_right(found, frame)


@pytest.mark.parametrize("codec", ["mpeg4", "mpeg2video", "ffv1", "libvpx-vp9", "mjpeg", "rawvideo"])
@pytest.mark.parametrize("size", [(97, 63), (96, 63), (97, 64)], ids=str)
def test_odd_sides(codec: str, size: tuple[int, int], tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", frames=3, codec=codec, size=size, options=QUIET.get(codec, {}),
                 pix_fmt="yuvj420p" if codec == "mjpeg" else "yuv420p")  # fmt: skip
    with av.open(str(path)) as container:
        for (_, found), frame in zip(iter_frames(path), container.decode(video=0), strict=True):
            assert_right(found, frame)


STEPS = {  # clips in which one reader once took over from another behind a broken picture, in other colours
    "hlg.mp4": ("libx264", (96, 64), PHONES["hlg"], "yuv420p"),
    "pq.ts": ("libx265", (96, 64), PHONES["pq"], "yuv420p10le"),
    "p3.ts": ("libx264", (96, 64), PHONES["p3"], "yuv420p"),
    "odd_height.avi": ("mpeg4", (96, 63), {}, "yuv420p"),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_broken_picture_makes_no_step(name: str, tmp_path: Path) -> None:
    codec, size, tags, pix_fmt = STEPS[name]
    options = {"x265-params": "log-level=none:keyint=10:bframes=0"} if codec == "libx265" else {"bf": "0"}
    path = tagged(tmp_path / name, pix_fmt, size, tags, codec, frames=30, gop=10, **options)
    whole = read_frames(path, range(30))
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][10]  # a keyframe
        start, half = packet.pos + packet.size // 2, packet.size // 4
    data = bytearray(path.read_bytes())
    data[start : start + half] = bytes(half)
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamageWarning)
        frames = dict(iter_frames(path))
        single = read_frames(path, [min(25, max(frames))])[0]
    same = [k for k, frame in frames.items() if np.array_equal(frame, whole[k])]
    assert same[:10] == [*range(10)] and 10 not in same, "it is broken"
    assert len(frames) == 30 and same[-10:] == [*range(20, 30)], "from the next keyframe on all is as without the break"
    np.testing.assert_array_equal(single, frames[min(25, max(frames))])


@pytest.mark.parametrize("size", [(96, 64), (96, 62), (98, 54), (90, 46)], ids=str)
def test_fields_keep_their_colours(size: tuple[int, int], tmp_path: Path) -> None:
    options = {"flags": "+ildct+ilme"}
    path = write(tmp_path / "a.mpg", frames=3, codec="mpeg2video", options=options, size=size)
    with av.open(str(path)) as container:
        for (_, found), frame in zip(iter_frames(path), container.decode(video=0), strict=True):
            assert frame.interlaced_frame
            assert_right(found, frame)


def two_parts(path: Path, *parts: Path) -> Path:
    """The streams of two files one after the other, as one."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def test_each_picture_is_converted_by_its_own_matrix_and_range(tmp_path: Path) -> None:
    kinds = (PHONES["bt709"], PHONES["bt2020"], {"colorspace": SMPTE170M, "color_range": FULL}, PHONES["hlg"])
    parts = [tagged(tmp_path / f"{k}.ts", "yuv420p", (96, 64), tags, "libx264") for k, tags in enumerate(kinds)]
    path = two_parts(tmp_path / "a.ts", *parts)
    with av.open(str(path)) as container:
        decoded = list(container.decode(video=0))
    assert [int(frame.colorspace) for frame in decoded[::3]] == [BT709, BT2020, SMPTE170M, BT2020]
    for (_, found), frame in zip(iter_frames(path), decoded, strict=True):
        assert_right(found, frame)


def test_pictures_are_as_large_as_the_first(tmp_path: Path) -> None:
    parts = [write(tmp_path / f"{k}.ts", frames=5, size=size) for k, size in enumerate([(64, 48), (128, 96), (48, 64)])]
    path = two_parts(tmp_path / "a.ts", *parts)
    with av.open(str(path)) as container:
        decoded = list(container.decode(video=0))
    assert [(frame.width, frame.height) for frame in decoded[::5]] == [(64, 48), (128, 96), (48, 64)]
    frames = read_frames(path, [0, 7, 12])
    assert frames.shape == (3, 48, 64, 3) and (probe(path)["height"], probe(path)["width"]) == (48, 64)
    for index, found in zip((7, 12), frames[1:], strict=True):
        full = Colours(path).rgb(decoded[index])
        np.testing.assert_array_equal(found, cv2.resize(full, (64, 48), interpolation=cv2.INTER_AREA))


TURNS = {  # a, b, c, d of the display matrix; what to do with the picture
    "upright": ((1, 0, 0, 1), lambda x: x),
    "by 90": ((0, 1, -1, 0), lambda x: np.rot90(x, -1)),
    "by 180": ((-1, 0, 0, -1), lambda x: np.rot90(x, 2)),
    "by 270": ((0, -1, 1, 0), lambda x: np.rot90(x, 1)),
    "mirrored": ((-1, 0, 0, 1), np.fliplr),
    "upside down": ((1, 0, 0, -1), np.flipud),
    "mirrored by 90": ((0, 1, 1, 0), lambda x: x.swapaxes(0, 1)),
    "mirrored by 270": ((0, -1, -1, 0), lambda x: np.rot90(x, 2).swapaxes(0, 1)),
    "by 45": ((0.7, 0.7, -0.7, 0.7), lambda x: x),
}


@pytest.mark.parametrize("turn", TURNS)
def test_turned_and_mirrored(turn: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", frames=3)
    upright = read_frames(path, [0, 1, 2])
    (a, b, c, d), how = TURNS[turn]
    data = bytearray(path.read_bytes())
    start = data.find(b"tkhd") + 4 + 40
    matrix = [*(round(value * 65536) for value in (a, b)), 0, *(round(value * 65536) for value in (c, d)), 0]
    data[start : start + 24] = struct.pack(">6i", *matrix)
    path.write_bytes(data)
    found = read_frames(path, [0, 1, 2])
    np.testing.assert_array_equal(found, [how(picture) for picture in upright])
    assert (probe(path)["height"], probe(path)["width"]) == found.shape[1:3]


def turning(path: Path, source: Path) -> Path:
    """The H.264 of `source`, with a note at its first keyframe that it lies on its side."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        turn = BitStreamFilterContext("h264_metadata=display_orientation=insert:rotate=90", old.streams.video[0])
        for number, packet in enumerate(old.demux(video=0)):
            for each in turn.filter(packet) if packet.size and number == 0 else [packet][: packet.size]:
                each.stream = stream
                new.mux(each)
    return path


@pytest.mark.parametrize("suffix", ["ts", "mp4"])
def test_what_the_first_picture_says_of_its_sides_holds_for_all(suffix: str, tmp_path: Path) -> None:
    upright = write(tmp_path / f"0.{suffix}", "bframes=0", 26)
    lying = turning(tmp_path / f"1.{suffix}", upright)
    with av.open(str(lying)) as container:
        assert [frame.rotation for frame in container.decode(video=0)] == [90] + [0] * 25, "only the first says so"
    expected = [np.rot90(picture) for picture in read_frames(upright, range(26))]
    np.testing.assert_array_equal(read_frames(lying, range(26)), expected)
    np.testing.assert_array_equal(read_frames(lying, [25, 13], 26), [expected[25], expected[13]])
    assert (probe(lying)["height"], probe(lying)["width"]) == (64, 48)


def test_what_a_later_picture_says_of_its_sides_changes_nothing(tmp_path: Path) -> None:
    upright = write(tmp_path / "0.ts", "bframes=0", 6)
    path = two_parts(tmp_path / "a.ts", upright, turning(tmp_path / "1.ts", upright))
    frames = read_frames(path, range(12))
    np.testing.assert_array_equal(frames[6:], frames[:6])


def test_a_matrix_that_cannot_be_converted_is_refused_wherever_it_comes(tmp_path: Path) -> None:
    parts = [write(tmp_path / f"{k}.ts", f"colormatrix={name}", 3) for k, name in enumerate(("bt709", "YCgCo"))]
    path = two_parts(tmp_path / "a.ts", *parts)
    with pytest.raises(VideoError, match=r"its colours cannot be converted to RGB \(yuv420p, colour matrix 8\)"):
        probe(path)
    assert len(read_frames(path, [0, 2])) == 2
