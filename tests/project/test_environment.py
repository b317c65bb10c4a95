"""pyproject.toml, requirements.lock and environment.yml describe one environment."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = [*PROJECT["dependencies"], *EXTRAS["test"], *EXTRAS["peers"], *EXTRAS["weights"]]
LOCK_TEXT = (ROOT / "requirements.lock").read_text()
CONDA_TEXT = (ROOT / "environment.yml").read_text()


def pins() -> dict[str, Version]:
    found: dict[str, Version] = {}
    for line in LOCK_TEXT.splitlines():
        if not line or line.lstrip().startswith("#"):
            continue
        requirement = Requirement(line)
        specifiers = list(requirement.specifier)
        assert [specifier.operator for specifier in specifiers] == ["=="], f"not one exact version: {line}"
        name = canonicalize_name(requirement.name)
        assert name not in found, f"{name} is locked twice"
        found[name] = Version(specifiers[0].version)
    return found


@pytest.mark.parametrize("text", DIRECT)
def test_every_direct_dependency_is_locked_at_an_allowed_version(text):
    requirement = Requirement(text)
    version = pins().get(canonicalize_name(requirement.name))
    assert version is not None, f"{requirement.name} is not in requirements.lock: run make lock"
    assert version in requirement.specifier, f"{requirement} but the lock has {version}: run make lock"


def test_the_lock_was_compiled_for_every_python_of_pyproject_with_the_test_tools():
    command = LOCK_TEXT.splitlines()[1]
    assert "--universal" in command and "--extra test" in command
    lowest = re.search(r"--python-version (\S+)", command).group(1)
    assert PROJECT["requires-python"].startswith(f">={lowest},")
    makefile = (ROOT / "Makefile").read_text()
    assert "--universal --python-version " + lowest in makefile, "make lock must give the same lock"


def test_the_lock_names_no_index():
    assert not re.search(r"https?://|file:|--(extra-)?index-url|--find-links|^-[ife]|@ ", LOCK_TEXT, flags=re.MULTILINE)


def test_both_opencv_wheels_are_of_one_version():
    locked = pins()
    assert locked["opencv-python"] == locked["opencv-contrib-python"]  # both own the folder cv2/
    assert "opencv-python-headless" not in locked


def test_conda_installs_the_same_lock_and_this_package():
    conda = yaml.safe_load(CONDA_TEXT)
    python, installer, pip = conda["dependencies"]
    assert python.replace("python ", "") == PROJECT["requires-python"]
    assert installer == "pip" and pip == {"pip": ["-r requirements.lock", "-e ."]}
    assert f"opencv-contrib-python-headless=={pins()['opencv-contrib-python']}" in CONDA_TEXT


def test_this_environment_is_the_locked_one():
    """What runs these tests is what the lock says, for the packages the project names itself."""
    from importlib.metadata import PackageNotFoundError, version

    locked = pins()
    for text in DIRECT:
        name = canonicalize_name(Requirement(text).name)
        try:
            installed = version(name)
        except PackageNotFoundError:
            assert name.startswith("opencv"), f"{name} is not installed: run make setup"
            installed = version("opencv-contrib-python-headless")  # set-up takes it where libGL is missing
        assert Version(installed).public == locked[name].public, f"{name} {installed}, locked {locked[name]}"
