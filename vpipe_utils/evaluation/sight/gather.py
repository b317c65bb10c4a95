"""From the finished runs of the grid's presets to the tables of its record.

The presets hold the same clips (names, recordings, labels) filmed so that a label is in sight for another share of the
frames; in each the same models were trained on the same folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpipe_utils.data import prepared_tables
from vpipe_utils.data.params import DataParams
from vpipe_utils.data.sampling import uniform_indices
from vpipe_utils.evaluation import colour_baseline, scores
from vpipe_utils.evaluation.metrics import chance_map
from vpipe_utils.evaluation.sight import cells
from vpipe_utils.evaluation.sight.cells import Cell
from vpipe_utils.evaluation.sight.record import COLOUR, METHODS, SUPER_IMAGE
from vpipe_utils.evaluation.visibility import visible_shares
from vpipe_utils.storage.tables import read_json, read_table
from vpipe_utils.tiles.tile_cache import open_tiles

NINE = 9  # frames that every method looks at


@dataclass(frozen=True)
class Share:
    """One preset of the grid: its measured share in sight and a cell a method."""

    preset: str
    in_sight: float  # median over the labels of the held-out clips
    cells: dict[str, Cell]


def gather(presets: Sequence[DataParams], n: int, seed: int) -> dict[str, pd.DataFrame]:
    """The tables of the record, by name: sets, runs, cells, classes, turns. ``n`` draws for every interval.

    ``presets`` by rising share. Raises ValueError where a run is not finished, where the presets' held-out clips or
    labels differ, or where a model is missing.
    """
    for params in presets:
        _require_runs(params)
    labels = _same_labels(presets)
    draws = cells.draw(list(labels["video"]), n, seed)
    sets, runs, shares = [], [], []
    for params in presets:
        made = describe_set(params, labels)
        of_runs, of_cells = _score(params, labels, draws)
        shares.append(Share(params.preset, made["in_sight"], of_cells))
        sets.append(made)
        runs.append(of_runs)
    return {
        "sets": pd.DataFrame(sets),
        "runs": pd.concat(runs, ignore_index=True),
        "cells": cell_table(shares),
        "classes": class_table(shares, labels),
        "turns": turn_table(shares),
    }


def cell_table(shares: Sequence[Share]) -> pd.DataFrame:
    """One row a cell: mAP over its runs with interval and, but for the super-image itself, how far that is ahead."""
    rows = []
    ours = [share.cells[SUPER_IMAGE] for share in shares]
    for method in shares[0].cells:
        theirs = [share.cells[method] for share in shares]
        ahead = cells.leads(ours, theirs)[0] if method != SUPER_IMAGE else [{} for _ in shares]
        for share, level, lead in zip(shares, cells.levels(theirs), ahead, strict=True):
            row = {"preset": share.preset, "in_sight": share.in_sight, "method": method}
            rows.append(row | {"runs": len(share.cells[method].maps)} | level | lead)
    order = [share.preset for share in shares]
    table = pd.DataFrame(rows)
    return table.sort_values("preset", key=lambda names: names.map(order.index), kind="stable", ignore_index=True)


def class_table(shares: Sequence[Share], labels: pd.DataFrame) -> pd.DataFrame:
    """One row a cell and class: AP with interval, held-out positives, and how far the super-image is ahead."""
    counts = labels.drop(columns="video").sum()
    ours = [share.cells[SUPER_IMAGE] for share in shares]
    parts = []
    for method in shares[0].cells:
        tables = cells.class_rows(ours, [share.cells[method] for share in shares])
        for share, table in zip(shares, tables, strict=True):
            head = {"preset": share.preset, "in_sight": share.in_sight, "method": method}
            parts.append(table.assign(**head, positives=counts.to_numpy(), **{"class": counts.index}))
    first = ["preset", "in_sight", "method", "class", "positives"]
    table = pd.concat(parts, ignore_index=True)
    return table[[*first, *table.columns.drop(first)]]


def turn_table(shares: Sequence[Share]) -> pd.DataFrame:
    """One row a method: where the super-image's lead over it ends."""
    ours = [share.cells[SUPER_IMAGE] for share in shares]
    at = [share.in_sight for share in shares]
    rows = []
    for method in shares[0].cells:
        if method != SUPER_IMAGE:
            rows_of, drawn = cells.leads(ours, [share.cells[method] for share in shares])
            rows.append({"method": method} | cells.turning(at, [row["ahead"] for row in rows_of], drawn))
    return pd.DataFrame(rows)


def describe_set(params: DataParams, labels: pd.DataFrame) -> dict[str, object]:
    """What was filmed, of the held-out clips: shares in sight, largest size, and what nine frames can show at all.

    ``in_sight``, ``sight_q1``, ``sight_q3``: median and quartiles over labels of the share of the clip's frames;
    ``size``: median largest share of the picture; ``in_nine``: share of the labels that one of the nine frames of
    evaluation or more shows.
    """
    frames = read_table(params.layout.videos_table).set_index("video")["frames"]
    evidence = read_table(params.layout.pipesim / "evidence.parquet")
    evidence = evidence[evidence["video"].isin(labels["video"])]
    visible = visible_shares(evidence, frames)
    quarters = visible["visible"].quantile([0.25, 0.5, 0.75])
    nine = {
        (video, frame)
        for video in labels["video"]
        for frame in np.asarray(uniform_indices(int(frames[video]), params.cache_frames))[
            uniform_indices(params.cache_frames, NINE)
        ]
    }
    shown = [pair in nine for pair in zip(evidence["video"], evidence["frame"], strict=True)]
    shown = evidence.assign(shown=shown).groupby(["video", "class"])["shown"].any()
    codes = labels.drop(columns="video")
    return {
        "preset": params.preset,
        "wanted": params.pipesim_sight,
        "in_sight": float(quarters[0.5]),
        "sight_q1": float(quarters[0.25]),
        "sight_q3": float(quarters[0.75]),
        "size": float(evidence.groupby(["video", "class"])["share"].max().median()),
        "in_nine": float(shown.mean()),
        "labelled": params.pipesim_train,
        "held_out": len(labels),
        "chance": chance_map(codes),
    }


def _require_runs(params: DataParams) -> None:
    """Raise ValueError where one of the preset's runs is not finished."""
    found = scores.find_runs(params)
    for name in dict.fromkeys(name for name, _ in METHODS.values()):
        runs = found[found["name"] == name]
        if not len(runs) or not runs["finished"].all():
            missing = f"{name} on folds {params.train_folds}"
            raise ValueError(f"{params.layout.root}: not every run of {missing} is finished: run make sight")


def _score(params: DataParams, labels: pd.DataFrame, draws: NDArray[np.int64]) -> tuple[pd.DataFrame, dict[str, Cell]]:
    """A row a run, and a cell a method."""
    classes, videos = params.class_codes, list(labels["video"])
    found = scores.find_runs(params)
    rows, of_cells = [], {}
    for method, (name, suffix) in METHODS.items():
        runs = found[found["name"] == name]
        tables = scores.test_predictions(runs, videos, classes, suffix)[name]
        cell = of_cells[method] = cells.score(labels, list(tables.values()), draws)
        for run, reached in zip(runs.itertuples(), cell.maps, strict=True):
            told = read_json(run.folder / "metrics.json")
            row = {"preset": params.preset, "method": method, "fold": run.fold, "mAP": reached}
            rows.append(row | {"val_mAP": told["val_mAP"], "train_seconds": told["train_seconds"]})
    of_cells[COLOUR] = cells.score(labels, _colour(params, videos), draws)
    of_colour = [
        {"preset": params.preset, "method": COLOUR, "fold": fold, "mAP": reached}
        for fold, reached in zip(params.train_folds, of_cells[COLOUR].maps, strict=True)
    ]
    return pd.DataFrame(rows + of_colour), of_cells


def _colour(params: DataParams, videos: list[str]) -> list[pd.DataFrame]:
    """The colour baseline's predictions of the held-out clips, fitted to the training clips of each fold."""
    known = prepared_tables.read_labels(params.layout, params.class_codes)
    folds = prepared_tables.read_folds(params.layout, known, params.n_folds)
    cache = open_tiles(params, [*known["video"], *videos])
    tests = colour_baseline.fold_predictions(cache, known, folds, params.train_folds, videos)[1]
    return [tests[fold] for fold in params.train_folds]


def _same_labels(presets: Sequence[DataParams]) -> pd.DataFrame:
    """The held-out labels, which all presets must share."""
    first: pd.DataFrame | None = None
    for params in presets:
        labels = prepared_tables.read_held_out(params.layout, params.class_codes)
        if labels is None:
            raise ValueError(f"{params.layout.root}: there are no held-out labels; the grid needs source: pipesim")
        labels = labels.sort_values("video", ignore_index=True)
        first = labels if first is None else first
        if not labels.equals(first) or params.train_folds != presets[0].train_folds:
            raise ValueError(
                f"{params.preset} has other held-out clips, labels or folds than {presets[0].preset}: the presets of "
                "the grid may differ in pipesim_sight alone"
            )
    return first
