"""What makes a step run again: which modules it reaches by its imports, and which of those decide its numbers.

One list for the whole project. The workflow takes a step's files from it as inputs; a training run takes the same files
to see whether a checkpoint is still of its recipe. Figures, sentences, checks of parameters and ways of finding a frame
are on no list of training: they change nothing that a run computes. What notebooks 01 and 02 make of the videos counts
by its content (`tiles/training_clips`), so the modules that made it do not count a second time.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.metadata
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from vpipe_utils.project.paths import project_root, resolve

PACKAGE = "vpipe_utils"
TRAINING_ENTRY = "vpipe_utils/learning/fold_run.py"
# Folders and modules whose content decides what a step writes; what a step does not import never counts.
SEEDS = "project/seeds"
DECODING = ("video/colours", "video/sequential", "video/streams")  # what a frame is; the rest only finds it faster
DATA = ("data/", "user_files/", "tiles/", "pipesim/", *DECODING, SEEDS)  # 01, 02: the clips, labels and folds
TRAINING = ("learning/", "evaluation/metrics", "data/sampling", "tiles/tile_cache", SEEDS)  # training and prediction
RESULTS = ("data/", "pipesim/", "evaluation/", "report/", SEEDS)  # 06, 10: what they show, too
BENCHMARKS = (*RESULTS, "learning/", "tiles/", "benchmarks/", "video/", "user_files/")  # 12 measures speed
WEAK = (*RESULTS, *TRAINING)  # 09 trains, and shows what came of it
REVIEW = (*RESULTS, *TRAINING, "tiles/", "review/", *DECODING)  # 11 predicts, reads frames, and shows what came of it
PACKAGES = ("torch", "timm", "lightning")  # whose versions decide numbers, too
NEVER = "params"  # modules of this name only check values; the values themselves are compared


def deciding_files(entry: str | Path, places: Iterable[str], root: Path | None = None) -> list[str]:
    """The files of `places` that a notebook, script or module reaches by its imports, as paths relative to `root`.

    `entry`: relative to `root` (the project). A module that is the entry counts itself. What is not there has no files.
    """
    root = root or project_root()
    wanted = tuple(f"{PACKAGE}/{place}" for place in places)
    found = _reached(root, Path(entry))
    return sorted(file for file in found if file.startswith(wanted) and _decides(root / file))


def _decides(file: Path) -> bool:
    """Not a check of parameters, nor the page about a folder."""
    if file.name == "__init__.py":
        return any(not isinstance(part, ast.Expr) for part in ast.parse(file.read_text(encoding="utf-8")).body)
    return file.stem != NEVER


def code_of(notebook: Path, calling: str = "") -> str:
    """The source of a notebook's code cells: what it does, without its text; `calling`: of those that name it."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    sources = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return "\n".join(source for source in sources if calling in source)


def digest_of(entry: str | Path, places: Iterable[str], root: Path | None = None) -> str:
    """SHA-256 of the content of `deciding_files`."""
    root = root or project_root()
    digest = hashlib.sha256()
    for file in deciding_files(entry, places, root):
        digest.update(file.encode() + b"\0" + (root / file).read_bytes())
    return digest.hexdigest()


def deciding_versions() -> dict[str, str]:
    """Versions of the packages that decide what a training run computes."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def state_of_weights(values: Mapping[str, Any]) -> list[int] | str | None:
    """Size and date of the weight file that `pretrained` and `checkpoint` name, or the version of the package that
    holds it; None where it is none of this machine."""
    source = values["checkpoint"] if values["pretrained"] else None
    if not source:
        return None
    if source.startswith("package:"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(source.removeprefix("package:"))
        return None
    file = resolve(source)
    return [file.stat().st_size, file.stat().st_mtime_ns] if file.is_file() else None


def _reached(root: Path, entry: Path) -> set[str]:
    path = root / entry
    if not path.is_file():  # Snakemake will name it as a missing input, if it is needed
        return set()
    if path.suffix == ".ipynb":
        found, code = set(), _plain_python(code_of(path))
    else:
        found, code = {entry.as_posix()}, path.read_text(encoding="utf-8")
    waiting = list(_imported(code))
    while waiting:
        files = _files(root, waiting.pop()) - found
        found |= files
        for file in files:
            if file.endswith(".py"):
                waiting += _imported((root / file).read_text(encoding="utf-8"))
    return found


def _plain_python(cells: str) -> str:
    """Code without IPython's % and ! lines."""
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in cells.splitlines())


@cache
def _imported(code: str) -> tuple[str, ...]:
    """Dotted names below the package that `code` imports; a name may turn out to be a function."""
    return tuple(_walk(code))


def _walk(code: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == PACKAGE)


@cache
def _files(root: Path, name: str) -> frozenset[str]:
    """A module's file, or a folder's `__init__.py`, and the tables beside it; nothing for a function."""
    path = Path(*name.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if (root / file).is_file() and str(path) != PACKAGE:
            tables = (table.relative_to(root) for table in (root / file).parent.glob("*.csv"))
            return frozenset(part.as_posix() for part in (file, *tables))
    return frozenset()
