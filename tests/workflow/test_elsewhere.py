"""The workflow in odd places: names that shells and YAML read otherwise, a project that cannot be written, no home."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
import yaml
from projects import copy_project

ODD = "it's {a} \"b\" $HOME #1; é%s & ~"
CHECKS = """
import pandas as pd
from vpipe_utils.data.params import DataParams
from vpipe_utils.storage.tables import write_table
params = DataParams.from_notebook(globals())
layout = params.layout
assert "mine" not in globals() and get_ipython().history_manager.hist_file == ":memory:"
assert params.videos_path.is_dir() and params.annotations_path.is_file(), params
for path in (layout.videos_table, layout.labels_table, layout.tiles / "index.parquet"):
    write_table(pd.DataFrame({"video": ["0.mp4"], "path": [""], "readable": [True], "why_not": [""]}), path)
"""


def notebook_01(project: Path) -> None:
    """In place of notebook 01: checks its parameters as all do and leaves the files that it should."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    parameters = nbformat.v4.new_code_cell("# Parameters: none", metadata={"tags": ["parameters"]})
    notebook.cells = [parameters, nbformat.v4.new_code_cell(CHECKS)]
    nbformat.write(notebook, project / "notebooks" / "01_data_preparation.ipynb")


def own_data(project: Path, folder: Path, preset: str, **values: object) -> Path:
    """A preset with twenty videos and their labels in `folder`; returns the first video."""
    (folder / "videos").mkdir(parents=True)
    rows = [f"{k}.mp4,{k % 2},{1 - k % 2}\n" for k in range(20)]
    (folder / "labels.csv").write_text("video,OK,NO\n" + "".join(rows))
    for k in range(20):
        (folder / "videos" / f"{k}.mp4").write_bytes(b"video")
    own = {"extends": "smoke", "source": "files", "videos_dir": str(folder / "videos"), "train_folds": [0]}
    own |= {"annotations": str(folder / "labels.csv"), "classes": ["OK", "NO"], "normal_class": "OK"} | values
    text = f"preset: {preset}\n" + yaml.safe_dump(own, allow_unicode=True).replace("'NO'", "NO")
    (project / "params" / preset).mkdir()
    (project / "params" / preset / "data.yaml").write_text(text, encoding="utf-8")
    return folder / "videos" / "0.mp4"


def run(project: Path, preset: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "workflow/run.py", f"--preset={preset}", "--jobs", "2", *words]
    environment = dict(os.environ, PYTHONPATH=str(project), **environment)  # this copy's package, in kernels too
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120, env=environment)


def test_paths_and_presets_that_shells_and_yaml_read_otherwise(tmp_path: Path) -> None:
    """And, in the finished run: a video that is overwritten in place is read again, for a note beside it nothing is."""
    project = copy_project(tmp_path / ODD)
    notebook_01(project)
    outputs = tmp_path / "out" / ODD.replace("{a}", "a")
    video = own_data(project, tmp_path / "data" / ODD, "007", outputs=str(outputs))
    start_up = tmp_path / ".ipython" / "profile_default" / "startup"
    start_up.mkdir(parents=True)
    (start_up / "00-mine.py").write_text("mine = 1\n")
    done = run(project, "007", "--until", "data", HOME=str(tmp_path), IPYTHONDIR="")
    assert done.returncode == 0, done.stderr
    assert (outputs / "007" / "data" / "videos.parquet").is_file()
    assert (outputs / "007" / "notebooks" / "01_data_preparation.ipynb").is_file()

    (video.parent / "notes.txt").write_text("a note")
    again = run(project, "007", "--until", "data", "--dry-run")
    assert again.returncode == 0 and "01 data" not in again.stderr, again.stderr
    video.write_bytes(b"other")
    again = run(project, "007", "--until", "data", "--dry-run")
    assert "01 data" in again.stderr


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A copy of the project, with own data, on a disk that cannot be written; only root may mount one."""
    project = copy_project(tmp_path / "project")
    notebook_01(project)
    own_data(project, tmp_path / "data", "own", outputs=str(tmp_path / "out"))
    if subprocess.run(["mount", "--bind", project, project], capture_output=True).returncode:
        pytest.skip("only root may mount, and not in every container")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", project], check=True)
        yield project
    finally:
        subprocess.run(["umount", "-l", project], check=True)


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv makes somebody else of root")
def test_a_read_only_project_without_home_or_name(read_only: Path, tmp_path: Path) -> None:
    """All that can be written is the outputs folder and that for temporary files; the user has a number only."""
    (tmp_path / "out").mkdir(mode=0o777)
    (tmp_path / "tmp").mkdir(mode=0o777)
    for folder in (tmp_path / "out", tmp_path / "tmp"):
        folder.chmod(0o777)
    somebody = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"]
    somebody += ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]  # it may read all
    command = [*somebody, sys.executable, "workflow/run.py", "--preset", "own", "--until", "data"]
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path / "tmp"), "HOME": "/", "PYTHONPATH": str(read_only)}
    done = subprocess.run(command, cwd=read_only, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("01 data") == 2 and "the home folder / cannot be written" in done.stderr
    assert (tmp_path / "out" / "own" / "data" / "videos.parquet").is_file()
    assert not list(read_only.rglob(".snakemake"))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"outputs": "out {x}"}, "outputs 'out {x}/own' has a brace or a line break"),
        ({"super_image_models": ["vgg16.bn"]}, "model 'vgg16.bn' is no name that can be used"),
        ({"outputs": "DATA"}, "where runs write and make clean removes: set outputs elsewhere"),
        ({"outputs": "FULL"}, "holds 'thesis.odt', which no run makes: set outputs to another folder"),
    ],
)  # fmt: skip
def test_places_and_names_that_cannot_be_used_are_one_sentence(tmp_path: Path, values: dict, sentence: str) -> None:
    project = copy_project(tmp_path / "project")
    (tmp_path / "full" / "own").mkdir(parents=True)
    (tmp_path / "full" / "own" / "thesis.odt").touch()
    if "outputs" in values:
        values = {"outputs": values["outputs"].replace("DATA", str(tmp_path)).replace("FULL", str(tmp_path / "full"))}
    own_data(project, tmp_path / "own", "own", **values)
    before = sorted(tmp_path.rglob("*"))
    done = run(project, "own", "--dry-run")
    assert done.returncode != 0 and sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert [path for path in sorted(tmp_path.rglob("*")) if "__pycache__" not in str(path)] == [
        path for path in before if "__pycache__" not in str(path)
    ]


def test_a_preset_of_another_name_is_one_sentence(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    done = run(project, "../smoke", "--dry-run")
    assert done.returncode != 0 and "make report: " in done.stderr and "preset" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_disk_without_locks_does_not_stop_a_run(tmp_path: Path) -> None:
    """`flock` is played: it answers for the outputs folder what network disks without locks answer."""
    project = copy_project(tmp_path / "project")
    (project / "sitecustomize.py").write_text(
        "import errno, fcntl, os\nreal = fcntl.flock\ndef flock(handle, how):\n"
        "    if '/outputs/' in os.readlink(f'/proc/self/fd/{handle}'): raise OSError(errno.ENOLCK, 'No locks')\n"
        "    return real(handle, how)\nfcntl.flock = flock\n"
    )
    done = run(project, "smoke", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "outputs/smoke lies on a disk without locks" in done.stderr and "01 data" in done.stderr
