"""Writes every export of a review to exports/ in its folder: a table, Label Studio, and a draft after EN 13508-2."""

from __future__ import annotations

from pathlib import Path

from vpipe_utils.review.exports.isybau import write_isybau
from vpipe_utils.review.exports.label_studio import write_label_studio
from vpipe_utils.review.exports.table import write_table_of_proposals
from vpipe_utils.review.proposals import read_review
from vpipe_utils.storage.files import make_folder

EXPORTS = "exports"


def write_exports(folder: str | Path) -> list[Path]:
    """Write all exports of the review in ``folder``; returns their paths. Errors: those of `read_review`."""
    review = read_review(folder)
    where = make_folder(review.folder / EXPORTS)
    written = [write_table_of_proposals(review, where), *write_label_studio(review, where), write_isybau(review, where)]
    return [path for path in written if path is not None]
