"""Which file a label means, where the name is not written as the file's is.

A name travels through spreadsheets, file systems and archives: é becomes e and an accent, `.mp4` becomes `.MP4`, a
blank is added, the ending is lost, the folder is kept. What is meant is still plain where one file alone fits. A digit
more or less is another name: such files are only shown as near ones.
"""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

VIDEO_EXTENSIONS = tuple(
    ".mp4 .avi .mov .mkv .m4v .mpg .mpeg .wmv .ts .mts .webm .flv .vob .m2ts .3gp .asf .divx .dav .qt .xvid .mk3d .mpe"
    " .mpv .m1v .m2v .mp2v .vro .evo .m2t .trp .tod .3g2 .3gpp .wm .f4v .ogv .ogm .rm .rmvb .dv .mxf .nut .nsv .amv"
    " .ivf .h264 .264 .avc .h265 .265 .hevc .mjpg .mjpeg .y4m .dvr .dvr-ms .wtv .insv".split()
)
MOST_COMPARED = 2000  # names that difflib looks at for one label: some 60 ms


def tidy(text: str) -> str:
    """Text as one reads it: Unicode's compatible form (NFKC), no invisible signs, single blanks, no case."""
    if text.isascii():
        return " ".join(text.casefold().split())
    text = unicodedata.normalize("NFKC", text)
    text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", text.casefold()).split())


def key_of(name: str) -> str:
    """What names have in common that differ only in how they are written; also without blanks around the last dot."""
    stem, dot, ending = tidy(name).rpartition(".")
    return f"{stem.rstrip()}.{ending.lstrip()}" if dot else ending


def without_folder(name: str) -> str:
    r"""'Nord_1.mp4' of 'D:\videos\Nord_1.mp4' or '/videos/Nord_1.mp4', without blanks at its ends."""
    return re.split(r"[/\\]", name.strip())[-1].strip()


def has_video_ending(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in VIDEO_EXTENSIONS


class FileNames:
    """The names of the files in the folder of videos, to look up labels in."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = set(names)
        self._by_key: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self.names):
            if name.startswith("."):  # hidden: only an exact name means it
                continue
            self._by_key[key_of(name)].append(name)
            if has_video_ending(name):
                self._by_stem[key_of(Path(name).stem)].append(name)

    @classmethod
    def of(cls, folder: str | Path) -> FileNames:
        """Those of a folder, from its listing alone; none where there is no such folder."""
        if not Path(folder).is_dir():
            return cls(())
        with os.scandir(folder) as entries:
            return cls(entry.name for entry in entries if entry.is_file())

    def meant_by(self, label: str) -> list[str]:
        """The files that a label may mean: one, none, or several that cannot be told apart by it."""
        name = without_folder(label)
        exact = [each for each in (label, name) if each in self.names][:1]
        found = exact or self._by_key.get(key_of(name), [])
        if not has_video_ending(name):  # of a file without a video's ending nobody knows whether it is one
            return [*found, *self._by_stem.get(key_of(name), [])]
        if len(found) > 1:
            same = unicodedata.normalize("NFC", name)
            found = [file for file in found if unicodedata.normalize("NFC", file) == same] or found
        return found

    def near(self, label: str) -> str | None:
        """The file whose name is most like a label that names none; None where none is like it."""
        name = without_folder(label)
        loose = _loose(name)
        videos = [file for file in sorted(self.names) if has_video_ending(file)]
        for file in videos:
            if _loose(file) == loose:
                return file
        if len(videos) > MOST_COMPARED:
            start = key_of(name)[:3]
            videos = [file for file in videos if key_of(file).startswith(start)][:MOST_COMPARED]
        keys = {key_of(file): file for file in videos}
        wanted = key_of(name) if has_video_ending(name) else f"{key_of(name)}.mp4"
        found = difflib.get_close_matches(wanted, keys, n=1, cutoff=0.8)
        return keys[found[0]] if found else None


def twins(names: Collection[str]) -> list[list[str]]:
    """Groups of names that differ only in how they are written."""
    groups = defaultdict(list)
    for name in sorted(names):
        groups[key_of(name)].append(name)
    return [group for group in groups.values() if len(group) > 1]


def shown(names: Sequence[str]) -> list[str]:
    r"""Names in quotes; with \x and \u in those that would look the same as another."""
    looks = [unicodedata.normalize("NFKC", name) for name in names]
    return [ascii(name) if looks.count(look) > 1 else repr(name) for name, look in zip(names, looks, strict=True)]


def _loose(name: str) -> str:
    """Letters and numbers of a name without ending; numbers without zeros before them: Nord_01 and nord-1 are alike."""
    stem = Path(name).stem if has_video_ending(name) else name
    parts = re.findall(r"\d+|[^\W\d_]+", tidy(stem))
    return "".join(part.lstrip("0") or "0" if part.isdigit() else part for part in parts)
