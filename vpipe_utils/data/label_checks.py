"""What a person should know of own data before hours of work: how labels and files fit, from the two lists alone.

No video is opened: a listing of the folder and the annotation files take a second for 10,000 videos. Which videos
cannot be read is known only once notebook 01 has looked at them; from then on its table says so here too.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from vpipe_utils.data.annotations import LabelFile, class_counts, read_label_file, recording_of
from vpipe_utils.data.params import DataParams
from vpipe_utils.storage.tables import read_table
from vpipe_utils.user_files.name_matching import VIDEO_EXTENSIONS, FileNames, has_video_ending, shown, twins
from vpipe_utils.user_files.user_text import listed, many
from vpipe_utils.user_files.video_files import OTHERS, UNFINISHED
from vpipe_utils.video import NO_FILE

MOST_SHOWN = 3
NEVER_TRIED = OTHERS | set(UNFINISHED)


class Checked(NamedTuple):
    """Labels whose files are there, and what to say about them."""

    train: pd.DataFrame
    held_out: pd.DataFrame | None
    lines: list[str]


def read_own_labels(params: DataParams) -> tuple[LabelFile, LabelFile | None]:
    """What the annotations say of the files in the folder of videos: for training, and held out where there are any.

    Raises ValueError for a video that is in both, and as `read_annotations` does.
    """
    files = FileNames.of(params.videos_path)
    train, held_out = (
        read_label_file(path, params.class_codes, params.normal_class, files) if path else None
        for path in (params.annotations_path, params.test_annotations_path)
    )
    both = set(train.table["video"]) & set(held_out.table["video"]) if held_out else ()
    if both:
        raise ValueError(
            f"{_names(sorted(both))}: in annotations and in test_annotations; name a video in one of the two"
        )
    return train, held_out


def check_labels(params: DataParams, videos_table: Path | None = None) -> Checked:
    """Read the labels of own data beside a listing of its videos; ``videos_table``: of an earlier run, may be missing.

    Raises ValueError with a sentence for what can only fail later: no label fits a file, there are fewer
    videos than folds; and as `read_own_labels` does.
    """
    folder = params.videos_path
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: set videos_dir to the folder that holds the videos")
    files = FileNames.of(folder)
    paths = (params.annotations_path, params.test_annotations_path)
    read = [(path, file) for path, file in zip(paths, read_own_labels(params), strict=True) if file]
    named = {video for _, file in read for video in file.table["video"]}
    others = [name for name in files.names - named if not name.startswith(".")]
    unlabelled = [name for name in others if has_video_ending(name)]
    tried = [name for name in others if os.path.splitext(name)[1].lower() not in (*VIDEO_EXTENSIONS, *NEVER_TRIED)]
    lines, present = [], []
    for path, file in read:
        there = file.table["video"].isin(files.names)
        if not there.any():
            raise ValueError(_none_fits(path, file.table["video"], files, folder))
        present.append(file.table[there])
        lines += _about_file(path, file, list(file.table.loc[~there, "video"]), FileNames(unlabelled), folder)
    _require_folds(params, present[0])
    lines += _about_folder(folder, files, sorted(unlabelled), sorted(tried), videos_table)
    lines += _about_classes(params, present[0])
    if len(present) > 1:
        empty = class_counts(present[1])
        empty = list(empty.index[empty == 0])
        if empty:
            name = params.test_annotations_path.name
            lines.append(f"{name}: no video has {_names(empty, 8)}, which counts 0 in the held-out mAP")
    return Checked(present[0], present[1] if len(present) > 1 else None, lines)


def could_not_be_read(videos_table: Path, files: FileNames | None = None) -> str:
    """'2 of 90 videos cannot be read: 'a.mp4' (why), …', from what notebook 01 wrote; "" for none.

    A label without a file is no video, and is told after them. ``files``: only those that are still there, and
    unchanged since.
    """
    table = read_table(videos_table, ["video", "path", "readable", "why_not"])
    no_file = table["why_not"] == NO_FILE
    lost, table = list(table.loc[no_file, "video"]), table[~no_file]
    bad = table[~table["readable"]]
    if files is not None:
        written = videos_table.stat().st_mtime
        there = bad[bad["video"].isin(files.names)]
        bad = there[[os.stat(path).st_mtime < written for path in there["path"]]]
        lost = []  # the label files' own lines name them
    said = []
    if len(bad):
        reasons = [f"{video!r} ({why})" for video, why in zip(bad["video"], bad["why_not"], strict=True)]
        said.append(f"{len(bad):,} of {many(len(table), 'video')} cannot be read: {listed(reasons)}")
    if lost:
        said.append(f"{many(len(lost), 'label')} without a file: {_names(lost)}")
    return "; ".join(said)


def _about_file(path: Path, file: LabelFile, missing: Sequence[str], free: FileNames, folder: Path) -> list[str]:
    lines = ["; ".join([f"{path.name}: {many(len(file.table), 'labelled video')}", *file.notes])]
    if file.written:
        pairs = [" is ".join(shown(pair)) for pair in ((label, name) for name, label in file.written.items())]
        lines.append(f"{path.name}: {many(len(pairs), 'name')} not written as the file's: {listed(pairs)}")
    if missing:
        near = [f"{name!r}{_nearest(free.near(name))}" for name in missing[:MOST_SHOWN]]
        lines.append(
            f"{path.name}: {many(len(missing), 'label')} left out, for there is no such file in {folder}: "
            + listed([*near, *missing[MOST_SHOWN:]])
        )
    return lines


def _about_folder(
    folder: Path, files: FileNames, unlabelled: Sequence[str], tried: Sequence[str], videos_table: Path | None
) -> list[str]:
    lines = []
    if unlabelled:
        videos = many(len(unlabelled), "video")
        lines.append(f"{folder}: {videos} without a label will be predicted: {_names(unlabelled)}")
    if tried:
        unusual = many(len(tried), "file")
        lines.append(f"{folder}: {unusual} with an unusual ending will be tried as videos: {_names(tried)}")
    alike = [group for group in twins(files.names) if any(has_video_ending(name) for name in group)]
    if alike:
        groups = [" and ".join(shown(group)) for group in alike]
        lines.append(f"{folder}: names that differ only in how they are written: {listed(groups)}")
    if videos_table is not None and videos_table.is_file():
        with contextlib.suppress(OSError, ValueError, KeyError):  # a table of an older version: it will be made anew
            said = could_not_be_read(videos_table, files)
            lines += [f"{folder}: {said}"] if said else []
    return lines


def _about_classes(params: DataParams, train: pd.DataFrame) -> list[str]:
    name, counts = params.annotations_path.name, class_counts(train)
    empty = list(counts.index[counts == 0])
    few = counts[(counts > 0) & (counts < params.n_folds)]
    lines = []
    if empty:
        lines.append(f"{name}: no video has {_names(empty, 8)}, which counts 0 in every mAP; take it out of classes?")
    if len(few):
        told = [f"{code!r} ({count})" for code, count in few.items()]
        lines.append(
            f"{name}: fewer videos than n_folds {params.n_folds} have {listed(told, 8)}; in a fold without one the "
            "class counts 0"
        )
    return lines


def _none_fits(path: Path, named: pd.Series, files: FileNames, folder: Path) -> str:
    videos = [name for name in files.names if has_video_ending(name)]
    first = named.iloc[0]
    return (
        f"{folder} holds {many(len(videos), 'video')}, but none of the {len(named):,} that {path.name} names "
        f"(first {first!r}{_nearest(files.near(first))}): check videos_dir and the file"
    )


def _require_folds(params: DataParams, train: pd.DataFrame) -> None:
    units = train["video"].map(recording_of).nunique() if params.by_recording else len(train)
    if units < params.n_folds:
        what = "recording" if params.by_recording else "labelled video"
        raise ValueError(f"{many(units, what)} cannot make n_folds {params.n_folds}: set n_folds to at most {units}")


def _nearest(name: str | None) -> str:
    return f" (is it {name!r}?)" if name else ""


def _names(names: Sequence[str], most: int = MOST_SHOWN) -> str:
    return listed([repr(name) for name in names], most)
