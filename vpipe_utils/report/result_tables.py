"""The words and tables of notebooks 06 and 10: what was measured, beside the paper's figures.

Every sentence is computed from results and claims no more than its interval does. Notebook 10's closing ones are in
`conclusions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from vpipe_utils.data.annotations import class_columns, class_counts
from vpipe_utils.data.classes import CLASSES, NORMAL
from vpipe_utils.data.params import DataParams
from vpipe_utils.report import paper_tables
from vpipe_utils.report.sentences import as_list
from vpipe_utils.storage.tables import read_json
from vpipe_utils.user_files.user_text import in_markdown, many

APPROACH_WORDS = {"frame": "frame-wise", "video": "Video Swin", "super_image": "super-image"}
FEW_VIDEOS = 20  # scored; below, chance alone can put any model first


def describe_runs(runs: pd.DataFrame) -> str:
    """One sentence on what is there, and one on what is missing. ``runs``: `scores.find_runs`."""
    done, missing = runs[runs["finished"]], runs[~runs["finished"]]
    folds = ", ".join(map(str, sorted(done["fold"].unique())))
    models = many(done["name"].nunique(), "model")
    text = f"{many(len(done), 'finished run')}: {models} on {'fold' if len(folds) == 1 else 'folds'} {folds}."
    absent = [word for approach, word in APPROACH_WORDS.items() if approach not in set(done["approach"])]
    if absent:
        text += f" Without a finished run, and so left out below: {', '.join(absent)}."
    if len(missing):
        pairs = zip(missing["name"], missing["fold"], strict=True)
        named = (f"{in_markdown(name)} fold {fold}" for name, fold in pairs)
        text += f" Not finished: {', '.join(named)}."
    return text


def data_name(params: DataParams, labels: pd.DataFrame) -> str:
    """'PipeSim', 'QV-Pipe' (told by its class counts) or 'own data'."""
    if params.source == "pipesim":
        return "PipeSim"
    if tuple(class_columns(labels)) != CLASSES:
        return "own data"
    # a few videos may be unreadable and so be missing from the table
    gap = np.abs(np.subtract(class_counts(labels).to_numpy(), paper_tables.QV_PIPE_COUNTS)).max()
    return "QV-Pipe" if gap <= 20 else "own data"


def describe_data(params: DataParams, labels: pd.DataFrame, n_test: int) -> str:
    """Plain words on what the figures were measured on."""
    sizes = f"{many(len(labels), 'labelled video')} for training and validation and {many(n_test, 'test video')}"
    name = data_name(params, labels)
    if name == "PipeSim":
        return (
            f"Measured on PipeSim (preset {in_markdown(params.preset)}): {sizes} of "
            f"{params.pipesim_width}x{params.pipesim_height} pixels. "
            "PipeSim clips are drawn by a program, they are not sewer video. "
            "The paper's figures are of QV-Pipe, with full-size pretrained networks: the two columns stand "
            "side by side for the order of the methods, not for their level."
        )
    if name == "QV-Pipe":
        return f"Measured on QV-Pipe, the data of the challenge (preset {in_markdown(params.preset)}): {sizes}."
    folder = in_markdown(Path(params.videos_dir or "").name)
    return (
        f"Measured on own data, folder '{folder}' (preset {in_markdown(params.preset)}): {sizes}, "
        f"{len(class_columns(labels))} classes. The paper's figures are of QV-Pipe."
    )


def verdict(a: str, b: str, difference: float, low: float, high: float, unit: str = "mAP") -> str:
    """What a paired interval says: 'a beats b by +0.052 [+0.021, +0.083] mAP', or that it cannot tell."""
    if difference == low == high == 0:
        return f"{a} and {b} have exactly the same {unit} here"
    digits = 3 if high - low >= 0.002 else 4  # the ZC rule moves the fourth decimal
    figures = f"{difference:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}] {unit}"
    if low > 0:
        return f"{a} beats {b} by {figures}"
    if high < 0:
        return f"{a} falls behind {b} by {figures}"
    return f"{a} and {b} cannot be told apart here, the difference is {figures}"


def order_of_approaches(differences: dict[tuple[str, str], tuple[float, float, float]]) -> str:
    """Whether the paper's order, super-image over Video Swin over frames, shows here.

    ``differences``: (better in the paper, worse) -> difference, low, high; models named 'approach/model'.
    """
    found: dict[str, list[str]] = {"confirmed": [], "undecided": [], "reversed": []}
    for (a, b), (_, low, high) in differences.items():
        kind = "confirmed" if low > 0 else "reversed" if high < 0 else "undecided"
        found[kind].append(" over ".join(APPROACH_WORDS[name.split("/")[0]] for name in (a, b)))
    if not differences:
        return "The paper's order of the approaches cannot be looked at here: one approach was trained"
    listed = "; ".join(f"{kind}: {', '.join(pairs)}" for kind, pairs in found.items() if pairs)
    return f"The paper's order of the approaches (super-image, then Video Swin, then frames) here: {listed}"


def ensemble_findings(figures: Mapping[str, object], normal_class: str | None) -> list[str]:
    """What the ensemble adds to its best member, and the rule to the ensemble. ``figures``: metrics.json of 06."""
    best = in_markdown(figures["best_member"])
    few = figures["n_videos"] < FEW_VIDEOS
    if few and len(figures["members"]) > 1:
        by_weights = f"What the ensemble adds cannot be told from {many(figures['n_videos'], 'scored video')}"
    elif len(figures["members"]) > 1:
        by_weights = verdict("The weighted ensemble", f"its best member ({best})", *figures["difference"])
    else:
        by_weights = f"The ensemble has one member, {best}, and so is this model"
    if normal_class is None:
        return [f"{by_weights}.", "There is no normal class, so no rule for sure normal videos changes anything."]
    if few:
        return [f"{by_weights}."]
    rule = "ZC rule" if normal_class == NORMAL else f"rule for videos sure to be '{in_markdown(normal_class)}'"
    by_rule = verdict(f"The ensemble with the {rule}", "the one without", *figures["zc_effect"])
    return [f"{by_weights}.", f"{by_rule} (paper: +0.0012)."]


def ensemble_summary(
    figures: Mapping[str, object], scores: pd.DataFrame, held_out: bool, normal_class: str | None
) -> str:
    """Notebook 06's closing sentences. ``figures``: what it writes to metrics.json; ``scores``: its table."""
    lines = [f"Judged on {figures['n_videos']:,} {figures['judged_on']}; chance is {figures['chance_mAP']:.3f}."]
    if not held_out:
        lines.append("There are no held-out labels here, so there is no leaderboard score.")
    elif scores["folds"].max() > 1 and figures["n_videos"] >= FEW_VIDEOS:
        gain = (scores["heldout_mAP"] - scores["single_mAP"]).mean()
        lines.append(f"Averaging the folds moves a model by {gain:+.3f} mAP on average (paper: +0.018).")
    return as_list([*lines, *ensemble_findings(figures, normal_class)])


def run_facts(runs: pd.DataFrame) -> pd.DataFrame:
    """What the finished runs' own files say, one row a model: network, parameters_m, epochs, ema, minutes.

    Index: name. ``minutes`` is the sum of the training time of its folds.
    """
    rows = {}
    for name, group in runs[runs["finished"]].groupby("name", sort=False):
        metrics = [read_json(folder / "metrics.json") for folder in group["folder"]]
        effective = saved_params(runs, name)
        rows[name] = {
            "network": _network(metrics[0]),
            "parameters_m": (metrics[0].get("parameters") or np.nan) / 1e6,
            "epochs": metrics[0].get("epochs"),
            "ema": bool(effective.get("ema", False)),
            "minutes": sum(m.get("train_seconds") or 0.0 for m in metrics) / 60,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("name")


def saved_params(runs: pd.DataFrame, name: str) -> dict[str, object]:
    """The parameters that the runs of a model were made with, of its first fold; {} where none were saved."""
    saved = runs.loc[(runs["name"] == name) & runs["finished"], "folder"].iloc[0] / "params.yaml"
    return yaml.safe_load(saved.read_text(encoding="utf-8")) if saved.is_file() else {}


def _network(metrics: dict) -> str | None:
    """Backbone of a run, with its head where that is not the usual linear layer."""
    name = metrics.get("backbone")
    return f"{name} + ML-Decoder" if metrics.get("head") == "ml_decoder" else name


def rows_that_hold(scores: pd.DataFrame, normal_class: str | None) -> pd.DataFrame:
    """``scores`` of notebook 06 without the ensemble's second row where no normal class gives it a rule."""
    return scores if normal_class is not None else scores[scores["model"] != "weighted_zc"].reset_index(drop=True)


def comparison(scores: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """Measured beside the paper, one row a model: ``scores`` of notebook 06 with the paper's figures.

    Adds paper_name, paper (LB mAP), network, and measured, low, high: held-out where there
    are held-out labels, else out-of-fold. All mAP in [0, 1].
    """
    table = scores.copy()
    table["name"] = table["approach"] + "/" + table["model"]
    table = table.merge(facts, left_on="name", right_index=True, how="left")
    with_ema = table["ema"].fillna(False).astype(bool)  # the ensemble has no run of its own
    known = paper_tables.headline().reindex(table["model"]).set_index(table.index)
    averaged = with_ema & known["lb_mAP_ema"].notna()  # paper: Table III, not Table I
    table["paper"] = known["lb_mAP"].mask(averaged, known["lb_mAP_ema"]) / 100
    table.loc[table["model"] == "weighted_zc", "paper"] = paper_tables.ENSEMBLE_LB / 100
    ours = {"weighted": "Weighted ensemble", "weighted_zc": "Weighted ensemble, ZC rule"}
    table["paper_name"] = known["paper_name"].fillna(table["model"].replace(ours))
    table.loc[averaged, "paper_name"] += " (EMA)"
    table["measured"] = table["heldout_mAP"].fillna(table["oof_mAP"])
    return table


def by_fold(runs: pd.DataFrame) -> pd.DataFrame:
    """Validation mAP of every model (rows) in every fold (columns)."""
    done = runs[runs["finished"]].copy()
    done["mAP"] = [read_json(folder / "metrics.json")["val_mAP"] for folder in done["folder"]]
    return done.pivot(index="model", columns="fold", values="mAP").loc[done["model"].unique()].add_prefix("fold ")


def best_of_each_approach(scores: pd.DataFrame) -> dict[str, str]:
    """The model of each approach with the highest cross-validated mAP: approach -> 'approach/model'."""
    models = scores[scores["approach"].isin(APPROACH_WORDS)]
    best = models.loc[models.groupby("approach")["cv_mAP"].idxmax()].set_index("approach")["model"]
    return {approach: f"{approach}/{best[approach]}" for approach in APPROACH_WORDS if approach in best.index}


def beside_paper(paper: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """A table of the paper (index ``model``) with the figures measured here; not trained here: '–'.

    ``table``: what ``comparison`` gave. The paper's percent become figures in [0, 1] as ours are.
    """
    ours = table.set_index("model")
    here = pd.DataFrame(index=ours.index)
    here["here: network"] = [
        f"{row.network} ({row.parameters_m:.2f} M)" if isinstance(row.network, str) else None
        for row in ours.itertuples()
    ]
    spreads = zip(ours["cv_mAP"], ours["cv_std"], strict=True)
    here["here: validation"] = [plus_minus(*pair) for pair in spreads]
    intervals = zip(ours["measured"], ours["low"], ours["high"], strict=True)
    here["here: mAP [95 %]"] = [with_interval(*values) for values in intervals]
    shown = paper.copy()
    for column in shown.columns.intersection(["cv_mAP", "lb_mAP"]):
        shown[column] = (shown[column] / 100).map("{:.3f}".format)
    names = {"cv_mAP": "CV mAP", "lb_mAP": "LB mAP", "parameters_m": "parameters (M)"}
    shown = shown.rename(columns=names).add_prefix("paper: ")
    return dashes(shown.join(here))


def dashes(table: pd.DataFrame, digits: int = 3) -> pd.DataFrame:
    """A table to be shown: numbers with that many decimals, '–' where there is none."""

    def shown(value: object) -> object:
        if pd.isna(value):
            return "–"
        return f"{value:,.{digits}f}" if isinstance(value, float) else value

    return table.astype(object).map(shown)


def plus_minus(mean: float, spread: float) -> str | None:
    """'0.412 ± 0.021', '0.412' for one fold, None without a figure."""
    if not np.isfinite(mean):
        return None
    return f"{mean:.3f} ± {spread:.3f}" if np.isfinite(spread) else f"{mean:.3f}"


def with_interval(value: float, low: float, high: float) -> str | None:
    """'0.433 [0.391, 0.478]'; None without a figure."""
    if not np.isfinite(value):
        return None
    return f"{value:.3f} [{low:.3f}, {high:.3f}]" if np.isfinite(low) else f"{value:.3f}"


def headline(table: pd.DataFrame, chance: float, measured_on: str) -> dict[str, object]:
    """Columns and rows of the table on the start page, from ``comparison``'s table."""
    here = [f"Here ({measured_on}) [95 %]", "Here, validation ± folds", "Network here"]
    columns = ["Model", "Paper (QV-Pipe)", *here]
    rows: list[list[object]] = []
    for row in table.itertuples():
        paper = float(row.paper) if np.isfinite(row.paper) else None
        measured = with_interval(row.measured, row.low, row.high)
        network = row.network if isinstance(row.network, str) else None
        rows.append([row.paper_name, paper, measured, plus_minus(row.cv_mAP, row.cv_std), network])
    rows.append(["Chance", None, chance, None, None])
    return {"columns": columns, "rows": rows}


def model_rows(table: pd.DataFrame) -> list[dict[str, object]]:
    """``comparison``'s table as records for other programs; mAP in [0, 1], None without a figure."""
    names = {"paper_name": "name", "paper": "report_mAP", "measured": "measured_mAP"}
    columns = ["paper_name", "approach", "model", "network", "paper", "measured", "low", "high", "cv_mAP", "cv_std"]
    picked = table[columns].rename(columns=names).astype(object)
    return picked.where(picked.notna(), None).to_dict("records")
