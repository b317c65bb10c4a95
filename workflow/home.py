"""A home folder and a user's name for those who have none: containers, service accounts, full or forbidden homes.

    python workflow/home.py command and its arguments      runs a command so; the other scripts call `provide`

IPython, Jupyter, Matplotlib, Numba, uv and Snakemake all want to write below the home folder, PyTorch and Snakemake ask
for the user's name.
"""

from __future__ import annotations

import getpass
import os
import sys
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

# Where programs write instead, if these are set.
PLACES = (
    "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "IPYTHONDIR",
    "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR",
)  # fmt: skip


def provide(environment: MutableMapping[str, str]) -> str | None:
    """Set HOME to a folder of the user's own below the temporary files where the one there cannot be written, and USER
    where the system knows no name. Gives a sentence on what was done, None where nothing was."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        environment["USER"] = environment["LOGNAME"] = f"user{os.getuid()}"
    for name in PLACES:
        if name in environment and not _writable(Path(environment[name])):
            del environment[name]
    home = environment.get("HOME", "")
    if home and _writable(Path(home)):
        return None
    # One folder a user, so that what tools keep there is found again; a stranger's of that name is not used.
    folder = Path(tempfile.gettempdir(), f"vpipe-home-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        stranger = folder.is_symlink() or folder.stat().st_uid != os.getuid() or not _writable(folder)
    except OSError:
        stranger = True
    if stranger:
        folder = Path(tempfile.mkdtemp(prefix="vpipe-home-"))
    environment["HOME"] = str(folder)
    what = f"the home folder {home} cannot be written" if home else "there is no home folder"
    return f"{what}: tools keep their settings and caches in {folder}"


def _writable(folder: Path) -> bool:
    """Whether a file can be made in a folder, or in the nearest one above it that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    said = provide(os.environ)
    if said:
        print(said, file=sys.stderr)
    os.execvp(sys.argv[1], sys.argv[1:])
