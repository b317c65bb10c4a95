"""From the records of the bench's runs to its tables: what every trick does, and how far that can be told."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from vpipe_utils.evaluation.resampling import Estimate, estimate
from vpipe_utils.evaluation.tricks import untrained_pairs
from vpipe_utils.evaluation.tricks.effects import (
    BENJAMINI_HOCHBERG,
    LEVEL,
    Effect,
    Scored,
    a_a,
    between,
    effect_of,
    effects,
    score,
)
from vpipe_utils.evaluation.tricks.effects import with_verdicts as judged
from vpipe_utils.evaluation.tricks.plan import Plan, joined
from vpipe_utils.evaluation.tricks.records import PLAIN, RunRecord
from vpipe_utils.evaluation.tricks.screening import half_normal, run_noise, screen
from vpipe_utils.evaluation.tricks.tuning import chosen_rates, tuning_table
from vpipe_utils.project.paths import RunName

A_A_COMPARISONS = 20
KIND = ("device", "precision")  # of a run's figures: what it was made on
RECIPE, OWN = "recipe", "own"  # for "", which a table on disk cannot hold


def gather(
    plan: Plan,
    records: Mapping[RunName, RunRecord],
    labels: pd.DataFrame,
    n: int,
    seed: int,
    elsewhere: Mapping[RunName, RunRecord] | None = None,
) -> dict[str, pd.DataFrame]:
    """The tables of the bench by name, of those parts whose runs are all recorded; the others are left out.

    A part is not judged before: who looks after every run, and stops when a figure pleases, makes another test of it.

    ``labels``: of all clips that the records predict. ``n`` draws of recordings. ``elsewhere``: some of the runs, made
    on another device as well. A difference is mAP with a trick minus
    mAP without it, on held-out clips; where its file takes away what the paper adds, the paper's own effect is the
    opposite (`report.tricks.paper_tricks.stand_ins` has the sign).

    - runs: a row a run, its recipe and its mAP on validation and held-out clips;
    - effects: of each trick of the plan on the paper's recipe, corrected by Holm over these claims;
    - tuned: the same where the trick and the paper's recipe each have the learning rate that suits them, the rates, and
      `removed` with its interval: by how much the effect at the recipe's own rate is more than that;
    - tuning: validation mAP of each tuned recipe (rows; RECIPE is the paper's) at each rate (columns; OWN is its own);
    - screening, half_normal: of the factorial; interactions are corrected by Benjamini and Hochberg;
    - noise: of its runs, a row: again (so many were made again), run_sd (of one run, by these), freedom, fit_sd (of a
      run around the fit), half (median half-width of a main effect), half_of_noise (what it were by run_sd);
    - untrained: tricks on finished predictions;
    - a_a: the paper's recipe against itself, on one device, where the truth is no effect;
    - devices: what runs have more than the same ones made elsewhere, a row; `apart`: standard deviation of these
      differences, and `seeds_apart`: the same between two repetitions on one device.
    """
    held_out = {name: record.held_out[PLAIN] for name, record in records.items()}
    scored = score(labels, held_out, n, seed)
    tables = {"runs": _runs(scored, records)}
    planned = plan.confirmation({})
    plain = [name for name in planned if not name.trick]
    confirming = [name for name in planned if name.trick or _is_paired(plan, name)]
    if plan.confirmed and _all_in(records, confirming):
        found = effects(_of(scored, confirming), dict.fromkeys(plan.confirmed, 1))
        tables |= {"effects": found.reset_index()} if len(found) else {}
    if plan.tuned:
        by_rate = tuning_table(plan, records).rename({"": RECIPE}, axis="index").rename({"": OWN}, axis="columns")
        tables["tuning"] = by_rate.rename_axis("trick").reset_index()
    if len(tuned := _tuned(plan, scored, records)):
        tables["tuned"] = tuned
    runs = plan.screening()
    if runs and _all_in(records, runs):
        tables |= _screening(plan, _of(scored, runs))
    if plain and _all_in(records, plain):
        members = [plan.model, *plan.members]
        rows = untrained_pairs.table(
            [records[name] for name in plain], labels, plan.confirmation_folds, n, seed, members
        )
        tables["untrained"] = pd.concat([judged(rows.dropna(subset="p")), rows[rows["p"].isna()]], ignore_index=True)
        try:
            same = _on_one_device([name for name in plain if name.model == plan.model], records, elsewhere or {})
            of_same = {name: record.held_out[PLAIN] for name, record in same.items()}
            device = next(iter(same.values())).figures.get("device")
            tables["a_a"] = a_a(score(labels, of_same, n, seed), A_A_COMPARISONS, seed).assign(device=device)
        except ValueError:  # too few repetitions, as in smoke
            pass
    elsewhere = elsewhere or {}
    both = [name for name in planned if name in elsewhere and _kind(elsewhere[name]) != _kind(records.get(name))]
    if len(both) > 1 and _all_in(records, both):
        compared = _devices(scored, records, elsewhere, both, labels, n, seed)
        tables |= {"devices": compared} if len(compared) else {}
    return tables


def _on_one_device(
    names: list[RunName], records: Mapping[RunName, RunRecord], elsewhere: Mapping[RunName, RunRecord]
) -> dict[RunName, RunRecord]:
    """These runs, all from one device, the one of ``records`` first. Raises ValueError where no device has all."""
    both = {name: [of[name] for of in (records, elsewhere) if name in of] for name in names}
    for device in dict.fromkeys(_kind(record) for found in both.values() for record in found):
        chosen = {name: next((each for each in found if _kind(each) == device), None) for name, found in both.items()}
        if all(chosen.values()):
            return {name: record for name, record in chosen.items() if record}
    raise ValueError("No device has all of these runs.")


def _kind(record: RunRecord | None) -> tuple:
    """What a run was made on."""
    return tuple(record.figures.get(key) for key in KIND) if record else ()


def _all_in(records: Mapping[RunName, RunRecord], names: list[RunName]) -> bool:
    return all(name in records for name in names)


def _is_paired(plan: Plan, name: RunName) -> bool:
    """Whether a run of a plain recipe stands beside those with tricks; the others are for what needs more runs."""
    return name.model == plan.model and name.repetition < plan.confirmation_repetitions


def _of(scored: Scored, runs: list[RunName]) -> Scored:
    return Scored(runs, *scored.of(runs))


def _runs(scored: Scored, records: Mapping[RunName, RunRecord]) -> pd.DataFrame:
    rows = [
        {**name._asdict(), "val_mAP": records[name].figures["val_mAP"], "held_out_mAP": held_out}
        for name, held_out in zip(scored.runs, scored.maps, strict=True)
    ]
    order = ["model", "trick", "repetition", "fold"]
    return pd.DataFrame(rows).sort_values(order, na_position="first", ignore_index=True)


def _tuned(plan: Plan, scored: Scored, records: Mapping[RunName, RunRecord]) -> pd.DataFrame:
    """Each tuned trick against the paper's recipe, each at its own rate: columns trick, rate, plain_rate, ..."""
    rates = chosen_rates(plan, records)
    rows, further = {}, []
    for trick, rate in rates.items():
        arms = (joined(trick, rate), joined(rates.get("", ""))), (trick, None)
        pairs, as_they_are = (
            [
                tuple(RunName(plan.model, fold, arm, repetition) for arm in both)
                for repetition in range(plan.confirmation_repetitions)
                for fold in plan.confirmation_folds
            ]
            for both in arms
        )
        if trick and _all_in(records, [name for pair in pairs + as_they_are for name in pair]):
            rows[trick] = between(scored, pairs)
            removed = effect_of(_more(scored, as_they_are, pairs), len(pairs))
            further.append((rate or OWN, rates.get("", "") or OWN, *removed[:3]))
    if len(rows) < len(plan.tuned):
        return pd.DataFrame()
    table = judged(pd.DataFrame(rows.values(), index=pd.Index(rows, name="trick"), columns=Effect._fields))
    columns = ["rate", "plain_rate", "removed", "removed_low", "removed_high"]
    return table.reset_index().join(pd.DataFrame(further, columns=columns))


def _more(scored: Scored, a: list[tuple[RunName, RunName]], b: list[tuple[RunName, RunName]]) -> Estimate:
    """By how much the differences of some pairs of runs are more than those of others."""
    sides = [scored.of([pair[side] for pair in pairs]) for pairs in (a, b) for side in (0, 1)]
    maps, drawn = ([each[part] for each in sides] for part in (0, 1))
    return estimate(maps[0] - maps[1] - maps[2] + maps[3], drawn[0] - drawn[1] - drawn[2] + drawn[3])


def _devices(
    scored: Scored,
    records: Mapping[RunName, RunRecord],
    elsewhere: Mapping[RunName, RunRecord],
    both: list[RunName],
    labels: pd.DataFrame,
    n: int,
    seed: int,
) -> pd.DataFrame:
    other = score(labels, {name: elsewhere[name].held_out[PLAIN] for name in both}, n, seed)
    maps, drawn = scored.of(both)
    apart = maps - other.maps
    again = {name: name._replace(repetition=name.repetition + 1) for name in both}
    seeds = [name for name in both if _kind(records.get(again[name])) == _kind(records[name])]
    kinds = [sorted({_kind(of[name]) for name in both}) for of in (records, elsewhere)]
    if len(seeds) < 2 or any(len(each) != 1 for each in kinds):
        return pd.DataFrame()  # nothing to compare it with, or several devices
    seeds_apart = scored.of([again[name] for name in seeds])[0] - scored.of(seeds)[0]
    found = effect_of(estimate(apart, drawn - other.drawn), len(both))
    row = dict(zip([*KIND, *(f"other_{key}" for key in KIND)], (*kinds[0][0], *kinds[1][0]), strict=True))
    row |= found._asdict() | {"apart": apart.std(ddof=1), "seeds_apart": seeds_apart.std(ddof=1)}
    return judged(pd.DataFrame([row]))


def _screening(plan: Plan, scored: Scored) -> dict[str, pd.DataFrame]:
    design = plan.design
    pairs = [tuple(pair.split(":")) for pair in plan.interactions]
    once = range(len(design))
    maps, drawn = pd.Series(scored.maps[once], design.index), pd.DataFrame(scored.drawn[once], design.index)
    found = screen(design.drop(columns="block"), maps, drawn, design["block"], pairs)
    table = found.effects.assign(run_sd=found.run_sd, freedom=found.freedom)
    main = table["kind"] == "main"
    parts = [judged(table[main]), judged(table[~main], BENJAMINI_HOCHBERG)]
    again = pd.Series(scored.maps[len(design) :], design.index[: len(scored.maps) - len(design)])
    return {
        "screening": pd.concat(part for part in parts if len(part)).rename_axis("term").reset_index(),
        "half_normal": half_normal(table).rename_axis("term").reset_index(),
        **({"noise": _noise(maps, again, design["block"], table[main])} if len(again) else {}),
    }


def _noise(maps: pd.Series, again: pd.Series, blocks: pd.Series, effects: pd.DataFrame) -> pd.DataFrame:
    sd, freedom = run_noise(maps, again, blocks)
    halves = [
        Estimate(0.0, 4 * sd**2 / len(maps), freedom, by_recordings**2).interval(LEVEL)[2]
        for by_recordings in effects["of_recordings"]
    ]
    row = {"again": len(again), "run_sd": sd, "freedom": freedom, "fit_sd": effects["run_sd"].iloc[0]}
    row |= {"half": float(np.median(effects["high"] - effects["low"])) / 2, "half_of_noise": float(np.median(halves))}
    return pd.DataFrame([row])
