"""What sibling clips buy: the bench's recipe on folds that tear recordings apart, beside folds that keep them whole.

    python workflow/leakage.py --jobs 2 -- further Snakemake options

Both sides are benches (bench.py), so it goes on where it stopped. Plain folds are a preset's own, `leakage`; recordings
are kept whole by the preset that it extends, `bench`, whose records count here. What that lacks is trained in its
folder, but recorded in outputs/leakage/tricks/whole/, so that the bench's own tables stay those of its plan.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

import where
from bench import Bench, write_tables
from here import ROOT, faults_told

from vpipe_utils.pipesim.dataset import DONE
from vpipe_utils.project.parameter_files import read_yaml
from vpipe_utils.storage.files import atomic_path

KINDS = {"whole": "folds that keep recordings whole", "plain": "folds that tear recordings apart"}


def main() -> None:
    parser = argparse.ArgumentParser(description="measure what sibling clips buy, and write the records")
    parser.add_argument("--preset", default="leakage", help="a folder of params/ with a plan.yaml and plain folds")
    arguments, further = where.parsed(parser)
    os.chdir(ROOT)
    with faults_told("make leakage"):
        plain, whole = sides(arguments.preset, arguments.outputs, arguments.jobs, further, arguments.profile)
        names = plain.plan.confirmation({})
        whole.make(KINDS["whole"], names)
        if not further:
            share_clips(whole, plain)
        plain.make(KINDS["plain"], names)
        if not further:
            print(f"the tables: {gather(plain, whole)}; make report shows them", file=sys.stderr)


def sides(
    preset: str, outputs: str | None, jobs: int | None, further: list[str], profile: str = "default"
) -> tuple[Bench, Bench]:
    """The bench of a preset with plain folds, and that of the preset which it extends, whose folds are whole."""
    plain = Bench(preset, outputs, jobs, further, profile)
    whole = Bench(str(read_yaml(f"params/{preset}/data.yaml").get("extends")), outputs, jobs, further, profile)
    of_whole, of_plain = whole.data.model_dump(), plain.data.model_dump()
    different = {key for key in of_plain if of_plain[key] != of_whole[key]}
    if different != {"preset", "by_recording"} or plain.data.by_recording:
        raise ValueError(
            f"params/{preset}/data.yaml: it must set by_recording: false and change nothing else of '{whole.preset}', "
            f"which keeps recordings whole; it changes {', '.join(sorted(different - {'preset'})) or 'nothing'}"
        )
    whole.others = [whole.kept.with_name("cpu"), whole.folder, whole.kept]  # all others here are made on a CPU
    whole.folder, whole.kept = plain.folder.with_name("whole"), plain.kept.with_name("whole")
    plain.augmented = whole.augmented = False
    return plain, whole


def share_clips(whole: Bench, plain: Bench) -> None:
    """Copy finished PipeSim clips, which are the same for both: notebook 01 finds them made, or makes them anew."""
    made, wanted = whole.data.layout.pipesim, plain.data.layout.pipesim
    if (made / DONE).is_file() and not wanted.exists():
        wanted.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(wanted) as part:
            shutil.copytree(made, part, ignore=shutil.ignore_patterns(".*"))


def gather(plain: Bench, whole: Bench) -> Path:
    """Write the tables of `evaluation.leakage.siblings` beside the records; give their folder."""
    from vpipe_utils.evaluation.leakage import siblings  # statistics, seconds of imports

    wanted = plain.plan.confirmation({})
    runs = [{name: record for name, record in side.records().items() if name in wanted} for side in (plain, whole)]
    labels = [side.labels().sort_values("video", ignore_index=True) for side in (plain, whole)]
    if not labels[0].equals(labels[1]):
        raise ValueError(
            f"the records of {plain.preset} and {whole.preset} are of other clips: move the older ones away, "
            f"{plain.folder} or {whole.folder}"
        )
    return write_tables(plain.data.layout.tricks, siblings.gather(*runs, labels[0], *plain.draws()))


if __name__ == "__main__":
    main()
