"""The whole report at smoke scale, in a folder of its own: by the workflow, then notebook by notebook with nbval."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from colour_alone import out_of_fold_score

from vpipe_utils.learning import fold_run

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RUN = [sys.executable, "workflow/run.py", "--preset", "smoke", "--jobs", "2", "--outputs"]
pytestmark = pytest.mark.whole


def run(outputs: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*RUN, str(outputs)], cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def marked_processes(root: Path) -> list[int]:
    """Living processes of jobs of this run (see workflow/job.py)."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"VPIPE_RUN={root.resolve()}".encode() in file.read_bytes().split(b"\0"):
                found.append(int(file.parent.name))
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def first_run(outputs) -> str:
    """What the workflow says when it goes from a killed start to the finished site."""
    started = subprocess.Popen(
        [*RUN, str(outputs)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 90
    while not (outputs / "smoke" / "logs" / "01_data_preparation.ipynb").exists():
        assert time.monotonic() < deadline and started.poll() is None, "the first notebook never started"
        time.sleep(0.2)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    return run(outputs).stderr


def test_the_workflow_finishes_after_a_kill(first_run, outputs):
    assert re.search(r"All 23 jobs done", first_run), first_run
    assert (outputs / "smoke" / "report" / "index.html").is_file()
    assert not marked_processes(outputs / "smoke")


def test_colour_alone_tells_little_of_the_clips(first_run, outputs):
    """PipeSim without shortcuts: 200 clips, each predicted without a network by what was fitted to others.

    Version 3, which had them, reached 2.3 times chance in this way, and 0.5 in a class of 58 clips. An AP of few clips
    moves by 0.1 and more, so for a class of fewer than 20 the cap is for the lower end of its interval.
    """
    found = out_of_fold_score(outputs / "smoke" / "pipesim")
    assert found.mAP < 2 * found.chance, found
    many = found.ap["positives"] >= 20
    assert not (found.ap["AP"].where(many, found.ap["low"]) > 0.45).any(), found


def test_the_site_needs_no_network_and_misses_nothing(first_run, outputs):
    site = outputs / "smoke" / "report"
    pages = sorted(site.glob("*.html"))
    assert len(pages) > 20
    loaded = re.compile(r"""<(?:script|img|link|source|iframe)\b[^>]*?\b(?:src|href)=["']([^"'#?]+)""")
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for address in loaded.findall(text):
            assert not re.match(r"(https?:)?//", address), f"{page.name} loads {address}"
            if not address.startswith("data:"):
                assert (site / address).exists(), f"{page.name}: {address} is missing"
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", style.read_text(encoding="utf-8")), style
    assert "Search.setIndex(" in (site / "searchindex.js").read_text(encoding="utf-8")


def test_pages_are_named_after_model_and_fold(first_run, outputs):
    page = outputs / "smoke" / "report" / "05_super_image-convnext_small-fold_0.html"
    title = re.search(r"<h1>(.*?)<", page.read_text(encoding="utf-8")).group(1)
    assert title.endswith("· convnext_small · fold\N{NO-BREAK SPACE}0")


def test_a_second_run_does_nothing(first_run, outputs):
    began = time.monotonic()
    assert "Nothing to do" in run(outputs).stderr
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_the_notebook_runs_as_it_is(path, first_run, outputs, tmp_path):
    """nbval runs it with the smoke values of its own cell and compares the outputs that git keeps."""
    if path.stem == "06_ensemble":  # 03 to 05 have trained anew
        for trained in sorted((outputs / "smoke" / "runs").glob("*/*/fold_*")):
            fold_run.predict_others(trained, progress=False)
    notebook = nbformat.read(path, as_version=4)
    parameters = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    parameters.source += f"\noutputs = {str(outputs)!r}"
    nbformat.write(notebook, tmp_path / path.name)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "nbval.plugin", "--nbval-lax", "-p", "no:cacheprovider", "-q",
         "-c", os.devnull, f"--rootdir={tmp_path}", path.name],
        cwd=tmp_path, capture_output=True, text=True, timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "PYTEST_ADDOPTS": "",
             "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
