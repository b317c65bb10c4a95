"""How long the whole report takes on a cluster: a simulated schedule of its jobs, and what limits it."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Job:
    """A job of the workflow: hours on one node, and the names of the jobs that it waits for."""

    hours: float
    after: tuple[str, ...] = ()


def report_jobs(run_hours: Mapping[str, float], folds: int, ends: Mapping[str, float]) -> dict[str, Job]:
    """The jobs of `make report`.

    ``run_hours``: model -> hours of one fold. ``ends``: hours of notebooks 01, 02, of the predictions of a run, of 06
    and of the pages, as `data`, `folds`, `predict`, `ensemble`, `pages`.
    """
    jobs = {"data": Job(ends["data"]), "folds": Job(ends["folds"], ("data",))}
    for model, hours in run_hours.items():
        for fold in range(folds):
            run = f"{model} fold {fold}"
            jobs[run] = Job(hours, ("folds",))
            jobs[f"{run} predictions"] = Job(ends["predict"], (run,))
    predicted = tuple(name for name in jobs if name.endswith("predictions"))
    jobs["ensemble"] = Job(ends["ensemble"], predicted)
    return jobs | {"pages": Job(ends["pages"], ("ensemble",))}


def critical_path(jobs: Mapping[str, Job]) -> tuple[float, list[str]]:
    """Hours and names of the longest chain of jobs: no cluster is faster. ``jobs``: each behind those it waits for."""
    ends: dict[str, tuple[float, str | None]] = {}
    for name, job in jobs.items():
        last = max(job.after, key=lambda before: ends[before][0], default=None)
        ends[name] = ((ends[last][0] if last else 0.0) + job.hours, last)
    name = max(ends, key=lambda one: ends[one][0])
    total, chain = ends[name][0], [name]
    while (before := ends[chain[-1]][1]) is not None:
        chain.append(before)
    return total, chain[::-1]


def simulate(jobs: Mapping[str, Job], nodes: int) -> float:
    """Hours until all is done on so many nodes, one job each at a time.

    Of the jobs that can run, the one with the longest chain behind it starts first. Any such list schedule takes at
    most 2 - 1/nodes times the best (Graham, SIAM J. Appl. Math. 17, 1969). Snakemake starts jobs in another order, so a
    real run may take longer, within the same bound.
    """
    behind: dict[str, float] = {}
    followers: dict[str, list[str]] = {name: [] for name in jobs}
    for name, job in jobs.items():
        for before in job.after:
            followers[before].append(name)
    for name in reversed(jobs):
        behind[name] = jobs[name].hours + max((behind[later] for later in followers[name]), default=0.0)
    waits = {name: len(job.after) for name, job in jobs.items()}
    ready = [(-behind[name], name) for name, count in waits.items() if not count]
    heapq.heapify(ready)
    running: list[tuple[float, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < nodes:
            _, name = heapq.heappop(ready)
            heapq.heappush(running, (now + jobs[name].hours, name))
        now, name = heapq.heappop(running)
        for later in followers[name]:
            waits[later] -= 1
            if not waits[later]:
                heapq.heappush(ready, (-behind[later], later))
    return now


def makespans(jobs: Mapping[str, Job], nodes: tuple[int, ...] = (1, 10, 100)) -> pd.DataFrame:
    """A row a number of nodes: hours, the share of the nodes' time that is used, and what limits.

    Limits: `work` where more nodes would help, else the `longest chain`, of which no number of nodes makes less.
    """
    work, (longest, _) = sum(job.hours for job in jobs.values()), critical_path(jobs)
    rows = []
    for count in nodes:
        hours = simulate(jobs, count)
        limit = "longest chain" if hours <= 1.02 * longest else "work"
        rows.append((count, hours, work / (count * hours), limit))
    return pd.DataFrame(rows, columns=["nodes", "hours", "used", "limit"]).set_index("nodes")


def describe(table: pd.DataFrame, jobs: Mapping[str, Job]) -> str:
    """What the schedule says, in a sentence or two."""
    work, (longest, chain) = sum(job.hours for job in jobs.values()), critical_path(jobs)
    slowest = max(chain, key=lambda name: jobs[name].hours)
    told = ", ".join(f"{row.hours:,.0f} h on {row.Index} (used {row.used:.0%})" for row in table.itertuples())
    return (
        f"On a cluster of one such GPU a node: {len(jobs)} jobs, {work:,.0f} hours of work; {told}. The longest chain "
        f"takes {longest:,.0f} h, most of it {slowest}: more nodes do not shorten it, several GPUs for that run "
        "(`devices`) do."
    )
