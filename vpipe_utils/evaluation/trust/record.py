"""Calibrator, thresholds of the review list and the reference for drift as one thing: made once, kept, read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from vpipe_utils.data.annotations import class_columns, recording_of
from vpipe_utils.evaluation.predictions import as_table
from vpipe_utils.evaluation.tricks.untrained import class_thresholds
from vpipe_utils.evaluation.trust import calibration, drift, risk_control
from vpipe_utils.storage.files import atomic_path
from vpipe_utils.storage.tables import read_json, write_json

VERSION = 3  # raise it when the same predictions give another trust
TRUST, REFERENCE = "trust.json", "drift.safetensors"
BREAKS_WHEN = (
    "It holds for new recordings of the kind that it was calibrated on. Another camera, another town, other pipes or "
    "another way to label break it. The check for drift notices some of this, not all."
)


@dataclass(frozen=True)
class Level:
    """One threshold of the review list; `kind` and `confidence` as in `risk_control`."""

    missed: float  # the share of defects that may be missed
    kind: str  # "sure" or "mean"
    confidence: float | None
    threshold: float  # of the highest calibrated probability of a defect
    watch: float  # share of the clips of calibration to watch
    realised: float  # mean share missed over repeated splits of these, by recording
    realised_watch: float  # mean share watched there
    holds: float  # share of the splits in which the realised share is at most `missed`
    splits: int


@dataclass(frozen=True)
class Trust:
    """What probabilities of one ensemble or run are worth."""

    classes: tuple[str, ...]
    normal: str | None
    calibrator: calibration.Calibrator
    choice: pd.DataFrame  # log-loss out of fold of every calibrator that was tried
    before: pd.DataFrame  # `calibration.reliability` out of fold, before and after
    after: pd.DataFrame
    error: Mapping[str, float]  # `calibration.compare` out of fold
    levels: tuple[Level, ...]
    proposed: Mapping[str, float]  # class -> calibrated probability from which on it is proposed
    reference: drift.Reference
    clips: int
    recordings: int
    made_of: str  # digest of what it was made of

    def calibrated(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """A table of predictions after calibration."""
        values = self.calibrator(predictions[list(self.classes)].to_numpy(np.float64))
        return as_table(predictions["video"], values.astype(np.float32), self.classes)

    def level(self, missed: float = risk_control.LEVELS[0], kind: str = "sure") -> Level:
        """ValueError for a level that was not calibrated."""
        found = [each for each in self.levels if each.kind == kind and abs(each.missed - missed) < 1e-9]
        if not found:
            there = ", ".join(f"{each.missed:.0%}" for each in self.levels if each.kind == kind)
            raise ValueError(f"no list is calibrated for {missed:.1%} missed defects; there are {there}")
        return found[0]

    @property
    def error_said(self) -> str:
        before, after = self.error["ece_before"], self.error["ece_after"]
        moved, low, high = (f"{self.error[key]:+.3f}" for key in ("difference", "low", "high"))
        return (
            f"expected calibration error (ECE) {before:.3f} before and {after:.3f} after, a difference of {moved} "
            f"[{low}, {high}] over recordings"
        )

    @property
    def measured_on(self) -> str:
        return (
            f"{self.clips:,} clips of {self.recordings:,} recordings, by networks that were not trained on them (out "
            "of fold); they chose the epoch of each network"
        )

    def write(self, folder: Path) -> None:
        record = {
            "version": VERSION,
            "made_of": self.made_of,
            "classes": list(self.classes),
            "normal": self.normal,
            "clips": self.clips,
            "recordings": self.recordings,
            "calibrator": {"kind": self.calibrator.kind, "by_class": self.calibrator.by_class},
            "coefficients": self.calibrator.coefficients,
            "choice": self.choice.to_dict("list"),
            "before": self.before.to_dict("list"),
            "after": self.after.to_dict("list"),
            "error": dict(self.error),
            "levels": [asdict(level) for level in self.levels],
            "proposed": dict(self.proposed),
            "usual": dict(self.reference.usual),
            "limit": self.reference.limit,
        }
        with atomic_path(folder / REFERENCE) as part:
            save_file({name: np.ascontiguousarray(of) for name, of in self.reference.points.items()}, str(part))
        write_json(record, folder / TRUST)  # last: who finds it finds the other, too


def read_trust(folder: Path) -> Trust:
    """What `Trust.write` wrote. FileNotFoundError, or ValueError for one of another version or damaged."""
    record: dict[str, Any] = read_json(folder / TRUST)
    if record.get("version") != VERSION:
        raise ValueError(f"{folder / TRUST} is of another version: delete it, or pack the model again")
    reference = drift.Reference(load_file(folder / REFERENCE), record["usual"], record["limit"])
    kind = record["calibrator"]
    return Trust(
        tuple(record["classes"]),
        record["normal"],
        calibration.Calibrator(kind["kind"], kind["by_class"], np.array(record["coefficients"])),
        *(pd.DataFrame(record[name]) for name in ("choice", "before", "after")),
        record["error"],
        tuple(Level(**level) for level in record["levels"]),
        record["proposed"],
        reference,
        record["clips"],
        record["recordings"],
        record["made_of"],
    )


def make_trust(
    predictions: pd.DataFrame,
    by_member: Sequence[pd.DataFrame],
    colours: NDArray,
    labels: pd.DataFrame,
    normal: str | None,
    made_of: str = "",
    splits: int = risk_control.SPLITS,
) -> Trust:
    """Of clips that no network was trained on, all tables in one order.

    `predictions`: of the ensemble, before calibration; `by_member`: of each member; `colours`: float (V, F), see
    `evaluation.colour_baseline`; `labels`: 0/1. `normal`: the class that is no defect, or None.
    """
    classes = tuple(class_columns(predictions))
    recordings = predictions["video"].map(recording_of).to_numpy(str)
    targets = labels[list(classes)].to_numpy()
    values = predictions[list(classes)].to_numpy(np.float64)
    calibrator, said, choice = calibration.choose(values, targets, recordings)
    out_of_fold = as_table(predictions["video"], said, classes)
    clips = risk_control.watched(out_of_fold, labels, normal, recordings)
    spaces = {"colours": np.asarray(colours, np.float64)}
    spaces["networks"] = drift.logits([table[list(classes)].to_numpy() for table in by_member])
    return Trust(
        classes,
        normal,
        calibrator,
        choice,
        calibration.reliability(values, targets),
        calibration.reliability(said, targets),
        calibration.compare(values, said, targets, recordings),
        tuple(_level(clips, missed, kind, splits) for kind in ("sure", "mean") for missed in risk_control.LEVELS),
        _proposed(out_of_fold, labels),
        drift.fit(spaces, recordings),
        len(predictions),
        len(set(recordings)),
        made_of,
    )


def _level(clips: risk_control.Watched, missed: float, kind: str, splits: int) -> Level:
    confidence = risk_control.CONFIDENCE if kind == "sure" else None
    limit = risk_control.threshold(risk_control.losses(clips), missed, confidence)
    tried = risk_control.repeated_splits(clips, missed, confidence, splits)
    watch = float((clips.score >= limit).mean())
    realised, seen = float(tried["missed"].mean()), float(tried["watch"].mean())
    holds = float((tried["missed"] <= missed).mean())
    return Level(missed, kind, confidence, limit, watch, realised, seen, holds, splits)


def _proposed(probabilities: pd.DataFrame, labels: pd.DataFrame) -> dict[str, float]:
    """The threshold with the best F1 out of fold; that of all classes together for one with few positives."""
    codes = class_columns(probabilities)
    found = class_thresholds(probabilities, labels).to_dict()
    flat = {"video": np.arange(probabilities[codes].size), "any": probabilities[codes].to_numpy().ravel()}
    truth = pd.DataFrame(flat | {"any": labels[codes].to_numpy().ravel()})
    together = class_thresholds(pd.DataFrame(flat), truth)["any"]
    few = labels[codes].sum() < calibration.POSITIVES
    return {code: float(together if few[code] else found[code]) for code in codes}
