"""Notebook 09 with repetitions, and the record of what it finds beside Table V.

    python workflow/weak.py --jobs 2 -- further Snakemake options

The clips, the runs beside and the notebook by workflow/run.py, which goes on where a stopped run was; then the tables
in outputs/weak/tricks/, which notebook 10 shows.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import where
from bench import write_tables
from here import ROOT, faults_told

from vpipe_utils.learning.weak.params import WeakParams
from vpipe_utils.project.parameter_files import runs_weak
from vpipe_utils.project.provenance import provenance
from vpipe_utils.storage.tables import write_json


def main() -> None:
    parser = argparse.ArgumentParser(description="run notebook 09 with repetitions and write its record")
    parser.add_argument("--preset", default="weak", help="a folder of params/ whose weak.yaml has weak_in_report: true")
    arguments, further = where.parsed(parser)
    os.chdir(ROOT)
    with faults_told("make weak"):
        params = weak_params(arguments.preset, arguments.outputs)
        where.run(params.preset, arguments.jobs, arguments.profile, arguments.outputs, ["--until", "weak", *further])
        if not further:  # else it may be a plan, or a part
            print(f"the tables: {make_record(params)}; make report shows them", file=sys.stderr)


def weak_params(preset: str, outputs: str | None) -> WeakParams:
    """The parameters of notebook 09. ValueError where the preset does not run it, or too seldom for an interval."""
    params = WeakParams.from_preset(preset, outputs)
    if not runs_weak(preset) or params.weak_repetitions < 2:
        raise ValueError(f"params/{preset}/weak.yaml must set weak_in_report: true and weak_repetitions: 2 or more")
    return params


def make_record(params: WeakParams) -> Path:
    """Write the tables of the finished runs, and where they were made; give their folder."""
    from vpipe_utils.report.weak.results import effect_table, read_results, result_table  # PyTorch takes seconds

    found = read_results(params, params.train_folds[0])
    tables = {"effects": effect_table(found), "runs": result_table(found).reset_index()}
    folder = write_tables(params.layout.tricks, tables)
    write_json(provenance(), folder / "provenance.json")
    return folder


if __name__ == "__main__":
    main()
