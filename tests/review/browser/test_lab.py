"""A person gets a browser, everybody else a sentence: the switch, and what runs set it to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from IPython.display import Markdown
from labelled_clips import labelled_clips

from vpipe_utils.review.browser import pictures
from vpipe_utils.review.browser.lab import LAB, browse_clips

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "workflow"))

from job import job_environment  # noqa: E402


@pytest.mark.parametrize("value", [None, "", "0", "yes"])
def test_where_no_person_runs_it_a_sentence_stands(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LAB, raising=False)
    if value is not None:
        monkeypatch.setenv(LAB, value)
    monkeypatch.setattr(pictures.video, "read_frames", lambda *_: pytest.fail("nothing is read"))
    shown = browse_clips(**labelled_clips(), model="good")
    assert isinstance(shown, Markdown)
    assert "opened by `make lab`, you can look through 4 clips here, the most confident errors first." in shown.data
    assert len(shown.data) < 300
    of_labels = browse_clips(**labelled_clips() | {"predictions": None})
    assert "look through 4 clips here. In another Jupyter set `%env VPIPE_LAB=1`" in of_labels.data


def test_in_the_lab_a_browser_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LAB, "1")
    assert type(browse_clips(**labelled_clips(), model="good")).__name__ == "ClipBrowser"


def test_a_model_without_predictions_is_named() -> None:
    with pytest.raises(ValueError, match="no predictions of 'best', only of good, m<img"):
        browse_clips(**labelled_clips(), model="best")


def test_make_lab_turns_it_on_and_the_workflow_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where `make report` is typed in JupyterLab's own terminal."""
    said = subprocess.run(["make", "-n", "lab"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"{LAB}=1 " in said
    monkeypatch.setenv(LAB, "1")
    assert job_environment(1, "outputs/x")[LAB] == "0"


def test_without_a_person_no_widgets_are_loaded() -> None:
    code = "import sys, vpipe_utils.review.browser.lab; print('ipywidgets' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
