"""In which order to look at new clips, which of them a person must watch, and why, in words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from vpipe_utils.evaluation.trust import drift
from vpipe_utils.evaluation.trust.record import BREAKS_WHEN, Level, Trust
from vpipe_utils.evaluation.trust.risk_control import need_of

UNKNOWN = 0.5  # need of a clip that drifts, at least: nothing is known of it
NAMED = 3  # classes that a sentence names


def queue_table(
    calibrated: pd.DataFrame, distances: np.ndarray, trust: Trust, level: Level, names: Mapping[str, str]
) -> pd.DataFrame:
    """`review.tables.QUEUE`: clips by need, and on the list all that the threshold or drift asks for.

    `distances`: of `drift`, (V,), in the order of `calibrated`. `names`: code -> long name.
    """
    likely = need_of(calibrated, trust.normal)
    drifting = distances > 1
    watch = (likely >= level.threshold) | drifting
    need = np.where(drifting, np.maximum(likely, UNKNOWN), likely)
    order = np.lexsort((calibrated["video"].to_numpy(str), -need))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    codes = [code for code in trust.classes if code != trust.normal]
    rows = zip(calibrated[codes].to_numpy(np.float64), distances, watch, strict=True)
    why = [_why(dict(zip(codes, row, strict=True)), far, seen, level, names) for row, far, seen in rows]
    return pd.DataFrame({
        "video": calibrated["video"], "rank": rank, "watch": watch, "need": need, "drift": distances, "why": why,
    })  # fmt: skip


def guarantee_of(trust: Trust, queue: pd.DataFrame, calibrated: pd.DataFrame, level: Level) -> dict[str, object]:
    """What review.json says of the list's promise."""
    likely, drifting = need_of(calibrated, trust.normal), queue["drift"].to_numpy() > 1
    levels = []
    for each in trust.levels:
        share = float(((likely >= each.threshold) | drifting).mean())
        levels.append({
            "missed": each.missed, "kind": each.kind, "confidence": each.confidence, "threshold": each.threshold,
            "watch": share, "watch_calibration": each.watch, "realised": each.realised, "holds": each.holds,
            "splits": each.splits,
        })  # fmt: skip
    alike = [each for each in levels if each["kind"] == level.kind and each["missed"] != level.missed]
    others = {each["missed"]: each["watch"] for each in alike}
    return {
        "missed": level.missed,
        "kind": level.kind,
        "confidence": level.confidence,
        "threshold": level.threshold,
        "kept": float(queue["watch"].mean()),
        "measured_on": trust.measured_on,
        "levels": levels,
        "breaks_when": BREAKS_WHEN,
        "sentence": say_guarantee(queue, level, others),
    }


def say_guarantee(queue: pd.DataFrame, level: Level, others: Mapping[float, float]) -> str:
    """The promise in words; where the set drifts, that there is none. `others`: share missed -> share to watch."""
    watch, count = int(queue["watch"].sum()), len(queue)
    if drift.warns_of_set(queue["drift"].to_numpy()):
        return f"No promise holds for these clips: {drift.say(queue['drift'].to_numpy())}"
    if level.kind == "sure":
        how = f"With {level.confidence:.0%} confidence in the calibration, at most {level.missed:.0%} of a recording's "
        how += "defects, on average over recordings,"
    else:
        how = f"On average over calibrations and recordings, at most {level.missed:.0%} of a recording's defects"
    further = ""
    for missed, share in others.items():
        further += f" For {missed:.0%}, {round(share * count):,} clips ({share:.0%}) are to watch."
    return f"Watch {watch:,} of {count:,} clips ({watch / count:.0%}). {how} are then missed in the others.{further}"


def drift_of_review(queue: pd.DataFrame) -> dict[str, object]:
    """What review.json says of drift."""
    distances = queue["drift"].to_numpy()
    clips = queue.loc[queue["drift"] > 1, "video"].tolist()
    return {"warns": drift.warns_of_set(distances), "sentence": drift.say(distances), "clips": clips}


def _why(likely: Mapping[str, float], distance: float, watch: bool, level: Level, names: Mapping[str, str]) -> str:
    ranked = sorted(likely, key=lambda code: -likely[code])
    if distance > 1:
        return (
            f"unlike the clips of calibration ({distance:.1f} times the limit): its probabilities do not hold, watch "
            "it whatever they say"
        )
    if not watch:
        return f"no defect above {level.threshold:.1%}; the most likely is {_named(ranked[0], names)}"
    shown = [code for code in ranked if likely[code] >= level.threshold][:NAMED]
    return ", ".join(f"{_named(code, names)} {likely[code]:.0%}" for code in shown)


def _named(code: str, names: Mapping[str, str]) -> str:
    return f"{names[code]} ({code})" if code in names else code
