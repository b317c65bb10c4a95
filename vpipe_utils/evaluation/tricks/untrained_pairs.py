"""The tricks that train nothing, over all finished runs: each beside what it is compared with, on held-out clips.

**What is paired with what.** A trick that changes one run's predictions (test-time augmentation, the ZC rule) is paired
with the same run left alone: as many pairs as runs. A trick that combines runs is paired with these runs, whose mAP is
the mean of theirs, and all of that is one pair: the fold mean of five folds beside these five. Counted as five pairs,
the one fold mean in them would count five times, and the interval would be too narrow. The folds that were trained with
one number of repetition are a group. Groups share no run, and mixes of folds take every run once. Combinations of
models are compared with the plain mean of the same models. Thresholds a class are tuned for a group, so a group is the
pair there, too: what its folds share is no news.

**What is tuned** (weights, the best model a class, thresholds) is tuned on validation clips, each predicted by the
network that was not trained on it, and scored on held-out clips. The same trick tuned on the labels of the held-out
clips themselves shows how large the self-deception would be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

from vpipe_utils.evaluation import scores
from vpipe_utils.evaluation.ensemble import fold_mean, weighted_mean, zc_rule
from vpipe_utils.evaluation.metrics import mean_average_precision
from vpipe_utils.evaluation.resampling import estimate_runs
from vpipe_utils.evaluation.scores import ByFold, ByRun
from vpipe_utils.evaluation.tricks import untrained
from vpipe_utils.evaluation.tricks.effects import Effect, effect_of
from vpipe_utils.evaluation.tricks.records import PLAIN
from vpipe_utils.project.paths import RunName

COLUMNS = ["trick", "against", *Effect._fields, "on_scored", "self_deception", "deception_low", "deception_high"]
# Trick -> what it is compared with.
AGAINST = {
    "fold_mean": "its single folds",
    "fold_mix": "its single networks",
    "weighted_mean": "plain mean of the models",
    "best_model_per_class": "plain mean of the models",
    "class_thresholds": "the same runs without",
    "zc_rule": "the same run without",
    "tta_hflip": "the plain pass",
    "tta_vflip": "the plain pass",
    "tta_flips": "the plain pass",
    "tta_resample": "the plain pass",
    "tta_grid_shuffle": "the plain pass",
}


class Recorded(Protocol):
    """What is read of a run's record: predictions by variant, PLAIN always among them."""

    name: RunName
    val: Mapping[str, pd.DataFrame]  # of its validation clips
    held_out: Mapping[str, pd.DataFrame]


Predicted = pd.DataFrame | list[pd.DataFrame]  # of held-out clips; the mAP of several is the mean of theirs


@dataclass
class Pairs:
    """A trick over all runs: predictions by pair, whose key is what tells pairs apart."""

    treated: dict[tuple, Predicted] = field(default_factory=dict)  # with the trick
    plain: dict[tuple, Predicted] = field(default_factory=dict)  # what it is compared with
    deceived: dict[tuple, Predicted] = field(default_factory=dict)  # tuned on the held-out labels; {}: nothing is tuned


class Group(NamedTuple):
    """Runs of one recipe with one number of repetition: predictions by fold."""

    val: ByFold
    held_out: ByFold


def pairs(
    records: Sequence[Recorded], labels: pd.DataFrame, folds: Sequence[int], members: Sequence[str] | None = None
) -> dict[str, Pairs]:
    """Every trick of AGAINST with its pairs, none where the runs do not allow it (one model alone has no mix).

    `scores.paired_runs(labels, treated, plain)` makes of them what intervals are computed from.

    ``records``: all runs; what changes one run or one model's folds is taken from those without a trained trick.
    ``labels``: `video` and a column a class, of all their validation and held-out clips. ``folds``: those that make a
    group, as a rule all of the data set; groups that lack one are left out, so that all fold means are of as many.
    ``members``: the recipes that are combined as models (`RunName.recipe`), if not all without a trained trick: where
    there is one model alone, tricks can make others of it. Raises ValueError where a run was validated on a held-out
    clip.
    """
    for record in records:
        both = set(record.val[PLAIN]["video"]) & set(record.held_out[PLAIN]["video"])
        if both:
            raise ValueError(f"{record.name}: '{min(both)}' is both a validation and a held-out clip; keep them apart")
    found = {trick: Pairs() for trick in AGAINST}
    recipes = [record for record in records if not record.name.trick]
    for record in recipes:
        _of_run(record, found)
    for model, of_model in groups(recipes, folds).items():
        for repetition, group in of_model.items():
            _of_group((model, repetition), group, labels, found)
    by_recipe = groups(records, folds)
    members = list(dict.fromkeys(record.name.recipe for record in recipes)) if members is None else members
    combined = {member: by_recipe.get(member, {}) for member in members}
    for repetition in sorted(set.intersection(*map(set, combined.values())) if len(combined) > 1 else ()):
        _of_models(repetition, {member: of_member[repetition] for member, of_member in combined.items()}, labels, found)
    return found


def table(
    records: Sequence[Recorded],
    labels: pd.DataFrame,
    folds: Sequence[int],
    n: int,
    seed: int,
    members: Sequence[str] | None = None,
) -> pd.DataFrame:
    """A row a trick: trick, against, and what `effects.Effect` has, runs being pairs; and for what is tuned on_scored,
    its difference when it is tuned on the held-out clips that it is scored on, and self_deception, by how much that is
    more than the honest one, with deception_low and deception_high.

    Differences are means over pairs, in mAP on held-out clips; intervals and p-values are over runs and recordings
    (`resampling.estimate_runs`), ``n`` resamples. NaN where there is no pair, intervals and p also where there is one:
    leave such rows out of `effects.with_verdicts`.
    """
    rows = []
    for trick, of_trick in pairs(records, labels, folds, members).items():
        effect = _compared(labels, of_trick.treated, of_trick.plain, n, seed)
        deception = _compared(labels, of_trick.deceived, of_trick.treated, n, seed)
        on_scored = effect.difference + deception.difference
        rows.append((trick, AGAINST[trick], *effect, on_scored, deception.difference, deception.low, deception.high))
    return pd.DataFrame(rows, columns=COLUMNS)


def groups(records: Sequence[Recorded], folds: Sequence[int]) -> dict[str, dict[int, Group]]:
    """Recipe -> repetition -> group, of those groups that have a run on each of ``folds``."""
    by_model: dict[str, dict[int, dict[int, Recorded]]] = {}
    for record in sorted(records, key=lambda record: (record.name.repetition, record.name.fold)):
        name = record.name
        by_model.setdefault(name.recipe, {}).setdefault(name.repetition, {})[name.fold] = record
    return {
        model: {
            repetition: Group(
                {fold: of_group[fold].val[PLAIN] for fold in folds},
                {fold: of_group[fold].held_out[PLAIN] for fold in folds},
            )
            for repetition, of_group in of_model.items()
            if set(folds) <= set(of_group)
        }
        for model, of_model in by_model.items()
    }


def _of_run(record: Recorded, found: dict[str, Pairs]) -> None:
    """The tricks that change one run's predictions."""
    plain = record.held_out[PLAIN]
    treated = {f"tta_{variant}": table for variant, table in record.held_out.items() if variant != PLAIN}
    if {"hflip", "vflip"} <= set(record.held_out):
        treated["tta_flips"] = untrained.both_flips(record.held_out)
    treated["zc_rule"] = zc_rule(plain)
    key = (record.name.recipe, record.name.repetition, record.name.fold)
    for trick, table in treated.items():
        found[trick].treated[key], found[trick].plain[key] = table, plain


def _of_group(key: tuple, group: Group, labels: pd.DataFrame, found: dict[str, Pairs]) -> None:
    """The tricks on the folds of one model."""
    singles = list(group.held_out.values())
    if len(singles) > 1:
        mean = found["fold_mean"]
        mean.treated[key], mean.plain[key] = fold_mean(singles), singles
    tuned = untrained.class_thresholds(scores.out_of_fold(group.val), labels)
    thresholds = found["class_thresholds"]
    thresholds.plain[key] = singles
    thresholds.treated[key] = [untrained.zero_below(table, tuned) for table in singles]
    thresholds.deceived[key] = [
        untrained.zero_below(table, untrained.class_thresholds(table, labels)) for table in singles
    ]


def _of_models(repetition: int, models: Mapping[str, Group], labels: pd.DataFrame, found: dict[str, Pairs]) -> None:
    """The tricks on several models: their folds mixed, or their fold means combined."""
    held_out = {model: group.held_out for model, group in models.items()}
    if len(next(iter(held_out.values()))) > 1:
        for m, members in enumerate(untrained.mixes_of_folds(held_out)):
            mix = found["fold_mix"]
            mix.treated[repetition, m], mix.plain[repetition, m] = fold_mean(members), members
    means = {model: fold_mean(list(by_fold.values())) for model, by_fold in held_out.items()}
    validation = {model: group.val for model, group in models.items()}
    itself = {model: {0: table} for model, table in means.items()}
    weighted, best, key = found["weighted_mean"], found["best_model_per_class"], (repetition,)
    weighted.plain[key] = best.plain[key] = fold_mean(list(means.values()))
    weighted.treated[key] = weighted_mean(means, untrained.validated_weights(validation, labels))
    weighted.deceived[key] = weighted_mean(means, untrained.validated_weights(itself, labels))
    best.treated[key] = untrained.take_by_class(means, untrained.best_models(validation, labels))
    best.deceived[key] = untrained.take_by_class(means, untrained.best_models(itself, labels))


def _compared(labels: pd.DataFrame, a: ByRun, b: ByRun, n: int, seed: int) -> Effect:
    runs = scores.paired_runs(labels, a, b)
    if len(runs) > 1:
        return effect_of(estimate_runs(runs, n, seed), len(runs))
    alone = [_mean_map(run.targets, run.a) - _mean_map(run.targets, run.b) for run in runs]
    return Effect(alone[0] if alone else np.nan, np.nan, np.nan, np.nan, len(runs))


def _mean_map(targets: np.ndarray, sides: np.ndarray) -> float:
    return float(np.mean([mean_average_precision(targets, side) for side in sides.reshape(-1, *targets.shape)]))
