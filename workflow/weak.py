"""Notebook 09 with repetitions, and the record of what it finds beside Table V.

    python workflow/weak.py --jobs 2 -- further Snakemake options

The clips, the runs beside and the notebook by workflow/run.py, which goes on where a stopped run was; then the tables
in outputs/weak/tricks/, which notebook 10 shows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "workflow")]

import where  # noqa: E402
from bench import write_tables  # noqa: E402

from vpipe_utils.learning.weak.params import WeakParams  # noqa: E402
from vpipe_utils.project.parameter_files import layer_files, read_layers, runs_weak  # noqa: E402
from vpipe_utils.project.provenance import provenance  # noqa: E402
from vpipe_utils.storage.tables import write_json  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description="run notebook 09 with repetitions and write its record")
    parser.add_argument("--preset", default="weak", help="a folder of params/ whose weak.yaml has weak_in_report: true")
    where.add_options(parser)
    arguments, further = parser.parse_known_args()
    further = [word for word in further if word != "--"]
    os.chdir(ROOT)
    try:
        params = weak_params(arguments.preset, arguments.outputs)
    except (ValueError, OSError) as error:
        sys.exit(f"make weak: {error}")
    place = where.words(arguments.jobs, arguments.profile, arguments.outputs)
    words = ["--preset", params.preset, *place, "--", "--until", "weak", *further]
    failed = subprocess.run([sys.executable, str(ROOT / "workflow" / "run.py"), *words]).returncode
    if failed:
        sys.exit(failed)
    if further:  # a plan, or a part
        return
    try:
        print(f"the tables: {make_record(params)}; make report shows them", file=sys.stderr)
    except (ValueError, OSError) as error:
        sys.exit(f"make weak: {error}")


def weak_params(preset: str, outputs: str | None) -> WeakParams:
    """The parameters of notebook 09. ValueError where the preset does not run it, or too seldom for an interval."""
    files = layer_files(preset, "weak")
    values = read_layers(files) | ({"outputs": outputs} if outputs else {})
    params = WeakParams.from_values(values, f"params/{preset}/weak.yaml", files)
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
