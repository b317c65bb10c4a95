"""The closing sentences of notebook 10: what the figures allow to say of the models, and what not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from vpipe_utils.report.result_tables import FEW_VIDEOS, order_of_approaches, verdict, with_interval
from vpipe_utils.user_files.user_text import in_markdown


def report_lines(
    table: pd.DataFrame,
    figures: Mapping[str, object],
    data: str,
    differences: Mapping[tuple[str, str], Sequence[float]],
    ordered: dict[tuple[str, str], tuple[float, float, float]],
) -> list[str]:
    """The first sentences: the highest model, the pairs compared, the order of the approaches; of few videos none.

    ``table``: what ``comparison`` gave; ``figures``: metrics.json of notebook 06; ``differences``, ``ordered``: pairs
    of 'approach/model' with difference, low, high.
    """
    chance = f"chance is {figures['chance_mAP']:.3f}."
    judged = f"Judged on {figures['n_videos']:,} {figures['judged_on']} ({data})."
    empty = ", ".join(map(in_markdown, figures["classes_without_positives"]))
    zeros = [f"No scored video has {empty}: what no video has counts 0 in every mAP."] if empty else []
    top = table.loc[table["measured"].idxmax()]
    score = with_interval(top["measured"], top["low"], top["high"])
    same = len(table) > 1 and table["measured"].nunique(dropna=False) == 1
    if figures["n_videos"] < FEW_VIDEOS:
        equal = f"; all have the same mAP, {score}" if same else ""
        few = f"With fewer than {FEW_VIDEOS} scored videos no figure here means anything"
        return [f"{judged} {few}, so no model is called the best{equal}; {chance}", *zeros]
    highest = f"Highest: **{in_markdown(top['paper_name'])}** with {score}"
    highest = f"All models have the same mAP, {score}" if same else highest
    if is_near_chance(top["measured"], figures["chance_mAP"]):
        highest += ", which is too near chance to compare models by"
    lines = [f"{judged} {highest}; {chance}", *zeros]
    lines += [f"{verdict(*map(in_markdown, pair), *interval)}." for pair, interval in differences.items()]
    return [*lines, f"{order_of_approaches(ordered)}."]


def is_near_chance(score: float, chance: float) -> bool:
    """Whether a mAP is below twice chance, or, where chance itself is high, nearer to it than to 1."""
    return score < min(2 * chance, (1 + chance) / 2)


def sight_lines(sight: pd.DataFrame | None, pair: tuple[str, str], n_videos: int) -> list[str]:
    """What the labels least and longest in sight say of two models: ``sight`` of `visibility.ranks_by_visibility`.

    Nothing where that is not known (None) or was measured on few videos.
    """
    if sight is None or n_videos < FEW_VIDEOS:
        return []
    groups = sight[sight["model"] == "difference"]
    rows = [groups.iloc[0], groups.iloc[-1]] if len(groups) > 1 else [row for _, row in groups.iterrows()]
    return [
        f"Labels in sight in {row['visible']:.0%} of the frames: "
        f"{verdict(*map(in_markdown, pair), row['rank'], row['low'], row['high'], 'of rank')}."
        for row in rows
    ]


def limits(table: pd.DataFrame, figures: Mapping[str, object], data: str) -> list[str]:
    """What notebook 10 cannot say."""
    chance = figures["chance_mAP"]
    weak = [in_markdown(row.model) for row in table.itertuples() if is_near_chance(row.measured, chance)]
    weak = weak if figures["n_videos"] >= FEW_VIDEOS else []
    lines = [f"Too near chance, and so of no use for comparisons: {', '.join(weak)}."] if weak else []
    if data != "QV-Pipe":
        lines.append("The paper's own figures can be confirmed or refuted on QV-Pipe only (preset paper).")
    return lines
