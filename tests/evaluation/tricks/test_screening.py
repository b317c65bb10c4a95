"""Screening: known effects are found, aliases are named, and intervals hold the truth."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.evaluation.tricks import screening


def full(factors: str = "abc", times: int = 2) -> pd.DataFrame:
    """A full factorial, run `times` times."""
    runs = list(product((-1, 1), repeat=len(factors))) * times
    return pd.DataFrame(runs, columns=list(factors), index=[f"run{k}" for k in range(len(runs))])


def fraction() -> pd.DataFrame:
    """2^(6-2), resolution IV: e = abc, f = bcd; run twice."""
    design = full("abcd")
    return design.assign(e=design["a"] * design["b"] * design["c"], f=design["b"] * design["c"] * design["d"])


def test_effects_by_hand() -> None:
    """Four runs twice: an effect is the mean of the runs at the high level less that of those at the low one."""
    design = full("ab")
    maps = pd.Series([0.50, 0.52, 0.60, 0.66, 0.51, 0.51, 0.62, 0.64], index=design.index)
    found = screening.screen(design, maps, interactions=[("a", "b")])
    effects = found.effects["difference"]
    high, low = maps[design["a"] == 1].mean(), maps[design["a"] == -1].mean()
    assert effects["a"] == pytest.approx(high - low) == pytest.approx(0.12)
    assert effects["b"] == pytest.approx(0.025) and effects["a:b"] == pytest.approx(0.015)
    spread = np.sqrt(2 * (0.005**2 + 0.005**2 + 0.01**2 + 0.01**2) / 4)  # pairs of equal runs, four degrees of freedom
    assert found.run_sd == pytest.approx(spread) and found.freedom == 4
    assert found.effects.loc["a", "of_runs"] == pytest.approx(spread * 2 / np.sqrt(8))
    assert found.effects["kind"].tolist() == ["main", "main", "interaction"]


def test_the_noise_of_runs_is_what_two_of_one_recipe_differ_by() -> None:
    """Not what the fit leaves out, nor what moves a whole block."""
    rng = np.random.default_rng(2)
    index = [f"run{k}" for k in range(64)]
    recipes = pd.Series(rng.random(64), index=index)
    blocks = pd.Series([0, 1, 2, 3] * 16, index=index)
    maps, again = (recipes + pd.Series(0.01 * rng.normal(size=64), index=index) for _ in range(2))
    sd, freedom = screening.run_noise(maps, (again + 0.3 * blocks).iloc[:40], blocks)
    assert freedom == 36 and sd == pytest.approx(0.01, rel=0.25)
    two = pd.Series([0.5, 0.6], index=["a", "b"])
    sd, freedom = screening.run_noise(two, two + [0.02, 0.04], pd.Series(0, index=["a", "b"]))
    assert freedom == 1 and sd == pytest.approx(0.01), "two differences, 0.02 apart"
    with pytest.raises(ValueError, match="4 runs of 4 blocks were made again"):
        screening.run_noise(maps, again.iloc[:4], blocks)


def test_blocks_are_taken_out_whatever_their_levels() -> None:
    design = full("ab")
    blocks = pd.Series(["x"] * 4 + ["y"] * 4, index=design.index)
    rng = np.random.default_rng(0)
    maps = 0.5 + 0.05 * design["a"] + pd.Series(0.001 * rng.normal(size=8), index=design.index)
    shifted = maps + blocks.map({"x": 0.0, "y": 0.3})
    plain, taken = (screening.screen(design, m, blocks=blocks) for m in (maps, shifted))
    assert taken.effects["difference"].tolist() == pytest.approx(plain.effects["difference"].tolist())
    assert taken.run_sd == pytest.approx(plain.run_sd) and taken.run_sd < 0.01
    assert screening.screen(design, shifted).run_sd > 0.1


def test_the_order_of_runs_does_not_matter() -> None:
    design = full()
    rng = np.random.default_rng(1)
    maps = pd.Series(rng.random(16), index=design.index)
    drawn = pd.DataFrame(rng.random((16, 20)), index=design.index)
    one = screening.screen(design, maps, drawn)
    other = screening.screen(design, maps.sample(frac=1, random_state=0), drawn.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(one.effects, other.effects)


def test_aliases_are_named_with_their_sign() -> None:
    design = fraction()
    maps = pd.Series(np.arange(32.0), index=design.index)
    found = screening.screen(design, maps, interactions=[("a", "e"), ("a", "d")])
    named = found.effects["aliases"]
    assert named["a":"f"].eq("").all(), "resolution IV: main effects are clear of interactions of two"
    assert named["a:e"] == "b:c, d:f" and named["a:d"] == "e:f"
    turned = design.assign(f=-design["f"])
    again = screening.screen(turned, maps, interactions=[("a", "d")])
    assert again.effects.loc["a:d", "aliases"] == "-e:f"
    lost = screening.screen(design.iloc[:-1], maps)
    assert lost.effects.loc["a", "aliases"].startswith("~b"), "with a run missing nothing is quite balanced"


def test_what_cannot_be_told_apart_is_refused() -> None:
    design = fraction()
    maps = pd.Series(np.arange(32.0), index=design.index)
    with pytest.raises(ValueError, match="cannot tell 'a:e' from b:c, d:f"):
        screening.screen(design, maps, interactions=[("a", "e"), ("b", "c")])
    with pytest.raises(ValueError, match="cannot tell 'f' from the blocks"):
        screening.screen(design, maps, blocks=design["f"])
    with pytest.raises(ValueError, match="cannot tell 'a' from"):
        screening.screen(design.assign(a=1), maps)


def test_bad_tables_are_refused() -> None:
    design = full("ab", 1)
    maps = pd.Series(np.arange(4.0), index=design.index)
    with pytest.raises(ValueError, match="4 runs and 4 figures"):
        screening.screen(design, maps, interactions=[("a", "b")])
    with pytest.raises(ValueError, match="other levels than -1 and 1: .0, 1"):
        screening.screen(design.clip(lower=0), maps)
    with pytest.raises(ValueError, match="run3 is in the design but was not measured"):
        screening.screen(design, maps.iloc[:3])
    with pytest.raises(ValueError, match="'z' is no factor"):
        screening.screen(design, maps, interactions=[("a", "z")])


def test_noise_lies_on_the_half_normal_line_and_an_effect_does_not() -> None:
    design = fraction()
    rng = np.random.default_rng(0)
    maps = pd.Series(0.5 + 0.1 * design["c"] + 0.01 * rng.normal(size=32), index=design.index)
    pairs = [("a", "b"), ("a", "c"), ("a", "d"), ("b", "d")]
    line = screening.half_normal(screening.screen(design, maps, interactions=pairs).effects)
    assert line.index[-1] == "c" and line["size"].is_monotonic_increasing and line["quantile"].is_monotonic_increasing
    assert line["quantile"].iloc[0] == pytest.approx(0.0627, abs=0.001), "half-normal quantile of a twentieth"
    slope = (line["size"] / line["quantile"]).iloc[:-1]
    assert line["size"].iloc[-1] > 5 * slope.max() * line["quantile"].iloc[-1]


@pytest.mark.parametrize(
    ("of_runs", "of_clips"),
    [(0.03, 0.01), *(pytest.param(*spread, marks=pytest.mark.slow) for spread in ((0.03, 0.0), (0.01, 0.02)))],
)
def test_intervals_hold_the_truth_over_other_runs_on_other_recordings(of_runs: float, of_clips: float) -> None:
    """Effects of recordings on a level, on all runs and on single runs; the draws show them as large as they are."""
    rng = np.random.default_rng(0)
    design = fraction()
    truth = np.array([0.05, -0.02, 0.0, 0.01, 0.0, 0.0])
    x = design.to_numpy()
    held, widths = [], []
    for _ in range(100):
        shift = of_clips * rng.normal(size=(6, 201)) / 2
        alone = 0.5 * of_runs * rng.normal(size=(32, 201))
        moved = rng.normal(size=201) * 0.05 + x @ shift + alone
        maps = 0.6 + x @ truth / 2 + moved[:, 0] + of_runs * np.sqrt(0.75) * rng.normal(size=32)
        drawn = maps[:, None] + moved[:, 1:]
        found = screening.screen(design, pd.Series(maps, design.index), pd.DataFrame(drawn, design.index)).effects
        held.append((found["low"] <= truth) & (truth <= found["high"]))
        widths.append(found[["of_runs", "of_recordings"]].mean())
    assert 0.92 < np.mean(held) < 0.975
    by_runs, by_clips = np.mean(widths, axis=0)
    assert by_runs == pytest.approx(2 * of_runs / np.sqrt(32), rel=0.1), "the part of single runs is counted once"
    assert by_clips == pytest.approx(of_clips, abs=0.0025)
