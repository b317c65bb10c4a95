"""Parameters of the ensemble and of scores."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from vpipe_utils.data.params import DataParams
from vpipe_utils.project.parameters import Share


class EnsembleParams(DataParams):
    """Notebooks 06 and 10: which models are averaged, with which weights, and the rule after it."""

    belongs = "params/<preset>/ensemble.yaml"
    layer = "ensemble"

    ensemble_models: list[str] = Field(min_length=1)
    ensemble_weights: list[float] | None
    zc_threshold: float = Share
    bootstrap: int = Field(ge=100)

    @model_validator(mode="after")
    def _weights(self) -> Self:
        if self.ensemble_weights is not None and len(self.ensemble_weights) != len(self.ensemble_models):
            raise ValueError(
                f"{len(self.ensemble_models)} ensemble_models but {len(self.ensemble_weights)} ensemble_weights: "
                "give one weight a model"
            )
        known = [f"{approach}/{model}" for approach, model in self.runs]
        for name in self.ensemble_models:
            if name not in known:
                raise ValueError(
                    f"ensemble_models: '{name}' is not trained here; there are {', '.join(known)}: "
                    "set ensemble_models in params/<preset>/ensemble.yaml"
                )
        return self
