"""From a click on the page of a review to a further trained run, by the two commands of the README alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from browser import browser_tab
from made_up_review import made_up_review
from make_videos import make_video
from projects import copy_project

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.evaluation.predictions import read_predictions
from vpipe_utils.review.page.build import write_page
from vpipe_utils.review.tables import CALIBRATED
from vpipe_utils.storage.tables import read_json, read_table

WAIT = 900  # seconds: a busy machine
NEW = ["c1.mp4", "c2.mp4", "c3.mp4", "c4.mp4"]
EARLIER = {"a1.mp4": "PL", "a2.mp4": "ZC", "a3.mp4": "SG", "a4.mp4": "PL", "a5.mp4": "ZC", "a6.mp4": "SG"}
OWN = {  # the smallest model on one fold for one epoch
    "data.yaml": "preset: own\nextends: smoke\nsource: files\nvideos_dir: {0}/labelled\nannotations: {0}/labels.csv\n"
    "outputs: {0}/outputs\nn_folds: 3\nframe_models: []\nvideo_models: []\nsuper_image_models: [convnext_small]\n",
    "training.yaml": "epochs: 1\nvalidate_every: 1\nbatch_size: 4\n",
    "ensemble.yaml": "ensemble_models: [super_image/convnext_small]\nensemble_weights: [1.0]\n",
}
RUN = "runs/super_image/convnext_small/fold_0"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project with a preset of six labelled clips, and a review of four new ones."""
    for k, name in enumerate(EARLIER):
        make_video(tmp_path / "labelled" / name, 12, first=16 * k)
    table = pd.DataFrame([{"video": name} | dict.fromkeys(CLASSES, 0) | {code: 1} for name, code in EARLIER.items()])
    table.to_csv(tmp_path / "labels.csv", index=False)
    project = copy_project(tmp_path / "project")
    (project / "params" / "own").mkdir()
    for name, text in OWN.items():
        (project / "params" / "own" / name).write_text(text.format(tmp_path))
    made_up_review(tmp_path / "outputs" / "own" / "review" / "week", NEW)
    return project


def call(project: Path, script: str, *words: str) -> str:
    command = [sys.executable, f"workflow/{script}.py", *words]
    environment = {**os.environ, "PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=WAIT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def decide_and_export(review: Path) -> Path:
    """Agree with the first clip, correct the second and the third, leave the fourth: what the page saves."""
    exported = review.parent / "saved" / "corrections.csv"
    with browser_tab() as tab:
        tab.page.goto(write_page(review).as_uri())
        tab.page.keyboard.press("a")
        for right in ("TL", "ZC"):
            tab.page.locator(f"[data-class='{CLASSES.index(right)}'] input").check()
            others = tab.page.locator(f".class-row:not([data-class='{CLASSES.index(right)}']) input:checked")
            while others.count():
                others.first.uncheck()
            tab.page.keyboard.press("j")
        tab.page.keyboard.press("x")
        with tab.page.expect_download() as download:
            tab.page.click("#save-labels")
        download.value.save_as(exported)
        assert tab.errors == [] and tab.requests == []
    return exported


@pytest.mark.slow
@pytest.mark.whole
def test_decisions_on_the_page_train_a_further_run(project: Path, tmp_path: Path) -> None:
    review = tmp_path / "outputs" / "own" / "review" / "week"
    exported = decide_and_export(review)
    # make corrections PRESET=own REVIEW=… CSV=…, then make report PRESET=own_next
    words = ("--preset", "own", "--review", str(review), "--csv", str(exported), "--next", "")
    said = call(project, "corrections", *words)
    assert "make report PRESET=own_next" in said.splitlines()[-1]
    root = tmp_path / "outputs" / "own_next"
    call(project, "run", "--preset", "own_next", "--jobs", "1", "--", str(root / RUN / "test_predictions.parquet"))

    proposed = read_predictions(review / CALIBRATED, CLASSES).set_index("video").loc[NEW[0]]
    agreed = {code for code in CLASSES if proposed[code] >= 0.5}
    decided = {NEW[0]: agreed, NEW[1]: {"TL"}, NEW[2]: {"ZC"}}
    assert agreed and read_json(root / RUN / "metrics.json")["epochs"] == 1
    labels = read_table(root / "data" / "labels.parquet").set_index("video")
    trained = {name: {code for code in CLASSES if row[code]} for name, row in labels.iterrows()}
    assert trained == {name: {code} for name, code in EARLIER.items()} | decided
    folds = read_table(root / "data" / "folds.parquet").set_index("video")["fold"]
    validated = set(read_predictions(root / RUN / "val_predictions.parquet", CLASSES)["video"])
    assert validated == set(folds.index[folds == 0]) and set(folds.index) == set(trained)
    assert set(read_predictions(root / RUN / "test_predictions.parquet", CLASSES)["video"]) == {NEW[3]}
