from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.review.evidence.summary import (
    ALL,
    BRIEF,
    EVERY,
    FOUND,
    best_ways,
    interval,
    pointing_table,
    span_table,
    thresholds,
    ways_table,
)


def rows() -> pd.DataFrame:
    """Forty labels: the gradient way hits three of four, the occlusion way half; chance hits a fifth and less."""
    table = []
    for place in range(40):
        for way, point in (("gradient x input", place % 4 != 0), ("patch hidden", place % 2)):
            naive = {"centre": 0.2, "random": 0.1, "chance_tile": 0.15, "time_chance": 0.4}
            row = {
                "video": f"{10000 + place}.mp4",
                "class": "CJ" if place < 30 else "TL",
                "question": "map",
                "way": way,
            }
            table.append(row | naive | {"point": float(point), "time": 1.0, "energy": 0.5, "found": place % 4 != 0})
    tile = [row | {"question": "tile", "way": "tile alone"} for row in table[::2]]
    return pd.DataFrame(table + tile)


def test_the_way_that_hits_most_is_chosen() -> None:
    ways = ways_table(rows(), 200, 0)
    assert dict(zip(ways["way"], ways["chosen"], strict=True)) == {
        "gradient x input": True, "patch hidden": False, "tile alone": True,
    }  # fmt: skip
    assert best_ways(ways) == ["gradient x input", "patch hidden"]
    row = ways[ways["way"] == "gradient x input"].iloc[0]
    assert row["hit"] == 0.75 and row["low"] < 0.75 < row["high"] and row["kind"] == "gradient"


def test_pointing_stands_beside_the_best_of_what_needs_no_network() -> None:
    table = pointing_table(rows(), 500, 0).set_index(["way", "labels_of", "class"])
    whole = table.loc[("gradient x input", ALL, EVERY)]
    assert whole["naive"] == "centre" and whole["point_times"] == pytest.approx(0.75 / 0.2)
    assert whole["point_times_low"] < whole["point_times"] < whole["point_times_high"]
    assert whole["time_times"] == pytest.approx(2.5) and whole["labels"] == 40
    assert table.loc[("gradient x input", FOUND, EVERY), "point"] == 1
    assert table.loc[("patch hidden", ALL, "TL"), "labels"] == 10
    assert (BRIEF in table.index.get_level_values(1)) and (BRIEF, "TL") not in table.loc["patch hidden"].index
    longer = rows().assign(time_chance=[0.4, 0.9] * 60)
    assert pointing_table(longer, 100, 0).set_index(["labels_of", "class"]).loc[(BRIEF, EVERY), "labels"].max() == 40


def test_spans_are_compared_with_the_tiles_own_stretch() -> None:
    row = {"question": "span", "frames": 30, "first": 10, "last": 19, "told_first": 10, "told_last": 19, "found": True}
    spans = pd.DataFrame([row | {"video": f"{k}.mp4", "own_first": 14, "own_last": 16} for k in range(5)])
    table = span_table(spans, {f"{k}.mp4": 10.0 for k in range(5)}, 100, 0).iloc[0]
    assert (table["overlap"], table["own"], table["ahead"]) == (1, pytest.approx(0.3), pytest.approx(0.7))
    assert table["whole"] == pytest.approx(1 / 3) and table["first_off"] == table["last_off"] == 0


def test_clips_of_one_recording_are_drawn_together() -> None:
    values = np.repeat([0.0, 1.0], 20)
    apart = interval(values, np.ones(40), [f"{k}.mp4" for k in range(40)], 1000, 0)
    together = interval(values, np.ones(40), [f"{k // 10}_{k % 10}.mp4" for k in range(40)], 1000, 0)
    assert together[1] - together[0] > apart[1] - apart[0]
    assert all(np.isnan(interval(values, np.ones(40), ["1_1.mp4"] * 40, 100, 0)))


def test_a_label_counts_as_found_from_the_best_f1_on() -> None:
    labels = pd.DataFrame({"video": list("abcd"), "CJ": [0, 0, 1, 1], "TL": [0, 0, 0, 0]})
    predictions = pd.DataFrame({"video": list("dcba"), "CJ": [0.9, 0.6, 0.4, 0.1], "TL": [0.1] * 4})
    assert thresholds(labels, predictions, ["CJ", "TL"]) == {"CJ": 0.6, "TL": np.inf}
