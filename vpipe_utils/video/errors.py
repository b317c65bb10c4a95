"""What can be wrong with a video, each in one sentence: the error, the warning, and the words for damaged frames."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

NO_FILE = "there is no such file"  # the reason of a label without a video
SHOWN = 3  # stretches of damaged frames that a sentence names; our choice


class VideoError(ValueError):
    """A video that cannot be read. `reason` is a sentence without the file's name; `str()` has both."""

    def __init__(self, reason: str, path: str | Path | None = None) -> None:
        super().__init__(reason, path)
        self.reason = reason
        self.path = path

    def __str__(self) -> str:
        return f"{_name(self.path)}: {self.reason}" if self.path is not None else self.reason


class DamageWarning(UserWarning):
    """A frame of a readable video is damaged. The decoder made up the parts of it that it could not decode."""

    def __init__(self, path: str | Path, frame: int) -> None:
        super().__init__(f"{_name(path)}: frame {frame} is damaged; what cannot be decoded of it is made up")
        self.frame = frame


@contextlib.contextmanager
def noting_damage() -> Iterator[list[int]]:
    """Collect the indices of damaged frames inside the block, instead of warning of them."""
    found: list[int] = []
    with warnings.catch_warnings():
        show = warnings.showwarning

        def note(message: Warning, *more: object) -> None:
            found.append(message.frame) if isinstance(message, DamageWarning) else show(message, *more)

        warnings.simplefilter("always", DamageWarning)
        warnings.showwarning = note
        yield found


def damage_noted(frames: Sequence[int]) -> str:
    """The damaged frames in words; "" for none. Frames that refer to them are not listed: nobody looked at those."""
    return f"damaged, with what refers to it: {frame_list(sorted(set(frames)))}" if frames else ""


def frame_list(indices: Sequence[int]) -> str:
    """Ascending frame indices, at least one, in words: "frames 3, 12-20"; after a few stretches "and 5 more"."""
    cuts = [0, *(np.flatnonzero(np.diff(indices) > 1) + 1).tolist(), len(indices)]
    spans = [(indices[a], indices[b - 1]) for a, b in pairwise(cuts)]
    text = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans[:SHOWN])
    more = f" and {len(spans) - SHOWN} more stretches" if len(spans) > SHOWN else ""
    return f"frame{'s' if len(indices) > 1 else ''} {text}{more}"


def _name(path: str | Path) -> str:
    """The file's name on one line, whatever characters it has."""
    return " ".join(Path(path).name.encode(errors="replace").decode().split())
