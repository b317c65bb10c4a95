"""Which variables the parameters cell of a running notebook sets, told from the source of the cells that ran."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

PARAMETERS = "parameter_files"  # the variable by which a parameters cell is known
INJECTED = "# Parameters"  # how papermill begins the cell that it puts behind the parameters cell
VALIDATES = "from_notebook"


def names_set(history: Sequence[str]) -> list[str]:
    """Names that the parameters cell, run last, and the cells between it and the checking of parameters assign.

    `history`: the source of every cell that ran in this kernel, IPython's `In`; the last one is running. What other
    cells, an earlier run or a start-up file have set is not looked at. Raises ValueError where no parameters cell ran.
    """
    cells = [_statements(source) for source in history]
    starts = [number for number, cell in enumerate(cells) if PARAMETERS in _assigned(cell)]
    if not starts:
        raise ValueError(f"run the cell that sets {PARAMETERS} first: no cell that ran in this kernel does")
    start = starts[-1]
    while history[start].startswith(INJECTED) and start - 1 in starts:  # papermill's stands right behind ours
        start -= 1
    names: dict[str, None] = {}
    for statement in (statement for cell in cells[start:] for statement in cell):
        if VALIDATES in ast.dump(statement):
            break
        names |= dict.fromkeys(_assigned([statement]))
    return [name for name in names if name != PARAMETERS and not name.startswith("_")]


def _statements(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:  # a cell that could not run sets nothing
        return []


def _assigned(statements: Sequence[ast.AST]) -> list[str]:
    return [name for statement in statements for name in _walk(statement)]


def _walk(node: ast.AST) -> Iterator[str]:
    """Names that are assigned in the cell itself, not inside a function, a class or a comprehension."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda | ast.comprehension):
        for child in ast.iter_child_nodes(node):
            yield from _walk(child)
