"""Notebooks as git keeps them: no outputs and no traces of a run, but for cells tagged keep_output.

    .venv/bin/python workflow/strip.py notebooks/*.ipynb

nbstripout does it. One thing is added: cells that keep their output get the execution count 1, for nbval refuses an
output without one. Exits with 1 where a file was changed, so that pre-commit shows it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbstripout import strip_output

# What papermill, JupyterLab and widgets write into a notebook.
OF_A_RUN = (
    "metadata.papermill metadata.widgets cell.metadata.papermill cell.metadata.execution cell.metadata.collapsed "
    "cell.metadata.scrolled cell.metadata.jupyter cell.metadata.trusted"
).split()


def stripped(text: str) -> str:
    """The notebook `text` without what a run wrote into it."""
    notebook = nbformat.reads(text, as_version=4)
    strip_output(notebook, keep_output=False, keep_count=False, keep_id=True, extra_keys=OF_A_RUN)
    for cell in notebook.cells:
        if cell.cell_type == "code" and "keep_output" in cell.metadata.get("tags", []):
            cell.execution_count = 1
            for output in cell.outputs:
                if "execution_count" in output:
                    output["execution_count"] = 1
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def main(files: list[str]) -> int:
    changed = 0
    for path in map(Path, files):
        before = path.read_text(encoding="utf-8")
        after = stripped(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"stripped {path}")
            changed = 1
    return changed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
