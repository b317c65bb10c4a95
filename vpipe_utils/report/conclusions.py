"""The sentences of notebooks 06 and 10: what the figures allow to say of the models, and what not.

Every sentence is computed from results and claims no more than its interval does. What is compared clears the colour
baseline; the others are named once, apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from vpipe_utils.data.classes import NORMAL
from vpipe_utils.evaluation.colour_baseline import NAME as FLOOR
from vpipe_utils.report.result_tables import APPROACH_WORDS, FEW_VIDEOS, too_small, with_interval
from vpipe_utils.report.sentences import as_list
from vpipe_utils.user_files.user_text import in_markdown, many

Difference = Sequence[float]  # difference of two mAP, low, high
# How much the held-out mAP of one training run moves at the demo's size, measured on PipeSim 3 with Lite0 on
# super-images: the standard deviation of four seeds (0.554 to 0.629), and the same commit and seed on other processors.
RUN_SD = 0.036
MACHINES = 0.02
APART = {
    "title": "Too small to say anything here",
    "note": "Not shown to be better than the colour baseline: the interval of the difference reaches 0 or less. These "
    "figures say nothing about an approach, and are in no comparison.",
}


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


def run_words(folds: int, data: str) -> str:
    """How much the figures of these training runs would move with others; ``folds``: runs of a model, at most."""
    runs = "one training run" if folds == 1 else f"{many(folds, 'training run')}, one a fold"
    text = f"Every model here is {runs}. Intervals draw recordings anew: they say how far a figure moves with other "
    text += "recordings of this kind, not with other training runs"
    if data == "PipeSim":
        return (
            f"{text}. One run at the demo's size moves by a standard deviation of {RUN_SD:.3f} from seed to seed, and "
            f"by ±{MACHINES:.2f} from one kind of processor to another (measured once, with EfficientNet-Lite0)."
        )
    return f"{text}; how far they move with those has not been measured for these models."


def scope(folds: int) -> str:
    """What the intervals of differences between models cover; ``folds``: runs that the two have in common, at least."""
    if folds < 2:
        return (
            "One run a model: these intervals draw recordings only. They compare these runs, and say nothing of the "
            "methods."
        )
    return (
        f"These intervals draw recordings and runs. {folds} runs a model resolve little: what differs by less than a "
        "run moves stays undecided."
    )


def floor_line(table: pd.DataFrame, n_videos: int) -> str:
    """Which rows of ``comparison`` do not clear the colour baseline; they are in no comparison."""
    floor = table[table["name"] == FLOOR].iloc[0]
    below = too_small(table)
    reached = with_interval(floor["measured"], floor["low"], floor["high"])
    said = f"The colour baseline, which needs no network, has {reached}"
    if below.empty:
        return f"{said}. Every row clears it: the intervals of the differences lie above 0."
    named = ", ".join(map(in_markdown, below["shown_name"]))
    if n_videos < FEW_VIDEOS:
        return f"{said}. From so few videos it cannot be told which model is better."
    if not table["clears"].any():
        return f"{said}. No model is shown to be better, so none is compared with another."
    return f"{said}. Too small to say anything here, since not shown to be better than that: {named}."

def order_of_approaches(differences: Mapping[tuple[str, str], Difference]) -> str:
    """Whether the paper's order, super-image over Video Swin over frames, shows here.

    ``differences``: (better in the paper, worse) -> difference, low, high; models named 'approach/model'.
    """
    found: dict[str, list[str]] = {"confirmed": [], "undecided": [], "reversed": []}
    for (a, b), (_, low, high) in differences.items():
        kind = "confirmed" if low > 0 else "reversed" if high < 0 else "undecided"
        found[kind].append(" over ".join(APPROACH_WORDS[name.split("/")[0]] for name in (a, b)))
    if not differences:
        return (
            "The paper's order of the approaches cannot be looked at here: fewer than two approaches have a model that "
            "clears the colour baseline"
        )
    listed = "; ".join(f"{kind}: {', '.join(pairs)}" for kind, pairs in found.items() if pairs)
    return f"The paper's order of the approaches (super-image, then Video Swin, then frames) here: {listed}"


def report_lines(
    table: pd.DataFrame,
    figures: Mapping[str, object],
    data: str,
    differences: Mapping[tuple[str, str], Difference],
    ordered: Mapping[tuple[str, str], Difference],
) -> list[str]:
    """The first sentences: the highest model, the floor, the pairs compared, the order of the approaches.

    ``table``: what ``comparison`` gave; ``figures``: metrics.json of notebook 06; ``differences``, ``ordered``: pairs
    of 'approach/model' with difference, low, high. Of few videos nothing is claimed.
    """
    clips = f"{figures['n_videos']:,} {figures['judged_on']} of {many(figures['n_recordings'], 'recording')} ({data})"
    chance, judged = f"chance is {figures['chance_mAP']:.3f}.", f"Judged on {clips}."
    empty = ", ".join(map(in_markdown, figures["classes_without_positives"]))
    zeros = [f"No scored video has {empty}: what no video has counts 0 in every mAP."] if empty else []
    shown = table[table["clears"]]
    if figures["n_videos"] < FEW_VIDEOS:
        few = f"With fewer than {FEW_VIDEOS} scored videos no figure here means anything"
        return [f"{judged} {few}, so no model is called the best; {chance}", *zeros]
    floor = floor_line(table, figures["n_videos"])
    if shown.empty:
        return [f"{judged} {floor[:-1]}; {chance}", *zeros]
    top = shown.loc[shown["measured"].idxmax()]
    score = with_interval(top["measured"], top["low"], top["high"])
    same = len(shown) > 1 and shown["measured"].nunique() == 1
    highest = f"Highest: **{in_markdown(top['shown_name'])}** with {score}"
    highest = f"All models have the same mAP, {score}" if same else highest
    lines = [f"{judged} {highest}; {chance}", *zeros, floor, run_words(int(table["folds"].max()), data)]
    lines += [f"{verdict(*map(in_markdown, pair), *interval)}." for pair, interval in differences.items()]
    return [*lines, f"{order_of_approaches(ordered)}."]


def sight_lines(sight: pd.DataFrame | None, pair: tuple[str, str] | None, n_videos: int) -> list[str]:
    """What the labels least and longest in sight say of two models: ``sight`` of `visibility.ranks_by_visibility`.

    Nothing where that is not known (None) or was measured on few videos.
    """
    if sight is None or pair is None or n_videos < FEW_VIDEOS:
        return []
    groups = sight[sight["model"] == "difference"]
    rows = [groups.iloc[0], groups.iloc[-1]] if len(groups) > 1 else [row for _, row in groups.iterrows()]
    return [
        f"Labels in sight in {row['visible']:.0%} of the frames: "
        f"{verdict(*map(in_markdown, pair), row['rank'], row['low'], row['high'], 'of rank')}."
        for row in rows
    ]


def limits(data: str) -> list[str]:
    """What notebook 10 cannot say."""
    if data == "QV-Pipe":
        return []
    return ["The paper's own figures can be confirmed or refuted on QV-Pipe only (preset paper)."]


def ensemble_findings(figures: Mapping[str, object], normal_class: str | None) -> list[str]:
    """What the ensemble adds to its best member, and the rule to the ensemble. ``figures``: metrics.json of 06."""
    best = in_markdown(figures["best_member"])
    few = figures["n_videos"] < FEW_VIDEOS
    if few and len(figures["members"]) > 1:
        by_weights = f"What the ensemble adds cannot be told from {many(figures['n_videos'], 'scored video')}"
    elif len(figures["members"]) > 1:
        member = f"the member that validated best ({best})"
        by_weights = verdict("The weighted ensemble", member, *figures["difference"])
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
    figures: Mapping[str, object], table: pd.DataFrame, held_out: bool, normal_class: str | None
) -> str:
    """Notebook 06's closing sentences. ``figures``: what it writes to metrics.json; ``table``: of ``comparison``."""
    lines = [f"Judged on {figures['n_videos']:,} {figures['judged_on']}; chance is {figures['chance_mAP']:.3f}."]
    if not held_out:
        lines.append("There are no held-out labels here, so there is no leaderboard score.")
    elif table["folds"].max() > 1 and figures["n_videos"] >= FEW_VIDEOS:
        gain = (table["heldout_mAP"] - table["single_mAP"]).mean()
        lines.append(f"Averaging the folds moves a model by {gain:+.3f} mAP on average (paper: +0.018).")
    lines.append(floor_line(table, figures["n_videos"]))
    return as_list([*lines, *ensemble_findings(figures, normal_class)])
