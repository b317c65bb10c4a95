"""Every export, read back: nothing lost, nothing invented, odd names whole."""

from __future__ import annotations

import json
import math
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pandas as pd
import pytest
from made_up_review import EVIL, ODD, made_up_review

from vpipe_utils.review.exports.inspection_codes import counterparts
from vpipe_utils.review.exports.isybau import NAME as DRAFT
from vpipe_utils.review.exports.isybau import NAMESPACE
from vpipe_utils.review.exports.label_studio import LOCAL, SET_UP, TASKS
from vpipe_utils.review.exports.table import NAME as TABLE
from vpipe_utils.review.exports.write import write_exports
from vpipe_utils.review.proposals import Review, proposals, read_review


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory) -> Review:
    folder = made_up_review(tmp_path_factory.mktemp("own") / "week", videos=False)
    assert [path.name for path in write_exports(folder)] == [TABLE, TASKS, SET_UP, DRAFT]
    return read_review(folder)


def read(review: Review, name: str) -> Path:
    return review.folder / "exports" / name


def test_the_table_has_every_proposal_with_its_times(review: Review) -> None:
    table, wanted = pd.read_csv(read(review, TABLE), keep_default_na=False), proposals(review)
    assert table["video"].tolist() == wanted["video"].tolist() and EVIL in set(table["video"])
    assert table["class"].tolist() == wanted["class"].tolist()
    assert table["probability"].tolist() == pytest.approx(wanted["probability"].tolist(), abs=1e-4)
    seconds = [60 * int(text[3:5]) + float(text[6:]) for text in table["time_code"]]
    assert seconds == pytest.approx(wanted["second"].tolist(), abs=1e-3)
    assert read(review, TABLE).read_bytes().startswith(b"\xef\xbb\xbf")


def test_no_name_becomes_a_formula(tmp_path: Path) -> None:
    folder = made_up_review(tmp_path / "r", ["=1+1.mp4", "@x.mp4"], videos=False)
    write_exports(folder)
    assert set(pd.read_csv(folder / "exports" / TABLE)["video"]) <= {"'=1+1.mp4", "'@x.mp4"}
    names = [task["data"]["name"] for task in json.loads((folder / "exports" / TASKS).read_text())]
    assert names == ["=1+1.mp4", "@x.mp4"], "only spreadsheets compute"


def test_label_studio_takes_the_tasks_with_the_set_up(review: Review) -> None:
    """The rules of labelstud.io/guide/predictions and /tags/timelinelabels, checked against the set-up beside them."""
    tasks = json.loads(read(review, TASKS).read_text(encoding="utf-8"))
    view = ElementTree.parse(read(review, SET_UP)).getroot()
    video = view.find("Video")
    values = {tag: {one.get("value") for one in view.find(tag)} for tag in ("Choices", "TimelineLabels")}
    names = {view.find(tag).get("name"): tag for tag in values}
    kinds = {"Choices": "choices", "TimelineLabels": "timelinelabels"}
    assert view.tag == "View" and {view.find(tag).get("toName") for tag in values} == {video.get("name")}
    assert len(tasks) == len(review.calibrated)
    seen, clips = [], review.clips.set_index("video")
    for task in tasks:
        assert set(task) == {"data", "predictions"} and video.get("value")[1:] in task["data"]
        path = clips.loc[task["data"]["name"], "path"]
        assert "/" + unquote(task["data"]["video"].removeprefix(LOCAL)) == path
        assert "?" not in task["data"]["video"].removeprefix(LOCAL) and "#" not in task["data"]["video"]
        [prediction] = task["predictions"]
        identities = [result["id"] for result in prediction["result"]]
        assert len(set(identities)) == len(identities)
        for result in prediction["result"]:
            tag = names[result["from_name"]]
            assert result["type"] == kinds[tag] and result["to_name"] == video.get("name")
            assert set(result["value"][result["type"]]) <= values[tag]
            if result["type"] == "timelinelabels":
                [span], [code] = result["value"]["ranges"], result["value"]["timelinelabels"]
                assert 1 <= span["start"] <= span["end"] <= 40
                seen.append((task["data"]["name"], code, span["start"]))
    wanted = [(one.video, math.floor(one.first_s * 10 + 1e-6) + 1) for one in proposals(review).itertuples()]
    assert sorted((name, start) for name, _, start in seen) == sorted((name, max(1, start)) for name, start in wanted)


def test_without_evidence_there_is_no_line_of_time(tmp_path: Path) -> None:
    folder = made_up_review(tmp_path / "r", ["a.mp4", "b.mp4"], videos=False, evidence=False)
    write_exports(folder)
    tasks = json.loads((folder / "exports" / TASKS).read_text())
    assert {one["type"] for task in tasks for one in task["predictions"][0]["result"]} == {"choices"}
    table = pd.read_csv(folder / "exports" / TABLE)
    assert table[["time_code", "first", "last", "frame"]].isna().all(axis=None)
    assert b"Timecode" not in (folder / "exports" / DRAFT).read_bytes()


def test_the_draft_has_codes_and_times_and_nothing_that_nobody_knows(review: Review) -> None:
    root = ElementTree.parse(read(review, DRAFT)).getroot()
    inside = {"i": NAMESPACE}
    wanted = proposals(review)
    wanted = wanted[wanted["class"].isin(counterparts())]
    states = root.findall(".//i:RZustand", inside)
    codes = [state.findtext("i:InspektionsKode", None, inside) for state in states]
    assert sorted(codes) == sorted(counterparts()[code].main for code in wanted["class"])
    assert {child.tag.partition("}")[2] for state in states for child in state} == {
        "Index", "Timecode", "InspektionsKode", "Kommentar",
    }  # fmt: skip
    text = read(review, DRAFT).read_text(encoding="utf-8")
    for invented in ("Station", "Position", "Charakterisierung", "Quantifizierung", "Klassifizierung", "Knoten"):
        assert invented not in text
    assert "unreviewed" in root.findtext(".//i:Datenkollektive/i:Kommentar", None, inside)
    films = {film.text for film in root.findall(".//i:Film/i:Filmname", inside)}
    assert films == set(wanted["video"]) <= set(ODD)


def test_own_classes_have_no_draft(tmp_path: Path) -> None:
    folder = made_up_review(tmp_path / "r", ["a.mp4", "b.mp4"], videos=False, classes=["FS", '<roots> & "co"'])
    assert DRAFT not in [path.name for path in write_exports(folder)], "their FS need not be corrosion"
    view = ElementTree.parse(folder / "exports" / SET_UP).getroot()
    assert [one.get("value") for one in view.find("Choices")] == ["FS", '<roots> & "co"']
    assert (pd.read_csv(folder / "exports" / TABLE, keep_default_na=False)["en_13508_2_unreviewed"] == "").all()
