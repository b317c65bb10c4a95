"""Pages that show records of hours, with made-up ones: tables, figures and sentences stand in place of "not yet"."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pandas as pd
import pytest
from made_up_bench import made_up_tables
from made_up_leakage import made_up_sides
from nbclient import NotebookClient

from vpipe_utils.evaluation.leakage import siblings
from vpipe_utils.report.tricks import leakage, words

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.whole


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outputs = tmp_path_factory.mktemp("records")
    weak = pd.DataFrame({"trick": ["mae_transmil"], "difference": [-0.2], "low": [-0.3], "high": [-0.1], "runs": [3],
                         "verdict": ["hurts"]})  # fmt: skip
    tables = {"bench": made_up_tables(), "leakage": siblings.gather(*made_up_sides(2.0), 20, 1),
              "weak": {"effects": weak}}  # fmt: skip
    for preset, of_preset in tables.items():
        folder = outputs / preset / "tricks"
        folder.mkdir(parents=True)
        for name, table in of_preset.items():
            table.to_csv(folder / f"{name}.csv", index=False)
    return outputs


def text_of(name: str, outputs: Path, sections: tuple[str, str] | None = None) -> str:
    """All that a notebook shows with these outputs; of a long one the first cells and one part: headings from, to."""
    notebook = nbformat.read(next((ROOT / "notebooks").glob(f"{name}_*.ipynb")), as_version=4)
    next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])).source += (
        f"\noutputs = {str(outputs)!r}"
    )
    if sections:
        begins, ends = (
            next(k for k, cell in enumerate(notebook.cells) if cell.source.startswith(title)) for title in sections
        )
        notebook.cells = [*notebook.cells[:4], *notebook.cells[begins:ends]]
    NotebookClient(notebook, kernel_name="python3", timeout=300).execute(cwd=str(ROOT))
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(str(output.get("data", output)) for output in shown)


@pytest.mark.parametrize(
    ("name", "sections", "said"),
    [
        ("02", ("## What a sibling in training buys", "## The folds that are used"), "with a sibling in training"),
        ("07", None, "tuning both removes"),
        ("08", None, "neighbouring frames|consecutive frames"),
        ("10", ("## The tricks (Tables IV and V)", "## Learning curves"), "30 comparisons that stand for the 25 rows"),
    ],
)
def test_a_page_shows_its_record(name: str, sections: tuple | None, said: str, outputs: Path) -> None:
    text = text_of(name, outputs, sections)
    assert any(each in text for each in said.split("|"))
    for not_yet in (words.NOT_RUN, words.NOT_TUNED, leakage.NOT_MEASURED):
        assert not_yet.strip("*") not in text
