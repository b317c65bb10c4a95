"""Every notebook keeps the form that readers and the workflow count on (see DESIGN in the README's tree)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from vpipe_utils.benchmarks.params import BenchmarkParams
from vpipe_utils.data.params import DataParams
from vpipe_utils.evaluation.params import EnsembleParams
from vpipe_utils.learning.params import FrameParams, SuperImageParams, VideoParams
from vpipe_utils.learning.weak.params import WeakParams
from vpipe_utils.project.parameter_files import layer_files, read_layers
from vpipe_utils.review.predicting.params import ReviewParams

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAX_LINES = 24
KINDS = (DataParams, FrameParams, VideoParams, SuperImageParams, EnsembleParams, BenchmarkParams, WeakParams)
KINDS += (ReviewParams,)


@pytest.fixture(params=NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def test_all_notebooks_are_here():
    assert [path.name[:2] for path in NOTEBOOKS][:6] == ["01", "02", "03", "04", "05", "06"]
    assert (ROOT / "notebooks" / "10_report.ipynb") in NOTEBOOKS


def test_it_is_valid_and_names_the_kernel(notebook):
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"


def test_it_opens_with_title_question_and_what_it_reads_writes_and_takes(notebook):
    text = notebook.cells[0].source
    assert notebook.cells[0].cell_type == "markdown"
    assert text.startswith("# ") and text.splitlines()[0].count("#") == 1
    assert "?" in text, "the opening asks the question that the notebook answers"
    assert all(word in text.lower() for word in ("reads", "writes", "takes"))
    titles = [line for cell in notebook.cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    assert sum(line.startswith("# ") for line in titles) == 1, "one H1 a notebook"


def test_its_parameters_are_the_smoke_presets(notebook):
    """They name preset, model, fold and trick alone: papermill's `-f` then replaces all of them."""
    first, second = code_cells(notebook)[:2]
    assert "parameters" in tags(first)
    assert sum("parameters" in tags(cell) for cell in notebook.cells) == 1
    assert first.source.startswith("# Parameters: "), "so the checking of parameters knows the cell"
    values: dict[str, object] = {}
    exec(first.source, {}, values)
    assert values["preset"] == "smoke" and list(values) in (["preset"], ["preset", "model", "fold", "trick"])
    assert layer_files(**values)
    assert "from_notebook(globals())" in second.source, "the second code cell validates"


def test_it_is_stripped(notebook):
    """No outputs in git, except text of cells tagged keep_output, which nbval compares."""
    for cell in code_cells(notebook):
        assert set(cell.metadata) <= {"tags"}, f"metadata of a run: {dict(cell.metadata)}"
        if "keep_output" in tags(cell):
            assert "NBVAL_CHECK_OUTPUT" in cell.source and cell.outputs
            kinds = {kind for output in cell.outputs for kind in output.get("data", {"text/plain": ""})}
            assert kinds <= {"text/plain", "text/html", "text/markdown"}, "no pictures in git"
        else:
            assert not cell.outputs and cell.execution_count is None
    assert "papermill" not in notebook.metadata and "widgets" not in notebook.metadata


def test_its_cells_are_short_and_it_closes_with_what_it_shows_and_exercises(notebook):
    for cell in code_cells(notebook):
        assert len(cell.source.splitlines()) <= MAX_LINES, cell.source[:80]
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    headings = [text for text in texts if text.startswith("## ")]
    last = [text.splitlines()[0] for text in headings[-2:]]
    assert last == ["## What this shows", "## Exercises"]
    assert re.search(r"^1\. .*^2\. ", texts[-1], re.M | re.S), "two exercises or more"
    links = re.findall(r"\]\(([^)]*)\)", texts[-1])
    assert all((ROOT / "notebooks" / link).is_file() for link in links) and "**In the paper:**" in texts[-1]


def test_the_parameters_that_it_tells_readers_to_set_are_allowed(notebook):
    """Each `key = value` of the exercises and of the parameters cell's first line, on top of the smoke preset."""
    cell, second = (cell.source for cell in code_cells(notebook)[:2])
    [kind] = [kind for kind in KINDS if f"import {kind.__name__}\n" in second]
    run: dict[str, object] = {}
    exec(cell, {}, run)
    values = read_layers(layer_files(**{"model": kind.layer} | run))
    named = re.findall(r"`(\w+ = [^`]+)`", notebook.cells[-1].source) + re.findall(r"as in (\w+ = .+)", cell)
    assert named
    for setting in named:
        own: dict[str, object] = {}
        exec(setting, {}, own)
        kind.from_values(values | own, setting)


def test_its_boxes_say_what_why_and_where_from(notebook):
    """One form, which JupyterLab, GitHub and the site all show: a `<div>`, empty lines, Markdown."""
    boxes = [cell.source for cell in notebook.cells if cell.cell_type == "markdown" and "<div" in cell.source]
    assert boxes, "ideas are explained where they first appear"
    for box in boxes:
        assert box.startswith('<div class="alert alert-info">\n\n**Idea: ') and box.endswith("\n\n</div>"), box
        words = [box.index(word) for word in ("*What.*", "*Why.*", "*Source.*")]
        assert words == sorted(words) and len(box) < 1200, box


def test_no_box_explains_an_idea_twice():
    texts = [cell.source for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells]
    titles = [line for text in texts for line in text.splitlines() if line.startswith("**Idea: ")]
    assert len(titles) == len(set(titles))


def test_the_code_that_it_shows_is_there(notebook):
    """Its calls of `show_source` run, with nothing of the notebook but its imports."""
    cells = [ast.parse(cell.source).body for cell in code_cells(notebook)]
    names: dict[str, object] = {}
    for body in cells:
        shows = any("show_source(" in ast.unparse(node) for node in body)
        kept = [node for node in body if shows or isinstance(node, ast.Import | ast.ImportFrom)]
        exec(compile(ast.Module(kept, []), "notebook", "exec"), names)
    assert "show_source" in names, "the code that matters is shown"


def test_no_later_cell_needs_what_is_computed_while_drawing(notebook):
    """A fault in there only costs a picture (`figure_style.drawing`), so no result may come from it."""
    inside = set()
    for tree in (ast.parse(cell.source) for cell in code_cells(notebook) if "%" not in cell.source[:1]):
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        stored = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        assert not inside & {name.id for name in names} - stored
        inside -= stored
        for node in (n for n in ast.walk(tree) if isinstance(n, ast.With) and "drawing(" in ast.unparse(n.items[0])):
            assigned = [target for n in ast.walk(node) if isinstance(n, ast.Assign) for target in n.targets]
            inside |= {n.id for target in assigned for n in ast.walk(target) if isinstance(n, ast.Name)}


def test_it_defines_no_class_or_function(notebook):
    nodes = [node for cell in code_cells(notebook) if cell.source[:1] != "%" for node in ast.parse(cell.source).body]
    defined = {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    assert not defined, "it belongs into the package"
