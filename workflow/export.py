"""A trained ensemble or run as one folder that predicts elsewhere: `make export RUN=demo`.

python workflow/export.py --run demo --out outputs/demo/packed
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import home
from here import faults_told


def main() -> int:
    parser = argparse.ArgumentParser(description="pack weights, parameters, classes, calibration and a model card")
    parser.add_argument("--run", default="demo", help="a preset, or the folder of a run")
    parser.add_argument("--out", default="", help="the folder to write; else packed/<run> in the project")
    arguments = parser.parse_args()
    home.provide(os.environ)
    with faults_told("make export"):
        from vpipe_utils.review.predicting.export import export
        from vpipe_utils.review.predicting.trained import find_trained

        out = arguments.out or Path("packed") / find_trained(arguments.run).name
        folder = export(arguments.run, out)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 1e6:,.0f} MB; predict with it by make predict VIDEOS=folder RUN={folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
