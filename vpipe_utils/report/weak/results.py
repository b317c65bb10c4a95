"""What runs of weak supervision predict, beside a frame run and a super-image of the same fold, and their leads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vpipe_utils.data.prepared_tables import read_folds, read_held_out, read_labels
from vpipe_utils.evaluation import scores
from vpipe_utils.evaluation.metrics import chance_map, mean_average_precision
from vpipe_utils.evaluation.predictions import read_predictions
from vpipe_utils.evaluation.resampling import Difference, estimate_runs
from vpipe_utils.evaluation.tricks.effects import Effect, effect_of, with_verdicts
from vpipe_utils.learning.weak.params import WeakParams
from vpipe_utils.report.tricks.paper_tricks import ROWS, WEAK
from vpipe_utils.storage.tables import read_json

DRAWS = 1000  # of the recordings, for an interval; our choice
PAPER = {row.row: row.points for row in ROWS if any(stand.kind == WEAK for stand in row.stands)}  # Table V, points
FEATURES = {"simclr": "SimCLR", "mae": "MAE", "imagenet": "ImageNet"}
HEADS = {"transmil": "TransMIL", "ml_decoder": "ML-Decoder", "mean": "mean"}


@dataclass(frozen=True)
class Results:
    """Runs by name, `simclr_transmil` or `super_image/lite0`, each by repetition: what they predict, and metrics.json.

    `labels`: of the clips that are scored, held-out ones where they have labels, else the fold's validation clips.
    """

    fold: int
    reference: str  # the super-image run that the others stand beside
    labels: pd.DataFrame
    held_out: bool
    predictions: dict[str, dict[int, pd.DataFrame]]
    metrics: dict[str, list[dict[str, Any]]]

    def score(self, name: str) -> float:
        """Mean over the repetitions of a run's mAP on the scored clips, in [0, 1]."""
        tables = self.predictions[name].values()
        return float(np.mean([mean_average_precision(*scores.matrices(self.labels, each)) for each in tables]))

    def lead(self, a: str, b: str) -> Difference | None:
        """mAP(a) - mAP(b) with its 95 % interval: over runs and recordings where they have two repetitions in common,
        else over recordings alone, for these trained models. None where they have none, or one is not there."""
        sides = [self.predictions.get(name, {}) for name in (a, b)]
        common = sorted(set(sides[0]) & set(sides[1]))
        if not common:
            return None
        if len(common) > 1:
            return scores.compare_runs(self.labels, *sides, DRAWS, 0)
        return scores.compare(self.labels, *(side[common[0]] for side in sides), DRAWS, 0)

    @property
    def guessing(self) -> float:
        return chance_map(self.labels.drop(columns="video").to_numpy())

    @property
    def weak(self) -> list[str]:
        """The runs of this notebook, by features and head."""
        return [name for name in self.predictions if "/" not in name]


def read_results(params: WeakParams, fold: int) -> Results:
    """All finished runs of this fold. A run of `weak_beside` that is not finished or has not predicted is left out."""
    labels = read_labels(params.layout, params.class_codes)
    folds = read_folds(params.layout, labels, params.n_folds)
    held_out = read_held_out(params.layout, params.class_codes)
    part, scored = "test", held_out
    if held_out is None:
        part, scored = "val", labels[(folds == fold).to_numpy()]
    predictions: dict[str, dict[int, pd.DataFrame]] = {}
    metrics: dict[str, list[dict[str, Any]]] = {}
    for name, repetition, folder in _folders(params, fold):
        file = folder / f"{part}_predictions.parquet"
        if (folder / "metrics.json").is_file() and file.is_file():
            predictions.setdefault(name, {})[repetition] = read_predictions(file, params.class_codes)
            metrics.setdefault(name, []).append(read_json(folder / "metrics.json"))
    reference = f"super_image/{params.weak_reference}"
    return Results(fold, reference, scored, held_out is not None, predictions, metrics)


def _folders(params: WeakParams, fold: int) -> Iterator[tuple[str, int, Path]]:
    for repetition in range(params.weak_repetitions):
        for name in params.weak_beside:
            yield name, repetition, params.layout.run(*name.split("/"), fold, None, repetition)
        for kind in params.weak_features:
            for head in params.weak_heads:
                name = f"{kind}_{head}"
                yield name, repetition, params.layout.weak(name, fold, repetition)


def effect_table(results: Results) -> pd.DataFrame:
    """Every run beside the super-image, in mAP: trick (the run's name), the columns of `effects.Effect` and verdict.

    Corrected by Holm for all of them. Raises ValueError where a run shares fewer than two repetitions with it.
    """
    reference = results.predictions.get(results.reference, {})
    rows = {}
    for name, by_repetition in results.predictions.items():
        if name == results.reference:
            continue
        pairs = scores.paired_runs(results.labels, by_repetition, reference)
        if len(pairs) < 2:
            raise ValueError(f"{name} and {results.reference} have {len(pairs)} repetitions in common, it takes two")
        rows[name] = effect_of(estimate_runs(pairs, DRAWS, 0), len(pairs))
    table = pd.DataFrame(rows.values(), index=pd.Index(rows, name="trick"), columns=Effect._fields)
    return with_verdicts(table).reset_index()


def called(name: str) -> str:
    """'SimCLR, TransMIL' of `simclr_transmil`; a run of another notebook keeps its name."""
    kind, _, head = name.partition("_")
    return name if "/" in name else f"{FEATURES[kind]}, {HEADS[head]}"


def result_table(results: Results) -> pd.DataFrame:
    """One row a run: run, runs, validation mAP, mAP with interval of its first repetition, points to the reference with
    their interval (`Results.lead`), the paper's points (Table V), frames passed in training (thousands), seconds."""
    rows = []
    for name, by_repetition in results.predictions.items():
        metrics = results.metrics[name]
        first = scores.interval_scores(results.labels, by_repetition[min(by_repetition)], DRAWS, 0)
        lead = None if name == results.reference else results.lead(name, results.reference)
        rows.append({
            "run": called(name),
            "runs": len(metrics),
            "validation mAP": float(np.mean([each["val_mAP"] for each in metrics])),
            "mAP": results.score(name),
            "interval": f"{first['low']:.3f} to {first['high']:.3f}",
            "points to super-image": np.nan if lead is None else 100 * lead.difference,
            "points, interval": "" if lead is None else f"{100 * lead.low:+.1f} to {100 * lead.high:+.1f}",
            "paper, points": PAPER.get(name, np.nan),
            "pretraining, thousand frames": metrics[0].get("frames_passed", np.nan) / 1000,
            "seconds": float(np.mean([each["train_seconds"] for each in metrics])),
        })  # fmt: skip
    return pd.DataFrame(rows).set_index("run")
