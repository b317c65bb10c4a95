"""From the records of the bench's runs to its tables: what every trick does, and how far that can be told."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from vpipe_utils.evaluation.tricks import untrained_pairs
from vpipe_utils.evaluation.tricks.effects import BENJAMINI_HOCHBERG, Effect, Scored, a_a, between, effects, score
from vpipe_utils.evaluation.tricks.effects import with_verdicts as judged
from vpipe_utils.evaluation.tricks.plan import Plan, joined
from vpipe_utils.evaluation.tricks.records import PLAIN, RunRecord
from vpipe_utils.evaluation.tricks.screening import half_normal, screen
from vpipe_utils.evaluation.tricks.tuning import chosen_rates, tuning_table
from vpipe_utils.project.paths import RunName

A_A_COMPARISONS = 20


def gather(
    plan: Plan,
    records: Mapping[RunName, RunRecord],
    labels: pd.DataFrame,
    n: int,
    seed: int,
) -> dict[str, pd.DataFrame]:
    """The tables of the bench by name, of those parts whose runs are all recorded; the others are left out.

    ``labels``: of all clips that the records predict. ``n`` draws of recordings. A difference is mAP with a trick minus
    mAP without it, on held-out clips; where its file takes away what the paper adds, the paper's own effect is the
    opposite (`report.tricks.paper_tricks.stand_ins` has the sign).

    - runs: a row a run, its recipe and its mAP on validation and held-out clips;
    - effects: of each trick of the plan on the paper's recipe, corrected by Holm over these claims;
    - tuned: the same where the trick and the paper's recipe each have the learning rate that suits them;
    - tuning: validation mAP of each tuned recipe (rows) at each rate;
    - screening, half_normal: of the factorial; interactions are corrected by Benjamini and Hochberg;
    - untrained: tricks on finished predictions;
    - a_a: the paper's recipe against itself, where the truth is no effect.
    """
    held_out = {name: record.held_out[PLAIN] for name, record in records.items()}
    scored = score(labels, held_out, n, seed)
    tables = {"runs": _runs(scored, records)}
    confirming = _of(scored, [name for name in plan.confirmation({}) if name in records])
    if len(found := effects(confirming, dict.fromkeys(plan.confirmed, 1))):
        tables["effects"] = found.reset_index()
    if plan.tuned:
        tables["tuning"] = tuning_table(plan, records).rename_axis("trick").reset_index()
    if len(tuned := _tuned(plan, scored, records)):
        tables["tuned"] = tuned
    runs = plan.screening()
    if runs and all(name in records for name in runs):
        tables |= _screening(plan, _of(scored, runs))
    plain = [record for name, record in records.items() if _is_plain(plan, name)]
    if untrained_pairs.groups(plain, plan.confirmation_folds):
        rows = untrained_pairs.table(plain, labels, plan.confirmation_folds, n, seed, [plan.model, *plan.members])
        tables["untrained"] = pd.concat([judged(rows.dropna(subset="p")), rows[rows["p"].isna()]], ignore_index=True)
    try:
        same = [record.name for record in plain if record.name.model == plan.model]
        tables["a_a"] = a_a(_of(scored, same), A_A_COMPARISONS, seed)
    except ValueError:  # too few repetitions, as in smoke
        pass
    return tables


def _is_plain(plan: Plan, name: RunName) -> bool:
    return not name.trick and name.repetition < plan.repetitions


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
    rows, chosen = {}, []
    for trick, rate in rates.items():
        arms = joined(trick, rate), joined(rates.get("", ""))
        pairs = [
            tuple(RunName(plan.model, fold, arm, repetition) for arm in arms)
            for repetition in range(plan.confirmation_repetitions)
            for fold in plan.confirmation_folds
        ]
        pairs = [pair for pair in pairs if pair[0] in records and pair[1] in records]
        if trick and len(pairs) > 1:
            rows[trick] = between(scored, pairs)
            chosen.append((rate, rates.get("", "")))
    table = judged(pd.DataFrame(rows.values(), index=pd.Index(rows, name="trick"), columns=Effect._fields))
    return table.reset_index().assign(rate=[r for r, _ in chosen], plain_rate=[r for _, r in chosen])


def _screening(plan: Plan, scored: Scored) -> dict[str, pd.DataFrame]:
    design = plan.design
    pairs = [tuple(pair.split(":")) for pair in plan.interactions]
    maps, drawn = pd.Series(scored.maps, design.index), pd.DataFrame(scored.drawn, design.index)
    found = screen(design.drop(columns="block"), maps, drawn, design["block"], pairs)
    table = found.effects.assign(run_sd=found.run_sd, freedom=found.freedom)
    main = table["kind"] == "main"
    parts = [judged(table[main]), judged(table[~main], BENJAMINI_HOCHBERG)]
    return {
        "screening": pd.concat(part for part in parts if len(part)).rename_axis("term").reset_index(),
        "half_normal": half_normal(table).rename_axis("term").reset_index(),
    }
