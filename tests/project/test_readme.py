"""What the README shows is what a command of it printed: the table is the kept record of a demo run."""

from __future__ import annotations

import json
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


def test_reading_is_the_record_of_a_run() -> None:
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


def test_loading_is_the_record_of_a_run_like_beside_like() -> None:
    """Floats beside floats, bytes beside bytes: only ways that give the same stand in one table."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    loaded = pd.read_csv(ROOT / "outputs" / "reference" / "reading" / "loading.csv").set_index("way")
    collated = "PIL, files of tiles, collated"
    for way, name in {
        "PIL, files of tiles": "the usual way", collated: "the usual way, batches in new memory",
        "ours, jpeg, to floats": "ours, JPEG tiles", "ours, uint8, to floats": "ours, raw tiles (uint8)",
    }.items():  # fmt: skip
        assert loaded.loc[way, "gives"] == "float"
        ratio = loaded.loc[way, "ratio"]
        beside = f"{ratio / loaded.loc[collated, 'ratio']:.2f} × |" if way != "PIL, files of tiles" else "|"
        assert f"| {name} | {loaded.loc[way, 'per_s']:,.0f} | {ratio:.2f} × | {beside}" in readme
    for way, name in {
        "ours, jpeg": "ours, JPEG tiles", "ours, uint8": "ours, raw tiles",
        "ours, uint8, first time": "ours, raw tiles, read and checked for the first time",
    }.items():  # fmt: skip
        assert loaded.loc[way, "gives"] == loaded.loc["copying the bytes", "gives"] == "bytes"
        row = f"| {name} | {loaded.loc[way, 'per_s']:,.0f} | {loaded.loc[way, 'copy_share']:.2f} × |"
        assert row in readme


def test_the_model_card_has_the_same_table() -> None:
    card = (ROOT / "docs" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert as_markdown(json.loads(RECORD.read_text(encoding="utf-8"))) in card
