"""The tables of results in README.md and docs/*.md, made from the records in outputs/reference/.

    .venv/bin/python docs/tables.py        # after new records: writes the tables anew

A page says where a table goes: `<!-- table: NAME -->` above it and `<!-- end of table -->` below.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from vpipe_utils.evaluation.sight import record as sight_record
from vpipe_utils.report.sentences import as_list
from vpipe_utils.report.sight.words import cell_table
from vpipe_utils.report.tricks.leakage import lines as leakage_lines
from vpipe_utils.report.tricks.leakage import score_table
from vpipe_utils.report.tricks.paper_tricks import MEASURED, every_row
from vpipe_utils.report.tricks.words import side_by_side
from vpipe_utils.review.evidence import record as evidence_record

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "outputs" / "reference"
PAGES = ("README.md", "docs/RESULTS.md", "docs/MODEL_CARD.md", "docs/DATA_CARD.md")
PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", flags=re.DOTALL)

# Ways to load that give floats and ways that give bytes: each is compared with its like.
NEW_MEMORY = "PIL, files of tiles, collated"
FLOATS = {
    "PIL, files of tiles": "the usual way",
    NEW_MEMORY: "the usual way, batches in new memory",
    "ours, jpeg, to floats": "ours, JPEG tiles",
    "ours, uint8, to floats": "ours, raw tiles",
}
BYTES = {
    "PIL, files of tiles, as bytes": "the usual way",  # older records lack it
    "ours, jpeg, first time": "ours, JPEG tiles, read and checked for the first time",
    "ours, jpeg": "ours, JPEG tiles",
    "ours, uint8, first time": "ours, raw tiles, read and checked for the first time",
    "ours, uint8": "ours, raw tiles",
}


def markdown(rows: list[list[object]]) -> str:
    """A Markdown table; the first row is its head. Floats have three decimals, None and "" are empty."""
    text = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell or "") for cell in row] for row in rows]
    text.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in text)


def as_markdown(table: pd.DataFrame) -> str:
    """A table of the notebooks as a Markdown table; the heads of its rows come first."""
    heads = [name if name is not None else table.columns.name for name in table.index.names]
    rows = table.rename_axis(index=heads, columns=None).reset_index()
    return markdown([list(rows.columns), *rows.to_numpy(object).tolist()])


def headline() -> str:
    """Every model that clears the colour baseline, and apart from them those that do not (notebook 10)."""
    record = json.loads((RECORDS / "demo" / "headline.json").read_text(encoding="utf-8"))
    text = markdown([record["columns"], *record["rows"]])
    small = record.get("small") or {"rows": []}  # older records have none
    apart = f"\n\n{small['note']}\n\n{markdown([small['columns'], *small['rows']])}" if small["rows"] else ""
    return text + apart


def reading() -> str:
    """Nine of 500 frames: ours against the paper's way, the fastest other that is always right, the fastest other."""
    read = pd.read_csv(RECORDS / "reading" / "reading.csv").set_index(["clip", "way"])
    clips = list(read.index.get_level_values("clip").unique())
    others = [read.loc[clip].drop(["ours", "the paper's"]) for clip in clips]
    right = [ways[ways["exact"] & (ways["odd_exact"] == ways["odd_clips"])] for ways in others]
    fastest = pd.DataFrame([ways.loc[ways["ours_ratio"].idxmin()] for ways in others])
    wrong = fastest["odd_clips"] - fastest["odd_exact"]
    odd = int(fastest["odd_clips"].max())
    rows = {
        "every frame as JPEG (the paper)": [read.loc[(clip, "ours"), "ratio"] for clip in clips],
        f"the fastest that is right on all {odd} odd clips": [ways["ours_ratio"].min() for ways in right],
        f"the fastest of all, wrong on {wrong.min()} to {wrong.max()} odd clips": list(fastest["ours_ratio"]),
    }
    lines = [[name, *(f"{ratio:.{1 if ratio >= 1 else 2}f} ×" for ratio in ratios)] for name, ratios in rows.items()]
    return markdown([["Nine of 500 frames, a keyframe every 50: ours against", *clips], *lines])


def loading_floats() -> str:
    loaded = _loaded()
    _require(loaded.loc[list(FLOATS), "gives"], "float")
    rows = [["As floats, made on the CPU", "per second", "against the usual way", "against it in new memory, as ours"]]
    for way, name in FLOATS.items():
        ratio = loaded.loc[way, "ratio"]
        in_new = f"{ratio / loaded.loc[NEW_MEMORY, 'ratio']:.2f} ×" if name != "the usual way" else ""
        rows.append([name, f"{loaded.loc[way, 'per_s']:,.0f}", f"{ratio:.2f} ×", in_new])
    return markdown(rows)


def loading_bytes() -> str:
    loaded = _loaded()
    ways = {way: name for way, name in BYTES.items() if way in loaded.index}
    _require(loaded.loc[list(ways), "gives"], "bytes")
    compared = "the usual way" in ways.values()  # else `ratio` is of another kind: bytes against floats
    usual = ["against the usual way"] if compared else []
    rows = [["As bytes", "per second", *usual, "against copying in memory"]]
    for way, name in ways.items():
        ratio = [f"{loaded.loc[way, 'ratio']:.2g} ×"] if compared else []
        rows.append([name, f"{loaded.loc[way, 'per_s']:,.0f}", *ratio, f"{loaded.loc[way, 'copy_share']:.2f} ×"])
    return markdown(rows)


def sight() -> str:
    """The grid of notebook 13: mAP by share in sight; a sentence before the first record."""
    record = sight_record.read_record(RECORDS)
    if record is None:
        return "The grid has not been run yet."
    return as_markdown(cell_table(record).rename_axis("mAP [95 %], by the labels' median share"))


def evidence() -> str:
    """How often evidence hits the defect that PipeSim has drawn; a sentence before the first record."""
    record = evidence_record.read_record()
    if record is None:
        return "Evidence has not been measured yet."
    pointing, seconds = evidence_record.pointing_table(record), evidence_record.seconds_table(record)
    return f"{as_markdown(pointing)}\n\n{as_markdown(seconds)}"


def _loaded() -> pd.DataFrame:
    return pd.read_csv(RECORDS / "reading" / "loading.csv").set_index("way")


def _require(gives: pd.Series, kind: str) -> None:
    """Only ways that give the same may stand in one table."""
    if set(gives) != {kind}:
        raise ValueError(f"loading.csv: these ways must all give {kind}: {gives.to_dict()}")


def twin() -> str:
    """PipeSim's clips beside real ones (docs/twin.py)."""
    record = pd.read_csv(RECORDS / "pipesim" / "twin.csv")
    spread = record.dropna(subset="percentile")
    rows = [["", "", *(f"{p:.0f} %" for p in spread["percentile"].unique())]]
    for name, group in spread.groupby("quantity", sort=False):
        for source in ("real", "twin"):
            if group[source].notna().any():
                cells = ["" if np.isnan(value) else f"{value:.2f}" for value in group[source]]
                rows.append([name if source == "real" or group["real"].isna().all() else "", NAMED[source], *cells])
    shares = record[record["percentile"].isna()]
    lines = [[row.quantity, f"{row.real:.0%}", f"{row.twin:.0%}"] for row in shares.itertuples()]
    return f"{markdown(rows)}\n\n{markdown([['', 'real', 'PipeSim'], *lines])}"


def tricks() -> str:
    """Every row of Tables IV and V beside what was measured; a sentence before the first record."""
    tables = {path.stem: pd.read_csv(path) for path in (RECORDS / "bench").glob("*.csv")}
    if (RECORDS / "weak" / "effects.csv").is_file():
        tables["weak"] = pd.read_csv(RECORDS / "weak" / "effects.csv")
    if not tables.keys() & set(MEASURED):
        runs = len(list((RECORDS / "bench" / "runs").glob("*.fold_*.parquet")))
        return f"The bench is under way: {runs} runs are recorded, no trick has all of its own yet."
    shown = {table: side_by_side(every_row(tables, table)).set_index("trick") for table in ("IV", "V")}
    return as_markdown(pd.concat(shown, names=[""]))


def leakage() -> str:
    """What sibling clips buy; a sentence before the first record."""
    tables = {path.stem: pd.read_csv(path) for path in (RECORDS / "leakage").glob("*.csv")}
    if "scores" not in tables:
        return "What sibling clips buy has not been measured yet."
    return f"{as_markdown(score_table(tables).set_index('mAP'))}\n\n{as_list(leakage_lines(tables))}"


NAMED = {"real": "real", "twin": "PipeSim"}

TABLES: dict[str, Callable[[], str]] = {
    "evidence": evidence, "headline": headline, "reading": reading, "loading_floats": loading_floats,
    "loading_bytes": loading_bytes, "sight": sight, "tricks": tricks, "leakage": leakage, "twin": twin,
}  # fmt: skip


def renewed(page: str) -> str:
    """The text of a page with its tables made anew."""
    return PLACE.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}\n{found[3]}", page)


def main() -> None:
    for name in PAGES:
        path = ROOT / name
        path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
