"""Tiny videos for tests: every frame carries its own number as black and white bars."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from vpipe_utils import video

BITS = 8  # bars across the picture, so frame numbers up to 255
HEADER_FIRST = {"movflags": "faststart"}  # then a cut-off MP4 can still be opened


def numbered_frame(number: int, width: int = 64, height: int = 48) -> np.ndarray:
    """A picture whose bars are the bits of `number`; the lower half is noise that compresses badly."""
    picture = np.zeros((height, width, 3), np.uint8)
    bar = width // BITS
    for bit in range(BITS):
        picture[: height // 2, bit * bar : (bit + 1) * bar] = 255 * (number >> bit & 1)
    picture[height // 2 :] = np.random.default_rng(number).integers(0, 255, (height - height // 2, width, 3))
    return picture


def number_of(picture: np.ndarray) -> int:
    """Read the number back from a decoded picture (H, W, 3)."""
    height, width = picture.shape[:2]
    bar = width // BITS
    bars = picture[height // 8 : height // 4, : BITS * bar].reshape(-1, BITS, bar, 3)
    return int(sum(1 << bit for bit in range(BITS) if bars[:, bit].mean() > 127))


def make_video(
    path: Path,
    frames: int = 30,
    width: int = 64,
    height: int = 48,
    fps: int = 12,
    codec: str = "libx264",
    container_options: dict[str, str] | None = None,
    first: int = 0,
    codec_options: dict[str, str] | None = None,
    times: Sequence[int] | None = None,
) -> Path:
    """Write `frames` numbered frames, the first one with number `first`; `times`: their time stamps, 1 / fps each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=container_options or {}) as container:
        # the tree of blocks reads memory that was never written: the same call gives other bytes now and then
        steady = {"x264-params": "mbtree=0"} if codec == "libx264" else {}
        stream = container.add_stream(codec, rate=fps, options=steady | (codec_options or {}))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = 10
        for number in range(first, first + frames):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number, width, height), format="rgb24")
            frame = frame.reformat(format="yuv420p", threads=1)  # with more, pixels differ now and then
            if times is not None:
                frame.pts = times[number - first]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def make_audio(path: Path) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        for start in range(0, 10240, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def turn_by_90(path: Path) -> Path:
    """Set the flag of an MP4 file that tells players to turn the picture by 90 degrees clockwise."""
    data = bytearray(path.read_bytes())
    start = data.find(b"tkhd") + 4 + 40  # the 3x3 matrix of a version-0 track header
    assert struct.unpack(">9i", data[start : start + 36]) == (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    data[start : start + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def cut_off(path: Path, share: float = 0.6) -> Path:
    """Keep the first `share` of a file, as an interrupted copy does."""
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path


def damage(path: Path, share: float = 0.5, length: int = 3000) -> Path:
    """Overwrite `length` bytes in the middle of a file with noise."""
    data = bytearray(path.read_bytes())
    start = int(share * len(data))
    data[start : start + length] = np.random.default_rng(0).bytes(len(data[start : start + length]))
    path.write_bytes(data)
    return path


def record_decoding(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """From here on, the names of the videos that are decoded go to the list that is returned."""
    decoded = []
    original = video.iter_frames

    def recorded(path: Path, *arguments: object) -> Iterator[tuple[int, np.ndarray]]:
        decoded.append(Path(path).name)
        return original(path, *arguments)

    monkeypatch.setattr(video, "iter_frames", recorded)
    return decoded


def decode_all(path: Path) -> np.ndarray:
    """Every frame by PyAV, the independent judge of what sequential decoding gives: (N, H, W, 3) RGB."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
