"""Order of errors and filters of the browser, on a table that can be checked by eye."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from labelled_clips import CLASSES, WILD, labelled_clips
from made_up_review import EVIL

from vpipe_utils.report.errors.most_sure import most_sure_errors
from vpipe_utils.review.browser.clips import Clips, gather, listed


@pytest.fixture
def clips() -> Clips:
    return gather(**labelled_clips())


def seen(clips: Clips, *arguments: str, **more: str) -> list[tuple[str, str, float, str]]:
    return [(row.video, row.code, row.probability, row.kind) for row in listed(clips, *arguments, **more)]


def test_most_confident_errors_come_first_of_both_kinds(clips: Clips) -> None:
    assert seen(clips, "good") == [
        ("b.avi", "A&B<i>", 0.02, "missed"),
        (EVIL, "CR", 0.95, "false alarm"),
        ("c.mp4", "A&B<i>", 0.49, "no error"),
        ("a_1.mp4", "A&B<i>", 0.20, "no error"),
    ]
    assert [row[0] for row in seen(clips, WILD)] == ["c.mp4", "a_1.mp4", "b.avi", EVIL], "another model, another order"


def test_the_first_is_the_one_that_the_report_shows(clips: Clips) -> None:
    """`most_sure_errors` of notebook 10 begins each kind with the same clip."""
    tables = labelled_clips()
    truth, said = (table.set_index("video") for table in (tables["labels"], tables["predictions"]["good"]))
    shown = most_sure_errors(truth, said, each=1)
    for row in shown.to_dict("records"):
        assert seen(clips, "good", kind=row["kind"])[0] == (row["video"], row["class"], row["probability"], row["kind"])


def test_a_kind_of_error_alone(clips: Clips) -> None:
    assert seen(clips, "good", kind="missed") == [("b.avi", "A&B<i>", 0.02, "missed")]
    assert seen(clips, "good", kind="false alarm") == [
        (EVIL, "CR", 0.95, "false alarm"),
        ("b.avi", "OK", 0.60, "false alarm"),
    ], "a clip with both stands in both lists"
    assert [row[0] for row in seen(clips, "good", kind="no error")] == ["c.mp4", "a_1.mp4"]


def test_a_class_lists_the_clips_that_have_it_or_are_said_to(clips: Clips) -> None:
    assert seen(clips, "good", "CR") == [
        (EVIL, "CR", 0.95, "false alarm"),
        ("b.avi", "CR", 0.45, "missed"),
        ("a_1.mp4", "CR", 0.90, "no error"),
    ]
    assert seen(clips, "good", "CR", "missed") == [("b.avi", "CR", 0.45, "missed")]
    assert seen(clips, "good", "CR", "no error") == [("a_1.mp4", "CR", 0.90, "no error")]
    assert seen(clips, "good", "OK", "missed") == []


def test_without_a_model_labels_filter(clips: Clips) -> None:
    rows = listed(clips)
    assert [row.video for row in rows] == ["a_1.mp4", EVIL, "b.avi", "c.mp4"] and {row.kind for row in rows} == {""}
    assert [row.video for row in listed(clips, code="CR")] == ["a_1.mp4", "b.avi"]


def test_search_by_parts_of_the_name(clips: Clips) -> None:
    assert [row.video for row in listed(clips, words="MP4  img")] == [EVIL]
    assert [row.video for row in listed(clips, "good", words=".mp4")] == [EVIL, "c.mp4", "a_1.mp4"]
    assert listed(clips, words="none such") == []


def test_tables_are_matched_by_name_and_clips_without_a_judgement_left_out() -> None:
    tables = labelled_clips()
    tables["videos"] = tables["videos"].iloc[[2, 0]]
    good = tables["predictions"]["good"]
    tables["predictions"] = {
        "good": good[::-1][["CR", "video", "OK", "A&B<i>"]],
        "part": good.iloc[:1],
        "others": good.assign(video="z" + good["video"]),
    }
    clips = gather(**tables)
    assert clips.classes == CLASSES and clips.models["good"][0].tolist() == [0.10, 0.90, 0.20]
    assert [row.video for row in listed(clips, "part")] == ["a_1.mp4"] and listed(clips, "others") == []
    assert clips.facts.loc["b.avi", "codec"] == "mpeg4" and pd.isna(clips.facts.loc["c.mp4", "path"])
    tables["predictions"] = {"part": good.iloc[1:3]}
    assert list(gather(**tables).facts.index) == [EVIL, "b.avi"]


def test_a_model_without_a_class_is_refused() -> None:
    tables = labelled_clips()
    tables["predictions"]["good"] = tables["predictions"]["good"].drop(columns="CR")
    with pytest.raises(KeyError, match="CR"):
        gather(**tables)


def test_many_clips_are_listed_fast() -> None:
    """As many as QV-Pipe has; a filter must answer at once."""
    random, n = np.random.default_rng(0), 9601
    there, values = random.random((n, 17)) < 0.1, random.random((n, 17))
    facts = pd.DataFrame(index=pd.Index([f"{k}.mp4" for k in range(n)], name="video"))
    clips = Clips(facts, [f"c{k}" for k in range(17)], {}, there, {"m": values})
    rows = listed(clips, "m")
    size = [1 - row.probability if there[row.place, int(row.code[1:])] else row.probability for row in rows]
    assert len(rows) == n and size == sorted(size, reverse=True)
    best = np.where(there, 1 - values, values).max(axis=1)
    assert size[0] == best.max() and size[-1] == best.min()
