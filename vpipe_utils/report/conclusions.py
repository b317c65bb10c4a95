"""The sentences of notebooks 06 and 10: what the figures allow to say of the models, and what not.

Every sentence is computed from results and claims no more than its interval does. What is compared clears the colour
baseline; the others are named once, apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from vpipe_utils.data.classes import NORMAL
from vpipe_utils.evaluation.colour_baseline import NAME as FLOOR
from vpipe_utils.evaluation.resampling import Difference
from vpipe_utils.evaluation.selection import Flattery
from vpipe_utils.report.figure_style import signed, with_interval
from vpipe_utils.report.result_tables import APPROACH_WORDS, FEW_VIDEOS, too_small
from vpipe_utils.report.sentences import as_list
from vpipe_utils.user_files.user_text import in_markdown, many

# How much the held-out mAP of one training run moves at the demo's size. Over runs (folds, each with a seed): pooled
# over the 21 cells of the grid of notebook 13, outputs/reference/sight/cells.csv. The same commit and seed on other
# processors: measured on PipeSim 3.
RUN_SD = 0.017
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
    text = f"Every model's figures are of {runs}. Intervals draw recordings anew: they say how far a figure moves with "
    text += "other recordings of this kind, not with other training runs"
    if data == "PipeSim":
        return (
            f"{text}. One run at the demo's size moves by a standard deviation of {RUN_SD:.3f} from run to run, and "
            f"by ±{MACHINES:.2f} from one kind of processor to another (the latter measured on an earlier PipeSim)."
        )
    return f"{text}; how far they move with those has not been measured for these models."


def scope(runs: int) -> str:
    """What the two kinds of intervals of a difference cover; ``runs``: those that the compared models all have."""
    text = "Thick: the interval over recordings, for these trained models. "
    if runs < 2:
        return text + "With one run a model nothing can be said of the methods: another run of each may differ as much."
    few = f" {runs} runs a model resolve little: a difference must be many times what one run moves to show."
    thin = "Thin: the interval over runs and recordings, for the methods, from the differences of single runs."
    return f"{text}{thin}{few if runs < 10 else ''}"


def pair_line(pair: tuple[str, str], models: Difference, methods: Difference | None, runs: int) -> str:
    """One comparison: of these trained models and, where there are several runs of both, of the methods."""
    text = verdict(*map(in_markdown, pair), *models)
    if methods is None:
        return f"{text}. That is of one run each, not of the methods."
    decided = "which is clear too" if methods.above or methods.below else "which is undecided"
    return f"{text}. As methods, over {many(runs, 'run')}: {signed(*methods)}, {decided}."


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


def order_of_approaches(methods: Mapping[tuple[str, str], Difference | None]) -> str:
    """Whether the paper's order, super-image over Video Swin over frames, shows here.

    ``methods``: (better in the paper, worse), named 'approach/model', with the difference over runs and recordings, or
    None where there is one run of a model.
    """
    order = "The paper's order of the approaches (super-image, then Video Swin, then frames)"
    if not methods:
        return f"{order} cannot be looked at: fewer than two approaches have a model that clears the colour baseline"
    if None in methods.values():
        return f"{order} cannot be looked at with one run a model"
    found: dict[str, list[str]] = {"confirmed": [], "undecided": [], "reversed": []}
    for (a, b), difference in methods.items():
        kind = "confirmed" if difference.above else "reversed" if difference.below else "undecided"
        found[kind].append(" over ".join(APPROACH_WORDS[name.split("/")[0]] for name in (a, b)))
    listed = "; ".join(f"{kind}: {', '.join(pairs)}" for kind, pairs in found.items() if pairs)
    return f"{order} here: {listed}"


def report_lines(
    table: pd.DataFrame,
    figures: Mapping[str, object],
    data: str,
    differences: Mapping[tuple[str, str], tuple[Difference, Difference | None]],
    ordered: Sequence[tuple[str, str]],
    runs: int,
) -> list[str]:
    """The first sentences: the highest model, the floor, the pairs compared, the order of the approaches.

    ``table``: what ``comparison`` gave; ``figures``: metrics.json of notebook 06; ``differences``: pairs of
    'approach/model' with the difference of the trained models and of the methods (`pair_line`), over ``runs`` runs;
    ``ordered``: those that show the paper's order. Of few videos nothing is claimed.
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
    lines += [pair_line(pair, *both, runs) for pair, both in differences.items()]
    return [*lines, f"{order_of_approaches({pair: differences[pair][1] for pair in ordered})}."]


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


def choice_lines(weights: Flattery | None, epochs: pd.DataFrame) -> list[str]:
    """By how much what was chosen on validation videos flatters their scores; held-out ones it leaves alone.

    ``weights``: `selection.weight_flattery`, None where the weights were given; ``epochs``: `selection.epoch_flattery`.
    """
    gain = f"The kept epoch is {epochs['gain'].mean():+.3f} mAP above the last one, on average"
    if epochs["flattery"].notna().any():
        kept = f"{gain}; {epochs['flattery'].mean():+.3f} of validation scores is flattery, since it was chosen on the "
        kept += "fold that it is scored on (against the epoch that is best on the other folds)."
    else:
        kept = f"{gain}. It was chosen on the fold that it is scored on; how much of that is flattery takes two folds."
    if weights is None:
        return [kept, "The ensemble's weights were given, so nothing was chosen."]
    if pd.isna(weights.nested):
        flattered = "The ensemble's weights follow scores on the very fold that its validation score is of"
        return [kept, f"{flattered}: that flatters it; by how much takes two folds."]
    plain = "Weights from the scored fold itself would change the ensemble's validation score by"
    return [kept, f"{plain} {weights.difference:+.3f} mAP; they come from the other folds, so this is left out."]


def weight_lines(gains: Mapping[str, Difference]) -> str:
    """What weights chosen by loss gain on held-out clips over the ensemble's own, a line each.

    ``gains``: way of choosing -> difference in mAP with its interval over recordings; empty where nothing is held out.
    """
    if not gains:
        return "Nothing is held out here, and out of fold such weights flatter themselves: their gain stays open."
    return "\n".join(
        f"- {verdict(f'The ensemble with weights by {way}', 'the one with the weights above', *gain)}"
        for way, gain in gains.items()
    )


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
    figures: Mapping[str, object], table: pd.DataFrame, choices: Sequence[str], held_out: bool, normal_class: str | None
) -> str:
    """Notebook 06's closing sentences. ``figures``: its metrics.json; ``table``: `comparison`'s; ``choices``: above."""
    lines = [f"Judged on {figures['n_videos']:,} {figures['judged_on']}; chance is {figures['chance_mAP']:.3f}."]
    if not held_out:
        lines.append("There are no held-out labels here, so there is no leaderboard score.")
    elif table["folds"].max() > 1 and figures["n_videos"] >= FEW_VIDEOS:
        models = table[table["approach"].isin(APPROACH_WORDS)]
        gain = (models["heldout_mAP"] - models["single_mAP"]).mean()
        lines.append(f"Averaging the folds moves a model by {gain:+.3f} mAP on average (paper: +0.018).")
    lines.append(floor_line(table, figures["n_videos"]))
    return as_list([*lines, *ensemble_findings(figures, normal_class), *choices])
