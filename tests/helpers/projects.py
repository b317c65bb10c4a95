"""The project itself, copied, so that a test can change its parameter files and run its workflow."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from vpipe_utils.project.parameter_files import model_names

ROOT = Path(__file__).resolve().parents[2]
PAPER_MODELS = model_names("paper")


def copy_project(folder: Path) -> Path:
    for name in ("docs", "params", "notebooks", "workflow", "vpipe_utils"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    return folder


def run(project: Path, *words: str, preset: str = "smoke") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "workflow/run.py", "--preset", preset, "--jobs", "2", "--", *words]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)


def predict_others(root: Path) -> None:
    """The clips without labels, by every run in outputs/<preset>: what a person calls between notebooks 05 and 06."""
    runs = map(str, sorted((root / "runs").glob("*/*/fold_*")))
    done = subprocess.run([sys.executable, "workflow/predict.py", *runs], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
