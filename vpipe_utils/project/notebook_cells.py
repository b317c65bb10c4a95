"""Which variables are the parameters of a running notebook, told from the source of the cells that ran.

The notebook's variables alone do not tell: a start-up file, an earlier run or a cell further down may use any name.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MARK = "# Parameters"  # how a parameters cell begins; papermill's cell behind it has this line and nothing else in it
VALIDATES = "from_notebook"


def cells_that_ran(variables: Mapping[str, Any]) -> list[str]:
    """Source of every cell that ran in this kernel, the running one last. `variables`: the notebook's `globals()`.

    IPython keeps it in `In`. nbval has it keep none; then the copies for tracebacks serve, in the order of first run.
    """
    history = [source for source in variables.get("In", ()) if source.strip()]
    without_a_file = [entry for entry in linecache.cache.values() if len(entry) == 4 and entry[1] is None]
    return history or ["".join(lines) for _, _, lines, _ in without_a_file]


def names_set(history: Sequence[str]) -> list[str]:
    """Names that the parameters cell, run last, and the cells between it and the checking of parameters assign.

    papermill's cell counts wherever it ran after that. `history`: see `cells_that_ran`. Raises ValueError where no
    parameters cell ran.
    """
    marked = [number for number, source in enumerate(history) if source.startswith(MARK)]
    if not marked:
        raise ValueError(f"run the parameters cell first: no cell that ran in this kernel begins with '{MARK}'")
    start = max([number for number in marked if not _is_papermills(history[number])] or marked)
    names: dict[str, None] = {}
    checked = False
    for source in history[start:]:
        if checked and not _is_papermills(source):
            continue
        for statement in _statements(source):
            if VALIDATES in ast.dump(statement):
                checked = True
                break
            names |= dict.fromkeys(_assigned(statement))
    return [name for name in names if not name.startswith("_")]


def _is_papermills(source: str) -> bool:
    return source.split("\n", 1)[0] == MARK


def _statements(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:  # a cell that could not run sets nothing
        return []


def _assigned(node: ast.AST) -> Iterator[str]:
    """Names that are assigned in the cell itself, not inside a function, a class or a comprehension."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda | ast.comprehension):
        for child in ast.iter_child_nodes(node):
            yield from _assigned(child)
