"""Which main code of EN 13508-2 a class of QV-Pipe (CJJ 181) corresponds to. Unreviewed: no inspector has checked it.

The table is `inspection_codes.csv`, written by us from the meanings of both sides: the classes in `data/classes.py`,
and the main codes of EN 13508-2:2003+A1:2011 (fabric BAA to BAP in table 4, operation BBA to BBH after it).
Column `fits` says how near they are: `main code` (the same observation), `near` (an inspector may choose another) or
`none`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

TABLE = Path(__file__).with_name("inspection_codes.csv")
REVIEWED = False  # becomes true when an inspector who knows both standards has gone through the table
WARNING = "proposals of a network, not findings; codes by an unreviewed table of correspondences"


class InspectionCode(NamedTuple):
    """The counterpart of a class."""

    main: str  # three letters
    meaning: str
    fits: str  # 'main code' or 'near'
    remark: str


@cache
def inspection_codes() -> pd.DataFrame:
    """The whole table, also classes without a counterpart (`en_13508_2` is empty)."""
    return pd.read_csv(TABLE, keep_default_na=False)


def counterparts() -> dict[str, InspectionCode]:
    """Class → code, of the classes that have one."""
    rows = inspection_codes().itertuples()
    return {
        row.code: InspectionCode(row.en_13508_2, row.meaning, row.fits, row.remark) for row in rows if row.en_13508_2
    }
