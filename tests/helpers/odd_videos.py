"""Small videos of odd kinds, each with what is expected of it; and files that are no videos."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from make_videos import HEADER_FIRST, cut_off, make_audio, make_video, numbered_frame, turn_by_90

FRAMES, FPS, GOP = 40, 12, 12
TS_PACKET = 188  # bytes
TICKS = 1024  # of an MP4's clock a frame, as FFmpeg writes it at 12 frames a second; for the file as a whole 1000 / 12
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
UNEVEN = np.cumsum(np.random.default_rng(0).integers(1, 6, FRAMES)).tolist()  # time stamps with gaps
B_FRAMES = "bframes=3:b-adapt=0"
PYRAMID = "bframes=4:b-adapt=0:b-pyramid=normal:ref=4"
OPEN = "bframes=3:b-adapt=0:open-gop=1"


class Odd(NamedTuple):
    """How to write a video that can be read, and what is expected of it."""

    make: Callable[[Path], Path]
    way: str  # "": single frames are jumped to; else a part of why they are not
    frames: int = FRAMES  # that decoding gives
    damage: str = ""  # a part of what is said of it; "": nothing
    lies: bool = False  # its header gives another number of frames
    like_opencv: bool = True  # OpenCV makes the same colours of it, to the bit


def x264(params: str = "") -> dict[str, str]:
    # the tree of blocks reads memory that was never written: the same call gives other bytes now and then
    return {"x264-params": f"keyint={GOP}:min-keyint={GOP}:scenecut=0:mbtree=0:{params}".rstrip(":")}


def write(
    path: Path,
    params: str = "",
    frames: int = FRAMES,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    size: tuple[int, int] = (64, 48),
) -> Path:
    """Numbered frames in any format of colours; `params`: those of x264, in place of the `options` of any encoder."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=FPS, options=x264(params) if options is None else options)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.gop_size = GOP
        for number in range(frames):
            container.mux(stream.encode(_picture(number, size, pix_fmt)))
        container.mux(stream.encode())
    return path


def _picture(number: int, size: tuple[int, int], pix_fmt: str) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(numbered_frame(number, *size), format="rgb24").reformat(format=pix_fmt, threads=1)


def pulled_down(path: Path) -> Path:
    """Progressive pictures; of those from the fourth on it is said that they are shown as two fields (film as video).

    FFmpeg's decoder takes a picture of the latter kind for interlaced if the one before was: it matters where it began.
    """
    data = bytearray(write(path, "pic-struct=1:bframes=0").read_bytes())
    frame, fields = b"\6\1\1\x04\x80", b"\6\1\1\x32\x80"  # picture timing (D.1.3): pic_struct 0 and 3
    first = data.index(frame)
    for _ in range(2):
        first = data.index(frame, first + 1)
    path.write_bytes(data[: first + 1] + data[first + 1 :].replace(frame, fields))
    return path


def uneven(path: Path, codec: str = "libx264", params: str = "") -> Path:
    options = x264(params) if codec == "libx264" else None
    return make_video(path, FRAMES, codec=codec, codec_options=options, times=UNEVEN)


def edited(path: Path, edits: Sequence[tuple[float, float]], params: str = "bframes=0", frames: int = FRAMES) -> Path:
    """An MP4 whose edit list shows, of each edit, (number of frames, from this frame on); from -1: a pause."""
    data = bytearray(write(path, params, frames).read_bytes())
    entries = [(round(n * 1000 / FPS), -1 if start == -1 else round(start * TICKS), 1 << 16) for n, start in edits]
    table = struct.pack(">II", 0, len(edits)) + b"".join(struct.pack(">IiI", *entry) for entry in entries)
    new = _box(b"edts", _box(b"elst", table))
    outer = [_find(data, *names) for names in ([b"moov"], [b"moov", b"trak"])]
    old = _find(data, b"moov", b"trak", b"edts")
    longer = len(new) - _length(data, old)
    data[old : old + _length(data, old)] = new
    for at in outer:
        data[at : at + 4] = struct.pack(">I", _length(data, at) + longer)
    path.write_bytes(data)
    return path


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def _length(data: bytes, at: int) -> int:
    return struct.unpack(">I", data[at : at + 4])[0]


def _find(data: bytes, *names: bytes) -> int:
    """Where the box with this path through the boxes of an MP4 begins."""
    at = 0
    for depth, name in enumerate(names):
        at += 8 if depth else 0
        while data[at + 4 : at + 8] != name:
            at += _length(data, at)
    return at


def shifted(path: Path, by: int) -> Path:
    """A remuxed MP4 whose first `by` frames have times before zero, so that the muxer hides them."""
    source = write(path.with_stem("source"), "bframes=2:b-adapt=0")
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                packet.pts, packet.dts = packet.pts - by * TICKS, packet.dts - by * TICKS
                new.mux(packet)
    return path


def from_the_middle(path: Path, params: str = "", frames: int = FRAMES, tables: bool = True, at: float = 0.1) -> Path:
    """A transport stream without the packets of its first part; `tables`: but with the three that say what it is."""
    data = write(path, params, frames).read_bytes()
    start = int(at * len(data) / TS_PACKET) * TS_PACKET
    path.write_bytes((data[: 3 * TS_PACKET] if tables else b"") + data[start:])
    return path


def joined(path: Path, **second: object) -> Path:
    """Two files one after the other, the second encoded in another way."""
    parts = [write(path.with_stem(f"part{k}"), frames=FRAMES // 2, **how) for k, how in enumerate(({}, second))]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def changing(path: Path, params: str = "bframes=0", **second: object) -> Path:
    """One stream of two encodings; the headers of the second are among its packets."""
    how = ({"params": "bframes=0"}, {"params": params, **second})
    parts = [write(path.with_name(f"part{k}.h264"), frames=FRAMES // 2, **each) for k, each in enumerate(how)]
    time, stream = 0, None
    with av.open(str(path), "w") as new:
        for part in parts:
            with av.open(str(part)) as old:
                stream = stream or new.add_stream_from_template(old.streams.video[0])
                for packet in old.demux(video=0):
                    if packet.size:
                        packet.stream, packet.time_base = stream, Fraction(1, FPS)
                        packet.pts = packet.dts = time
                        packet.duration, time = 1, time + 1
                        new.mux(packet)
    return path


def two_streams(path: Path, frames: tuple[int, int] = (FRAMES, FRAMES)) -> Path:
    """Two videos of different sizes in one file."""
    sizes = ((64, 48), (128, 96))
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=FPS, options=x264()) for _ in sizes]
        for stream, size in zip(streams, sizes, strict=True):
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(max(frames)):
            for stream, size, n in zip(streams, sizes, frames, strict=True):
                if number < n:
                    container.mux(stream.encode(_picture(number, size, "yuv420p")))
        for stream in streams:
            container.mux(stream.encode())
    return path


def turned(path: Path) -> Path:
    return turn_by_90(write(path))


def cut(path: Path, share: float = 0.6, **how: object) -> Path:
    options = HEADER_FIRST if path.suffix == ".mp4" else None
    return cut_off(write(path, container_options=options, **how), share)


def broken(path: Path, seed: int, noise: bool, params: str = "", length: int = 400) -> Path:
    """`length` bytes somewhere in the middle half are lost: zeros, or noise, in their place."""
    options = HEADER_FIRST if path.suffix == ".mp4" else None
    data = bytearray(write(path, params, container_options=options).read_bytes())
    random = np.random.default_rng(seed)
    start = int(random.integers(len(data) // 4, 3 * len(data) // 4))
    data[start : start + length] = random.bytes(length) if noise else bytes(length)
    path.write_bytes(data)
    return path


def broken_picture(path: Path, number: int, params: str = "") -> Path:
    """The second half of one packet is zeros; its header, and all else, is as it was."""
    write(path, f"bframes=0:{params}", container_options=HEADER_FIRST)
    with av.open(str(path)) as container:
        packet = next(packet for k, packet in enumerate(container.demux(video=0)) if k == number)
        start, half = packet.pos + packet.size // 2, packet.size - packet.size // 2
    data = bytearray(path.read_bytes())
    data[start : start + half] = bytes(half)
    path.write_bytes(data)
    return path


ONE_START = "decoding can start at its first frame only"
AVI, TS = "its container, avi", "its container, mpegts"
QUIET = {"x265-params": f"keyint={GOP}:log-level=none"}
QUICK = {"deadline": "realtime", "cpu-used": "8"}

READABLE: dict[str, Odd] = {
    "plain.mp4": Odd(write, ""),
    "plain.mkv": Odd(write, ""),
    "plain.mov": Odd(write, ""),
    "plain.flv": Odd(write, "its container, flv", lies=True),
    "plain.h264": Odd(write, "its container, h264", lies=True),
    "plain.ts": Odd(write, TS),
    "pyramid.mp4": Odd(partial(write, params=PYRAMID), ""),
    "pyramid.mkv": Odd(partial(write, params=PYRAMID), ""),
    "open_gop.mp4": Odd(partial(write, params=OPEN), ONE_START),
    "open_gop.mkv": Odd(partial(write, params=OPEN), ONE_START),
    "intra_refresh.mp4": Odd(partial(write, params="intra-refresh=1"), ONE_START),
    "cavlc.mp4": Odd(partial(write, params="cabac=0"), ""),
    "slices.mp4": Odd(partial(write, params="slices=3"), ""),
    "many_slices.mkv": Odd(partial(write, params="slice-max-mbs=3:bframes=3"), ""),
    "only_keyframes.mp4": Odd(partial(write, params="keyint=1:min-keyint=1"), ""),
    "weighted.mp4": Odd(partial(write, params="weightp=2:weightb=1:bframes=3"), ""),
    "delimiters_and_filler.mp4": Odd(
        partial(write, params="aud=1:bitrate=500:vbv-maxrate=500:vbv-bufsize=500:nal-hrd=cbr:filler=1"), ""
    ),
    "said_to_be_interlaced.mp4": Odd(partial(write, params="fake-interlaced=1:pic-struct=1"), ""),
    "pulled_down.mp4": Odd(pulled_down, ""),
    "10_bit.mp4": Odd(partial(write, pix_fmt="yuv420p10le"), "", like_opencv=False),
    "444.mp4": Odd(partial(write, pix_fmt="yuv444p"), ""),
    "full_range.mp4": Odd(partial(write, pix_fmt="yuvj420p"), ""),
    "bt709.mp4": Odd(partial(write, params="colormatrix=bt709"), ""),
    "odd_width.mp4": Odd(partial(write, size=(98, 62)), ""),
    "fragments.mp4": Odd(partial(write, params=B_FRAMES, container_options=FRAGMENTS), ""),
    "turned.mp4": Odd(turned, ""),
    "one_frame.mp4": Odd(partial(write, frames=1), ONE_START, 1),
    "one_frame.avi": Odd(partial(write, frames=1), AVI, 1),
    "one_frame.gif": Odd(partial(write, frames=1, codec="gif", pix_fmt="rgb8", options={}), "gif", 1),
    "five_frames.mkv": Odd(partial(write, frames=5), ONE_START, 5),
    "five_frames.ts": Odd(partial(write, frames=5), TS, 5),
    "edit_skips_gop.mp4": Odd(partial(edited, edits=[(28, 12)]), "", 28, lies=True),
    "edit_skips_part.mp4": Odd(partial(edited, edits=[(23, 19)], params=B_FRAMES), "", 23, lies=True),
    "edit_skips_long.mp4": Odd(  # more packets without a frame than OpenCV decodes in search of one
        partial(edited, edits=[(20, 90)], params="bframes=0:keyint=250", frames=110), ONE_START, 20, lies=True
    ),
    "edit_skips_end.mp4": Odd(partial(edited, edits=[(20, 2)], params=B_FRAMES), "", 21, lies=True),
    "edit_pauses.mp4": Odd(partial(edited, edits=[(10, -1), (40, 0)]), ""),
    "edit_repeats.mp4": Odd(partial(edited, edits=[(20, 0), (20, 10)]), "not in the order", 42, lies=True),
    "edit_two_parts.mp4": Odd(partial(edited, edits=[(10, 0), (10, 24)]), "not in the order", 20, lies=True),
    "edit_goes_back.mp4": Odd(partial(edited, edits=[(12, 24), (24, 0)]), "no time of its own", 36, lies=True),
    "before_zero.mp4": Odd(partial(shifted, by=7), "", 33, lies=True),
    "uneven.mp4": Odd(uneven, ""),
    "uneven.mkv": Odd(uneven, "", lies=True),
    "uneven_mpeg4.avi": Odd(partial(uneven, codec="mpeg4"), AVI, lies=True),
    "uneven_h264.avi": Odd(partial(uneven, params="bframes=0"), AVI, lies=True),
    "uneven_b_frames.avi": Odd(partial(uneven, params=B_FRAMES), AVI, lies=True),
    "b_frames.avi": Odd(partial(write, params=B_FRAMES), AVI),
    "b_frames_mpeg4.avi": Odd(partial(write, codec="mpeg4", options={"bf": "2"}), AVI),
    "starts_in_gop.ts": Odd(from_the_middle, "damaged", 28, "it has 36 packets, but 28 frames", lies=True),
    "starts_in_open_gop.ts": Odd(
        partial(from_the_middle, params=OPEN, at=0.4), "damaged", 16, "it has 24 packets, but 16 frames", lies=True
    ),
    "starts_in_refresh.ts": Odd(
        partial(from_the_middle, params="intra-refresh=1", at=0.2), "damaged", 17, "but 17 frames", lies=True
    ),
    "starts_without_tables.ts": Odd(partial(from_the_middle, tables=False, at=0.3), TS, 28),
    "joined.ts": Odd(joined, TS, lies=True),
    "joined_sizes.ts": Odd(partial(joined, size=(128, 96)), TS, lies=True, like_opencv=False),
    "joined_colours.ts": Odd(partial(joined, pix_fmt="yuv444p"), TS, lies=True),
    "joined_sizes.h264": Odd(partial(joined, size=(128, 96)), "its container, h264", lies=True, like_opencv=False),
    "headers_repeated.mp4": Odd(changing, ""),
    "changing_size.mp4": Odd(partial(changing, size=(128, 96)), "something other than a picture", like_opencv=False),
    "changing_size.mkv": Odd(partial(changing, size=(128, 96)), "something other than a picture", like_opencv=False),
    "changing_coding.mp4": Odd(partial(changing, params="bframes=0:cabac=0"), "something other than a picture"),
    "changing_colours.mkv": Odd(partial(changing, pix_fmt="yuv444p"), "something other than a picture"),
    "two_streams.mkv": Odd(two_streams, "it has 2 video streams"),
    "two_streams.ts": Odd(partial(two_streams, frames=(FRAMES, 30)), TS),
    "short_first_stream.mkv": Odd(partial(two_streams, frames=(10, FRAMES)), "2 video streams", 10, lies=True),
    "hevc.mp4": Odd(partial(write, codec="libx265", options=QUIET), "hevc"),
    "vp9.webm": Odd(partial(write, codec="libvpx-vp9", options=QUICK), "vp9"),
    "vp8.webm": Odd(partial(write, codec="libvpx", options=QUICK), "vp8"),
    "mjpeg.avi": Odd(partial(write, codec="mjpeg", pix_fmt="yuvj420p", options={}), AVI),
    "animation.gif": Odd(partial(write, codec="gif", pix_fmt="rgb8", options={}), "gif"),
    "lossless.mkv": Odd(partial(write, codec="ffv1", options={}), "ffv1"),
    "raw.avi": Odd(partial(write, codec="rawvideo", pix_fmt="bgr24", options={}), AVI),
    "cut_off.mp4": Odd(cut, "damaged", 21, "it has 24 packets, but 21 frames can be decoded", lies=True),
    "cut_off_cavlc.mp4": Odd(partial(cut, params="cabac=0"), "damaged", 21, "it has 24 packets", lies=True),
    "cut_off.mkv": Odd(cut, "damaged", 23, "its container is damaged (File ended prematurely)", lies=True),
    "cut_off.avi": Odd(partial(cut, params="bframes=0"), "damaged", 23, "frame 22 of 23 is damaged", lies=True),
    "cut_off.ts": Odd(cut, "damaged", 24, "frame 22 of 24 is damaged"),
}

NOT_CONVERTED = {  # OpenCV cannot convert these pictures; it says that it did, and shows what was in memory
    "interlaced_cavlc.mp4": partial(write, params="tff=1:cabac=0", frames=14),
    "interlaced.ts": partial(write, params="bff=1", frames=14),
    "interlaced.mpg": partial(write, codec="mpeg2video", options={"flags": "+ildct+ilme"}, frames=14),
    "interlaced.avi": partial(write, codec="mpeg4", options={"flags": "+ildct+ilme"}, frames=14),
    "ycgco.mp4": partial(write, params="colormatrix=YCgCo", frames=14),
    "bt2020_constant.mp4": partial(write, params="colormatrix=bt2020c", frames=14),
    "chroma_derived.mkv": partial(write, params="colormatrix=chroma-derived-nc", frames=14),
}


def _text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _bytes(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _link_to_nothing(path: Path) -> Path:
    path.symlink_to(path.with_stem("nothing"))
    return path


def _no_content(path: Path) -> Path:
    data = write(path, container_options=HEADER_FIRST).read_bytes()
    return _bytes(path, data[: data.find(b"mdat") + 4])


SUBTITLES = "1\n00:00:00,000 --> 00:00:01,000\nhello\n\n2\n00:00:01,000 --> 00:00:02,000\nhello\n"
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nother.mp4\n#EXT-X-ENDLIST\n"
NO_FRAME = "not one frame can be decoded"

UNREADABLE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing.mp4": (lambda path: path, "there is no such file"),
    "link_to_nothing.mp4": (_link_to_nothing, "there is no such file"),
    "folder.mp4": (_folder, "it is not a file"),
    "empty.mp4": (partial(_bytes, data=b""), "the file is empty"),
    "zeros.mp4": (partial(_bytes, data=bytes(5000)), "it is not a video"),
    "noise.avi": (partial(_bytes, data=np.random.default_rng(0).bytes(20_000)), "it is not a video"),
    "one_byte.mkv": (partial(_bytes, data=b"\x1a"), "it is not a video"),
    "text.mp4": (partial(_text, text="this is no video\n" * 500), "it is not a video"),
    "playlist.mp4": (partial(_text, text=PLAYLIST), "it is not a video"),
    "subtitles.mp4": (partial(_text, text=SUBTITLES), "it has no video stream, only subtitle"),
    "audio.mp4": (make_audio, "it has no video stream, only audio"),
    "audio.mkv": (make_audio, "it has no video stream, only audio"),
    "header_at_end.mp4": (lambda path: cut_off(write(path), 0.9), "its header is damaged or cut off"),
    "header_cut_off.mp4": (partial(cut, share=0.02), "its header is damaged or cut off"),
    "header_cut_off.mkv": (partial(cut, share=0.001), "its header is damaged or cut off"),
    "no_content.mp4": (_no_content, NO_FRAME),
    "edit_hides_all.mp4": (partial(edited, edits=[(40, 100)]), NO_FRAME),
    "no_keyframe.ts": (partial(from_the_middle, params="keyint=250"), NO_FRAME),
}
