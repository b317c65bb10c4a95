"""The evidence of a review: which classes of which clips are explained, and by which network of an ensemble."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vpipe_utils.evaluation.predictions import read_predictions
from vpipe_utils.learning.fold_run import finished_run
from vpipe_utils.review.evidence.clips import explaining, write_evidence
from vpipe_utils.review.predicting.trained import Trained
from vpipe_utils.review.tables import CALIBRATED, CLIPS, EVIDENCE, REVIEW, read_review_table
from vpipe_utils.storage.tables import read_json


def explain_review(trained: Trained, folder: Path, progress: bool = True, workers: int = 1) -> list[str]:
    """Write evidence.parquet and pictures/ for every class that a review proposes; gives what could not be shown.

    Without a network that evidence can be had of, as with a Video Swin alone, there is no evidence, and a sentence.
    """
    calibrated = read_predictions(folder / CALIBRATED, trained.classes)
    threshold = read_json(folder / REVIEW)["threshold"]
    above = calibrated.set_index("video").ge(pd.Series(threshold), axis="columns")
    shown = {name: [code for code in trained.classes if row[code]] for name, row in above.iterrows()}
    try:
        explainer = explaining([
            (*finished_run(run), member.weight) for member in trained.members for run in member.runs[:1]
        ])  # fmt: skip
    except ValueError as error:
        (folder / EVIDENCE).unlink(missing_ok=True)
        return [str(error)]
    return write_evidence(explainer, read_review_table(folder, CLIPS), calibrated, folder, shown, progress, workers)
