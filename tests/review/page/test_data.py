"""What the page is given: ASCII that no name can break out of, addresses that lead to the file."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from made_up_review import ODD, made_up_review

from vpipe_utils.review.page.data import address, as_script, page_data, review_id
from vpipe_utils.review.proposals import read_review


def test_nothing_ends_the_script() -> None:
    data = {"video": "</script><!--\u2028 \N{RIGHT-TO-LEFT OVERRIDE} ]]> \\ ' \" \x00 \ud800"}
    text = as_script(data)
    assert text.isascii() and "<" not in text and ">" not in text and text.count("\n") == 1
    assert json.loads(text.removeprefix("var REVIEW = ").removesuffix(";\n")) == data


@pytest.mark.parametrize("name", [*ODD, "a:b.mp4", "a//b?.mp4"])
def test_addresses_lead_to_the_file(name: str, tmp_path: Path) -> None:
    relative, absolute = address(tmp_path / "clips" / name, tmp_path / "re view" / "x")
    for url in (relative, absolute):
        parts = urlsplit(url)
        assert not parts.query and not parts.fragment
    assert (tmp_path / "re view" / "x" / unquote(relative)).resolve() == (tmp_path / "clips" / name).resolve()
    assert unquote(urlsplit(absolute).path) == str(tmp_path / "clips" / name).replace("//", "/")


def test_clips_come_by_rank_and_the_unreadable_last(tmp_path: Path) -> None:
    data = page_data(read_review(made_up_review(tmp_path / "review")))
    assert [clip["video"] for clip in data["clips"]] == [*ODD, "broken one.mp4"]
    assert data["clips"][-1]["unreadable"] == "it is not a video" and "p" not in data["clips"][-1]
    assert data["videos_dir"] == str(tmp_path / "new clips") and data["normal"] == 0
    json.dumps(data, allow_nan=False)


def test_decisions_outlive_a_new_prediction_of_the_same_clips() -> None:
    assert review_id("week", ["b", "a"]) == review_id("week", ["a", "b"]) != review_id("week", ["a", "c"])
