"""Makes a preset of labels and of what a person decided on the page of a review: the next training needs no more.

make corrections PRESET=mytown REVIEW=outputs/mytown/review/week_12 CSV=~/Downloads/week_12_corrections.csv
make report PRESET=mytown_next
"""

from __future__ import annotations

import argparse
import os

from here import ROOT, faults_told

from vpipe_utils.data.params import DataParams
from vpipe_utils.project.paths import resolve
from vpipe_utils.review.corrections import join_corrections


def main() -> None:
    parser = argparse.ArgumentParser(description="join labels and corrections into the next preset")
    parser.add_argument("--preset", required=True, help="whose labels the corrections join")
    parser.add_argument("--review", required=True, help="folder of the review")
    parser.add_argument("--csv", required=True, help="what its page has exported")
    parser.add_argument("--next", help="name of the new preset; else <preset>_next")
    arguments = parser.parse_args()
    name = arguments.next or f"{arguments.preset}_next"
    os.chdir(ROOT)
    with faults_told("corrections"):
        if not (arguments.review and arguments.csv):
            raise ValueError("name both, as in REVIEW=outputs/mytown/review/week_12 CSV=week_12_corrections.csv")
        params = DataParams.from_preset(arguments.preset)
        made = join_corrections(params, resolve(arguments.review), resolve(arguments.csv), name)
    print(f"{made.corrected} clips from the review ({made.changed} had other labels before), {made.kept} from before:")
    print(f"  {made.labels}\n  {made.parameters}\nTrain with them: make report PRESET={name}")


if __name__ == "__main__":
    main()
