"""What the documents say of the repository holds: paths, commands, modules, versions, files for other machines."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "outputs/README.md", "docs/GLOSSARY.md",
             "docs/DATA_CARD.md", "docs/MODEL_CARD.md", "docs/RESULTS.md", "docs/OWN_CLIPS.md", "docs/FULL_MODELS.md",
             "docs/PARAMETERS.md")  # fmt: skip
TARGETS = set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
# What CONTRIBUTING says is in a module.
NAMED = {
    "data.sampling": ["uniform_indices", "consecutive_indices"],
    "tiles.tile_cache": ["cached_indices"],
    "learning.datasets": ["TileDataset"],
    "video": ["read_frames"],
    "learning.inputs": ["make_input"],
    "learning.models": ["build_model"],
    "learning.superimage": ["flip_tiles"],
    "learning.params": ["TrainParams"],
    "report.figure_style": ["new_figure"],
    "benchmarks.video_readers": ["WAYS"],
    "benchmarks.compare_loaders": ["loaders"],
}


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def version() -> str:
    return tomllib.loads(text_of("pyproject.toml"))["project"]["version"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_to_a_file(name: str) -> None:
    links = [target for target in re.findall(r"\]\(([^)#]+)\)", text_of(name)) if not target.startswith("http")]
    missing = [target for target in links if not ((ROOT / name).parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("name", ("README.md", "CONTRIBUTING.md", "docs/DATA_CARD.md", "docs/MODEL_CARD.md"))
def test_every_path_it_names_is_there(name: str) -> None:
    """A path begins with a folder of the project; one that goes on with `<` or `*` is a pattern and is passed over."""
    folders = r"docs|notebooks|params|tests|vpipe_utils|workflow|outputs/reference|\.github|\.devcontainer|\.binder"
    paths = set(re.findall(rf"(?<![\w./>-])((?:{folders})/[\w./-]*)(?![\w./<*-])", text_of(name)))
    paths = {path.rstrip(".") for path in paths if not path.startswith("params/mytown")}
    assert len(paths) >= 3, "the pattern finds what there is"
    missing = [path for path in sorted(paths) if not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_command_is_there(name: str) -> None:
    named = set(re.findall(r"(?:`|^|&& )make ([a-z][\w-]*)", text_of(name), flags=re.MULTILINE))
    assert named <= TARGETS


@pytest.mark.parametrize(("module", "names"), NAMED.items())
def test_contributing_names_what_is_there(module: str, names: list[str]) -> None:
    found = importlib.import_module(f"vpipe_utils.{module}")
    for name in names:
        assert hasattr(found, name) and name in text_of("CONTRIBUTING.md")


def test_every_room_is_in_both_trees() -> None:
    rooms = sorted(path.parent.name for path in (ROOT / "vpipe_utils").glob("*/__init__.py"))
    assert len(rooms) > 8
    listed = re.findall(r"^\| \d \| `vpipe_utils/(\w+)/`", text_of("CONTRIBUTING.md"), flags=re.MULTILINE)
    assert sorted(listed) == rooms
    tree = text_of("README.md").split("vpipe_utils/  ")[1].split("workflow/  ")[0]
    assert sorted(re.findall(r"^  (\w+)/ ", tree, flags=re.MULTILINE)) == rooms


def test_the_changelog_says_where_each_old_module_went() -> None:
    rows = re.findall(r"^ *\| `(\w+)` \| (`.+) \|$", text_of("CHANGELOG.md"), flags=re.MULTILINE)
    assert len(rows) > 50
    for old, places in rows:
        assert old == "video" or not (ROOT / "vpipe_utils" / f"{old}.py").exists()
        for place in re.findall(r"`([a-z_.]+)`", re.sub(r"\(.*?\)", "", places)):
            assert importlib.util.find_spec(f"vpipe_utils.{place}"), f"{old}: no module {place}"


def test_one_version_everywhere() -> None:
    assert f'__version__ = "{version()}"' in text_of("vpipe_utils/__init__.py")
    assert yaml.safe_load(text_of("CITATION.cff"))["version"] == version()
    headings = re.findall(r"^## \[(.+?)\]", text_of("CHANGELOG.md"), flags=re.MULTILINE)
    assert headings[:2] == ["Unreleased", version()]


# ---------------------------------------------------------------- files for other machines


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.name)
def test_a_github_workflow_runs_commands_that_are_there(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert True in workflow, "YAML reads the key `on` as true"
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert all(("run" in step) != ("uses" in step) for step in steps)
    commands = [step["run"] for step in steps if "run" in step]
    for command in commands:
        word, _, target = command.partition(" ")
        assert (word == "make" and target in TARGETS) or os.access(ROOT / word, os.X_OK)
    assert "not yet run" in path.read_text()


def test_github_publishes_the_folder_that_make_report_fills() -> None:
    steps = yaml.safe_load(text_of(".github/workflows/report.yml"))["jobs"]["make"]["steps"]
    [upload] = [step for step in steps if "upload-pages-artifact" in step.get("uses", "")]
    assert upload["with"]["path"] == "outputs/demo/report"
    assert "`outputs/demo/report/index.html`" in text_of("README.md")


def test_the_container_files_fit_together() -> None:
    config = json.loads(text_of(".devcontainer/devcontainer.json"))
    dockerfile = text_of(".devcontainer/Dockerfile")
    assert config["build"]["dockerfile"] == "Dockerfile"
    assert f" AS {config['build']['target']}\n" in dockerfile
    assert "make setup" in config["postCreateCommand"] and 'CMD ["make", "report"]' in dockerfile


def test_binder_prepares_a_python_that_the_project_allows() -> None:
    runtime = text_of(".binder/runtime.txt").strip()
    assert runtime in {"python-3.11", "python-3.12", "python-3.13"}
    assert os.access(ROOT / ".binder" / "postBuild", os.X_OK) and "requirements.lock" in text_of(".binder/postBuild")


def test_pre_commit_calls_tools_of_this_repository() -> None:
    hooks = [hook for repo in yaml.safe_load(text_of(".pre-commit-config.yaml"))["repos"] for hook in repo["hooks"]]
    assert [hook["id"] for hook in hooks] == ["ruff", "nbstripout"]
    for hook in hooks:
        program, *words = hook["entry"].split()
        assert program.startswith(".venv/bin/")
        assert all((ROOT / word).is_file() for word in words if word.endswith(".py"))
