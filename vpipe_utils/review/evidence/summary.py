"""From the rows of `evidence.measure` to the tables of the record, with intervals over recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from vpipe_utils.data.annotations import recording_of
from vpipe_utils.evaluation.tricks.untrained import class_thresholds
from vpipe_utils.review.evidence.attribution import MAP_WAYS, TILE_WAYS
from vpipe_utils.review.evidence.sight import Span, overlap

NAIVE = ("centre", "random", "chance_tile")  # points that need no network, or no choice of a tile
ALL, FOUND = "all labels", "labels found"
BRIEF = "labels in sight in half of the tiles or less"  # for those the right time is no gift
EVERY = "all"  # in the column class: over all classes
CRITERION = {"tile": "time", "frame": "time", "map": "point"}
OF_FRAMES = "occlusion"  # the kind of the ways of "frame": all other frames are hidden


def ways_table(rows: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """What each way hits: question, way, kind, labels, hit, low, high, chosen (the best of its question)."""
    parts = []
    for (question, way), group in rows[rows["question"].isin(CRITERION)].groupby(["question", "way"], sort=False):
        kind = {"tile": TILE_WAYS, "map": MAP_WAYS}[question][way].kind if question != "frame" else OF_FRAMES
        hit = group[CRITERION[question]].to_numpy()
        low, high = interval(hit, np.ones(len(hit)), group["video"], n, seed)
        head = {"question": question, "way": way, "kind": kind, "labels": len(group)}
        parts.append(head | {"hit": hit.mean(), "low": low, "high": high})
    table = pd.DataFrame(parts)
    return table.assign(chosen=table.groupby("question")["hit"].transform("max") == table["hit"])


def best_ways(ways: pd.DataFrame) -> list[str]:
    """The map way that points best, and the best of the other kind."""
    maps = ways[ways["question"] == "map"].sort_values("hit", ascending=False, kind="stable")
    first = maps.iloc[0]
    return [first["way"], maps.loc[maps["kind"] != first["kind"], "way"].iloc[0]]


def pointing_table(rows: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """One row a way, kind of labels and class: what is hit, beside what is hit by chance.

    point, centre, random, chance_tile: the pointing game of the way and of the three naive ones. naive: the best of
    these; point_times: how many times as often the way hits, with interval. time, time_chance, time_times: whether the
    class is in sight in the chosen frame, and in that of a tile by chance. energy, energy_chance: share of the map
    inside the box, and the box's share of the picture in a tile by chance. `rows` has the column `found`. Labels in
    sight briefly (BRIEF) have a row over all classes alone.
    """
    table = []
    maps = rows[rows["question"] == "map"]
    for way, of_way in maps.groupby("way", sort=False):
        brief = of_way[of_way["time_chance"] <= 0.5]
        for which, part in ((ALL, of_way), (FOUND, of_way[of_way["found"]]), (BRIEF, brief)):
            groups = [(EVERY, part), *(part.groupby("class") if which != BRIEF else ())]
            table += [{"way": way, "labels_of": which, "class": code} | _pointing(group, n, seed)
                      for code, group in groups if len(group)]  # fmt: skip
    return pd.DataFrame(table)


def _pointing(group: pd.DataFrame, n: int, seed: int) -> dict[str, object]:
    naive = max(NAIVE, key=lambda name: group[name].mean())
    row: dict[str, object] = {"labels": len(group), "recordings": group["video"].map(recording_of).nunique()}
    one = np.ones(len(group))
    for name in ("point", "time", "energy"):
        low, high = interval(group[name].to_numpy(), one, group["video"], n, seed)
        row |= {name: group[name].mean(), f"{name}_low": low, f"{name}_high": high}
    row |= {name: group[name].mean() for name in NAIVE} | {"naive": naive}
    row |= {"time_chance": group["time_chance"].mean(), "energy_chance": group["random"].mean()}
    for name, beside in (("point", naive), ("time", "time_chance")):
        low, high = interval(group[name].to_numpy(), group[beside].to_numpy(), group["video"], n, seed)
        times = group[name].mean() / group[beside].mean() if group[beside].mean() else np.nan
        row |= {f"{name}_times": times, f"{name}_times_low": low, f"{name}_times_high": high}
    return row


def span_table(rows: pd.DataFrame, fps: Mapping[str, float], n: int, seed: int) -> pd.DataFrame:
    """How well first and last second in sight are known, for all labels and those found.

    overlap: intersection over union with the true stretch around the most telling frame, with interval; own: that of
    the ninth of the clip for which the nearest tile stands; whole: of the whole clip; ahead: overlap - own; first_off,
    last_off: median error in seconds.
    """
    spans = rows[rows["question"] == "span"]
    measured = []
    for row in spans.to_dict("records"):
        true, found, own = (
            Span(int(row[f"{name}first"]), int(row[f"{name}last"])) for name in ("", "told_", "own_")
        )
        off = {"first_off": abs(found.first - true.first), "last_off": abs(found.last - true.last)}
        seconds = {name: value / fps[row["video"]] for name, value in off.items()}
        shares = {"overlap": overlap(found, true), "own": overlap(own, true)}
        measured.append(shares | {"whole": overlap(Span(0, int(row["frames"]) - 1), true)} | seconds)
    table = pd.DataFrame(measured, index=spans.index).assign(video=spans["video"], found=spans["found"])
    out = []
    for which, part in ((ALL, table), (FOUND, table[table["found"]])):
        one, row = np.ones(len(part)), {"labels_of": which, "labels": len(part)}
        for name, values in (("overlap", part["overlap"]), ("ahead", part["overlap"] - part["own"])):
            low, high = interval(values.to_numpy(), one, part["video"], n, seed)
            row |= {name: values.mean(), f"{name}_low": low, f"{name}_high": high}
        row |= {name: part[name].mean() for name in ("own", "whole")}
        out.append(row | {name: part[name].median() for name in ("first_off", "last_off")})
    return pd.DataFrame(out)


def thresholds(labels: pd.DataFrame, predictions: pd.DataFrame, classes: Sequence[str]) -> dict[str, float]:
    """Per class the probability with the best F1 on these clips: from there on a label counts as found.

    Infinite for a class that no clip has.
    """
    columns = ["video", *classes]
    best = class_thresholds(predictions[columns], labels[columns])
    return best.where(labels[list(classes)].any(), np.inf).to_dict()


def interval(above: np.ndarray, below: np.ndarray, videos: Sequence[str], n: int, seed: int) -> tuple[float, float]:
    """95 % interval of sum(above) / sum(below), had other recordings been filmed: percentiles over `n` resamples.

    Clips of one recording are drawn together. NaN where there are fewer than two recordings, or nothing below.
    """
    recordings, of = np.unique([recording_of(name) for name in videos], return_inverse=True)
    if len(recordings) < 2 or not np.sum(below) > 0:
        return np.nan, np.nan
    drawn = np.random.default_rng(seed).multinomial(len(recordings), np.full(len(recordings), 1 / len(recordings)), n)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (drawn @ np.bincount(of, above)) / (drawn @ np.bincount(of, below))
    low, high = np.nanpercentile(ratio[np.isfinite(ratio)], [2.5, 97.5])
    return float(low), float(high)
