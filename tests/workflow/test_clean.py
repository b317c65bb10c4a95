"""`make clean` in a copy of the project with hostile names beside it: only what the project makes goes."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def write(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("content")


def there(project: Path) -> set[str]:
    return {str(path.relative_to(project)) for path in project.rglob("*") if not path.is_dir() or path.is_symlink()}


def clean(project: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    keep = {key: value for key, value in os.environ.items() if key != "PRESET"}
    command = ["make", "clean", *words]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, env=keep | environment, timeout=60)


@pytest.fixture(params=["project", "my project's $HOME; #1"])
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    project = tmp_path / request.param
    ignore = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in ("params", "notebooks", "workflow", "vpipe_utils"):
        shutil.copytree(ROOT / name, project / name, ignore=ignore)
    shutil.copy(ROOT / "Makefile", project)
    names = ("README.md", "reference/demo/headline.json", "smoke/runs/m.json")
    write(*(project / "outputs" / name for name in names))
    return project


def test_only_our_own_caches_and_this_preset_go(project: Path) -> None:
    kept = there(project)
    odd = ["notebooks copy/.ipynb_checkpoints", "data old/__pycache__", "data\n/__pycache__", "notes/__pycache__"]
    odd += ["a\n..\nvpipe_utils/__pycache__", "-rf/__pycache__", "*/.ipynb_checkpoints", "data/old.egg-info", ".venv/x"]
    yours = [project / folder / "b" for folder in odd] + [project / "data" / "1.mp4", project / "my.egg-info" / "b"]
    yours += [project / "outputs" / "demo" / "my notes.txt", project / "outputs" / "demo" / "videos" / "1.mp4"]
    write(*yours)
    kept |= {str(path.relative_to(project)) for path in yours}
    demo = project / "outputs" / "demo"
    write(*(demo / name / "deep er" / "f" for name in ("data", "runs", "tiles", "report")), demo / ".lock")
    write(*(project / name / "f" for name in (".pytest_cache", ".ruff_cache", ".hypothesis", "vpipe_utils.egg-info")))
    write(project / "notebooks" / ".ipynb_checkpoints" / "f", project / "vpipe_utils" / "__pycache__" / "f")
    write(project / "params" / "my town" / ".ipynb_checkpoints" / "f", project / "__pycache__" / "f")

    done = clean(project)
    assert done.returncode == 0, done.stderr
    assert there(project) == kept
    assert "removed outputs/demo/tiles\n" in done.stdout and "removed notebooks/.ipynb_checkpoints\n" in done.stdout
    assert f"left alone: {demo / 'videos'} (no run makes this)" in done.stdout


@pytest.mark.parametrize(
    "preset",
    ["", ".", "..", "../data", "/", "smoke/", "smoke/..", "demo smoke", " ", "*", "reference", "Reference", "-rf", "~",
     "README.md", "smoke'", 'smoke" ; touch gone "', "`touch gone`", "smoke\\"],
)  # fmt: skip
@pytest.mark.parametrize("project", ["project"], indirect=True)
def test_other_names_are_refused_in_a_sentence(project: Path, preset: str) -> None:
    before = there(project)
    for words, environment in (([f"PRESET={preset}"], {}), ([], {"PRESET": preset})):
        if not words and not preset:
            continue  # PRESET ?= takes an empty variable as it is: the same as on the command line
        done = clean(project, *words, **environment)
        assert done.returncode != 0
        said = [line for line in done.stderr.splitlines() if not re.match(r"make.*Error 1", line)]
        assert len(said) == 1 and said[0].startswith("make clean: ")
        assert there(project) == before


def test_nothing_behind_a_link_goes(project: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    write(*(disk / name / "f" for name in ("tiles", "deep", "outputs", "cache", "workflow cache")))
    demo = project / "outputs" / "demo"
    write(demo / "data" / "f", demo / "logs" / "f")
    links = {demo / "tiles": "tiles", demo / "data" / "deep": "deep", project / "tests": "workflow cache"}
    links |= {project / "workflow" / "__pycache__": "cache", project / ".ruff_cache": "cache"}
    for link, target in links.items():
        link.symlink_to(disk / target)
    before = there(disk)

    done = clean(project)
    assert done.returncode == 0, done.stderr
    assert there(disk) == before and all(link.is_symlink() for link in links)
    assert not (demo / "logs").exists() and not (demo / "data" / "f").exists()
    assert f"left alone: {demo / 'tiles'} (a link to {disk / 'tiles'})" in done.stdout


@pytest.mark.parametrize("name", ["outputs", "outputs/demo"])
@pytest.mark.parametrize("project", ["project"], indirect=True)
def test_outputs_that_are_a_link_are_left_whole(project: Path, tmp_path: Path, name: str) -> None:
    disk = tmp_path / "disk"
    write(disk / "data" / "f", disk / "demo" / "data" / "f", project / "notebooks" / ".ipynb_checkpoints" / "f")
    if (project / name).exists():
        shutil.rmtree(project / name)
    (project / name).symlink_to(disk)
    before = there(tmp_path)
    done = clean(project)
    assert done.returncode != 0 and there(tmp_path) == before
    assert f"{name} is a link to {disk}: what lies behind it is for you to remove" in done.stderr


@pytest.mark.parametrize("project", ["project"], indirect=True)
def test_a_run_that_is_writing_is_not_disturbed(project: Path) -> None:
    write(project / "outputs" / "demo" / "data" / "f")
    before = there(project) | {"outputs/demo/.lock"}
    with open(project / "outputs" / "demo" / ".lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = clean(project)
    assert done.returncode != 0 and "a run is writing to" in done.stderr and there(project) == before


def test_what_no_run_makes_stays_among_notebooks_and_made_up_videos(project: Path) -> None:
    kept, demo = there(project), project / "outputs" / "demo"
    yours = [demo / "pipesim" / "my_labels.csv", demo / "notebooks" / "mine.ipynb", demo / "notebooks" / "03_x.ipynb"]
    write(*yours, demo / "pipesim" / "videos" / "1.mp4", demo / "pipesim" / "annotations.json")
    names = ("01_data_preparation", "03_frame_baseline.frame_tresnet.fold_0", "10_report")
    write(*(demo / "notebooks" / f"{name}.ipynb" for name in names))
    done = clean(project)
    assert done.returncode == 0, done.stderr
    assert there(project) == kept | {str(path.relative_to(project)) for path in yours}
    assert all(f"left alone: {path} (no run makes this)" in done.stdout for path in yours)


@pytest.mark.parametrize(
    "line",
    ["videos_dir: outputs/demo/data  # mine", "annotations: '{project}/outputs/demo/data/a.csv'",
     "annotations: outputs/demo/pipesim/my_labels.csv", "videos_dir: outputs/demo/pipesim/mine/videos"],
)  # fmt: skip
@pytest.mark.parametrize("project", ["project"], indirect=True)
def test_own_videos_and_labels_among_outputs_are_not_removed(project: Path, line: str) -> None:
    write(project / "outputs" / "demo" / "data" / "1.mp4", project / "outputs" / "demo" / "tiles" / "f")
    write(project / "params" / "mytown" / "data.yaml")
    (project / "params" / "mytown" / "data.yaml").write_text(f"preset: mytown\n{line.format(project=project)}\n")
    before = there(project)
    done = clean(project)
    assert done.returncode != 0 and there(project) == before
    assert "which lies in" in done.stderr and "move it elsewhere first" in done.stderr


@pytest.mark.parametrize("project", ["project"], indirect=True)
def test_outputs_elsewhere_are_named_and_stay(project: Path, tmp_path: Path) -> None:
    write(tmp_path / "big" / "demo" / "data" / "f")
    with (project / "params" / "demo" / "data.yaml").open("a") as file:
        file.write(f"\noutputs: {tmp_path}/big\n")
    done = clean(project)
    assert done.returncode == 0 and (tmp_path / "big" / "demo" / "data" / "f").exists()
    assert f"it says 'outputs: {tmp_path}/big': remove what lies there yourself" in done.stdout


def test_a_name_with_nothing_behind_it_is_said(project: Path) -> None:
    (project / ".pytest_cache").mkdir()
    done = clean(project, "PRESET=smokke")
    assert done.returncode != 0 and "there is no preset 'smokke'" in done.stderr
    assert "presets with outputs: smoke\n" in done.stderr and (project / ".pytest_cache").exists()
    done = clean(project, "PRESET=demo")  # a preset, not run yet
    assert done.returncode == 0 and "nothing in outputs/demo; presets with outputs: smoke\n" in done.stdout


def test_every_folder_that_runs_write_is_known() -> None:
    """outputs/README.md lists them, and so does the script."""
    import sys

    sys.path.insert(0, str(ROOT / "workflow"))
    import clean

    table = re.findall(r"^\| (`.*?) \|", (ROOT / "outputs" / "README.md").read_text(), flags=re.MULTILINE)
    listed = {path.split("/")[0] for row in table for path in re.findall(r"`([^`]+)`", row) if "outputs/" not in path}
    listed = {name for name in listed if "." not in name}
    assert listed and listed <= set(clean.WRITTEN)


@pytest.mark.parametrize("kind", ["packages", "old python", "file", "link", "dangling"])
def test_set_up_leaves_an_environment_of_yours(tmp_path: Path, kind: str) -> None:
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    venv, yours = tmp_path / ".venv", tmp_path / "yours"
    if kind in ("packages", "link"):
        folder = (venv if kind == "packages" else yours) / "lib" / "python3.12" / "site-packages"
        write(folder / "a-1.0.dist-info" / "RECORD")
    if kind == "old python":
        write(venv / "bin" / "activate")
    if kind == "file":
        write(venv)
    if kind in ("link", "dangling"):
        venv.symlink_to(yours)
    before = there(tmp_path)
    done = subprocess.run(["bash", "workflow/setup.sh"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and there(tmp_path) == before and venv.is_symlink() == (kind in ("link", "dangling"))
    assert re.fullmatch(r"\[set-up\] \.venv .* move it away or remove it yourself\n", done.stderr)
