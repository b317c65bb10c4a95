"""How PipeSim's clips compare with real ones, for docs/DATA_CARD.md: a record of figures and a contact sheet.

    .venv/bin/python docs/twin.py          # after the demo has run: reads outputs/demo
    .venv/bin/python docs/tables.py        # writes the figures into the data card

The record is outputs/reference/pipesim/twin.csv, the sheet docs/pipesim_classes.jpg.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from vpipe_utils.data.classes import CLASS_NAMES, CLASSES, NORMAL
from vpipe_utils.data.params import DataParams
from vpipe_utils.evaluation.visibility import visible_shares
from vpipe_utils.pipesim.clips import Filming, begin
from vpipe_utils.pipesim.labelsets import plan
from vpipe_utils.storage.tables import read_table
from vpipe_utils.video import read_frames

ROOT = Path(__file__).resolve().parents[1]
RECORD, SHEET = ROOT / "outputs" / "reference" / "pipesim" / "twin.csv", ROOT / "docs" / "pipesim_classes.jpg"
PERCENTILES = (10, 25, 50, 75, 90)
# Public figures of the real clips: frames a clip of the 6,399 labelled ones; zoomed phases from one published automatic
# split of 9,601 clips into wide and zoomed phases.
REAL_LENGTHS = np.array((209, 280, 383, 587, 1051)) / 383
REAL_BEGIN, REAL_LASTS = (0.06, None, 0.19, None, 0.46), (0.32, 0.46, 0.60, 0.73, 0.83)
EXAMPLES, TILE = 5, (128, 96)


def figures(params: DataParams) -> pd.DataFrame:
    """Percentiles of lengths, zoomed phases, shares in sight and sizes: quantity, percentile, real, twin."""
    filming = Filming(frames=params.pipesim_frames)
    clips = plan(params.pipesim_train, params.pipesim_test, params.seed, params.pipesim_temper)
    plans = [begin(clip, params.seed, filming)[2] for clip in clips]
    zoomed = [each for each in plans if each.zoomed]
    begins = [each.zoomed[0][0] for each in zoomed if each.zoomed[0][0] > 0]
    lasts = [sum(b - a for a, b in each.zoomed) for each in zoomed]
    frames = read_table(params.layout.videos_table).set_index("video")["frames"]
    evidence = read_table(params.layout.pipesim / "evidence.parquet")
    largest = evidence.groupby(["video", "class"])["share"].max()
    rows = []
    for name, real, values in (
        ("frames of a clip over their median", REAL_LENGTHS, frames / frames.median()),
        ("first zoomed phase begins after this share of the clip", REAL_BEGIN, begins),
        ("zoomed phases take this share of the clip", REAL_LASTS, lasts),
        ("share of the frames in which a label is in sight", (None,) * 5, visible_shares(evidence, frames)["visible"]),
        ("largest share of the picture that a defect takes", (None,) * 5, largest),
    ):
        rows += zip([name] * 5, PERCENTILES, real, np.percentile(values, PERCENTILES), strict=True)
    shares = {
        "clips with a zoomed phase": (0.88, len(zoomed) / len(plans)),
        "of those: wide, zoomed, wide": (0.74, np.mean([each.kind == "in_out" for each in zoomed])),
        "of those: one change": (0.20, np.mean([each.kind in ("in", "out") for each in zoomed])),
        "of those: more changes": (0.04, np.mean([each.kind == "twice" for each in zoomed])),
    }
    rows += [(name, None, real, twin) for name, (real, twin) in shares.items()]
    return pd.DataFrame(rows, columns=["quantity", "percentile", "real", "twin"]).round(3)


def sheet(params: DataParams) -> np.ndarray:
    """Every class: a wide frame and the best frame of EXAMPLES clips, drawn at random; uint8 RGB."""
    evidence = read_table(params.layout.pipesim / "evidence.parquet")
    labels = read_table(params.layout.labels_table).set_index("video")
    rng, rows = np.random.default_rng(0), []
    for code in CLASSES:
        videos = rng.permutation(labels.index[labels[code] == 1])[:EXAMPLES]
        pictures = []
        for name in videos:
            seen = evidence[(evidence["video"] == name) & (evidence["class"] == code)]
            if code == NORMAL:
                frames = read_frames(params.videos_path / name, [2, 5])
            else:
                best = seen.loc[seen["share"].idxmax(), "frame"]
                frames = read_frames(params.videos_path / name, [min(3, best), best])
            pictures += [cv2.resize(frame, TILE, interpolation=cv2.INTER_AREA) for frame in frames]
        title = np.full((TILE[1], 150, 3), 255, np.uint8)
        for k, words in enumerate((code, *CLASS_NAMES[code].split())):
            cv2.putText(title, words, (6, 22 + 20 * k), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
        rows.append(np.hstack([title, *pictures]))
    return np.vstack(rows)


def main() -> None:
    params = DataParams.from_preset("demo")
    RECORD.parent.mkdir(exist_ok=True)
    figures(params).to_csv(RECORD, index=False)
    cv2.imwrite(str(SHEET), cv2.cvtColor(sheet(params), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 82])


if __name__ == "__main__":
    main()
