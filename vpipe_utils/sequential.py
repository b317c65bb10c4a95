"""Decoding a video from its first frame on: what all faster ways are measured by.

Frame i is the i-th that OpenCV gives, decoding with one thread (more conceal damage differently). PyAV gives the same
where nothing is damaged, knows what is, and converts pictures that OpenCV garbles without a word (interlaced ones). So
PyAV goes first; where it meets damage OpenCV goes on, unless it cannot convert the pictures.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

# quiet: what is wrong with a file reaches the user as a VideoError, not as FFmpeg's lines on stderr
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import av
import cv2
import numpy as np

from vpipe_utils.keyframes import LATEST, Doubt, complaints, decode
from vpipe_utils.video_errors import DamageWarning, VideoError, frame_list

SAME_IN_BOTH = ("yuv420p",)  # how colours are stored where PyAV's and OpenCV's RGB are known to be the same
SILENT = ("hevc",)  # decoders that show old memory where a picture ends too early; PyAV's holds other than OpenCV's
FIRST = 16  # frames that tell whether a video is interlaced
FAULTS = (av.FFmpegError, OSError, IndexError, AttributeError)


def step_through(
    path: Path, wanted: np.ndarray | None, done: int = 0, told: int | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (index, RGB frame) of the ascending `wanted` (None: all) without the first `done`.

    Raises VideoError; warns with DamageWarning, but not of the damaged frame `told`.
    """
    try:
        for found in _by_pyav(path, wanted, done):
            yield found
            done += 1
        return
    except Doubt as doubt:
        if doubt.damaged not in (None, told):
            warnings.warn(DamageWarning(path, doubt.damaged), stacklevel=3)
    with _capture(path) as capture:
        yield from _by_opencv(capture, path, wanted, done)


def decode_all(path: Path) -> tuple[int, str]:
    """(number of frames, what is wrong with them; "" where it is intact: one frame a packet, none of them damaged)."""
    decoded = packets = 0
    damaged: list[int] = []
    of_decoder: list[str] = []
    of_container: list[str] = []
    fault = ""
    interlaced = False
    try:
        with _container(path) as (container, stream), complaints(container.format.name) as of_container:
            for packet in container.demux(stream):
                packets += bool(packet.size) and not packet.is_discard
                frames, faults = decode(stream.codec_context, packet)
                of_decoder += faults
                damaged += [decoded + k for k, frame in enumerate(frames) if frame.is_corrupt]
                interlaced |= any(frame.interlaced_frame for frame in frames)
                decoded += len(frames)
    except FAULTS as error:
        fault = f"reading breaks off after frame {decoded - 1} ({type(error).__name__})"
    if decoded and decoded == packets and not (damaged or fault or of_decoder or of_container):
        return decoded, ""
    frames = decoded if interlaced else _count_by_opencv(path)
    said = [f"{frame_list(damaged)} of {frames} {'are' if len(damaged) > 1 else 'is'} damaged"] if damaged else []
    said += [f"it has {packets} packets, but {frames} frames can be decoded"] if frames < max(decoded, packets) else []
    said += [f"its container is damaged ({of_container[0]})"] if of_container else []
    said += [fault] if fault and not said else []
    said += [f"its decoder complains ({of_decoder[0]})"] if of_decoder and not said else []
    return frames, "; ".join(said)


def header(path: Path) -> tuple[float, str]:
    """(frames per second, codec) as the file's header gives them; (NaN, "unknown") where it does not."""
    try:
        with _container(path) as (_, stream):
            rate = stream.average_rate or stream.guessed_rate
            return float(rate) if rate else float("nan"), stream.codec_context.codec.canonical_name
    except FAULTS:
        return float("nan"), "unknown"


def _by_pyav(path: Path, wanted: np.ndarray | None, done: int) -> Iterator[tuple[int, np.ndarray]]:
    """By PyAV alone; Doubt where OpenCV might give something else."""
    targets = itertools.count(done) if wanted is None else iter(wanted[done:].tolist())
    target = next(targets)
    held: deque[tuple[int, np.ndarray]] = deque()  # until no damaged picture that they refer to can still come
    kind: tuple[str, int, int] | None = None
    interlaced, complaint, since, position = False, "", 0, -1
    try:
        for frame, faults in _frames(path, SILENT):
            if faults and not complaint:  # the damaged picture itself is still to come
                complaint, since = f"its decoder complains ({faults[0]})", position
            if frame is None:
                continue
            position += 1
            interlaced |= frame.interlaced_frame
            kind = kind or (frame.format.name, frame.width, frame.height)
            if interlaced and frame.is_corrupt:  # OpenCV is of no help here
                warnings.warn(DamageWarning(path, position), stacklevel=4)
            elif frame.is_corrupt:
                raise Doubt("a frame is damaged", position)
            if (frame.format.name, frame.width, frame.height) != kind or frame.rotation:
                raise Doubt("its format changes on the way, or it is to be turned")
            if not interlaced and kind[0] not in SAME_IN_BOTH:
                raise Doubt(f"its colours are stored as {kind[0]}")
            if not interlaced and complaint and position > since + LATEST:
                raise Doubt(complaint)
            if position == target:
                held.append((position, _rgb(frame, path)))
                target = next(targets, None)
            while held and held[0][0] + LATEST <= position and (interlaced or not complaint):
                yield held.popleft()
            if target is None and not held:
                return
    except FAULTS as error:
        raise Doubt(f"reading breaks off ({type(error).__name__})") from None
    if kind is None or (complaint and not interlaced):
        raise Doubt(complaint or "not one frame can be decoded")
    yield from held
    if wanted is not None and target is not None:
        if interlaced:
            raise VideoError(f"frame {target} was asked for, but it has {position + 1} frames", path)
        raise Doubt("it ends before")


def _frames(path: Path, refused: Sequence[str] = ()) -> Iterator[tuple[av.VideoFrame | None, list[str]]]:
    """(frame, []) of all frames by PyAV, (None, faults) where its decoder finds fault; Doubt for a `refused` codec."""
    with _container(path) as (container, stream):
        if stream.codec_context.codec.name in refused:
            raise Doubt("its decoder does not say what is damaged")
        for packet in container.demux(stream):
            frames, faults = decode(stream.codec_context, packet)
            if faults:
                yield None, faults
            yield from ((frame, []) for frame in frames)


def _rgb(frame: av.VideoFrame, path: Path) -> np.ndarray:
    try:
        return frame.to_ndarray(format="rgb24")
    except (av.FFmpegError, OSError, ValueError):
        raise VideoError(
            f"its colours cannot be converted to RGB ({frame.format.name}, colour matrix {int(frame.colorspace)})", path
        ) from None


def _by_opencv(
    capture: cv2.VideoCapture, path: Path, wanted: np.ndarray | None, done: int
) -> Iterator[tuple[int, np.ndarray]]:
    position = -1
    for target in itertools.count(done) if wanted is None else wanted[done:].tolist():
        while position < target:
            if not capture.grab():
                if position < 0:
                    raise VideoError(_why_no_frame(path), path)
                if wanted is None:
                    return
                raise VideoError(f"frame {target} was asked for, but it has {position + 1} frames", path)
            position += 1
            if position == 0:
                _check_conversion(path)
        converted, frame = capture.retrieve()
        if not converted or frame is None or frame.ndim != 3:
            raise VideoError(f"frame {position} cannot be converted to a colour picture", path)
        yield target, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def _check_conversion(path: Path) -> None:
    """VideoError where OpenCV would show what lay in memory, though it says that it has converted a frame."""
    with contextlib.suppress(*FAULTS):
        for frame, _ in itertools.islice(_frames(path), FIRST):
            if frame is not None:
                _rgb(frame, path)
            if frame is not None and frame.interlaced_frame:
                raise VideoError("its pictures are interlaced in a way that is not read here: convert it first", path)


def _count_by_opencv(path: Path) -> int:
    with _capture(path) as capture:
        frames = 0
        while capture.grab():
            frames += 1
    if not frames:
        raise VideoError(_why_no_frame(path), path)
    return frames


@contextlib.contextmanager
def _container(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    with av.open(str(path.absolute()), metadata_errors="replace") as container:
        if container.format.name == "concat":
            raise VideoError("it is a list of other files, not a video", path)
        stream = container.streams.video[0]
        stream.thread_count = 1  # parallel work goes one video a process
        yield container, stream


@contextlib.contextmanager
def _capture(path: Path) -> Iterator[cv2.VideoCapture]:
    """An open capture with one decoder thread."""
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        # CAP_FFMPEG alone: OpenCV's other readers would take `%` in a name for a picture series
        capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    finally:
        cv2.utils.logging.setLogLevel(level)
    try:
        if not capture.isOpened():
            raise VideoError(_why_no_frame(path), path)
        yield capture
    finally:
        capture.release()


def _why_no_frame(path: Path) -> str:
    """The reason, as a sentence, why not one frame of a file that is there could be decoded."""
    try:
        with av.open(str(path.absolute()), metadata_errors="replace") as container:
            if not container.streams.video:
                kinds = sorted({stream.type for stream in container.streams})
                return "it has no video stream" + (f", only {' and '.join(kinds)}" if kinds else "")
            context = container.streams.video[0].codec_context
            codec = context.codec.canonical_name if context is not None else "unknown"
    except PermissionError:
        return "it may not be read (permission denied)"
    except (av.FFmpegError, OSError):
        return "it is not a video, or its header is damaged or cut off"
    return f"not one frame can be decoded (codec {codec})"
