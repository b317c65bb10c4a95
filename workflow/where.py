"""Where jobs run: the options that the scripts of several runs share, and hand on to run.py."""

from __future__ import annotations

import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=int, help="jobs at a time: on this machine as many as it has cores")
    parser.add_argument("--profile", default="default", help="a folder of workflow/profiles, as slurm for a cluster")
    parser.add_argument("--outputs", help="another folder for everything that is written")


def words(jobs: int | None, profile: str, outputs: str | None) -> list[str]:
    """The same options for run.py."""
    given = {"--jobs": jobs, "--profile": profile, "--outputs": outputs}
    return [word for option, value in given.items() if value for word in (option, str(value))]
