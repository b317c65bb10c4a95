"""Parameters of notebook 11."""

from __future__ import annotations

from pydantic import Field

from vpipe_utils.evaluation.params import EnsembleParams


class ReviewParams(EnsembleParams):
    """What predicts which clips; every key has a default, so that no file needs to name it."""

    run: str | None = None  # a preset, the folder of a run or one of `make export`; None: the ensemble of `preset`
    videos: str | None = None  # a folder of new clips or a text file of paths; None: the preset's clips without labels
    review: str | None = None  # name of the review; None: that of the folder or list
    missed: float = Field(default=0.05, gt=0, lt=1)  # share of defects that the list may miss: 0.05 or 0.1
