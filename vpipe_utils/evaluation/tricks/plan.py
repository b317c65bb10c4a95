"""What is run and how it is judged, written down before any run: `params/bench/plan.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import pandas as pd
from pydantic import Field, model_validator

from vpipe_utils.evaluation.tricks.design import screening_design
from vpipe_utils.project.parameter_files import read_yaml, trick_files
from vpipe_utils.project.parameters import Count, NotNegative, Parameters
from vpipe_utils.project.paths import TRICKS, RunName


class Plan(Parameters):
    """Which tricks of which model are compared with which runs. Meaning of each: the comments in plan.yaml."""

    belongs = "params/<preset>/plan.yaml"

    model: str

    screening_first: list[str]
    screening_second: list[str]
    screening_other: str | None
    screening_folds: list[int] = Field(max_length=4)
    screening_again: int = NotNegative
    interactions: list[str]

    confirmed: list[str]
    confirmation_folds: list[int] = Field(min_length=1)
    confirmation_repetitions: int = Count
    a_a_repetitions: int = Count

    members: list[str]

    tuned: list[str]
    tuning_rates: list[str]
    tuning_folds: list[int]
    tuning_repetition: int = Count

    @model_validator(mode="after")
    def _possible(self) -> Self:
        screened = self.design.columns.drop("block")
        for trick in (*screened, *self.confirmed, *self.tuned, *self.tuning_rates):
            trick_files(trick)
        for pair in self.interactions:
            one, _, other = pair.partition(":")
            if not {one, other} <= set(screened):
                raise ValueError(f"interactions: '{pair}' is no pair of screened tricks, as in no_ema:constant_lr")
            if (one in self.screening_first) == (other in self.screening_first) or self.screening_other in (one, other):
                raise ValueError(f"interactions: put the tricks of '{pair}' in different groups, or it cannot be seen")
        for trick in self.tuned:
            for rate in self.tuning_rates:
                trick_files(joined(trick, rate))
        if self.screening_again and not 4 < self.screening_again <= len(self.design):
            raise ValueError(
                f"screening_again is {self.screening_again}: take 0, or more than the 4 blocks and at most all "
                f"{len(self.design)} runs of the screening"
            )
        compared = max(self.repetitions, 2 if self.screening_again else 1)
        if self.tuning_repetition < compared:
            raise ValueError(
                f"tuning_repetition {self.tuning_repetition} is one of confirmation's or screening's: rates must be "
                f"chosen on other runs than those that are compared; take {compared} or more"
            )
        return self

    @property
    def repetitions(self) -> int:
        """Runs a fold of the paper's recipe."""
        return max(self.confirmation_repetitions, self.a_a_repetitions)

    @property
    def design(self) -> pd.DataFrame:
        """`screening_design` of this plan; without runs where it screens nothing."""
        if not self.screening_folds:
            return pd.DataFrame({"block": pd.Series(dtype=int)})
        if len(self.screening_folds) != 4:
            raise ValueError(f"screening_folds are {self.screening_folds}: name four, or none to screen nothing")
        return screening_design(self.screening_first, self.screening_second, self.screening_other or "")

    def screening(self) -> list[RunName]:
        """The runs of the factorial, in the order of `screening_design`: a block is a fold. Behind them the first
        `screening_again` of them, once more."""
        tricks = self.design.columns.drop("block")
        runs = [
            RunName(self.model, self.screening_folds[row["block"]], joined(*tricks[row[tricks] > 0]))
            for _, row in self.design.iterrows()
        ]
        return [*runs, *(run._replace(repetition=1) for run in runs[: self.screening_again])]

    def tuning(self) -> list[RunName]:
        """The runs by which each recipe of `tuned`, and the paper's, gets its own learning rate."""
        return [
            RunName(self.model, fold, joined(trick, rate), self.tuning_repetition)
            for trick in (["", *self.tuned] if self.tuned else [])
            for rate in ("", *self.tuning_rates)
            for fold in self.tuning_folds
        ]

    def confirmation(self, rates: Mapping[str, str]) -> list[RunName]:
        """The paper's recipe and each trick of `confirmed` on it, paired by fold and repetition, and the members; then
        more runs of the paper's recipe, to compare it with itself.

        ``rates``: trick of `tuned`, "" for the paper's recipe, -> the rate that tuning chose for it, "" for the one it
        has; these recipes run as well.
        """
        arms = ["", *self.confirmed, *(joined(trick, rate) or "" for trick, rate in rates.items())]
        recipes = [(self.model, arm or None) for arm in dict.fromkeys(arms)] + [(model, None) for model in self.members]
        paired, all_of_plain = range(self.confirmation_repetitions), range(self.repetitions)
        plans = [(recipe, repetition) for repetition in paired for recipe in recipes]
        plans += [(recipes[0], repetition) for repetition in all_of_plain[len(paired) :]]
        return [
            RunName(model, fold, arm, repetition)
            for (model, arm), repetition in plans
            for fold in self.confirmation_folds
        ]


def read_plan(preset: str) -> Plan:
    """The plan of a preset. Raises FileNotFoundError where it has none and ValueError for one that cannot be run."""
    file = f"params/{preset}/plan.yaml"
    return Plan.from_values(read_yaml(file), file)


def joined(*tricks: str) -> str | None:
    """The name of several tricks laid on a model together; None for none, which is the model's own recipe."""
    return TRICKS.join(sorted(trick for trick in tricks if trick)) or None
