"""What four folds resolve, against figures worked out by hand and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, ttest_1samp

from vpipe_utils.report.paper_tables import table_vi
from vpipe_utils.report.tricks import resolution
from vpipe_utils.report.tricks.paper_tricks import COMPARISONS


def test_the_spread_is_that_of_the_printed_rows() -> None:
    spread = resolution.papers_spread()
    assert (spread.models, spread.folds) == (6, 4)
    assert spread.model == pytest.approx(1.864, abs=0.001) and spread.paired == pytest.approx(0.869, abs=0.001)
    best = table_vi().query("not derived and fold < 4").pivot(index="fold", columns="model", values="best_mAP")
    names = list(best)
    squares = [best[a].sub(best[b]).var(ddof=1) for k, a in enumerate(names) for b in names[k + 1 :]]
    assert spread.paired == pytest.approx(np.sqrt(np.mean(squares))), "the two-way residual is the mean over pairs"
    low, high = spread.paired_interval()
    assert low == pytest.approx(0.642, abs=0.001) and high == pytest.approx(1.345, abs=0.001)


def test_what_pairs_resolve() -> None:
    assert resolution.resolved(4, 0.87) == pytest.approx(3.1824 * 0.87 / 2, rel=1e-4)
    with pytest.raises(ValueError, match="1 pair has no spread"):
        resolution.resolved(1, 0.87)


def test_the_normal_formula_is_the_textbooks() -> None:
    """((2.9 + 0.84) · 0.87 / effect)² with 28 questions."""
    z = norm.ppf(1 - 0.025 / 28) + norm.ppf(0.8)
    assert z == pytest.approx(3.965, abs=0.001)
    assert resolution.pairs_by_normal(1.0, 0.87, 28) == 12 and resolution.pairs_by_normal(0.5, 0.87, 28) == 48


@pytest.mark.parametrize(("effect", "comparisons"), [(1.0, 1), (1.0, 28), (3.0, 28), (20.0, 28)])
def test_the_pairs_needed_reach_the_power_and_one_fewer_does_not(effect: float, comparisons: int) -> None:
    """By simulation, so that neither the formula nor the library is taken on trust."""
    pairs = resolution.pairs_needed(effect, 0.87, comparisons)
    rng = np.random.default_rng(0)

    def found(count: int) -> float:
        drawn = effect + 0.87 * rng.normal(size=(4000, count))
        return float((ttest_1samp(drawn, 0, axis=1).pvalue < 0.05 / comparisons).mean())

    assert found(pairs) > 0.78
    assert pairs == 2 or found(pairs - 1) < 0.82


def test_twelve_printed_effects_are_smaller_than_what_four_folds_resolve() -> None:
    table = resolution.resolution()
    assert list(table.index[~table["resolved"]]) == [
        "size", "flip", "shuffle", "warmup", "onecycle", "zc",
        "randaug", "autoaug", "grid", "tta_resample", "tta_shuffle", "thresholds",
    ]  # fmt: skip
    assert table.loc["size", "pairs_corrected"] == 17 and table.loc["onecycle", "pairs_corrected"] == 53
    assert (table["pairs"] <= table["pairs_corrected"]).all() and COMPARISONS == 28
    sizes = table["points"].abs()
    assert table.loc[sizes.sort_values().index, "pairs_corrected"].is_monotonic_decreasing
