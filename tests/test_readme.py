"""What the README shows is what a command of it printed: the table is the kept record of a demo run."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "outputs" / "reference" / "demo" / "headline.json"


def as_markdown(record: dict) -> str:
    """The headline table of notebook 10 as the README shows it."""
    rows = [record["columns"], ["---"] * len(record["columns"]), *record["rows"]]
    text = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell or "") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in text)


def test_result_table_is_the_record_of_a_run() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert as_markdown(json.loads(RECORD.read_text(encoding="utf-8"))) in readme


def test_every_file_and_folder_the_readme_names_is_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [target for target in re.findall(r"\]\(([^)#]+)\)", readme) if not target.startswith("http")]
    assert len(links) >= 4
    missing = [target for target in links if not (ROOT / target).exists()]
    assert not missing
    targets = set(re.findall(r"^make (\w+)", readme, flags=re.MULTILINE))
    assert targets <= set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
