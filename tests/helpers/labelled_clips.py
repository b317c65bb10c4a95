"""Labelled clips and what two models say of them, as tables; the files are made only where a test reads them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from made_up_review import EVIL
from make_videos import make_video

CLASSES = ["OK", "CR", "A&B<i>"]
NAMES = {"CR": "crack", "A&B<i>": "both </span><script>"}
WILD = "m<img src=x onerror=alert(2)>"  # a model
# name, labels, probabilities by `good`, by WILD
CLIPS = [
    ("a_1.mp4", (0, 1, 0), (0.10, 0.90, 0.20), (0.70, 0.40, 0.10)),
    (EVIL, (1, 0, 0), (0.80, 0.95, 0.05), (0.90, 0.10, 0.10)),
    ("b.avi", (0, 1, 1), (0.60, 0.45, 0.02), (0.20, 0.80, 0.90)),
    ("c.mp4", (0, 0, 0), (0.30, 0.40, 0.49), (0.10, 0.20, 0.99)),
]


def labelled_clips(folder: Path = Path("/no/such/folder"), files: bool = False) -> dict[str, object]:
    """Arguments of `browse_clips`: the videos table, labels, long names and predictions by model.

    ``files``: whether the videos are made, in ``folder``; the last one never is.
    """
    names = [clip[0] for clip in CLIPS]
    videos = pd.DataFrame({
        "video": names, "path": [str(folder / name) for name in names], "frames": 20, "duration_s": 2.0, "width": 160,
        "height": 120, "codec": ["mpeg4" if name.endswith(".avi") else "h264" for name in names], "damage": "",
    })  # fmt: skip
    for name in names[:-1] if files else ():
        make_video(folder / name, 20, 160, 120, fps=10, **({"codec": "mpeg4"} if name.endswith(".avi") else {}))
    predictions = {model: _table(names, k) for k, model in ((2, "good"), (3, WILD))}
    return {"videos": videos, "labels": _table(names, 1), "names": NAMES, "predictions": predictions}


def _table(names: list[str], k: int) -> pd.DataFrame:
    table = pd.DataFrame([clip[k] for clip in CLIPS], columns=CLASSES)
    table.insert(0, "video", names)
    return table
