"""What notebook 11 says of the models, of their trust and of a review; its tables and its figure."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from vpipe_utils.evaluation.trust.record import BREAKS_WHEN, Trust
from vpipe_utils.report.figure_style import BLUE, GREY, ORANGE, new_figure, quiet
from vpipe_utils.review.predicting.trained import Trained
from vpipe_utils.review.tables import CLIPS, QUEUE, REVIEW, UNREADABLE, read_review_table
from vpipe_utils.storage.tables import read_json
from vpipe_utils.user_files.user_text import in_markdown

SHOWN = 10  # clips of the queue that the notebook shows


def describe_trained(trained: Trained) -> str:
    """One sentence on the members and their weights."""
    members = ", ".join(f"{member.name} {member.weight:.2f}" for member in trained.members)
    networks = sum(len(member.runs) for member in trained.members)
    one = f"One network predicts: {trained.members[0].name}."
    return one if networks == 1 else f"{networks} networks predict, by weight: {members}."


def describe_calibration(trust: Trust) -> str:
    """Which calibrator was chosen, and what it did to log-loss and calibration error out of fold."""
    loss = trust.choice.set_index(["kind", "by_class"])["log_loss"]
    best = loss[trust.calibrator.kind, trust.calibrator.by_class]
    return (
        f"Chosen: {trust.calibrator.words()}. Log-loss {loss['none', False]:.3f} before and {best:.3f} after; "
        f"{trust.error_said}. All of it out of fold, on {trust.measured_on}."
    )


def levels_table(trust: Trust) -> pd.DataFrame:
    """A row a list: how much it may miss, how sure, what is to be watched, and what 200 splits by recording showed."""
    kinds = {"sure": "of this calibration", "mean": "on average over calibrations"}
    rows = [
        {
            "may miss": f"{level.missed:.0%}",
            "holds": kinds[level.kind] + (f", {level.confidence:.0%} confidence" if level.confidence else ""),
            "threshold": level.threshold,
            "to watch": level.watch,
            "missed in splits": level.realised,
            "splits that kept it": level.holds,
        }
        for level in trust.levels
    ]
    return pd.DataFrame(rows)


def describe_levels(trust: Trust) -> str:
    """What the headline list leaves to watch, whether splits kept it, and what breaks it."""
    level = trust.level()
    kept = f"in {level.holds:.0%} of {level.splits} random splits by recording the level was kept in the other half"
    return (
        f"To miss at most {level.missed:.0%} of a recording's defects on average, with {level.confidence:.0%} "
        f"confidence, {level.watch:.0%} of the clips of calibration are watched; {kept}. {BREAKS_WHEN}"
    )


@quiet
def reliability_diagram(trust: Trust) -> Figure:
    """Probability said and share found, out of fold, before and after calibration."""
    figure = new_figure(3.2, 4.2)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=GREY, lw=0.8)
    for table, colour, name in ((trust.before, ORANGE, "before"), (trust.after, BLUE, "after calibration")):
        axes.plot(table["said"], table["found"], "o-", color=colour, ms=4, label=name)
    axes.set(xlabel="probability said", ylabel="share with the class", xlim=(0, 1), ylim=(0, 1))
    axes.set_title(f"Out of fold, {trust.clips:,} clips")
    axes.legend()
    return figure


def queue_head(folder: Path, most: int = SHOWN) -> pd.DataFrame:
    """The clips to look at first."""
    queue = read_review_table(folder, QUEUE).sort_values("rank").head(most)
    return queue[["rank", "video", "watch", "need", "drift", "why"]].round(3).reset_index(drop=True)


def what_it_shows(trust: Trust, folder: Path | None) -> str:
    """The end of the notebook: the promise, drift, what could not be read, where the page lies."""
    if folder is None:
        return "Every clip of this preset has labels, so none is left to review. " + describe_levels(trust)
    review = read_json(folder / REVIEW)
    clips = read_review_table(folder, CLIPS)
    unreadable = int((clips["status"] == UNREADABLE).sum())
    lines = [review["guarantee"]["sentence"], review["drift"]["sentence"]]
    if unreadable:
        lines.append(f"{unreadable:,} of {len(clips):,} clips cannot be read: no promise covers them.")
    lines.append(f"The page: `{in_markdown(folder / 'index.html')}`.")
    return "\n".join(f"- {line}" for line in lines)
