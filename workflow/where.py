"""Where jobs run: the options that run.py and the scripts of several runs share, and how these call run.py."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable

from here import ROOT
from job import die_with_parent


def parsed(parser: argparse.ArgumentParser) -> tuple[argparse.Namespace, list[str]]:
    """What the command line says, these options among it, and the words behind --, which are Snakemake's."""
    parser.add_argument("--jobs", type=int, help="jobs at a time: on this machine as many as it has cores")
    parser.add_argument("--profile", default="default", help="a folder of workflow/profiles, as slurm for a cluster")
    parser.add_argument("--outputs", help="another folder for everything that is written")
    arguments, further = parser.parse_known_args()
    return arguments, [word for word in further if word != "--"]


def run(preset: str, jobs: int | None, profile: str, outputs: str | None, further: Iterable[str]) -> None:
    """One preset by run.py, which goes on where a stopped run was; where it fails, this process ends as it did."""
    given = {"--preset": preset, "--jobs": jobs, "--profile": profile, "--outputs": outputs}
    words = [word for option, value in given.items() if value for word in (option, str(value))]
    # A killed caller takes it along: else it would hold the preset's lock, and the next start would be refused.
    ends = die_with_parent if os.getpid() != 1 else None
    command = [sys.executable, str(ROOT / "workflow" / "run.py"), *words, "--", *further]
    if failed := subprocess.run(command, preexec_fn=ends).returncode:
        sys.exit(failed)
