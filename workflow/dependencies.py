"""Which files of `vpipe_utils` a notebook or script runs, found by following its imports."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = "vpipe_utils"


def module_files(notebook: str | Path, leave_out: tuple[str, ...] = ()) -> list[str]:
    """Files of the package that a notebook or script imports, directly or through others, as relative paths.

    `leave_out`: modules whose changes must not make it run again (drawing, validation).
    """
    if not Path(notebook).is_file():  # Snakemake will name it as a missing input, if it is needed
        return []
    code = Path(notebook).read_text(encoding="utf-8")
    if Path(notebook).suffix == ".ipynb":
        cells = [cell for cell in json.loads(code)["cells"] if cell["cell_type"] == "code"]
        code = "\n".join(_plain_python("".join(cell["source"])) for cell in cells)
    found: set[Path] = set()
    waiting = list(_imported(code))
    while waiting:
        files = _files(waiting.pop()) - found
        found |= files
        for file in files:
            if file.suffix == ".py":
                waiting += _imported(file.read_text(encoding="utf-8"))
    return sorted(str(file) for file in found if file.stem not in leave_out)


def _plain_python(cell: str) -> str:
    """A cell without IPython's % and ! lines."""
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in cell.splitlines())


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
def _files(name: str) -> frozenset[Path]:
    """A module's file, or a folder's `__init__.py`, and the tables beside it; nothing for a function."""
    path = Path(*name.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file() and str(path) != PACKAGE:
            return frozenset({file, *file.parent.glob("*.csv")})
    return frozenset()
