"""Users without a home folder or without a name, as containers have them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow"))

import home  # noqa: E402


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_home_that_can_be_written_is_left_alone(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path / "not made yet"), "MPLCONFIGDIR": str(tmp_path)}
    assert home.provide(environment) is None
    assert environment == {"HOME": str(tmp_path / "not made yet"), "MPLCONFIGDIR": str(tmp_path)}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", [None, "", "/proc/home"])
def test_without_a_home_one_folder_below_the_temporary_files_serves(tmp_path: Path, given: str | None) -> None:
    environment = {"IPYTHONDIR": "/proc/ipython"} | ({} if given is None else {"HOME": given})
    said = home.provide(environment)
    assert environment == {"HOME": str(tmp_path / f"vpipe-home-{os.getuid()}")}
    assert said.endswith(f"tools keep their settings and caches in {environment['HOME']}")
    assert ("/proc/home cannot be written" in said) == (given == "/proc/home")
    assert home.provide(again := {}) and again == environment, "the same folder the next time"
    assert os.stat(environment["HOME"]).st_mode & 0o777 == 0o700


def test_a_strangers_folder_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"vpipe-home-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    environment: dict[str, str] = {}
    home.provide(environment)
    assert Path(environment["HOME"]).parent == tmp_path and not Path(environment["HOME"]).is_symlink()


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="only root may become somebody else")
def test_a_user_without_a_name_and_a_home_runs_a_notebook_kernel(tmp_path: Path) -> None:
    """Under a number that the system has no name for, with a folder of temporary files as all that can be written."""
    code = "import getpass, matplotlib.pyplot; from jupyter_client.manager import run_kernel\n"
    code += "with run_kernel() as client: "
    code += "print(getpass.getuser(), client.execute('1', reply=True)['content']['status'])"
    command = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"]
    command += ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]  # it may read this environment
    command += ["env", "-i", f"TMPDIR={tmp_path}"]
    command += ["PATH=/usr/bin:/bin", sys.executable, str(ROOT / "workflow" / "home.py"), sys.executable, "-c", code]
    tmp_path.chmod(0o777)
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=120)
    if "setpriv:" in done.stderr:
        pytest.skip("this container does not let root become somebody else")
    assert done.stdout.split() == ["user12345", "ok"], done.stderr
    assert "there is no home folder" in done.stderr and "rror" not in done.stderr
    assert any((tmp_path / "vpipe-home-12345").iterdir()), "what tools keep"
