"""Where a run came from: the commit, the versions of what it used, the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime

from vpipe_utils.project.paths import project_root


def provenance() -> dict[str, object]:
    """Git commit, versions and hardware of this process, to be stored beside every run."""
    packages = ("torch", "timm", "lightning", "mmaction2", "numpy", "opencv-python", "av", "scikit-learn")
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain")),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_cores": os.cpu_count(),
        "packages": {name: _version(name) for name in packages},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(*words: str) -> str | None:
    """Output of a git command in the project, None where there is no git or no repository."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=project_root(), capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
