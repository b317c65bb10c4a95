from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bright import HEIGHT, WIDTH, bright_clip, bright_logits, square

from vpipe_utils.review.evidence import measure as measuring
from vpipe_utils.review.evidence.measure import Asked, measure, measure_clip

SEEN = {0: range(30, 60), 1: range(70, 90)}
ASKED = Asked(["tile alone"], ["integrated gradients", "patch hidden"], True)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bright_clip(tmp_path_factory.mktemp("clips") / "1.mp4", 90, SEEN)


def truth(codes: tuple[str, ...]) -> pd.DataFrame:
    rows = [(codes[k], frame, *square(k)) for k, when in SEEN.items() for frame in when]
    return pd.DataFrame(rows, columns=["class", "frame", "x0", "y0", "x1", "y1"]).assign(video="1.mp4")


@pytest.mark.parametrize("kind", ["super_image", "tiles"])
def test_a_network_that_is_right_hits(kind: str, clip: Path) -> None:
    logits = bright_logits(kind)
    codes = logits.params.class_codes
    rows = pd.DataFrame(measure_clip(logits, codes, str(clip), truth(codes), ASKED))
    maps = rows[rows["question"] == "map"]
    assert (maps[["point", "time"]] == 1).all(axis=None) and (maps["energy"] > 0.3).all()
    # the frames are 5, 15, ... 85: class 0 is in sight in three of nine, class 1 in two
    assert maps.groupby("class")["time_chance"].first().to_dict() == {codes[0]: 3 / 9, codes[1]: 2 / 9}
    share = 24 * 16 / (WIDTH * HEIGHT)
    assert maps["random"].iloc[0] == pytest.approx(share / 3) and (maps["centre"] == 0).all()
    spans = rows[rows["question"] == "span"].set_index("class")
    assert spans.loc[codes[0], ["first", "last"]].tolist() == [30, 59]
    assert spans.loc[codes[0], ["told_first", "told_last"]].tolist() == [30, 59] and (spans["frames"] == 90).all()
    frames = rows[rows["question"] == "frame"]
    assert frames["way"].nunique() == 2 and (frames["time"] == 1).all()


def test_a_network_that_looks_at_nothing_misses(clip: Path) -> None:
    logits = bright_logits("tiles", 0.0)
    rows = pd.DataFrame(
        measure_clip(logits, logits.params.class_codes, str(clip), truth(logits.params.class_codes), ASKED)
    )
    maps = rows[rows["question"] == "map"]
    assert (maps["no_map"] == 1).all() and (maps[["point", "energy", "chance_tile"]] == 0).all(axis=None)


def test_a_stopped_measurement_goes_on(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logits = bright_logits("tiles")
    monkeypatch.setattr(measuring, "finished_run", lambda run: (logits.params, logits.network))
    table = truth(logits.params.class_codes)
    videos = pd.DataFrame({"video": ["1.mp4", "2.mp4"], "path": [str(clip)] * 2})
    both = pd.concat([table, table.assign(video="2.mp4")])
    journal = tmp_path / "a.jsonl"
    whole = measure(tmp_path, both, videos, ASKED, journal, progress=False)
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text(lines[0] + lines[1][:50])  # killed while it wrote
    again = measure(tmp_path, both, videos, ASKED, journal, progress=False)
    pd.testing.assert_frame_equal(whole, again)
    assert [json.loads(line)["video"] for line in journal.read_text().splitlines()] == ["1.mp4", "2.mp4"]
    assert np.isfinite(whole.loc[whole["question"] == "map", "point"]).all()
