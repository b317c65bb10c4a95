"""What is read of a clip, and the sentence where nothing can be."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from labelled_clips import labelled_clips
from made_up_review import EVIL

from vpipe_utils import video
from vpipe_utils.data.sampling import uniform_indices
from vpipe_utils.review.browser import pictures
from vpipe_utils.review.browser.pictures import NotShownError, clip_file, nine_frames
from vpipe_utils.review.page.sheets import contact_sheet


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Rows of the videos table; the file of the last one is missing."""
    folder = tmp_path_factory.mktemp("<clips> & more")
    return labelled_clips(folder, files=True)["videos"].set_index("video")


def test_nine_frames_are_those_of_a_review(facts: pd.DataFrame) -> None:
    row = facts.loc[EVIL]
    shown = cv2.imdecode(np.frombuffer(nine_frames(row), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1].astype(int)
    wanted = contact_sheet(list(video.read_frames(row["path"], uniform_indices(20, 9))))
    assert shown.shape == wanted.shape and np.abs(shown - wanted).mean() < 25, "a JPEG of the same picture"
    assert np.abs(shown - wanted[::-1]).mean() > 40


def test_a_clip_is_read_again_only_after_it_changed(facts: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    whole = video.read_frames
    monkeypatch.setattr(pictures.video, "read_frames", lambda path, which: (read.append(path), whole(path, which))[1])
    row = facts.loc["a_1.mp4"]
    pictures._sheet.cache_clear()
    assert nine_frames(row) == nine_frames(row) and len(read) == 1
    os.utime(row["path"], ns=(1, 1))
    assert nine_frames(row) and len(read) == 2


def test_the_file_goes_to_the_player_as_it_is(facts: pd.DataFrame) -> None:
    row = facts.loc[EVIL]
    assert clip_file(row) == (Path(row["path"]).read_bytes(), "mp4")


@pytest.mark.parametrize("call", [nine_frames, clip_file])
def test_a_missing_clip_is_a_sentence(facts: pd.DataFrame, call: object) -> None:
    with pytest.raises(NotShownError, match=r"not there any more: .*c\.mp4\. Put it back, or run notebook 01"):
        call(facts.loc["c.mp4"])
    with pytest.raises(NotShownError, match="not in the table of videos"):
        call(facts.loc["c.mp4"].mask(facts.loc["c.mp4"] != ""))


def test_a_broken_or_shorter_clip_is_a_sentence(facts: pd.DataFrame, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(NotShownError, match=r"^No frames can be shown: .*not a video"):
        nine_frames(facts.loc["a_1.mp4"].replace(facts.loc["a_1.mp4", "path"], str(broken)))
    longer = facts.loc["a_1.mp4"].copy()
    longer["frames"] = 500
    with pytest.raises(NotShownError, match="No frames can be shown: "):
        nine_frames(longer)


def test_what_browsers_do_not_play_is_a_sentence_with_the_path(
    facts: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotShownError, match=r"Browsers do not play mpeg4 in \.avi\. Open it in a player: .*b\.avi"):
        clip_file(facts.loc["b.avi"])
    hevc = facts.loc["a_1.mp4"].copy()
    hevc["codec"] = "hevc"
    with pytest.raises(NotShownError, match=r"hevc in \.mp4"):
        clip_file(hevc)
    monkeypatch.setattr(pictures, "LARGEST", 100)
    with pytest.raises(NotShownError, match="too much for a notebook"):
        clip_file(facts.loc["a_1.mp4"])
