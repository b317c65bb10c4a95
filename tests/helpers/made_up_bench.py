"""A bench whose runs are made up: what two tricks do is known, the others do nothing."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.evaluation.predictions import as_table
from vpipe_utils.evaluation.tricks.gather import gather
from vpipe_utils.evaluation.tricks.plan import Plan
from vpipe_utils.evaluation.tricks.records import RunRecord
from vpipe_utils.project.parameter_files import read_yaml
from vpipe_utils.project.paths import RunName
from vpipe_utils.project.seeds import derive_seed

COUNT = 160  # held-out clips, and as many that are validated
RNG = np.random.default_rng(5)
LABELS = pd.DataFrame((RNG.random((2 * COUNT, len(CLASSES))) < 0.25).astype(int), columns=CLASSES)
LABELS.insert(0, "video", [f"{k}.mp4" for k in range(2 * COUNT)])
HELD_OUT, VALIDATED = LABELS[:COUNT], LABELS[COUNT:]
# How much clearer or weaker a trick makes what a network says; the rest does nothing.
TRUTH = {"consecutive": -1.2, "heavy_augment": -0.8, "lr_triple": 0.6}


def predicted(labels: pd.DataFrame, strength: float, rng: np.random.Generator, shared: np.ndarray) -> pd.DataFrame:
    targets = labels[list(CLASSES)].to_numpy()
    logits = strength * targets - 1 + shared + 0.5 * rng.standard_normal(targets.shape)
    return as_table(list(labels["video"]), (1 / (1 + np.exp(-logits))).astype(np.float32), CLASSES)


def record(name: RunName) -> RunRecord:
    strength = 2.5 + sum(TRUTH.get(trick, 0) for trick in (name.trick or "").split("+"))
    seed = derive_seed(0, *name)
    rng, common = np.random.default_rng(seed), np.random.default_rng(1)
    of_held_out = predicted(HELD_OUT, strength, rng, common.standard_normal((COUNT, len(CLASSES))))
    mine = VALIDATED.iloc[name.fold :: 5]
    of_fold = predicted(mine, strength, rng, np.zeros((len(mine), len(CLASSES))))
    variants = {"plain": of_held_out, "hflip": of_held_out} if not name.trick else {"plain": of_held_out}
    return RunRecord(name, dict.fromkeys(variants, of_fold), variants, {"val_mAP": strength / 5}, {}, {})


def planned() -> Plan:
    return Plan.from_values(read_yaml("params/bench/plan.yaml"))


@cache  # seconds; nobody changes them
def made_up_tables() -> dict[str, pd.DataFrame]:
    """Those of all runs of the plan; 40 draws."""
    plan = planned()
    rates = {trick: "lr_triple" for trick in ("", *plan.tuned)}
    names = [*plan.screening(), *plan.tuning(), *plan.confirmation(rates)]
    return gather(plan, {name: record(name) for name in names}, LABELS, 40, 3)
