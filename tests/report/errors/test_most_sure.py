"""The most confident errors: of both kinds, each clip once, each class once within a kind."""

from __future__ import annotations

import pandas as pd

from vpipe_utils.report.errors.most_sure import error_lines, most_sure_errors

VIDEOS = ["<b>a</b>.mp4", "b.mp4", "c.mp4", "d.mp4"]
TRUTH = pd.DataFrame({"PL": [0, 0, 1, 1], "CJ": [0, 1, 0, 0]}, index=VIDEOS)
SAID = pd.DataFrame({"PL": [0.99, 0.98, 0.6, 0.05], "CJ": [0.97, 0.4, 0.7, 0.1]}, index=VIDEOS)


def test_the_surest_come_first_and_nothing_twice() -> None:
    errors = most_sure_errors(TRUTH, SAID.loc[VIDEOS[::-1]])
    assert errors.to_numpy().tolist() == [
        ["<b>a</b>.mp4", "PL", 0.99, "false alarm"],  # its CJ with 0.97 is the same clip, b's PL the same class
        ["c.mp4", "CJ", 0.7, "false alarm"],
        ["d.mp4", "PL", 0.05, "missed"],
        ["b.mp4", "CJ", 0.4, "missed"],
    ]
    assert len(most_sure_errors(TRUTH, SAID, each=1)) == 2


def test_lines_hold_names_as_text() -> None:
    lines = error_lines(most_sure_errors(TRUTH, SAID), TRUTH).splitlines()
    assert lines[0].startswith("- **false alarm**: PL with 0.99 in &#60;b&#62;a") and lines[0].endswith("with no class")
    assert lines[3] == "- **missed**: CJ with 0.40 in b.mp4, labelled CJ"


def test_no_error() -> None:
    none = most_sure_errors(TRUTH.iloc[:0], SAID)
    assert none.empty and "no error" in error_lines(none, TRUTH)
