"""What was expected of the grid before it was run, as bounds on measured figures, so that it can fail.

Written before the first run and not changed since (git has the dates). The reasons stand in notebook 13.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from vpipe_utils.evaluation.sight.record import FRAMES, PRESETS, Record

LEVEL = 0.05  # of mAP: methods this near count as level, our choice; a single run moves by .036


class Prediction(NamedTuple):
    """One expectation: the super-image's lead over `method`, in mAP, lies between `low` and `high` at `preset`.

    Without a preset it is where that lead ends that lies there, as a share of the frames.
    """

    text: str
    method: str
    preset: str | None
    low: float
    high: float


TENTH, THIRD, MOST = PRESETS
PREDICTIONS = (
    Prediction("in sight 10 %: super-image ahead of frames (mean)", FRAMES, TENTH, 0.0, np.inf),
    Prediction("in sight 30 %: super-image ahead of frames (mean) by .05 or more", FRAMES, THIRD, LEVEL, np.inf),
    Prediction("in sight 60 %: super-image not ahead of frames (mean) by .05", FRAMES, MOST, -np.inf, LEVEL),
    Prediction("the lead over frames (mean) ends between 37 and 70 %", FRAMES, None, 0.37, 0.70),
    Prediction("in sight 10 %: frames (maximum) level with it, within .05", "frames, maximum", TENTH, -LEVEL, LEVEL),
    Prediction("in sight 30 %: frames (maximum) level with it, within .05", "frames, maximum", THIRD, -LEVEL, LEVEL),
    Prediction("in sight 10 %: tiles one by one level, within .05", "tiles one by one", TENTH, -LEVEL, LEVEL),
    Prediction("in sight 60 %: tiles one by one level, within .05", "tiles one by one", MOST, -LEVEL, LEVEL),
    Prediction("in sight 30 %: Video Swin, not pretrained, .1 or more behind", "Video Swin", THIRD, 2 * LEVEL, np.inf),
)


def as_table() -> pd.DataFrame:
    """The expectations as they were written down: no. (index), expected, from, to."""
    rows = [{"expected": p.text, "from": _bound(p.low), "to": _bound(p.high)} for p in PREDICTIONS]
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="no."))


def against(record: Record) -> pd.DataFrame:
    """Each expectation beside what was measured: no. (index), expected, measured, low, high, verdict.

    It held where the whole interval lies within its bounds, failed where all of it lies outside, and is open else.
    """
    rows = []
    for p in PREDICTIONS:
        if p.preset is None:
            row = record.turns.set_index("method").loc[p.method]
            measured, low, high = row["turn"], row["turn_low"], row["turn_high"]
        else:
            row = record.cells.set_index(["preset", "method"]).loc[(p.preset, p.method)]
            measured, low, high = row["ahead"], row["ahead_low"], row["ahead_high"]
        verdict = {"measured": measured, "low": low, "high": high, "verdict": _verdict(p, low, high)}
        rows.append({"expected": p.text} | verdict)
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="no."))


def _verdict(p: Prediction, low: float, high: float) -> str:
    if np.isnan(low) or np.isnan(high):
        return "open"
    if p.low <= low and high <= p.high:
        return "held"
    return "failed" if high < p.low or low > p.high else "open"


def _bound(value: float) -> str:
    return f"{value:+.2f}" if np.isfinite(value) else ""
