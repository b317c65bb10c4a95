"""Corrections join the labels there were: a decision wins, nothing is overwritten, names that clash are said."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from browser import browser_tab
from made_up_review import made_up_review
from make_videos import make_video
from projects import copy_project

from vpipe_utils.data.annotations import read_annotations
from vpipe_utils.data.classes import CLASSES
from vpipe_utils.project.parameter_files import read_yaml
from vpipe_utils.review.page.build import write_page

NEW = ["<img src=x onerror=alert(1)>.mp4", "50% #2?.mp4", "c.mp4"]
OWN = """\
preset: own
extends: smoke
source: files
videos_dir: {folder}/labelled
annotations: {folder}/labels.csv
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project with a preset of two labelled clips, and a review of three new ones beside it."""
    for name in ("a.mp4", "b.mp4"):
        make_video(tmp_path / "labelled" / name, 12)
    (tmp_path / "labels.csv").write_text(csv({"a.mp4": ["PL"], "b.mp4": ["ZC"]}))
    project = copy_project(tmp_path / "project")
    (project / "params" / "own").mkdir()
    (project / "params" / "own" / "data.yaml").write_text(OWN.format(folder=tmp_path))
    made_up_review(tmp_path / "week", NEW)
    return project


def csv(labels: dict[str, list[str]]) -> str:
    rows = [{"video": video} | {code: int(code in codes) for code in CLASSES} for video, codes in labels.items()]
    return pd.DataFrame(rows).to_csv(index=False)


def call(project: Path, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, f"workflow/{script}.py", *words]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)


def corrections(project: Path, file: Path, *words: str) -> subprocess.CompletedProcess[str]:
    review = str(project.parent / "week")
    return call(project, "corrections", "--preset", "own", "--review", review, "--csv", str(file), *words)


def test_what_the_page_exports_is_prepared_for_training(project: Path) -> None:
    """From the page's keys to the tiles of the next preset, with no step by hand."""
    exported = project.parent / "week_corrections.csv"
    index = write_page(project.parent / "week")
    with browser_tab() as tab:
        tab.page.goto(index.as_uri())
        tab.page.keyboard.press("a")
        tab.page.locator("[data-class='16'] input").check()  # of the second clip
        tab.page.keyboard.press("x")
        with tab.page.expect_download() as download:
            tab.page.click("#save-labels")
        download.value.save_as(exported)
        assert "make corrections PRESET=own" in tab.page.locator("#recipe").inner_text()
    done = corrections(project, exported)
    assert done.returncode == 0 and "2 clips from the review (0 had other labels before), 2 from before" in done.stdout
    values = read_yaml(project / "params" / "own_next" / "data.yaml")
    labels = read_annotations(values["annotations"]).set_index("video")
    assert set(labels.index) == {"a.mp4", "b.mp4", *NEW[:2]} and labels.loc[NEW[1], "TL"] == 1
    assert (project.parent / "labels.csv").read_text() == csv({"a.mp4": ["PL"], "b.mp4": ["ZC"]}), "never written to"
    done = call(project, "prepare", "--preset", "own_next", "--part", "1/1")
    assert done.returncode == 0, done.stderr
    assert "5 of 6 videos can be read" in done.stdout, "the third new clip is there to be predicted"


def test_a_decision_wins_and_the_same_command_may_run_again(project: Path) -> None:
    shutil.copy(project.parent / "labelled" / "a.mp4", project.parent / "new clips" / "d.mp4")
    file = project.parent / "c.csv"
    file.write_text(csv({NEW[0]: ["CJ"], "a.mp4": ["SG"]}))
    for _ in range(2):
        done = corrections(project, file)
        assert "(1 had other labels before), 1 from before" in done.stdout, done.stderr
    labels = read_annotations(read_yaml(project / "params" / "own_next" / "data.yaml")["annotations"])
    assert labels.set_index("video").loc["a.mp4", ["PL", "SG"]].tolist() == [0, 1]


def test_what_cannot_be_joined_is_said(project: Path) -> None:
    file = project.parent / "c.csv"
    file.write_text(csv({"strange.mp4": ["CJ"]}))
    assert "'strange.mp4' is no clip of" in corrections(project, file).stderr
    file.write_text(csv({NEW[0]: ["CJ"]}))
    said = corrections(project, file, "--next", "own").stderr
    assert "is a preset of your own: take another name" in said
    assert "there is no such file" in corrections(project, project.parent / "none.csv").stderr
    make_video(project.parent / "labelled" / "c.mp4", 12)
    assert "have one name: rename one of them" in corrections(project, file).stderr
