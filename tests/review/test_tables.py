"""Tables of a review: columns as declared, in order, and a sentence for others."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from vpipe_utils.review.tables import COLUMNS, QUEUE, read_review_table, write_review_table

ROW = {"video": "a.mp4", "rank": 1, "watch": True, "need": 0.5, "drift": 0.1, "why": "PL may show"}


def test_columns_come_back_in_order_and_of_their_types(tmp_path: Path) -> None:
    write_review_table(pd.DataFrame([dict(reversed(ROW.items()))]), tmp_path, QUEUE)
    table = read_review_table(tmp_path, QUEUE)
    assert list(table.columns) == list(COLUMNS[QUEUE])
    assert table.iloc[0].to_dict() == ROW


@pytest.mark.parametrize("change", [{"strange": 1}, {"rank": None}])
def test_other_columns_are_refused(change: dict, tmp_path: Path) -> None:
    row = {key: value for key, value in (ROW | change).items() if value is not None}
    with pytest.raises(ValueError, match=f"queue.parquet: columns differ .* '{next(iter(change))}'"):
        write_review_table(pd.DataFrame([row]), tmp_path, QUEUE)
    assert not list(tmp_path.iterdir())


def test_an_empty_table_is_one(tmp_path: Path) -> None:
    for name in COLUMNS:
        write_review_table(pd.DataFrame(columns=list(COLUMNS[name])), tmp_path, name)
        assert len(read_review_table(tmp_path, name)) == 0
