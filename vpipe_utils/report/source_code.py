"""Code shown in a notebook where it matters: read from the module that runs, so it cannot differ from it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable

from IPython.display import Markdown, display


def show_source(thing: Callable[..., object], first: str = "", last: str = "") -> None:
    """Display the source of a function, a method or a class, highlighted, under its full name.

    ``first``, ``last``: texts in the lines to begin and to end with, so that only those that matter are shown; without
    them all lines. Raises ValueError where no line has such a text, or where the lines are no whole statements: a text
    may have been found in a docstring.
    """
    lines = textwrap.dedent(inspect.getsource(inspect.unwrap(thing))).splitlines()
    begin = _line_with(first, lines, thing) if first else 0
    end = begin + _line_with(last, lines[begin:], thing) if last else len(lines) - 1
    code = textwrap.dedent("\n".join(lines[begin : end + 1]))
    try:
        ast.parse(code)
    except SyntaxError:
        raise ValueError(f"{_name(thing)}: the lines from '{first}' to '{last}' are no whole statements") from None
    display(Markdown(f"`{_name(thing)}`\n\n````python\n{code}\n````"))


def _line_with(text: str, lines: list[str], thing: Callable[..., object]) -> int:
    found = [number for number, line in enumerate(lines) if text in line]
    if not found:
        raise ValueError(f"{_name(thing)}: no line has '{text}'")
    return found[0]


def _name(thing: Callable[..., object]) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"
