"""What sibling clips buy: the same runs on folds that tear recordings apart and on folds that keep them whole.

Pieces of one recording show one pipe in one light. Under plain folds (those of the paper) a network is validated on
pieces whose siblings it was trained on; under folds that keep recordings whole it never is. Both kinds of folds divide
the same labelled clips, and all runs predict the same held-out clips, whose recordings no run was trained on. So three
questions can be asked of the same runs:

- does validation mAP rise under plain folds, and does held-out mAP rise with it? What validation gains and held-out
  clips do not is flattery;
- the clips with a sibling in training alone: the same clip, by a network that saw its sibling and by one that did not.
  Clips without siblings, on the same networks, show what else differs between the two kinds of folds;
- put the scores of these clips alone into a validation that kept recordings whole: what is its mAP then?

The last gives the narrowest interval, since all other clips stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpipe_utils.data.annotations import recording_of
from vpipe_utils.evaluation.resampling import estimate
from vpipe_utils.evaluation.scores import matrices, out_of_fold
from vpipe_utils.evaluation.tricks.effects import Effect, Scored, effect_of, score, verdict
from vpipe_utils.evaluation.tricks.records import PLAIN, RunRecord
from vpipe_utils.evaluation.visibility import positive_ranks
from vpipe_utils.project.paths import RunName

QV_PIPE = 477 / 6399  # share of its labelled clips that have siblings among them, by the file names
SMALLEST = 1e-6  # a probability of 0 would have an endless loss
VALIDATION, HELD_OUT, FLATTERY, SWAPPED = "validation", "held-out", "validation beyond held-out", "sibling clips alone"
SAW, NONE, BEYOND = "with a sibling in training", "without siblings", "the first beyond the second"
MEASURES = ("log_loss", "rank")

Runs = Mapping[RunName, RunRecord]


class Sides(NamedTuple):
    """The two runs of one fold number and repetition."""

    plain: RunRecord
    whole: RunRecord


def gather(plain: Runs, whole: Runs, labels: pd.DataFrame, n: int, seed: int) -> dict[str, pd.DataFrame]:
    """The tables `scores` and `clips`, from the runs that both kinds of folds have; ``n`` draws of recordings.

    ``labels``: `video` and a column a class, of all validated and held-out clips. Folds of the two kinds hold other
    clips, so runs are paired by name to have the same seeds and to be equally many, not because their clips are alike.
    Raises ValueError where a kind lacks folds that the other validates on, or the two predict other clips.
    """
    pairs = {name: Sides(plain[name], whole[name]) for name in plain if name in whole}
    _check(pairs)
    return {"scores": score_table(pairs, labels, n, seed), "clips": clip_table(pairs, labels, n, seed)}


def score_table(pairs: Mapping[RunName, Sides], labels: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """By how much mAP is higher under plain folds: a row each of VALIDATION, HELD_OUT, FLATTERY and SWAPPED.

    Columns: row, plain, whole (mean mAP), difference, low, high, p, runs, verdict; then siblings (the share of labelled
    clips that have some), and at_qv_pipe with at_low and at_high: what the last two rows come to at QV-Pipe's share, if
    the gain grows in proportion to the share. Intervals are for other runs on other recordings (`resampling.estimate`).
    """
    mixed = {name: _swapped(sides, pairs) for name, sides in pairs.items()}
    tables = {
        **{(VALIDATION, "plain", name): sides.plain.val[PLAIN] for name, sides in pairs.items()},
        **{(VALIDATION, "whole", name): sides.whole.val[PLAIN] for name, sides in pairs.items()},
        **{(HELD_OUT, "plain", name): sides.plain.held_out[PLAIN] for name, sides in pairs.items()},
        **{(HELD_OUT, "whole", name): sides.whole.held_out[PLAIN] for name, sides in pairs.items()},
        **{(SWAPPED, "plain", name): table for name, table in mixed.items()},
    }
    scored = score(labels, tables, n, seed)
    names, share = list(pairs), _share_with_siblings(pairs)
    maps = {(part, side): scored.of([(part, side, name) for name in names])[0].mean() for part, side, _ in tables}
    maps[SWAPPED, "whole"] = maps[VALIDATION, "whole"]
    validation, held_out = _minus(scored, names, VALIDATION, VALIDATION), _minus(scored, names, HELD_OUT, HELD_OUT)
    found = {
        VALIDATION: estimate(*validation),
        HELD_OUT: estimate(*held_out),
        FLATTERY: estimate(validation[0] - held_out[0], validation[1] - held_out[1]),
        SWAPPED: estimate(*_minus(scored, names, SWAPPED, VALIDATION)),
    }
    rows = []
    for row, each in found.items():
        effect = effect_of(each, len(names))
        sides = [maps.get((row, side), np.nan) for side in ("plain", "whole")]
        scaled = [value * QV_PIPE / share if row in (FLATTERY, SWAPPED) else np.nan for value in effect[:3]]
        rows.append((row, *sides, *effect, verdict(effect.low, effect.high, effect.p), share, *scaled))
    columns = ["row", "plain", "whole", *Effect._fields, "verdict", "siblings", "at_qv_pipe", "at_low", "at_high"]
    return pd.DataFrame(rows, columns=columns)


def clip_table(pairs: Mapping[RunName, Sides], labels: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """The same clips, validated under plain folds and under folds that keep recordings whole.

    A row a measure and group of clips: measure ('log_loss', mean over classes, or 'rank', the mean over a clip's labels
    of `visibility.positive_ranks` among its fold's clips), clips (SAW, NONE, and BEYOND, their difference), count,
    recordings, plain, whole, difference, low, high. Means over the repetitions; the interval draws recordings, so it is
    for these networks on clips of other recordings.
    """
    per_clip = [_of_clips(pairs, side, labels).add_suffix(f"_{side}") for side in ("plain", "whole")]
    table = pd.concat(per_clip, axis=1)
    recordings = table.index.map(recording_of).to_numpy()
    saw = table.index.isin(list(_saw_sibling(pairs)))
    alone = ~pd.Series(recordings).duplicated(keep=False).to_numpy()
    rng = np.random.default_rng(seed)
    rows = []
    for measure in MEASURES:
        sides = table[[f"{measure}_plain", f"{measure}_whole"]]
        known = sides.notna().all(axis=1).to_numpy()  # a clip without labels has no rank
        means, drawn = {}, {}
        for group, mask in ((SAW, saw & known), (NONE, alone & known)):
            of_group = sides[mask].to_numpy()
            means[group] = of_group.mean(axis=0) if len(of_group) else np.full(2, np.nan)
            drawn[group] = _resampled(of_group[:, 0] - of_group[:, 1], recordings[mask], n, rng)
            counts = int(mask.sum()), len(set(recordings[mask]))
            rows.append((measure, group, *counts, *means[group], *_with_interval(means[group], drawn[group])))
        beyond = means[SAW] - means[NONE]
        rows.append((measure, BEYOND, 0, 0, np.nan, np.nan, *_with_interval(beyond, drawn[SAW] - drawn[NONE])))
    columns = ["measure", "clips", "count", "recordings", "plain", "whole", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _minus(
    scored: Scored, names: Sequence[RunName], part: str, other: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """mAP of a part under plain folds minus that of another under whole ones, run by run: measured and drawn."""
    plain = scored.of([(part, "plain", name) for name in names])
    whole = scored.of([(other, "whole", name) for name in names])
    return plain[0] - whole[0], plain[1] - whole[1]


def _swapped(sides: Sides, pairs: Mapping[RunName, Sides]) -> pd.DataFrame:
    """A validation that kept recordings whole, but clips with a sibling in training as plain folds predict them."""
    validated = sides.whole.val[PLAIN].set_index("video")
    other = _out_of_fold(pairs, "plain", sides.whole.name.repetition).set_index("video")
    swapped = validated.index.intersection(sorted(_saw_sibling(pairs)))
    validated.loc[swapped] = other.loc[swapped, validated.columns]
    return validated.reset_index()


def _out_of_fold(pairs: Mapping[RunName, Sides], side: str, repetition: int) -> pd.DataFrame:
    runs = {name.fold: getattr(sides, side) for name, sides in pairs.items() if name.repetition == repetition}
    return out_of_fold({fold: run.val[PLAIN] for fold, run in runs.items()})


def _of_clips(pairs: Mapping[RunName, Sides], side: str, labels: pd.DataFrame) -> pd.DataFrame:
    """Each validated clip (index): log_loss and rank, means over the repetitions."""
    tables = []
    for sides in pairs.values():
        predicted = getattr(sides, side).val[PLAIN]
        truth = labels[labels["video"].isin(predicted["video"])]
        targets, p = matrices(truth, predicted)
        p = p.clip(SMALLEST, 1 - SMALLEST)
        loss = -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean(axis=1)
        rank = positive_ranks(truth, predicted).groupby("video")["rank"].mean()
        tables.append(pd.DataFrame({"log_loss": loss, "rank": rank.reindex(truth["video"]).to_numpy()}, truth["video"]))
    return pd.concat(tables).groupby(level=0).mean()


def _saw_sibling(pairs: Mapping[RunName, Sides]) -> set[str]:
    """Clips that plain folds validate by a network that was trained on another piece of their recording."""
    first = min(name.repetition for name in pairs)
    folds = {name.fold: sides.plain.val[PLAIN] for name, sides in pairs.items() if name.repetition == first}
    table = pd.concat([each[["video"]].assign(fold=fold) for fold, each in folds.items()], ignore_index=True)
    recordings = table["video"].map(recording_of)
    elsewhere = table.groupby(recordings)["fold"].transform("nunique") > 1
    return set(table.loc[elsewhere, "video"])


def _share_with_siblings(pairs: Mapping[RunName, Sides]) -> float:
    first = min(name.repetition for name in pairs)
    recordings = _out_of_fold(pairs, "plain", first)["video"].map(recording_of)
    return float(recordings.duplicated(keep=False).mean())


def _resampled(values: NDArray[np.float64], recordings: NDArray, n: int, rng: np.random.Generator) -> NDArray:
    """Means (n,) of some clips' values over draws of their recordings."""
    if not len(values):
        return np.full(n, np.nan)
    names, of = np.unique(recordings, return_inverse=True)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n)
    return drawn @ np.bincount(of, values) / (drawn @ np.bincount(of))


def _with_interval(sides: NDArray[np.float64], drawn: NDArray[np.float64]) -> tuple[float, float, float]:
    """Plain minus whole with the middle 95 % of its draws."""
    return float(sides[0] - sides[1]), *map(float, np.percentile(drawn, [2.5, 97.5]))


def _check(pairs: Mapping[RunName, Sides]) -> None:
    if len(pairs) < 2:
        raise ValueError(f"{len(pairs)} run is recorded under both kinds of folds: how far runs differ takes two")
    for repetition in {name.repetition for name in pairs}:
        sets = [set(_out_of_fold(pairs, side, repetition)["video"]) for side in ("plain", "whole")]
        if sets[0] != sets[1]:
            missing = min(sets[0] ^ sets[1])
            raise ValueError(
                f"repetition {repetition}: '{missing}' is validated under one kind of folds alone. Either a fold has "
                "not been run, or the clips differ"
            )
    for name, sides in pairs.items():
        if set(sides.plain.held_out[PLAIN]["video"]) != set(sides.whole.held_out[PLAIN]["video"]):
            raise ValueError(f"{name.part}: the two kinds of folds have other held-out clips")
