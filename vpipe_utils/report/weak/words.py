"""Sentences of notebook 09, computed from its runs: how far behind they are, and whether it is the pretraining."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vpipe_utils.evaluation.resampling import Difference
from vpipe_utils.learning.weak.fold import WeakFold
from vpipe_utils.report.figure_style import in_points
from vpipe_utils.report.sentences import as_list
from vpipe_utils.report.weak.results import FEATURES, HEADS, PAPER, Results, called
from vpipe_utils.user_files.user_text import in_markdown, many

HARDLY = 0.1  # of the loss of guessing: less says that next to nothing was learned; our choice


def budget(weak: WeakFold) -> str:
    """How equal compute is counted here."""
    run = weak.reference
    share = "" if weak.params.weak_budget == 1 else f" Of these it may pass {weak.params.weak_budget:g} times as many."
    return (
        f"The super-image run {in_markdown(run.model)} passes {run.epochs} epochs x {len(weak.data.train_videos)} "
        f"clips x {run.grid**2} tiles of {run.input_tile} px through its network, forwards and backwards.{share} "
        f"That makes {weak.budget:,} frames of {weak.params.weak_tile} px for a pretraining; for SimCLR a view is one."
    )


def chance_line(losses: Sequence[float], batch: int) -> str:
    """How far SimCLR's loss has come from guessing among a batch of so many frames, by its last tenth."""
    last, chance = float(np.mean(losses[-max(1, len(losses) // 10) :])), float(np.log(2 * batch - 1))
    text = f"SimCLR's loss ends at {last:.2f}; guessing among a batch of {batch} gives {chance:.2f}."
    if chance - last > HARDLY * chance:
        return text
    return (
        f"{text} It has hardly left that. The budget is {many(len(losses), 'update')}; its authors took tens of "
        "thousands. So its rows say what this budget gives, not what the method can."
    )


def interval(lead: Difference) -> str:
    """'−19.4 [−25.0, −14.1] points'."""
    return f"{in_points(*lead)} points".replace("-", "−")


def summary(results: Results) -> str:
    """The closing sentences, as a Markdown list."""
    where = "held-out clips" if results.held_out else "validation clips, on which the best epochs were chosen"
    runs = max((len(found) for found in results.metrics.values()), default=0)
    what = ", for other trainings on other recordings" if runs > 1 else ""
    lines = [
        f"Measured on {len(results.labels)} {where}, fold {results.fold}, {many(runs, 'run')} of each; guessing gives "
        f"{results.guessing:.3f}. Brackets are 95 % intervals{what}."
    ]
    lines += [*_behind(results), *_cause(results), *_heads(results), *_cost(results)]
    if runs < 2:
        lines.append(
            "These are single runs: the intervals say how far a figure moves with other recordings, not with another "
            "training. weak_repetitions: 3 would tell."
        )
    return as_list(lines)


def _behind(results: Results) -> list[str]:
    """The four rows of Table V."""
    if results.reference not in results.predictions:
        name = in_markdown(results.reference)
        return [f"The super-image run {name} is not there, so nothing stands beside Table V: run notebook 05 first."]
    lines = [f"The super-image {in_markdown(results.reference)} has {results.score(results.reference):.3f}."]
    for name in (name for name in PAPER if name in results.predictions):
        paper = f"{PAPER[name]:+.1f}".replace("-", "−")
        lead = results.lead(name, results.reference)
        lines.append(
            f"{called(name)}: {results.score(name):.3f}, {interval(lead)} to the super-image; the paper {paper} on its "
            "local validation."
        )
    frames = [name for name in results.predictions if name.startswith("frame/")]
    if frames and (lead := results.lead(frames[0], results.reference)):
        lines.append(f"The frame baseline has {results.score(frames[0]):.3f}, {interval(lead)} to the super-image.")
    return lines


def _cause(results: Results) -> list[str]:
    """Method or pretraining: the same heads on ImageNet features of the same network."""
    lines = []
    for head, spoken in HEADS.items():
        own, better = f"simclr_{head}", f"imagenet_{head}"
        gain, rest = results.lead(better, own), results.lead(better, results.reference)
        if head == "mean" or gain is None or rest is None:
            continue
        lines.append(
            f"{spoken} on the ImageNet features of the same network has {results.score(better):.3f}: {interval(gain)} "
            f"to SimCLR's, {interval(rest)} to the super-image. {verdict(gain, rest)}"
        )
    return lines


def verdict(gain: Difference, rest: Difference) -> str:
    """What decides: `gain` of ImageNet features over SimCLR's with one head, `rest`: theirs to the super-image."""
    gap = gain.difference - rest.difference
    if gain.below:
        return "So for this head the features of ImageNet are the worse ones."
    if not gain.above:
        return "So it cannot be told here whether the features of ImageNet are better for this head."
    if not rest.below:
        return "So the pretraining makes the difference: with better features the method is not shown to be behind."
    share = gain.difference / gap
    part = "most" if share > 2 / 3 else "about half" if share > 1 / 3 else "the smaller part"
    return (
        f"So the features make {part} of the gap ({share:.0%}); what is left, frozen features and this head against a "
        "network that is trained as a whole, is the method's."
    )


def _heads(results: Results) -> list[str]:
    """Whether attention over a bag beats its mean, on the same features."""
    lines = []
    for kind, spoken in FEATURES.items():
        leads = {head: results.lead(f"{kind}_{head}", f"{kind}_mean") for head in ("transmil", "ml_decoder")}
        told = [f"{HEADS[head]} {interval(lead)}" for head, lead in leads.items() if lead is not None]
        if told:
            lines.append(f"On {spoken} features, against the plain mean of a bag: {', '.join(told)}.")
    return lines


def _cost(results: Results) -> list[str]:
    """What was spent: frames that passed, and time of the processor."""
    lines = []
    for kind in ("simclr", "mae"):
        found = [run for name in results.weak if name.startswith(f"{kind}_") for run in results.metrics[name]]
        if found:
            seconds = np.mean([run["pretrain_cpu_seconds"] for run in found])
            lines.append(
                f"{FEATURES[kind]} passed {found[0]['frames_passed']:,} of {found[0]['budget_frames']:,} frames, in "
                f"{seconds:,.0f} CPU-seconds."
            )
    return lines
