"""The table of correspondences: every class once, codes of the standard's form, marked as unreviewed."""

from __future__ import annotations

import re

from vpipe_utils.data.classes import CLASS_NAMES, CLASSES
from vpipe_utils.review.exports.inspection_codes import REVIEWED, counterparts, inspection_codes


def test_every_class_has_a_row_and_a_code_or_a_reason() -> None:
    table = inspection_codes().set_index("code")
    assert table.index.tolist() == list(CLASSES) and table["english"].to_dict() == CLASS_NAMES
    for code, row in table.iterrows():
        if row["en_13508_2"]:
            assert re.fullmatch(r"B[AB][A-P]", row["en_13508_2"]) and row["meaning"], code
            assert row["fits"] in ("main code", "near")
        else:
            assert row["fits"] == "none" and row["remark"], code


def test_codes_that_are_named_in_the_standard() -> None:
    codes = {code: each.main for code, each in counterparts().items()}
    known = {"PL": "BAB", "CJ": "BBC", "SG": "BBA", "FS": "BAF", "SL": "BBF", "CK": "BAJ", "BX": "BAA", "JG": "BBB"}
    assert known.items() <= codes.items() and not {"ZC", "QF", "FZ"} & set(codes)
    assert not REVIEWED
