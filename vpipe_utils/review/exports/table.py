"""Proposals with time codes as a table that spreadsheets open: proposals.csv."""

from __future__ import annotations

from pathlib import Path

from vpipe_utils.data.classes import are_official
from vpipe_utils.review.exports.inspection_codes import counterparts
from vpipe_utils.review.exports.time_codes import time_code
from vpipe_utils.review.proposals import Review, proposals
from vpipe_utils.storage.files import atomic_path

NAME = "proposals.csv"
ENDS_A_FORMULA = "'"  # before a name that a spreadsheet would compute (=1+1.mp4): shown as text, as Excel does


def write_table_of_proposals(review: Review, folder: Path) -> Path:
    """One row a proposed class of a clip, by rank: clip, class, probability, when it shows most, first, last.

    UTF-8 with a mark at its start, which Excel needs. Times are empty where no evidence was looked for.
    """
    table = proposals(review)
    # own classes may have the same letters and mean something else
    codes = {code: each.main for code, each in counterparts().items()} if are_official(review.classes) else {}
    paths = review.clips.drop_duplicates("video").set_index("video")["path"]
    shown = table.assign(
        video=table["video"].map(as_cell),
        path=table["video"].map(paths).map(as_cell),
        probability=table["probability"].map("{:.4f}".format),
        time_code=table["second"].map(time_code),
        first=table["first_s"].map(time_code),
        last=table["last_s"].map(time_code),
        en_13508_2_unreviewed=table["class"].map(lambda code: codes.get(code, "")),
    )
    shown["class"], shown["name"] = shown["class"].map(as_cell), shown["name"].map(as_cell)
    columns = ["rank", "video", "class", "name", "probability", "time_code", "first", "last", "frame"]
    with atomic_path(folder / NAME) as part:
        shown[[*columns, "en_13508_2_unreviewed", "path"]].to_csv(part, index=False, encoding="utf-8-sig")
    return folder / NAME


def as_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return ENDS_A_FORMULA + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
