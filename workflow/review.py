"""What trained models say of new clips, as a folder to look at: `make predict VIDEOS=folder RUN=demo`.

    python workflow/review.py --videos folder --run demo                        the demo's ensemble
    python workflow/review.py --videos list.txt --run outputs/demo/runs/super_image/lite0/fold_0    one run
    python workflow/review.py --videos unlabelled --run demo                    the preset's own clips without labels
    python workflow/review.py --videos folder --run packed --name october       a folder of make export

Writes outputs/<preset>/review/<name>/; the same command after a kill goes on and ends with the same bytes.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import home
from here import faults_told

UNLABELLED = (
    "unlabelled"  # instead of a folder: the clips of the preset that have no labels, as its runs predicted them
)


def main() -> int:
    parser = argparse.ArgumentParser(description="predict new clips and write the folder of a review")
    parser.add_argument("--videos", default="", help="a folder of clips, or a text file with a path a line")
    parser.add_argument("--run", default="demo", help="a preset, the folder of a run, or one that make export packed")
    parser.add_argument("--name", default="", help="of the review; else that of the folder or list of clips")
    parser.add_argument("--out", default="", help="another folder for the review")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that read clips")
    parser.add_argument("--missed", type=float, default=0.05, help="share of defects that the list may miss: 0.05, 0.1")
    arguments = parser.parse_args()
    began = time.monotonic()
    home.provide(os.environ)
    # Threads of PyTorch that wait for each other give their core away: with other work on the machine 92 seconds for
    # 100 clips in place of 400, on 2 cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with faults_told("make predict", MemoryError, RuntimeError):
        if not arguments.videos:
            raise ValueError(
                "say which clips: make predict VIDEOS=folder, or VIDEOS=unlabelled for those of the preset itself"
            )
        from vpipe_utils.review.predicting.review import make_review, review_of_preset  # PyTorch takes seconds
        from vpipe_utils.review.predicting.trained import find_trained

        if arguments.videos == UNLABELLED and not Path(UNLABELLED).exists():
            folder = review_of_preset(find_trained(arguments.run), arguments.missed)
            if folder is None:
                raise ValueError(f"every clip of {arguments.run} has labels, so none is left to review")
        else:
            where = (arguments.name or None, arguments.out or None, arguments.workers)
            folder = make_review(arguments.videos, arguments.run, *where, missed=arguments.missed)
    print(f"{folder} is written after {time.monotonic() - began:.0f} seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
