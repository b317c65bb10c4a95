from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_trained import made_up_preset
from make_videos import make_video

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.evaluation.predictions import read_predictions, read_submission
from vpipe_utils.review.predicting import predict, review
from vpipe_utils.review.tables import CALIBRATED, CLIPS, PREDICTIONS, QUEUE, read_review_table


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "october"
    for k in range(5):
        make_video(folder / f"{k}.mp4", frames=12 + k, first=20 * k)
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder


def digests(folder: Path) -> dict[str, str]:
    """Of everything that a review writes, but its lock and its journal, which says when it was opened."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    files = [path for path in files if path.parent.name != "probes"]
    own = str(folder).encode()  # the page names its folder in the commands that it tells
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes().replace(own, b"")).hexdigest() for path in files
    }


def test_new_clips_get_probabilities_and_broken_ones_a_reason(tmp_path: Path, clips: Path) -> None:
    runs = made_up_preset(tmp_path / "outputs")
    folder = review.make_review(clips, str(tmp_path / "outputs" / "smoke"), progress=False)
    assert folder == tmp_path / "outputs" / "smoke" / "review" / "october"
    names = [f"{k}.mp4" for k in range(5)]
    table = read_predictions(folder / PREDICTIONS, CLASSES, names)
    assert table[list(CLASSES)].to_numpy().std() > 0
    assert read_review_table(folder, CLIPS)["status"].tolist() == ["predicted"] * 5 + ["unreadable"]
    sheet = pd.read_csv(folder / "predictions.csv")
    assert list(sheet.columns) == ["video", "status", "reason", *CLASSES] and len(sheet) == 6
    assert sheet["ZC"].isna().tolist() == [False] * 5 + [True]
    assert read_submission(folder / "submission.json", CLASSES)["video"].tolist() == names
    calibrated = read_predictions(folder / CALIBRATED, CLASSES, names)
    assert not np.allclose(calibrated[list(CLASSES)], table[list(CLASSES)])
    queue = read_review_table(folder, QUEUE)
    assert sorted(queue["rank"]) == [1, 2, 3, 4, 5] and queue["watch"].all(), "these are no pipes"
    about = json.loads((folder / "review.json").read_text())
    assert about["model"] == "smoke" and about["classes"] == list(CLASSES) and about["networks"] == len(runs)
    assert about["drift"]["warns"] and about["guarantee"]["sentence"].startswith("No promise holds for these clips")
    assert set(about["threshold"]) == set(CLASSES) and about["guarantee"]["kept"] == 1


def test_it_says_what_the_run_itself_says_of_the_same_clips(tmp_path: Path, clips: Path) -> None:
    """By `learning.fold_run`, which predicts the clips without labels of the preset."""
    from vpipe_utils.data.video_table import index_videos
    from vpipe_utils.learning.fold_run import predict_others
    from vpipe_utils.review.predicting.trained import find_trained
    from vpipe_utils.review.predicting.trusting import trust_of
    from vpipe_utils.storage.tables import write_table
    from vpipe_utils.tiles.tile_writer import build_tile_cache

    params, _ = made_up_preset(tmp_path / "outputs")
    trust_of(find_trained(str(params.folder)))  # while the preset's own tiles are there
    videos = index_videos(clips, [], progress=False)
    write_table(videos, params.layout.videos_table)
    settings = (params.cache_frames, params.tile_size, params.tile_format)
    build_tile_cache(videos, params.layout.tiles, *settings, progress=False, cache_run=params.cache_run)
    predict_others(params.folder, progress=False)
    folder = review.make_review(clips, str(params.folder), progress=False)
    ours, theirs = pd.read_parquet(folder / PREDICTIONS), pd.read_parquet(params.folder / "test_predictions.parquet")
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-5)


def test_killed_in_the_middle_the_same_command_ends_with_the_same_bytes(
    tmp_path: Path, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up_preset(tmp_path / "outputs")
    monkeypatch.setattr(predict, "BLOCK", 2)
    run = str(tmp_path / "outputs" / "smoke")
    whole = digests(review.make_review(clips, run, out=tmp_path / "whole" / "october", progress=False))
    right, done = predict._predict_block, []

    def killed(*arguments: object) -> pd.DataFrame:
        done.append(1)
        if len(done) == 4:
            raise KeyboardInterrupt
        return right(*arguments)

    monkeypatch.setattr(predict, "_predict_block", killed)
    with pytest.raises(KeyboardInterrupt):
        review.make_review(clips, run, out=tmp_path / "again" / "october", progress=False)
    assert not (tmp_path / "again" / "october" / PREDICTIONS).exists()
    folder = review.make_review(clips, run, out=tmp_path / "again" / "october", progress=False)
    assert len(done) == 4 + 3, "three blocks were there, three of six were missing"
    assert digests(folder) == whole
    review.make_review(clips, run, out=folder, progress=False)
    assert len(done) == 7, "a third time nothing is to do"
    make_video(clips / "1.mp4", frames=20, first=3)
    review.make_review(clips, run, out=folder, progress=False)
    assert len(done) == 9, "a clip that changed costs its block, once a network"


def test_two_runs_do_not_write_to_one_review(tmp_path: Path, clips: Path) -> None:
    with review.alone_in(tmp_path / "review"), pytest.raises(ValueError, match="another run is writing to"):
        with review.alone_in(tmp_path / "review"):
            pass


def test_clips_none_of_which_can_be_read_are_a_sentence(tmp_path: Path) -> None:
    made_up_preset(tmp_path / "outputs")
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match="none of the 1 clips can be read: see reason in .*clips.parquet"):
        review.make_review(tmp_path / "clips", str(tmp_path / "outputs" / "smoke"), progress=False)
    with pytest.raises(ValueError, match="NAME=a/b is no name for a folder"):
        review.make_review(tmp_path / "clips", str(tmp_path / "outputs" / "smoke"), name="a/b")
