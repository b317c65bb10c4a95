"""New clips: a folder or a list of paths, and what of them can be read."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from vpipe_utils.data.annotations import recording_of
from vpipe_utils.data.video_table import index_videos
from vpipe_utils.review.tables import PREDICTED, UNREADABLE
from vpipe_utils.storage.files import make_folder, remove
from vpipe_utils.user_files.name_matching import has_video_ending
from vpipe_utils.user_files.user_text import listed

GONE = "it is in the list, but there is no such file"


def index_clips(videos: str | Path, work: Path, workers: int = 1, progress: bool = True) -> pd.DataFrame:
    """The videos table (`data.video_table.index_videos`) of a folder of clips, one clip, or a text file of paths.

    A list has a path a line; relative ones count from the folder of the list; empty lines and those that begin with #
    are passed over. `work`: where it is kept what was found out, so that a run that was killed goes on. `path` is where
    the clip itself lies. Raises ValueError: nothing there, no video, two clips of one name.
    """
    source = Path(videos).expanduser().absolute()
    if source.is_dir():
        return index_videos(source, [], workers, progress, journal=work / "probes")
    if not source.is_file():
        raise ValueError(f"{source} is not there: name a folder of clips, or a text file with a path a line")
    paths = [source] if has_video_ending(source.name) else read_list(source)
    linked = _linked(paths, work / "clips")
    table = index_videos(linked, [], workers, progress, held_out=[path.name for path in paths], journal=work / "probes")
    places = {path.name: path for path in paths}
    table["path"] = [
        str(places[name]) if name in places else path for name, path in table[["video", "path"]].to_numpy()
    ]
    gone = table["video"].map(lambda name: not places[name].exists())
    table.loc[gone, "why_not"] = GONE
    return table


def read_list(file: Path) -> list[Path]:
    """The paths of a text file, absolute. ValueError: not text, no path, or two files of one name."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{file} is no text: name a folder of clips, or a text file with a path a line") from None
    wanted = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    paths = list(dict.fromkeys(Path(os.path.abspath(file.parent / Path(line).expanduser())) for line in wanted))
    if not paths:
        raise ValueError(f"{file} names no clip: write a path a line")
    names: dict[str, Path] = {}
    twins = [(names[path.name], path) for path in paths if names.setdefault(path.name, path) != path]
    if twins:
        raise ValueError(
            f"{file}: {twins[0][0]} and {twins[0][1]} have one name, and a clip is known by its name: rename one, or "
            "predict them in two reviews"
        )
    return paths


def clips_table(videos: pd.DataFrame) -> pd.DataFrame:
    """`review.tables.CLIPS` of a videos table."""
    return pd.DataFrame({
        "video": videos["video"],
        "path": videos["path"],
        "recording": videos["video"].map(recording_of),
        "frames": videos["frames"],
        "fps": videos["fps"],
        "duration_s": videos["duration_s"],
        "width": videos["width"],
        "height": videos["height"],
        "status": videos["readable"].map({True: PREDICTED, False: UNREADABLE}),
        "reason": videos["why_not"].fillna(""),
    }).reset_index(drop=True)  # fmt: skip


def describe_clips(clips: pd.DataFrame) -> str:
    """One sentence on how many clips there are, how long they are, and which cannot be read and why."""
    unreadable = clips[clips["status"] == UNREADABLE]
    minutes = clips["duration_s"].sum() / 60
    said = f"{len(clips):,} clips, {minutes:,.1f} minutes"
    if len(unreadable):
        found = [f"{row.video!r} ({row.reason})" for row in unreadable.itertuples()]
        said += f"; {len(unreadable):,} cannot be read and have no prediction: {listed(found)}"
    return said


def _linked(paths: list[Path], folder: Path) -> Path:
    """A folder with a link to each of the files that are there, and nothing else."""
    make_folder(folder)
    wanted = {path.name: path for path in paths if path.exists()}
    for link in folder.iterdir():
        if wanted.get(link.name) is None or os.readlink(link) != str(wanted[link.name]):
            remove(link)
    for name, path in wanted.items():
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(path)
    if not wanted:
        raise ValueError(f"none of the {len(paths)} clips of the list is there, first {paths[0]}")
    return folder
