"""What notebooks 06 and 10 share: reading finished runs and scoring them.

A model is named 'approach/model', as in ``ensemble_models``. Scores are mAP in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from vpipe_utils.data.annotations import class_columns, recording_of
from vpipe_utils.data.params import DataParams
from vpipe_utils.evaluation import resampling
from vpipe_utils.evaluation.ensemble import fold_mean, weighted_mean
from vpipe_utils.evaluation.metrics import average_precision, mean_average_precision
from vpipe_utils.evaluation.predictions import read_predictions, write_predictions
from vpipe_utils.project.paths import Layout

ByFold = dict[int, pd.DataFrame]  # fold -> predictions
ByRun = Mapping[Any, pd.DataFrame | Sequence[pd.DataFrame]]  # any key of a run -> predictions, one or several
POOLINGS = ("mean", "max", "median", "logit_mean")  # of frame scores, as `learning.inference` writes them


def find_runs(params: DataParams) -> pd.DataFrame:
    """Every run the preset asks for: name, approach, model, fold, folder, finished.

    Raises ValueError when not one is finished.
    """
    rows = []
    for approach, model in params.runs:
        for fold in params.train_folds:
            folder = params.layout.run(approach, model, fold)
            finished = (folder / "metrics.json").is_file()
            rows.append((f"{approach}/{model}", approach, model, fold, folder, finished))
    table = pd.DataFrame(rows, columns=["name", "approach", "model", "fold", "folder", "finished"])
    if not table["finished"].any():
        raise ValueError(f"{params.layout.root / 'runs'}: no run is finished; run notebooks 03 to 05 first.")
    return table


def validation_predictions(
    runs: pd.DataFrame, folds: pd.Series, classes: Sequence[str], suffix: str = ""
) -> dict[str, ByFold]:
    """Finished runs' predictions for the videos they were validated on: name -> fold -> table.

    ``folds``: fold of every labelled video. A run that validated other videos is an error (ValueError).
    """
    again = "run the notebook of {name}, fold {fold}, again"
    return _predictions(runs, f"val_predictions{suffix}", classes, lambda fold: list(folds.index[folds == fold]), again)


def test_predictions(
    runs: pd.DataFrame, videos: Sequence[str], classes: Sequence[str], suffix: str = ""
) -> dict[str, ByFold]:
    """Finished runs' predictions for the test ``videos``: name -> fold -> table."""
    again = "run .venv/bin/python workflow/predict.py {folder}"
    return _predictions(runs, f"test_predictions{suffix}", classes, lambda _: videos, again)


def _predictions(
    runs: pd.DataFrame, file: str, classes: Sequence[str], videos_of: Callable[[int], Sequence[str]], again: str
) -> dict[str, ByFold]:
    """One file of every finished run; a sentence that says what to run again where it is of other videos or classes."""
    found: dict[str, ByFold] = {}
    for run in runs[runs["finished"]].itertuples():
        path, way_out = run.folder / f"{file}.parquet", again.format(**run._asdict())
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there: {way_out}")
        try:
            table = read_predictions(path, classes, videos_of(run.fold))
        except ValueError as error:
            raise ValueError(f"{error}: predictions of older data; {way_out}") from None
        found.setdefault(run.name, {})[run.fold] = table
    return found


test_predictions.__test__ = False  # pytest takes names that begin with test_ for tests


def matrices(labels: pd.DataFrame, predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Targets and scores, (N, C) each, for the videos of ``labels``; one without prediction gets zeros."""
    codes = class_columns(labels)
    scores = predictions.set_index("video")[codes].reindex(labels["video"]).fillna(0.0)
    return labels[codes].to_numpy(), scores.to_numpy(dtype=np.float64)


def labels_of(labels: pd.DataFrame, *predictions: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``labels`` whose videos all of ``predictions`` hold."""
    for table in predictions:
        labels = labels[labels["video"].isin(table["video"])]
    return labels


def cross_validation(by_fold: ByFold, labels: pd.DataFrame) -> dict[str, object]:
    """folds, cv_mAP (mean over folds), cv_std (sample; NaN for one fold), oof_mAP (all in one ranking)."""
    maps = [mean_average_precision(*matrices(labels_of(labels, table), table)) for table in by_fold.values()]
    pooled = out_of_fold(by_fold)
    return {
        "folds": len(maps),
        "cv_mAP": float(np.mean(maps)),
        "cv_std": float(np.std(maps, ddof=1)) if len(maps) > 1 else np.nan,
        "oof_mAP": mean_average_precision(*matrices(labels_of(labels, pooled), pooled)),
    }


def out_of_fold(by_fold: ByFold) -> pd.DataFrame:
    """Predictions of every validated video by the one model that did not see it in training."""
    return pd.concat([by_fold[fold] for fold in sorted(by_fold)], ignore_index=True)


def combine_folds(by_model: Mapping[str, ByFold], weights: Mapping[str, float]) -> ByFold:
    """Weighted mean of the members' validation predictions, in the folds that every member has."""
    if not weights:
        raise ValueError("no member of ensemble_models has a finished run; run notebooks 04 and 05 first.")
    common = set.intersection(*(set(by_model[name]) for name in weights))
    return {k: weighted_mean({name: by_model[name][k] for name in weights}, weights) for k in sorted(common)}


def held_out_scores(
    labels: pd.DataFrame | None, by_fold: ByFold, n: int, seed: int, combined: pd.DataFrame | None = None
) -> dict[str, float]:
    """A model on the test videos: heldout_mAP of its fold mean (or of ``combined``) with low and high.

    single_mAP is what one fold's model reaches on average. Without held-out labels all are NaN.
    """
    if labels is None:
        return dict.fromkeys(("single_mAP", "heldout_mAP", "low", "high"), np.nan)
    combined = fold_mean(list(by_fold.values())) if combined is None else combined
    singles = [mean_average_precision(*matrices(labels, table)) for table in by_fold.values()]
    scores = interval_scores(labels, combined, n, seed)
    single = float(np.mean(singles)) if singles else np.nan
    return {"single_mAP": single, "heldout_mAP": scores["mAP"], "low": scores["low"], "high": scores["high"]}


def frame_pooling(
    runs: pd.DataFrame,
    folds: pd.Series,
    labels: pd.DataFrame,
    test_videos: Sequence[str],
    held_out: pd.DataFrame | None,
) -> pd.DataFrame:
    """The frame models by pooling (section III.A.3): model, pooling, cv_mAP, cv_std, heldout_mAP.

    A run's main pooling is in the files without a suffix, the others in ``…_<pooling>.parquet``.
    """
    rows = []
    classes = class_columns(labels)
    for name, group in runs[runs["finished"] & (runs["approach"] == "frame")].groupby("name", sort=False):
        for pooling in POOLINGS:
            named = (group["folder"].iloc[0] / f"val_predictions_{pooling}.parquet").is_file()
            suffix = f"_{pooling}" if named else ""
            validation = validation_predictions(group, folds, classes, suffix)[name]
            tests = test_predictions(group, test_videos, classes, suffix)[name]
            held = np.nan
            if held_out is not None:
                held = mean_average_precision(*matrices(held_out, fold_mean(list(tests.values()))))
            cv = cross_validation(validation, labels)
            rows.append({"model": name, "pooling": pooling, **cv, "heldout_mAP": held})
    return pd.DataFrame(rows, columns=["model", "pooling", "cv_mAP", "cv_std", "heldout_mAP"])


def interval_scores(labels: pd.DataFrame, predictions: pd.DataFrame, n: int, seed: int) -> dict[str, float]:
    """mAP with its 95 % interval over the recordings of the videos of ``labels``: mAP, low, high.

    For this trained model on other recordings of the same kind; not for the model trained again.
    """
    targets, scores = matrices(labels, predictions)
    low, high = resampling.bootstrap_map(targets, scores, recordings_of(labels), n, seed)
    return {"mAP": mean_average_precision(targets, scores), "low": low, "high": high}


def class_scores(labels: pd.DataFrame, predictions: pd.DataFrame) -> pd.Series:
    """AP of every class on the videos of ``labels``; NaN for a class without positives."""
    return pd.Series(average_precision(*matrices(labels, predictions)), index=class_columns(labels))


def scored_labels(labels: pd.DataFrame, held_out: pd.DataFrame | None, predictions: pd.DataFrame) -> pd.DataFrame:
    """What a model's AP are measured on: the held-out labels, else the labels of the videos predicted out of fold."""
    return labels_of(labels, predictions) if held_out is None else held_out


def compare(labels: pd.DataFrame, a: pd.DataFrame, b: pd.DataFrame, n: int, seed: int) -> resampling.Difference:
    """mAP(a) - mAP(b) on the same videos with its paired interval over recordings: (difference, low, high).

    For these two trained models; for the methods behind them see `compare_runs`.
    """
    targets, scores_a = matrices(labels, a)
    return resampling.paired_bootstrap(targets, scores_a, matrices(labels, b)[1], recordings_of(labels), n, seed)


def compare_runs(labels: pd.DataFrame, a: ByRun, b: ByRun, n: int, seed: int) -> resampling.Difference:
    """Mean over the runs that both have of mAP(a_k) - mAP(b_k), with an interval over runs and recordings.

    See `paired_runs` for what a run is, and `resampling.compare_runs` for what the interval covers. Raises ValueError
    for fewer than two runs in common.
    """
    return resampling.compare_runs(paired_runs(labels, a, b), n, seed)


def paired_runs(labels: pd.DataFrame, a: ByRun, b: ByRun) -> list[resampling.PairedRun]:
    """The runs that both have, by key, a fold or any other, as (seed, fold); each a table or a list of tables.

    Each pair is scored on those rows of ``labels`` that its tables hold: all of them for held-out videos, a fold's own
    for validation. The mAP of a list is the mean of its tables', so that several runs can stand beside what is made of
    them.
    """
    runs = []
    for k in sorted(set(a) & set(b)):
        sides = [[side] if isinstance(side, pd.DataFrame) else list(side) for side in (a[k], b[k])]
        same = labels_of(labels, *sides[0], *sides[1])
        targets = same[class_columns(same)].to_numpy()
        stacked = [np.stack([matrices(same, table)[1] for table in side]) for side in sides]
        scores = [of[0] if len(of) == 1 else of for of in stacked]
        runs.append(resampling.PairedRun(targets, *scores, recordings_of(same)))
    return runs


def clears(
    labels: pd.DataFrame, predictions: pd.DataFrame, baseline: pd.DataFrame, n: int, seed: int
) -> resampling.Difference:
    """Whether a model is worth showing: its mAP minus the colour baseline's; ``.above`` says that it clears it.

    On the videos of ``labels`` that both predict (the held-out ones, else those predicted out of fold): the paired
    interval over recordings must lie above 0.
    """
    return compare(labels_of(labels, predictions, baseline), predictions, baseline, n, seed)


def recordings_of(labels: pd.DataFrame) -> np.ndarray:
    """The recording of each row's video, (V,): what is drawn together when recordings are resampled."""
    return labels["video"].map(recording_of).to_numpy(str)


def write_combined(layout: Layout, kind: str, predictions: Mapping[str, pd.DataFrame], classes: Sequence[str]) -> None:
    """Write ensemble/<kind>/<approach>.<model>.parquet for each; kind: 'fold_mean' or 'out_of_fold'."""
    for name, table in predictions.items():
        path = layout.ensemble / kind / f"{name.replace('/', '.')}.parquet"
        write_predictions(table, path, list(table["video"]), classes)


def read_combined(layout: Layout, kind: str, names: Sequence[str], classes: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Read back what ``write_combined`` wrote."""
    folder = layout.ensemble / kind
    try:
        return {name: read_predictions(folder / f"{name.replace('/', '.')}.parquet", classes) for name in names}
    except ValueError as error:
        raise ValueError(f"{error}: predictions of older data; run notebook 06 again") from None
