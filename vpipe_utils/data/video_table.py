"""The videos table: what lies in the folder of videos, what of it is labelled, and what can be read."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from vpipe_utils.data import probe_journal
from vpipe_utils.data.annotations import class_columns
from vpipe_utils.data.shards import of_part, shard_count, shard_of
from vpipe_utils.project.parallel import run_parallel
from vpipe_utils.user_files.name_matching import has_video_ending
from vpipe_utils.user_files.user_text import listed
from vpipe_utils.user_files.video_files import Files, look_through
from vpipe_utils.video import VideoError

DTYPES = {
    "video": "str", "path": "str", "split": "str", "fps": "float64", "frames": "int64", "duration_s": "float64",
    "width": "int64", "height": "int64", "codec": "str", "read_through": "str", "damage": "str", "size": "int64",
    "content": "str", "shard": "int64", "n_shards": "int64", "readable": "bool", "why_not": "str",
}  # fmt: skip
# QV-Pipe in the terms of `describe`: 9,601 videos of the challenge, 6,399 of them with public labels
QV_PIPE = {
    "videos": 9601,
    "labelled": 6399,
    "hours": 55.0,
    "mean duration (s)": 20.6,
    "labels per video": 1.394,  # 8,922 labels
}
NAN = float("nan")
NOT_READ = {
    "fps": NAN, "frames": 0, "duration_s": NAN, "width": 0, "height": 0, "codec": "", "read_through": "", "damage": "",
    "size": 0, "content": "",
}  # fmt: skip
FOUND = (*NOT_READ, "readable", "why_not")


def index_videos(
    videos_dir: str | Path,
    labelled: Sequence[str],
    workers: int = 1,
    progress: bool = True,
    held_out: Sequence[str] = (),
    journal: str | Path | None = None,
    part: Sequence[int] = (0, 1),
) -> pd.DataFrame:
    """Look at every video of a flat folder and tabulate it: one row a video, sorted by name.

    `labelled`: file names that the annotations name, the `train` split; every other video of the folder is
    in the `test` split (so it is in QV-Pipe, where both lie in one folder). `held_out`: names in the test
    split that have labels for the final score. `journal`: folder in which what is found out is kept as it comes, so
    that a run that was killed goes on, and a second one reads what changed. `part` (k, n): only the videos of the k-th
    of n jobs. Columns: video (the file name, its identity), path (absolute), split, fps, frames (that decoding gives),
    duration_s, width, height (pixels), codec, read_through (why single frames cannot be jumped to, else ""), damage
    (what of it is damaged, else ""), size (bytes), content (SHA-256), shard, n_shards (see `shards`), readable, why_not
    (why it cannot be read, else ""). A named video that is missing is a row, not readable. What else of the folder is a
    video, and what is passed over, says `video_files`. Raises ValueError for a missing
    folder, and for a folder without videos or with none of the labelled ones.
    """
    folder = Path(videos_dir).absolute()
    named = {*labelled, *held_out}
    train = set(labelled)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: set videos_dir to the folder that holds the videos")
    files = look_through(folder, named)
    there = files.videos
    if not there:
        raise ValueError(_why_no_video(folder, files))
    if train and not there & train:
        raise ValueError(
            f"{folder} holds {len(there)} videos, but none of the {len(train)} that the annotations name "
            f"(first '{min(train)}'): check videos_dir and annotations"
        )
    names = sorted(there | named)
    n_shards = shard_count(len(names))
    shards = [shard_of(name, n_shards) for name in names]
    mine = [(name, shard) for name, shard, is_mine in zip(names, shards, of_part(shards, part), strict=True) if is_mine]
    table = _look_at(folder, [name for name, _ in mine], workers, progress, journal, part)
    table["split"] = ["train" if name in train else "test" for name, _ in mine]
    table["shard"], table["n_shards"] = [shard for _, shard in mine], n_shards
    return table[list(DTYPES)].astype(DTYPES)


def _look_at(
    folder: Path, names: list[str], workers: int, progress: bool, journal: str | Path | None, part: Sequence[int]
) -> pd.DataFrame:
    """A row for every name, from the journal where the file is as it was."""
    rows: dict[str, tuple[object, ...]] = {}  # tuples: dictionaries of 100,000 videos take a quarter of a GiB
    jobs: list[tuple[str, dict[str, object] | None]] = []
    with contextlib.ExitStack() as stack:
        kept = None
        if journal is not None:
            kept = stack.enter_context(probe_journal.Journal(journal, "{}_of_{}".format(*part)))
        for name in names:
            known = kept.known(name) if kept is not None else None
            if probe_journal.is_same_file(folder / name, known):
                rows[name] = _columns(known)
            else:
                jobs.append((name, known))
        found = run_parallel(partial(_row, folder), jobs, workers, progress, "probing videos")
        stack.enter_context(contextlib.closing(found))
        for (name, _), row in zip(jobs, found, strict=True):
            rows[name] = _columns(row)
            if kept is not None and row["readable"]:
                kept.add(name, row)
    return pd.DataFrame(
        [(_text(name), _text(str(folder / name)), *rows[name]) for name in names], columns=["video", "path", *FOUND]
    )


def _columns(row: dict[str, object]) -> tuple[object, ...]:
    return tuple(sys.intern(value) if isinstance(value, str) else value for value in (row[name] for name in FOUND))


def _text(name: str) -> str:
    """A name that is no UTF-8, which `why_not` says of it, as text that can be stored."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def keep_readable(labels: pd.DataFrame, videos: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of labels whose video can be read, in the order of the videos table.

    Raises ValueError where no video or no class is left.
    """
    readable = videos.loc[videos["readable"], ["video"]]
    kept = readable.merge(labels, on="video", how="inner")
    if kept.empty:
        raise ValueError(f"none of {len(labels)} labelled videos can be read: see why_not in videos.parquet")
    if not kept[class_columns(kept)].to_numpy().any():
        raise ValueError(
            f"no class is left: the {len(kept)} labelled videos that can be read have none: see why_not in "
            "videos.parquet"
        )
    return kept


def describe(videos: pd.DataFrame, labels: pd.DataFrame) -> dict[str, float]:
    """Size of a data set: videos (readable), labelled, hours (NaN where one video does not tell), mean duration (s),
    labels per labelled video."""
    readable = videos[videos["readable"]]
    return {
        "videos": len(readable),
        "labelled": len(labels),
        "hours": float(readable["duration_s"].sum(skipna=False) / 3600),
        "mean duration (s)": float(readable["duration_s"].mean()),
        "labels per video": float(labels[class_columns(labels)].to_numpy().sum() / len(labels)),
    }


def _row(folder: Path, job: tuple[str, dict[str, object] | None]) -> dict[str, object]:
    """Runs in a worker: a row of what is in the file; an unreadable video gives a reason instead of figures."""
    name, known = job
    try:
        return probe_journal.probe(folder / name, known) | {"readable": True, "why_not": ""}
    except VideoError as error:
        return NOT_READ | {"readable": False, "why_not": error.reason}


def _why_no_video(folder: Path, files: Files) -> str:
    """The sentence for a folder without videos; names a folder in it that has some, a frequent slip."""
    for inner in sorted(folder / name for name in files.passed_over if (folder / name).is_dir()):
        if any(has_video_ending(path.name) and not path.name.startswith(".") for path in inner.iterdir()):
            return f"{folder} holds no video, but {inner} does: set videos_dir to it (videos must lie flat)"
    found = [f"{name!r} ({why})" for name, why in sorted(files.passed_over.items())]
    what = f": {listed(found)}" if found else ", it is empty"
    return f"{folder} holds no video{what}"
