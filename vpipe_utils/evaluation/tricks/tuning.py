"""The learning rate that each recipe would choose for itself, by validation, on runs that are compared with nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from vpipe_utils.evaluation.tricks.plan import Plan, joined
from vpipe_utils.evaluation.tricks.records import RunRecord
from vpipe_utils.project.paths import RunName


def tuning_table(plan: Plan, records: Mapping[RunName, RunRecord]) -> pd.DataFrame:
    """Mean validation mAP of each recipe that is tuned (rows, "" is the paper's) at each rate (columns, "" is its own).

    NaN where a run has no record yet.
    """
    rows = {}
    for trick in ["", *plan.tuned] if plan.tuned else []:
        rows[trick] = {}
        for rate in ("", *plan.tuning_rates):
            names = [RunName(plan.model, k, joined(trick, rate), plan.tuning_repetition) for k in plan.tuning_folds]
            known = [records[name].figures["val_mAP"] for name in names if name in records]
            rows[trick][rate] = float(np.mean(known)) if len(known) == len(names) else np.nan
    return pd.DataFrame.from_dict(rows, orient="index")


def chosen_rates(plan: Plan, records: Mapping[RunName, RunRecord]) -> dict[str, str]:
    """Each tuned recipe's best rate, "" where that is its own; without recipes whose runs are not all done."""
    table = tuning_table(plan, records).dropna()
    return {str(trick): str(row.idxmax()) for trick, row in table.iterrows()}
