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


def loading_tables(loaded: pd.DataFrame) -> tuple[str, str]:
    """Ways that give floats and ways that give bytes, each beside its like: the README's tables of `loading.csv`."""
    names = {"": "", ", first time": ", read and checked for the first time"}
    ours = {f"ours, {kind}{more}": f"ours, {tiles} tiles{names[more]}"
            for kind, tiles in (("jpeg", "JPEG"), ("uint8", "raw")) for more in names}  # fmt: skip
    new_memory = "PIL, files of tiles, collated"
    floats = {"PIL, files of tiles": "the usual way", new_memory: "the usual way, batches in new memory"}
    floats |= {f"{way}, to floats": name for way, name in ours.items() if "first" not in way}
    as_bytes = {"PIL, files of tiles, as bytes": "the usual way"} | ours
    assert set(loaded.loc[list(floats), "gives"]) == {"float"}
    as_bytes = {way: name for way, name in as_bytes.items() if way in loaded.index}
    assert set(loaded.loc[list(as_bytes), "gives"]) == {"bytes"}
    lines = [["As floats, made on the CPU", "per second", "against the usual way", "against it in new memory, as ours"]]
    for way, name in floats.items():
        row = loaded.loc[way]
        in_new = f"{row['ratio'] / loaded.loc[new_memory, 'ratio']:.2f} ×" if name != "the usual way" else ""
        lines.append([name, f"{row['per_s']:,.0f}", f"{row['ratio']:.2f} ×", in_new])
    # Records of before there was a usual way that gives bytes compare bytes with copying alone.
    has_usual = "the usual way" in as_bytes.values()
    usual = ["against the usual way"] if has_usual else []
    beside = [["As bytes", "per second", *usual, "against copying in memory"]]
    for way, name in as_bytes.items():
        row = loaded.loc[way]
        ratio = [f"{row['ratio']:.2g} ×"] if has_usual else []
        beside.append([name, f"{row['per_s']:,.0f}", *ratio, f"{row['copy_share']:.2f} ×"])
    return as_rows(lines), as_rows(beside)


def as_rows(lines: list[list[str]]) -> str:
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def test_loading_is_the_record_of_a_run_like_beside_like() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    loaded = pd.read_csv(ROOT / "outputs" / "reference" / "reading" / "loading.csv").set_index("way")
    for table in loading_tables(loaded):
        assert table in readme


def test_the_model_card_has_the_same_table() -> None:
    card = (ROOT / "docs" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert as_markdown(json.loads(RECORD.read_text(encoding="utf-8"))) in card
