"""A few frames out of a video: the ways that others use, and ours. `compare_readers` compares them.

Each works in a process of its own, `python -m vpipe_utils.benchmarks.video_readers WAY`, with one thread: a library
that is missing or crashes costs a row of a table, and what it holds in memory is its own.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from vpipe_utils.storage.files import temporary_folder

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # quiet: odd clips are read on purpose
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95]
MIB = 2**20
NO_FFMPEG = "Could not load libtorchcodec"


def write_all(path: str, indices: list[int], folder: str) -> np.ndarray:
    """The paper's way: every frame to a JPEG file at its size (section II.A), then the wanted files are read."""
    capture, number = _capture(path), 0
    while True:
        done, frame = capture.read()
        if not done:
            break
        cv2.imwrite(f"{folder}/{number:06d}.jpg", frame, JPEG)
        number += 1
    return np.stack([_rgb(cv2.imread(f"{folder}/{index:06d}.jpg")) for index in indices])


def cv2_step(path: str, indices: list[int], folder: str = "") -> np.ndarray:
    """Decode frame after frame, convert the wanted ones: sequential decoding, the judge of all others."""
    capture, pictures, position = _capture(path), [], -1
    for index in indices:
        while position < index:
            if not capture.grab():
                raise ValueError(f"there are {position + 1} frames")
            position += 1
        pictures.append(_rgb(capture.retrieve()[1]))
    return np.stack(pictures)


def cv2_jump(path: str, indices: list[int], folder: str) -> np.ndarray:
    capture, pictures = _capture(path), []
    for index in indices:
        capture.set(cv2.CAP_PROP_POS_FRAMES, index)
        pictures.append(_rgb(capture.read()[1]))
    return np.stack(pictures)


def pyav_step(path: str, indices: list[int], folder: str) -> np.ndarray:
    import av

    wanted = set(indices)
    with av.open(path) as container:
        frames = islice(enumerate(_one_thread(container).decode(video=0)), indices[-1] + 1)
        pictures = [frame.to_ndarray(format="rgb24") for number, frame in frames if number in wanted]
    return np.stack(pictures)


def pyav_seek(path: str, indices: list[int], folder: str) -> np.ndarray:
    """The usual recipe: a frame's time follows from its number and the frame rate."""
    import av

    pictures = []
    with av.open(path) as container:
        stream = _one_thread(container).streams.video[0]
        ticks = 1 / (stream.average_rate * stream.time_base)
        for index in indices:
            time_stamp = (stream.start_time or 0) + round(index * ticks)
            container.seek(time_stamp, stream=stream)  # to the keyframe before
            frames = container.decode(stream)
            frame = next(f for f in frames if f.pts is not None and f.pts >= time_stamp - ticks / 2)
            pictures.append(frame.to_ndarray(format="rgb24"))
    return np.stack(pictures)


def decord(path: str, indices: list[int], folder: str) -> np.ndarray:
    import decord

    return decord.VideoReader(path, ctx=decord.cpu(0), num_threads=1).get_batch(indices).asnumpy()


def torchcodec(path: str, indices: list[int], folder: str) -> np.ndarray:
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(path, dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode="exact")
    return decoder.get_frames_at(indices).data.numpy()


def ffmpeg(path: str, indices: list[int], folder: str) -> np.ndarray:
    """The program, its filter `select`, and a pipe; it stops after the last wanted frame."""
    import av

    with av.open(path) as container:
        context = container.streams.video[0].codec_context
        size = (context.height, context.width, 3)
    wanted = "+".join(rf"eq(n\,{index})" for index in indices)
    command = ["ffmpeg", *"-v error -nostdin -threads 1 -i".split(), path, *"-map 0:v:0 -filter_threads 1".split()]
    command += ["-vf", f"select={wanted}", "-fps_mode", "passthrough", "-frames:v", str(len(indices))]
    command += "-f rawvideo -pix_fmt rgb24 pipe:1".split()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, *size)


def ours(path: str, indices: list[int], folder: str) -> np.ndarray:
    from vpipe_utils import video

    return video.read_frames(path, indices)


class Way(NamedTuple):
    """A way to read: (path, ascending indices, an empty folder) → uint8 (N, H, W, 3) RGB, and what must be there."""

    read: Callable[[str, list[int], str], np.ndarray]
    module: str = "cv2"
    program: str = ""


PAPER, OURS = "the paper's", "ours"
WAYS = {
    PAPER: Way(write_all),
    "ffmpeg select": Way(ffmpeg, "av", "ffmpeg"),
    "PyAV, through": Way(pyav_step, "av"),
    "cv2 grab": Way(cv2_step),
    "cv2 jump": Way(cv2_jump),
    "PyAV seek": Way(pyav_seek, "av"),
    "decord": Way(decord, "decord"),
    "torchcodec": Way(torchcodec, "torchcodec.decoders"),
    OURS: Way(ours, "vpipe_utils.video"),
}


def _capture(path: str) -> cv2.VideoCapture:
    return cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])


def _rgb(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _one_thread(container: Any) -> Any:
    container.streams.video[0].thread_count = 1
    return container


def missing(way: str) -> str:
    """Why this machine cannot read that way, a sentence; "" where it can. Loads what the way needs."""
    module, program = WAYS[way].module, WAYS[way].program
    if program and shutil.which(program) is None:
        return f"there is no program {program} on the PATH"
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError:
        return f"the package {module.split('.')[0]} is not installed"
    except (ImportError, OSError, RuntimeError) as error:
        return _sentence(error)
    if way == "torchcodec":  # it looks for the FFmpeg libraries that it needs when it opens its first video
        try:
            loaded.VideoDecoder("")
        except Exception as error:
            if NO_FFMPEG in str(error):
                return _sentence(error)
    cv2.setNumThreads(1)
    return ""


def answer(way: str, path: str, indices: list[int], keep: str | None = None) -> dict[str, Any]:
    """Read once: CPU `seconds`, and `memory_mib` (by how much the peak grew, in a fresh process); or `why_not`.

    `keep`: a .npy file for the frames.
    """
    with temporary_folder(Path(path).parent) as folder:
        before, began = _memory("VmRSS"), _cpu_seconds()
        try:
            frames = WAYS[way].read(path, indices, str(folder))
        except Exception as error:  # whatever a library raises is its answer
            return {"why_not": _sentence(error)}
        seconds = _cpu_seconds() - began
        grown = _memory("VmHWM") - before
    if keep is not None:
        np.save(keep, frames)
    # Of a program that was started, the peak is at least what this process held when it started it: a little too much.
    started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / MIB if WAYS[way].program else 0.0
    return {"why_not": "", "seconds": seconds, "memory_mib": grown + started}


def _sentence(error: Exception) -> str:
    if NO_FFMPEG in str(error):
        return "it finds none of the system's FFmpeg libraries, which it needs"
    return f"{type(error).__name__}: {(str(error).strip() or 'without a reason').splitlines()[0][:200]}"


def _cpu_seconds() -> float:
    """Of this process and of the programs that it started and that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _memory(which: str) -> float:
    """MiB: VmRSS (now) or VmHWM (the peak). Not getrusage: its peak starts at that of the process that started this."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith(which))
    return int(line.split()[1]) * 1024 / MIB


def main(way: str) -> None:
    """Say whether it can be done, then answer requests: a line of JSON each."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not get among the answers
    why_not = missing(way)
    print(json.dumps({"why_not": why_not}), file=answers, flush=True)
    for line in () if why_not else sys.stdin:
        print(json.dumps(answer(way, **json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
