"""Which files of a folder are videos: those with a video's ending, and whatever else turns out to be one.

A recorder names its files as it likes (`0001.dav`, `clip` without an ending), and beside them lie tables, pictures and
half-finished copies. So a file with a video's ending is a video, be it broken, and is listed as such; of any other one,
unless its ending is known to be something else's, the first frame is read. What is passed over has a reason.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from vpipe_utils.user_files.name_matching import VIDEO_EXTENSIONS
from vpipe_utils.user_files.user_text import listed
from vpipe_utils.video import VideoError, iter_frames

UNFINISHED = tuple(".part .partial .crdownload .download .opdownload .filepart .tmp .temp .aria2 .!ut .!qb".split())
SMALL_COPIES = (".lrv", ".lrf")  # GoPro's and DJI's, beside the video itself
OTHERS = frozenset(
    # tables and texts
    ".txt .csv .tsv .json .jsonl .xml .yaml .yml .toml .ini .cfg .conf .log .md .rst .html .htm .nfo .srt .sub .vtt"
    " .ass .xls .xlsx .xlsm .ods .doc .docx .odt .pdf .ppt .pptx .rtf .url .lnk .md5 .sha1 .sha256 .sfv"
    # pictures
    " .jpg .jpeg .png .bmp .gif .tif .tiff .webp .heic .heif .avif .svg .ico .psd .raw .dng .thm"
    # sound
    " .mp3 .wav .flac .aac .m4a .ogg .oga .opus .wma .aif .aiff .amr .mid"
    # arrays, data bases, archives, programs
    " .npy .npz .pt .pth .pkl .pickle .parquet .h5 .hdf5 .mat .safetensors .onnx .db .db3 .sqlite .sqlite3 .mdb .accdb"
    " .zip .rar .7z .tar .gz .bz2 .xz .zst .iso .exe .dll .msi .bat .sh .py .ipynb .js .css".split()
).union(SMALL_COPIES)


class Files(NamedTuple):
    """The entries of a folder: names of videos; name → why it is passed over, of all others."""

    videos: set[str]
    passed_over: dict[str, str]


def look_through(folder: str | Path, named: Collection[str] = ()) -> Files:
    """Sort the entries of a folder; a file that is `named` is a video whatever else speaks against it."""
    videos: set[str] = set()
    passed_over: dict[str, str] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            why_not = "" if entry.name in named and entry.is_file() else _why_not(entry)
            if why_not:
                passed_over[entry.name] = why_not
            else:
                videos.add(entry.name)
    return Files(videos, passed_over)


def passed_over(folder: str | Path, videos: pd.DataFrame) -> pd.DataFrame:
    """What of a folder is not in its videos table: a row a reason, why, files (their number) and names (the first)."""
    found = look_through(folder, set(videos["video"])).passed_over
    names = [name.encode(errors="surrogateescape").decode(errors="replace") for name in found]
    table = pd.DataFrame({"why": list(found.values()), "names": names}).sort_values("names")
    rows = table.groupby("why")["names"]
    together = pd.DataFrame({"files": rows.size(), "names": rows.agg(lambda of: listed(list(of)))}).reset_index()
    return together.sort_values(["files", "why"], ascending=[False, True], ignore_index=True)


def _why_not(entry: os.DirEntry[str]) -> str:
    """Why an entry of a folder is no video; "" where it is one."""
    ending = os.path.splitext(entry.name)[1].lower()
    if entry.name.startswith("."):
        return "it is hidden"
    if entry.is_dir():
        return "it is a folder; videos lie flat in one"
    if not entry.is_file():
        return "it is no file, or a link to nothing"
    if ending in VIDEO_EXTENSIONS:
        return ""
    if ending in UNFINISHED:
        return f"it is an unfinished copy ({ending})"
    if ending in SMALL_COPIES:
        return f"it is a small copy of another video ({ending})"
    if ending in OTHERS:
        return f"{ending} is no video's ending"
    try:
        next(iter_frames(entry.path, [0]))
    except VideoError as error:
        return error.reason
    return ""
