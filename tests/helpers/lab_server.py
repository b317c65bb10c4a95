"""JupyterLab as `make lab` opens it, for a test that looks at a notebook in the browser."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def jupyter_lab(folder: Path, code: str) -> Iterator[str]:
    """Serve ``folder`` with a notebook of one cell in it; gives the address. The server ends with the block."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "test.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token, home = secrets.token_hex(16), folder / "home"
    home.mkdir()
    paths = {name: str(home / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    environment = {
        **os.environ, **paths, "HOME": str(home), "VPIPE_LAB": "1", "JUPYTER_TOKEN": token, "OMP_NUM_THREADS": "1",
        "JUPYTER_PREFER_ENV_PATH": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "helpers")]),
    }  # fmt: skip
    command = [
        sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}", "--LabApp.news_url=None",
    ]  # fmt: skip
    with (
        (folder / "lab.log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as lab,
    ):
        try:
            until_it_answers(lab, f"http://127.0.0.1:{port}/api/status?token={token}", folder / "lab.log")
            yield f"http://127.0.0.1:{port}/lab/tree/test.ipynb?token={token}&reset"
        finally:
            lab.terminate()  # its kernels end with it


def until_it_answers(lab: subprocess.Popen, address: str, log: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            assert lab.poll() is None and time.monotonic() < end, log.read_text()[-3000:]
            time.sleep(0.3)
