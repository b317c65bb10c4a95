"""How often the 95 % intervals of effects hold the truth, by simulation: some minutes on one core.

    .venv/bin/python workflow/simulate.py

Writes outputs/reference/coverage/coverage.csv, which notebook 07 shows, and beside it where it was made.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from here import ROOT

from vpipe_utils.evaluation.tricks import simulation
from vpipe_utils.project.provenance import provenance
from vpipe_utils.storage.files import atomic_path
from vpipe_utils.storage.tables import write_json


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="simulate the coverage of the intervals of effects")
    parser.add_argument("--folder", type=Path, default=ROOT / "outputs" / "reference" / "coverage")
    parser.add_argument("--share", type=float, default=1.0, help="of the experiments, for a quick look")
    given = parser.parse_args(arguments)
    made = provenance()  # before the minutes in which files may change
    table = simulation.table(given.share)
    given.folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(given.folder / "coverage.csv") as part:
        table.to_csv(part, index=False, float_format="%.4f")
    write_json(made, given.folder / "provenance.json")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
