"""Removes the outputs of one preset and the caches that tools leave in the project's own folders.

    python3 workflow/clean.py PRESET

Only what the project makes goes, name by name; links, what lies behind them and other disks stay. Works without .venv,
with any Python from 3.7 on.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.dont_write_bytecode = True  # what it removes it need not make

from vpipe_utils.project.names import require_preset_name  # noqa: E402
from vpipe_utils.storage.locks import lock  # noqa: E402

FOLDERS = (".ci", "docs", "notebooks", "params", "tests", "vpipe_utils", "workflow")  # the project's own
CACHES = ("__pycache__", ".ipynb_checkpoints")
TOOLS = (".hypothesis", ".pytest_cache", ".ruff_cache", "vpipe_utils.egg-info")
# What runs write into outputs/<preset>; outputs/README.md says what it is. Anything else there is not ours to remove.
WRITTEN = (
    "benchmarks", "data", "ensemble", "headline", "logs", "notebooks", "params", "pipesim", "record", "rehearsal",
    "report", "review", "runs", "tiles", "tricks", "trust", "weak", ".ipynb_checkpoints", ".project", ".lock",
)  # fmt: skip


def main() -> None:
    preset = sys.argv[1] if len(sys.argv) == 2 else ""
    try:
        left = clean(ROOT, require_preset_name(preset))
    except (ValueError, OSError) as error:
        sys.exit(f"make clean: {error}")
    for path, why in left:
        print(f"left alone: {path} ({why})")


def clean(project: Path, preset: str) -> list[tuple[Path, str]]:
    """Remove and print what is ours; gives what was left alone, with the reason.

    Raises ValueError, before anything is removed, where outputs/<preset> is reached by a link, a run writes there, or
    own videos or labels lie there.
    """
    outputs = project / "outputs" / preset
    for path in (outputs.parent, outputs):
        if path.is_symlink():
            raise ValueError(f"{path} is a link to {os.path.realpath(path)}: what lies behind it is for you to remove")
    if outputs.exists() and not outputs.is_dir():
        raise ValueError(f"{outputs} is a file, not the outputs of a preset")
    if not outputs.is_dir():
        there = ", ".join(with_outputs(project)) or "none"
        if not (project / "params" / preset).is_dir():
            raise ValueError(f"there is no preset '{preset}' and no {outputs}; presets with outputs: {there}")
        print(f"nothing in outputs/{preset}; presets with outputs: {there}")
    for path, data in own_data(project):
        inside = [inner for inner in (path, *path.parents) if inner.parent == (outputs / "pipesim").resolve()]
        if outputs.resolve() in (path, *path.parents) and not (inside and is_made(inside[0], project)):
            raise ValueError(f"{data} names {path}, which lies in {outputs}: move it elsewhere first")
    held = None
    if outputs.is_dir() and os.path.lexists(outputs / ".lock"):
        held = lock(outputs / ".lock")
        if held is None:
            raise ValueError(f"a run is writing to {outputs}: wait for it or stop it first")
    left: list[tuple[Path, str]] = []
    try:
        for path in [*of_preset(outputs, left, project), *caches(project, left)]:
            if remove(path, os.lstat(path).st_dev, left):
                print(f"removed {path.relative_to(project)}")
    finally:
        if held is not None:
            os.close(held)
    if outputs.is_dir() and not outputs.is_symlink() and not os.listdir(outputs):
        outputs.rmdir()
    elsewhere = set_elsewhere(project, preset)
    return left + ([elsewhere] if elsewhere else [])


def with_outputs(project: Path) -> list[str]:
    """The presets that runs have written something for."""
    found = (path.parent.name for name in WRITTEN for path in (project / "outputs").glob("*/" + name))
    return sorted(set(found))


def own_data(project: Path) -> list[tuple[Path, Path]]:
    """Folders of videos and annotation files that a preset names, with its file (read as text: YAML needs .venv)."""
    found = []
    for data in sorted(project.glob("params/*/data.yaml")):
        text = data.read_text(encoding="utf-8", errors="replace")
        for value in re.findall(r"^(?:videos_dir|(?:test_)?annotations):[ \t]*(.+?)[ \t]*(?: #.*)?$", text, re.M):
            found.append(((project / os.path.expanduser(value.strip("'\""))).resolve(), data))
    return found


def is_made(path: Path, project: Path) -> bool:
    """Whether runs make what has this name in `pipesim` or `notebooks`, where users may put something of their own."""
    notebooks = "|".join(re.escape(file.stem) for file in project.glob("notebooks/*.ipynb"))
    names = {
        "pipesim": r"videos|(test_)?annotations\.json|evidence\.parquet|pipesim\.json",
        "notebooks": rf"({notebooks})(\.\w[\w-]*\.fold_\d+)?\.ipynb|\.ipynb_checkpoints",
    }
    return bool(re.fullmatch(names[path.parent.name] + r"|\..+\.(part|old)", path.name))  # or it is unfinished


def of_preset(outputs: Path, left: list[tuple[Path, str]], project: Path) -> list[Path]:
    """What runs have written into a preset's folder; `left` gets the rest of it."""
    if not outputs.is_dir():
        return []
    found: list[Path] = []
    for path in sorted(outputs.iterdir()):
        if path.name in ("pipesim", "notebooks") and path.is_dir() and not path.is_symlink():
            inner = sorted(path.iterdir())
            yours = [file for file in inner if not is_made(file, project)]
            left += [(file, "no run makes this") for file in yours]
            found += [file for file in inner if file not in yours] if yours else [path]
        elif path.name in WRITTEN:
            found.append(path)
        else:
            left.append((path, "no run makes this"))
    return found


def caches(project: Path, left: list[tuple[Path, str]]) -> list[Path]:
    """Caches of Python, Jupyter and the tools, in the project's own folders alone."""
    found = [project / name for name in (*TOOLS, *CACHES) if os.path.lexists(project / name)]
    for top in (project / name for name in FOLDERS):
        if top.is_symlink():
            left.append((top, "a link"))
            continue
        for folder, inner, _ in os.walk(top):  # does not follow links
            found += [Path(folder, name) for name in sorted(inner) if name in CACHES]
            inner[:] = [name for name in inner if name not in CACHES]
    return found


def remove(path: Path, device: int, left: list[tuple[Path, str]]) -> bool:
    """Remove a file or a folder with all in it; False where a link or another disk is in it, which stays."""
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        left.append((path, f"a link to {os.readlink(path)}"))
        return False
    if not stat.S_ISDIR(found.st_mode):
        path.unlink()
        return True
    if found.st_dev != device or os.path.ismount(path):
        left.append((path, "another disk"))
        return False
    if all([remove(inner, device, left) for inner in sorted(path.iterdir())]):  # a list: all are to be tried
        path.rmdir()
        return True
    return False


def set_elsewhere(project: Path, preset: str) -> tuple[Path, str] | None:
    """The line of a preset's data.yaml that puts its outputs elsewhere (read as text: YAML needs .venv)."""
    data = project / "params" / preset / "data.yaml"
    try:
        lines = data.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    said = [line for line in lines if line.startswith("outputs:") and line.split("#")[0].strip() != "outputs: outputs"]
    return (data, f"it says '{said[-1].strip()}': remove what lies there yourself") if said else None


if __name__ == "__main__":
    main()
