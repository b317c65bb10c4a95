"""The grid of notebook 13: three presets that differ in how long labels are in sight, and the record of all of it.

    python workflow/sight.py --jobs 2 -- further Snakemake options

Each preset's clips, trainings and predictions by workflow/run.py, which goes on where a stopped run was; then the
tables and the figure of outputs/sight/record/, unless they are of just these predictions and this code.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import where
from here import faults_told

from vpipe_utils.data.params import DataParams
from vpipe_utils.evaluation.params import EnsembleParams
from vpipe_utils.evaluation.sight.record import PRESETS, PROVENANCE, record_lies, write_record
from vpipe_utils.project.dependencies import RESULTS, deciding_versions, digest_of
from vpipe_utils.project.provenance import provenance
from vpipe_utils.project.seeds import derive_seed
from vpipe_utils.storage.files import atomic_path
from vpipe_utils.storage.tables import read_json

ENTRY = "vpipe_utils/evaluation/sight/gather.py"
SHOWN = (
    "pipesim_train",
    "pipesim_test",
    "pipesim_width",
    "pipesim_height",
    "pipesim_frames",
    "tile_size",
    "train_folds",
)


def main() -> None:
    parser = argparse.ArgumentParser(description="run the grid of notebook 13 and write its record")
    arguments, further = where.parsed(parser)
    for preset in PRESETS:
        print(f"{preset}:", file=sys.stderr)
        place = (arguments.jobs, arguments.profile, arguments.outputs)
        where.run(preset, *place, ["--until", "predict", *further])
    if further:  # a plan, or a part of the grid
        return
    with faults_told("make sight"):
        folder = make_record(arguments.outputs)
    print(f"the record: {folder}; make report shows it as its page on super-images", file=sys.stderr)


def make_record(outputs: str | None = None) -> Path:
    """Write the record, unless it is there and of the same predictions and code; give its folder."""
    presets = [DataParams.from_preset(preset, outputs) for preset in PRESETS]
    folder = record_lies(presets[0].layout.root.parent)
    made_of = fingerprint(presets)
    if (folder / PROVENANCE).is_file() and read_json(folder / PROVENANCE).get("made_of") == made_of:
        return folder
    print("gathering: every cell with its intervals, one to two minutes …", file=sys.stderr)
    from vpipe_utils.evaluation.sight.gather import gather  # seconds of imports
    from vpipe_utils.report.sight.figures import grid

    began = time.monotonic()
    draws = EnsembleParams.from_preset("sight").bootstrap
    tables = gather(presets, draws, derive_seed(presets[0].seed, "bootstrap"))
    sizes = {key: getattr(presets[0], key) for key in SHOWN}
    took = {"draws": draws, "gather_seconds": round(time.monotonic() - began)}
    record = write_record(folder, tables, provenance() | {"made_of": made_of, "sizes": sizes} | took)
    with atomic_path(folder / "figure.png") as part:
        part.write_bytes(grid(record).png())
    return folder


def fingerprint(presets: Sequence[DataParams]) -> str:
    """SHA-256 of what the record is made of: all predictions, the code that scores them, versions."""
    digest = hashlib.sha256(digest_of(ENTRY, RESULTS).encode() + str(deciding_versions()).encode())
    for params in presets:
        for path in sorted(params.layout.root.glob("runs/*/*/fold_*/test_predictions*.parquet")):
            digest.update(str(path.relative_to(params.layout.root.parent)).encode() + path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
