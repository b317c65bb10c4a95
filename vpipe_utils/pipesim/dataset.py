"""Write a synthetic data set: videos, annotations, held-out annotations and evidence."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.pipesim.clips import Filming, make_clip
from vpipe_utils.pipesim.encode import FORMATS, write_video
from vpipe_utils.pipesim.labelsets import Clip, plan
from vpipe_utils.project.dependencies import SEEDS, digest_of
from vpipe_utils.project.parallel import run_parallel
from vpipe_utils.storage.files import atomic_path, remove, sweep
from vpipe_utils.storage.tables import write_json, write_table

VERSION = 4  # of the clips: raise it when the same arguments give other pixels or labels
DONE, STARTED = "pipesim.json", "pipesim.started.json"


def generate(
    folder: str | Path,
    n_train: int,
    n_test: int,
    seed: int,
    width: int = 160,
    height: int = 120,
    frames: int = 36,
    fps: float = 12.0,
    temper: float = 0.5,
    sight: float = 0.4,
    size: float = 0.08,
    contrast: float = 1.0,
    workers: int = 1,
    progress: bool = True,
) -> None:
    """Make `n_train` + `n_test` clips of width × height pixels and about `frames` frames (never under 9).

    `sight`, `size` and `contrast` say how much of a defect is seen: see `clips.Filming`. `DataParams` says what the
    arguments may be.

    Writes videos/*.mp4 (both splits, flat), annotations.json (train), test_annotations.json (held out),
    evidence.parquet (video, class, frame, box x0 y0 x1 y1 in pixels of the file, x1 and y1 exclusive,
    share of the picture) and, last, pipesim.json with all arguments. For `temper` see
    `labelsets.probabilities` and `labelsets.plan`.

    The same arguments give the same bytes for any number of workers. A complete folder with equal arguments
    is left as it is; an unfinished one is finished, keeping its videos; one made with other arguments is
    emptied of what generate wrote and made anew. A folder with anything else in it is refused (ValueError).
    """
    folder = Path(folder)
    code = digest_of("vpipe_utils/pipesim/dataset.py", ("pipesim/", SEEDS))  # clips of changed code are made anew
    arguments = {
        "version": VERSION, "code": code, "n_train": n_train, "n_test": n_test, "seed": seed,
        "width": width, "height": height, "frames": frames, "fps": float(fps), "temper": float(temper),
        "sight": float(sight), "size": float(size), "contrast": float(contrast),
    }  # fmt: skip
    if _read(folder / DONE) == arguments:
        remove(folder / "parts", folder / STARTED)
        return
    _prepare(folder, arguments)
    clips = plan(n_train, n_test, seed, temper)
    missing = [clip for clip in clips if not _is_finished(folder, clip)]
    _run(folder, missing, (seed, Filming(width, height, frames, fps, sight, size, contrast)), workers, progress)

    for split, name in (("train", "annotations.json"), ("test", "test_annotations.json")):
        labels = {c.video: [CLASSES.index(code) for code in c.labels] for c in clips if c.split == split}
        with atomic_path(folder / name) as part:
            part.write_text(json.dumps(labels), encoding="utf-8")
    write_table(_evidence_table(folder, clips), folder / "evidence.parquet")
    write_json(arguments, folder / DONE)
    remove(folder / "parts", folder / STARTED)


def _read(path: Path) -> object:
    """Arguments of a finished or started data set; None where there are none to be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _prepare(folder: Path, arguments: dict[str, object]) -> None:
    """Leave a folder that belongs to these arguments; see `generate` for what is kept."""
    done, started = folder / DONE, folder / STARTED
    if done.exists():
        os.replace(done, started)  # from here on the folder counts as unfinished
    if folder.exists() and any(folder.iterdir()) and not started.exists():
        if not folder.is_dir() or any(not p.name.startswith(".") for p in folder.iterdir()):
            raise ValueError(f"{folder} holds files that PipeSim did not make: name an empty folder, or empty this one")
    if _read(started) != arguments:
        names = ("videos", "parts", "annotations.json", "test_annotations.json", "evidence.parquet")
        remove(*(folder / name for name in names))
        write_json(arguments, started)
    (folder / "videos").mkdir(exist_ok=True)
    (folder / "parts").mkdir(exist_ok=True)
    sweep(folder, inner=True)  # of a run that was killed


def _is_finished(folder: Path, clip: Clip) -> bool:
    """The video takes its name after its evidence has been written."""
    return (folder / "videos" / clip.video).is_file() and (folder / "parts" / f"{clip.video}.json").is_file()


def _run(folder: Path, clips: list[Clip], arguments: tuple[int, Filming], workers: int, progress: bool) -> None:
    """Make the clips, one thread a process: the same speed, and processes do not fight for cores."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for _ in run_parallel(partial(_make, folder, arguments), clips, workers, progress, "PipeSim"):
            pass
    finally:
        cv2.setNumThreads(threads)


def _make(folder: Path, arguments: tuple[int, Filming], clip: Clip) -> None:
    """Write one video and, before it takes its name, its evidence; `arguments` are those of `make_clip`."""
    filmed, rng = make_clip(clip, *arguments)
    with atomic_path(folder / "videos" / clip.video) as part:
        index = int(rng.choice(len(FORMATS), p=[each.share for each in FORMATS]))
        write_video(part, filmed.frames, arguments[-1].fps, index, filmed.coarser)
        scale = FORMATS[index].scale
        evidence = [
            (code, frame, *(side * scale for side in box), share) for code, frame, *box, share in filmed.evidence
        ]
        with atomic_path(folder / "parts" / f"{clip.video}.json") as rows:
            rows.write_text(json.dumps(evidence), encoding="utf-8")


def _evidence_table(folder: Path, clips: list[Clip]) -> pd.DataFrame:
    """One row for each video, class and frame in which the class is visible."""
    rows = []
    for clip in clips:
        seen = json.loads((folder / "parts" / f"{clip.video}.json").read_text(encoding="utf-8"))
        rows += [(clip.video, *row) for row in seen]
    table = pd.DataFrame(rows, columns=["video", "class", "frame", "x0", "y0", "x1", "y1", "share"])
    return table.astype({c: np.int32 for c in ("frame", "x0", "y0", "x1", "y1")} | {"share": np.float32})
