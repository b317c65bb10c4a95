"""The simulated schedule: known cases by hand, and bounds that hold for any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpipe_utils.benchmarks import cluster_plan

ENDS = {"data": 1.0, "folds": 0.5, "predict": 0.25, "ensemble": 0.5, "pages": 0.25}


def test_a_report_by_hand() -> None:
    """Two models of two folds: 1.5 h, then runs of 4, 4, 2 and 2 h with 0.25 h each behind, then 0.75 h."""
    jobs = cluster_plan.report_jobs({"large": 4.0, "small": 2.0}, 2, ENDS)
    assert len(jobs) == 2 + 2 * 4 + 2
    assert cluster_plan.simulate(jobs, 1) == pytest.approx(1.5 + 12 + 1 + 0.75)
    assert cluster_plan.simulate(jobs, 4) == pytest.approx(1.5 + 4.25 + 0.75)
    assert cluster_plan.simulate(jobs, 2) == pytest.approx(1.5 + 6 + 0.5 + 0.75)
    hours, chain = cluster_plan.critical_path(jobs)
    assert hours == pytest.approx(6.5)
    assert chain == ["data", "folds", "large fold 0", "large fold 0 predictions", "ensemble", "pages"]


def test_the_table_and_its_words() -> None:
    jobs = cluster_plan.report_jobs({"large": 4.0, "small": 2.0}, 2, ENDS)
    table = cluster_plan.makespans(jobs, (1, 100))
    assert list(table["limit"]) == ["work", "longest chain"]
    assert table.loc[1, "used"] == pytest.approx(1.0) and table.loc[100, "used"] == pytest.approx(15.25 / 650)
    said = cluster_plan.describe(table, jobs)
    assert "12 jobs, 15 hours of work; 15 h on 1 (used 100%), 6 h on 100 (used 2%)" in said
    assert "The longest chain takes 6 h, most of it large fold 0" in said


@given(st.lists(st.floats(0.1, 20), min_size=1, max_size=8), st.integers(1, 5), st.integers(1, 12))
def test_no_schedule_beats_the_bounds(hours: list[float], folds: int, nodes: int) -> None:
    jobs = cluster_plan.report_jobs({f"m{k}": value for k, value in enumerate(hours)}, folds, ENDS)
    work, longest = sum(job.hours for job in jobs.values()), cluster_plan.critical_path(jobs)[0]
    best = max(longest, work / nodes)
    taken = cluster_plan.simulate(jobs, nodes)
    assert best - 1e-9 <= taken <= (2 - 1 / nodes) * best + 1e-9 or taken <= longest + work / nodes
