"""The clips of notebook 12: a few large ones to read against the clock, and small odd ones to be wrong on.

All are written by one thread into files that are kept: a second run finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np

from vpipe_utils.pipesim.clips import Filming, make_clip
from vpipe_utils.pipesim.labelsets import Clip
from vpipe_utils.storage.files import atomic_path, make_folder, sweep

FPS = 25
LABELS = ("CJ", "CK")
# On processors with AVX-512 its macroblock tree reads uninitialised memory: other bytes each time.
X264 = "mbtree=0:scenecut=0"
NO_B_FRAMES = "bframes=0"
ODD_SIZE, ODD_FRAMES, ODD_KEYFRAMES = (128, 96), 40, 12
SHIFTED = 7  # frames that an MP4 hides by giving them times before zero


def make_clips(
    folder: str | Path, heights: Sequence[int], frames: int, rendered: int, keyframes: int, seed: int = 0
) -> dict[str, Path]:
    """Name → file of H.264 clips of a pipe, 16:9, a keyframe every `keyframes`; made where they are not there.

    One of each height with x264's usual B-frames and, of the largest, one without: many cameras write none.
    `rendered` frames are rendered at that size and played forth and back until there are `frames`.
    """
    folder = make_folder(folder)
    clips = {}
    for height in sorted(heights):
        kinds = {f"{height}p": ""}
        if height == max(heights):
            kinds[f"{height}p, no B-frames"] = NO_B_FRAMES
        size = (round(height * 16 / 9 / 2) * 2, height)
        pictures: np.ndarray | None = None
        for name, params in kinds.items():
            kind = "no_b_frames" if params else "b_frames"
            stem = f"{size[0]}x{size[1]}_{frames}_of_{rendered}_every_{keyframes}_{kind}_seed_{seed}"
            clips[name] = folder / f"{stem}.mp4"
            if clips[name].is_file():
                continue
            pictures = _render(size, rendered, seed) if pictures is None else pictures
            with atomic_path(clips[name]) as part:
                _write(part, _forth_and_back(pictures, frames), size, keyframes, params)
    return clips


def _render(size: tuple[int, int], frames: int, seed: int) -> np.ndarray:
    """As many frames of PipeSim, uint8 (F, H, W, 3)."""
    clip = Clip("benchmark.mp4", "benchmark", LABELS, "train")
    return make_clip(clip, seed, Filming(*size, fps=FPS), n_frames=frames)[0].frames


def _forth_and_back(pictures: np.ndarray, frames: int) -> Iterator[np.ndarray]:
    period = max(1, 2 * len(pictures) - 2)
    for number in range(frames):
        place = number % period
        yield pictures[min(place, period - place)]


def _write(
    path: Path,
    pictures: Iterator[np.ndarray],
    size: tuple[int, int],
    keyframes: int,
    params: str = "",
    codec: str = "libx264",
    container: str = "mp4",
    times: Sequence[int] | None = None,
) -> None:
    """Encode RGB pictures; `times`: their time stamps in frames, where they are not evenly spaced."""
    with av.open(str(path), "w", format=container, options={"fflags": "+bitexact"}) as output:
        options = {"threads": "1"}
        if codec == "libx264":
            options["x264-params"] = f"keyint={keyframes}:min-keyint={keyframes}:{X264}:{params}".rstrip(":")
        else:
            options["x265-params"] = f"keyint={keyframes}:min-keyint={keyframes}:pools=none:log-level=none:info=0"
        stream = output.add_stream(codec, rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = number if times is None else times[number], Fraction(1, FPS)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())


def make_odd_clips(folder: str | Path) -> dict[str, Path]:
    """Name → file of small clips that readers get wrong if they trust the headers. All but the last are intact."""
    folder = make_folder(folder)
    sweep(folder)  # of a run that was killed
    clips = {}
    for name, make in ODD.items():
        clips[name] = folder / name
        if not clips[name].is_file():
            with atomic_path(clips[name]) as part:
                make(part)
    return clips


def _odd(path: Path, container: str, **how: object) -> None:
    _write(path, _sliding(), ODD_SIZE, ODD_KEYFRAMES, container=container, **how)


def _sliding() -> Iterator[np.ndarray]:
    """A wall that slides by, three pixels a frame: no two frames are the same."""
    width, height = ODD_SIZE
    wall = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    wall = cv2.blur(wall, (7, 7), borderType=cv2.BORDER_REFLECT)
    for number in range(ODD_FRAMES):
        yield np.roll(wall, 3 * number, axis=1)


def _hidden_start(path: Path) -> None:
    """An MP4, copied packet by packet, whose first frames have times before zero, so that they are not shown."""
    with atomic_path(path.with_name(f"{path.name}.source")) as source:
        _odd(source, "mp4", params=B_FRAMES)
        with av.open(str(source)) as old, av.open(str(path), "w", format="mp4") as new:
            stream = new.add_stream_from_template(old.streams.video[0])
            frame = round(1 / FPS / old.streams.video[0].time_base)
            for packet in old.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    packet.pts, packet.dts = packet.pts - SHIFTED * frame, packet.dts - SHIFTED * frame
                    new.mux(packet)
    path.with_name(f"{path.name}.source").unlink()


def _cut_off(path: Path) -> None:
    """The first 60 % of a file, as an interrupted copy leaves it."""
    _odd(path, "matroska")
    data = path.read_bytes()
    path.write_bytes(data[: int(0.6 * len(data))])


B_FRAMES = "bframes=3:b-adapt=0"
UNEVEN = np.cumsum(np.random.default_rng(0).integers(1, 6, ODD_FRAMES)).tolist()
ODD: dict[str, Callable[[Path], None]] = {
    "open_gop.mp4": partial(_odd, container="mp4", params=f"{B_FRAMES}:open-gop=1"),
    "intra_refresh.mp4": partial(_odd, container="mp4", params="intra-refresh=1"),
    "hidden_start.mp4": _hidden_start,
    "uneven_times.mkv": partial(_odd, container="matroska", times=UNEVEN),
    "hevc.mkv": partial(_odd, container="matroska", codec="libx265"),
    "b_frames.avi": partial(_odd, container="avi", params=B_FRAMES),
    "uneven_times.avi": partial(_odd, container="avi", params=NO_B_FRAMES, times=UNEVEN),
    "stream.ts": partial(_odd, container="mpegts"),
    "cut_off.mkv": _cut_off,
}
