"""The tables of notebooks 06 and 10: what was measured, beside the paper's figures. Their sentences: `conclusions`.

A row is named after the model that ran. The paper's figure of an approach stands beside the approach; beside a model it
stands only where that is the paper's own network. Rows that are not shown to be better than the colour baseline stand
apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
import yaml

from vpipe_utils.evaluation.colour_baseline import NAME as FLOOR
from vpipe_utils.report import paper_tables
from vpipe_utils.report.figure_style import dashes, in_rows, signed, with_interval
from vpipe_utils.storage.tables import read_json

APPROACH_WORDS = {"super_image": "super-image", "video": "Video Swin", "frame": "frame-wise"}  # the paper's order
# What a network is given: as the approaches, but for models of the super-image approach that read tile by tile.
WAY_WORDS = {"super_image": "super-image", "tiles": "tiles one by one", "video": "clip", "frame": "single frames"}
ENSEMBLES = {"weighted": "weighted ensemble", "weighted_zc": "weighted ensemble, ZC rule"}
COLOUR = "colour baseline, no network"
NONE_CLEARS = "none above colour"
FEW_VIDEOS = 20  # scored; below, chance alone can put any model first


def run_facts(runs: pd.DataFrame) -> pd.DataFrame:
    """What the finished runs' own files say, one row a model (index: name), from ``runs`` of `scores.find_runs`.

    network (words), backbone, trunk (what two models share that differ in handling only), way (a key of WAY_WORDS),
    head, papers (the paper's own network), parameters_m, epochs, ema, and minutes: training time, all folds.
    """
    rows = {}
    for name, group in runs[runs["finished"]].groupby("name", sort=False):
        metrics = [read_json(folder / "metrics.json") for folder in group["folder"]]
        values = saved_params(runs, name)
        approach, model = name.split("/")
        by_tile = bool(values.get("tile_tokens", False))
        rows[name] = {
            "network": _network(metrics[0], by_tile),
            "backbone": metrics[0].get("backbone"),
            "trunk": f"{metrics[0].get('backbone')} {values.get('backbone_args') or {}}",
            "way": "tiles" if by_tile else approach,
            "head": metrics[0].get("head"),
            "papers": paper_tables.is_papers_network(model, values),
            "parameters_m": (metrics[0].get("parameters") or np.nan) / 1e6,
            "epochs": metrics[0].get("epochs"),
            "ema": bool(values.get("ema", False)),
            "minutes": sum(m.get("train_seconds") or 0.0 for m in metrics) / 60,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("name")


def saved_params(runs: pd.DataFrame, name: str) -> dict[str, object]:
    """The parameters that a model was trained with, of its first finished fold; {} where there are none."""
    files = [folder / "params.yaml" for folder in runs.loc[(runs["name"] == name) & runs["finished"], "folder"]]
    found = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files[:1] if file.is_file()]
    return found[0] if found else {}


def _network(metrics: dict, by_tile: bool) -> str | None:
    """Backbone of a run; its head where that is not the usual linear layer; how it reads and starts."""
    words = [metrics.get("backbone"), "tile by tile" if by_tile else None]
    words.append("ML-Decoder" if metrics.get("head") == "ml_decoder" else None)
    words.append("from scratch" if str(metrics.get("weights", "")).startswith("random") else None)
    return ", ".join(word for word in words if word) if words[0] else None


def rows_that_hold(scores: pd.DataFrame, normal_class: str | None) -> pd.DataFrame:
    """``scores`` of notebook 06 without the ensemble's second row where no normal class gives it a rule."""
    return scores if normal_class is not None else scores[scores["model"] != "weighted_zc"]


def comparison(scores: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """``scores`` of notebook 06, one row a model, with what ``facts`` say of it and what follows.

    Adds name; shown_name; measured, low, high: held-out where there are held-out labels, else out-of-fold; paper: the
    leaderboard's mAP of this very network, NaN for every other; clears: whether the interval of its difference to the
    colour baseline lies above 0. All mAP in [0, 1].
    """
    table = scores.copy()
    table["name"] = table["approach"] + "/" + table["model"]
    table = table.merge(facts, left_on="name", right_index=True, how="left")
    table["shown_name"] = table["model"].replace(ENSEMBLES).mask(table["name"] == FLOOR, COLOUR)
    known = paper_tables.headline().reindex(table["model"]).set_index(table.index)
    averaged = table["ema"].eq(True) & known["lb_mAP_ema"].notna()  # paper: Table III, not Table I
    table["paper"] = (known["lb_mAP"].mask(averaged, known["lb_mAP_ema"]) / 100).where(table["papers"].eq(True))
    members = table.loc[table["approach"].isin(APPROACH_WORDS), "papers"]
    if len(members) and members.eq(True).all():
        table.loc[table["model"] == "weighted_zc", "paper"] = paper_tables.ENSEMBLE_LB / 100
    table["measured"] = table["heldout_mAP"].fillna(table["oof_mAP"])
    table["clears"] = table["above_low"] > 0
    return table


def by_fold(runs: pd.DataFrame) -> pd.DataFrame:
    """Validation mAP of every model (rows) in every fold (columns)."""
    done = runs[runs["finished"]].copy()
    done["mAP"] = [read_json(folder / "metrics.json")["val_mAP"] for folder in done["folder"]]
    return done.pivot(index="model", columns="fold", values="mAP").loc[done["model"].unique()].add_prefix("fold ")


def best_of_each_approach(table: pd.DataFrame) -> dict[str, str]:
    """The model of each approach with the highest cross-validated mAP, of those that clear the colour baseline.

    approach -> 'approach/model'. A model that reads tile by tile is no super-image of the paper's, and is left out.
    """
    models = table[table["clears"] & (table["way"] == table["approach"])]
    best = models.loc[models.groupby("approach")["cv_mAP"].idxmax()].set_index("approach")["name"]
    return {approach: best[approach] for approach in APPROACH_WORDS if approach in best.index}


def same_trunk(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Pairs of models on one and the same trunk that handle its frames differently, of those that clear the baseline.

    Named 'approach/model'; super-images come first, then tiles, clips and frames.
    """
    models = table[table["clears"] & table["trunk"].notna()]
    models = models.sort_values("way", key=lambda ways: ways.map(list(WAY_WORDS).index), kind="stable")
    return [pair for _, group in models.groupby("trunk", sort=False) for pair in combinations(group["name"], 2)]


def frames_and_super_image(table: pd.DataFrame, pairs: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
    """Of pairs of `same_trunk` the one of a super-image and single frames; one with equal heads before others."""
    rows = table.set_index("name")
    found = [pair for pair in pairs if [rows.loc[name, "way"] for name in pair] == ["super_image", "frame"]]
    return min(found, key=lambda pair: rows.loc[pair[0], "head"] != rows.loc[pair[1], "head"], default=None)


def differences(found: Mapping[tuple[str, str], tuple[Sequence[float], Sequence[float] | None]]) -> pd.DataFrame:
    """Pairs of 'approach/model' with the difference of the trained models and of the methods, a row a pair.

    name, difference, low, high; methods_low and methods_high where there are several runs.
    """
    rows = [(f"{a} - {b}", *models, *(methods or ())[1:]) for (a, b), (models, methods) in found.items()]
    columns = ["name", "difference", "low", "high", "methods_low", "methods_high"]
    return pd.DataFrame(rows, columns=columns[: len(rows[0])] if rows else columns[:4])


def papers(table: pd.DataFrame) -> pd.DataFrame:
    """A table of the paper as it is shown: percent become figures in [0, 1], as ours are."""
    shown = table.copy()
    for column in shown.columns.intersection(["cv_mAP", "lb_mAP"]):
        shown[column] = (shown[column] / 100).map("{:.3f}".format)
    names = {"cv_mAP": "CV mAP", "lb_mAP": "LB mAP", "parameters_m": "parameters (M)"}
    return dashes(shown.rename(columns=names).add_prefix("paper: "))


def measured_here(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of ``comparison`` as they are shown, by model: those that clear the colour baseline come first."""
    rows = table.sort_values("clears", ascending=False, kind="stable")
    shown = pd.DataFrame({"model": rows["shown_name"]})
    sizes = zip(rows["network"], rows["parameters_m"], strict=True)
    shown["network"] = [f"{network} ({size:.2f} M)" if isinstance(network, str) else None for network, size in sizes]
    shown["validation"] = in_rows(plus_minus, rows, "cv_mAP", "cv_std")
    shown["mAP [95 %]"] = in_rows(with_interval, rows, "measured", "low", "high")
    shown["above colour [95 %]"] = in_rows(signed, rows, "above", "above_low", "above_high")
    shown["clears colour"] = ["yes" if clears else "no" for clears in rows["clears"]]
    if rows["paper"].notna().any():
        shown["paper, this network"] = rows["paper"]
    return dashes(shown.set_index("model"))


def headline(table: pd.DataFrame, chance: float, judged_on: str) -> dict[str, object]:
    """Columns and rows of the table on the start page, from ``comparison``'s table; ``small``: those listed apart.

    Rows are grouped by approach. The approach and the paper's figure of it stand in the first row of each.
    """
    here = [f"Here, {judged_on.split()[0]} [95 %]", "Above colour [95 %]", "Validation ± folds"]
    own = ["Paper, this network"] if table["paper"].notna().any() else []
    rows: list[list[object]] = []
    words = APPROACH_WORDS | {"ensemble": "ensemble"}
    for approach, word in words.items():
        trained = table[table["approach"] == approach]
        first = [word, paper_tables.of_approach(approach)]
        for row in trained[trained["clears"]].itertuples():
            papers = [float(row.paper) if np.isfinite(row.paper) else None] if own else []
            rows.append([*first, *_figures(row), *papers])
            first = ["", ""]
        if len(trained) and not trained["clears"].any():
            rows.append([*first, NONE_CLEARS, *[None] * (4 + len(own))])
    for row in table[table["name"] == FLOOR].itertuples():
        rows.append(["", "", *_figures(row), *([None] if own else [])])
    rows.append(["", "", "chance", None, chance, *[None] * (2 + len(own))])
    small = too_small(table)
    apart = [[words[row.approach], *_figures(row)] for row in small.itertuples()]
    return {
        "columns": ["Approach", "Paper (QV-Pipe)", "Model", "Network", *here, *own],
        "rows": rows,
        "text_columns": 4,
        "small": {"columns": ["Approach", "Model", "Network", *here], "rows": apart, "text_columns": 3},
    }


def drawn(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``comparison`` for a figure, named as they are shown: those that clear the baseline, then itself."""
    floor = table["name"] == FLOOR
    return pd.concat([table[table["clears"]], table[floor]]).assign(name=lambda rows: rows["shown_name"])


def too_small(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``comparison`` that are not shown to be better than colour, and so say nothing of an approach."""
    return table[~table["clears"] & (table["name"] != FLOOR)]


def _figures(row: tuple) -> list[object]:
    """Model, network, mAP with its interval, what it is above the colour baseline, validation."""
    network = row.network if isinstance(row.network, str) else None
    above = signed(row.above, row.above_low, row.above_high)
    measured = with_interval(row.measured, row.low, row.high)
    return [row.shown_name, network, measured, above, plus_minus(row.cv_mAP, row.cv_std)]


def model_rows(table: pd.DataFrame) -> list[dict[str, object]]:
    """``comparison``'s table as records for other programs; mAP in [0, 1], None without a figure."""
    columns = ["shown_name", "approach", "model", "network", "paper", "measured", "low", "high", "cv_mAP", "cv_std"]
    columns += ["above", "above_low", "above_high", "clears"]
    names = {"shown_name": "name", "paper": "report_mAP", "measured": "measured_mAP"}
    picked = table[columns].rename(columns=names).astype(object)
    return picked.where(picked.notna(), None).to_dict("records")


def members(weights: Mapping[str, float], table: pd.DataFrame) -> pd.DataFrame:
    """The ensemble's members here: weight, validation and mAP of each. ``weights``: 'approach/model' -> share of 1."""
    rows = table.set_index("name").loc[list(weights)]
    shown = pd.DataFrame({"weight": pd.Series(weights)}).rename_axis("member")
    shown["validation"] = in_rows(plus_minus, rows, "cv_mAP", "cv_std")
    shown["mAP [95 %]"] = in_rows(with_interval, rows, "measured", "low", "high")
    return dashes(shown)


def plus_minus(mean: float, spread: float) -> str | None:
    """'0.412 ± 0.021', '0.412' for one fold, None without a figure."""
    if not np.isfinite(mean):
        return None
    return f"{mean:.3f} ± {spread:.3f}" if np.isfinite(spread) else f"{mean:.3f}"
