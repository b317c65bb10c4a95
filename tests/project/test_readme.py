"""What the README shows is what a command of it printed: the table is the kept record of a demo run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "outputs" / "reference" / "demo" / "headline.json"


def as_markdown(record: dict) -> str:
    """The headline table of notebook 10 as the README shows it."""
    rows = [record["columns"], ["---"] * len(record["columns"]), *record["rows"]]
    text = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell or "") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in text)


def test_result_table_is_the_record_of_a_run() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert as_markdown(json.loads(RECORD.read_text(encoding="utf-8"))) in readme


def test_reading_and_loading_are_the_records_of_a_run() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    folder = ROOT / "outputs" / "reference" / "reading"
    read = pd.read_csv(folder / "reading.csv").set_index(["clip", "way"])
    clips = read.index.get_level_values("clip").unique()
    of_all = [read.loc[clip].drop(["ours", "the report's"]) for clip in clips]
    on_all_clips = [others[others["exact"] & (others["odd_exact"] == others["odd_clips"])] for others in of_all]
    rows = [
        [read.loc[(clip, "ours"), "ratio"] for clip in clips],
        [others["ours_ratio"].min() for others in on_all_clips],
        [others["ours_ratio"].min() for others in of_all],
    ]
    for row in rows:
        assert "| " + " | ".join(f"{ratio:.{1 if ratio >= 1 else 2}f} ×" for ratio in row) + " |" in readme
    loaded = pd.read_csv(folder / "loading.csv").set_index("way")
    for way, ratio in (("ours, jpeg", "3.3"), ("ours, uint8", "33"), ("ours, uint8, first time", "10")):
        assert f"{loaded.loc[way, 'ratio']:.2g}" == ratio and f"{ratio} ×" in readme
    for way in ("ours, jpeg", "ours, uint8"):
        assert f"| {loaded.loc[way, 'per_s']:,.0f} |" in readme


def test_every_file_and_folder_the_readme_names_is_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [target for target in re.findall(r"\]\(([^)#]+)\)", readme) if not target.startswith("http")]
    assert len(links) >= 4
    missing = [target for target in links if not (ROOT / target).exists()]
    assert not missing
    targets = set(re.findall(r"^make (\w+)", readme, flags=re.MULTILINE))
    assert targets <= set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
