"""What pre-commit does to a notebook is what tests/notebooks asks of it."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow"))

import strip  # noqa: E402

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_in_git_is_left_as_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert strip.stripped(text) == text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_run_added_goes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    notebook.metadata["papermill"] = {"duration": 3.0}
    notebook.metadata["widgets"] = {}
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code":
            cell.metadata |= {"papermill": {"status": "completed"}, "execution": {}, "collapsed": True}
            cell.metadata |= {"scrolled": True, "jupyter": {"source_hidden": False}}
            cell.execution_count = number
            if "keep_output" not in cell.metadata.get("tags", []):
                cell.outputs = [nbformat.v4.new_output("stream", text="of a run")]
    assert strip.stripped(nbformat.writes(notebook)) == text


def test_it_reports_what_it_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cell = nbformat.v4.new_code_cell("1", execution_count=2, outputs=[nbformat.v4.new_output("stream", text="1")])
    path = tmp_path / "a.ipynb"
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=[cell])))
    assert strip.main([str(path)]) == 1 and "a.ipynb" in capsys.readouterr().out
    assert strip.main([str(path)]) == 0 and not nbformat.read(path, 4).cells[0].outputs
