"""Folds: balanced in every class, seeded, independent of the file's order, whole recordings on demand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpipe_utils.data import annotations, folds
from vpipe_utils.project.paths import project_root

REAL_FILE = project_root().parent / "shared" / "data" / "qv_pipe_train.json"


def label_table(recordings=120, seed=0):
    """Recordings of one to three files; five classes, the rarest in about 4 % of files."""
    rng = np.random.default_rng(seed)
    rows = []
    for recording in range(recordings):
        pieces = rng.integers(1, 4)
        for piece in range(pieces):
            name = f"{recording}_{piece}.mp4" if pieces > 1 else f"{recording}.mp4"
            marks = rng.random(5) < [0.4, 0.3, 0.2, 0.1, 0.04]
            marks[0] |= not marks.any()
            rows.append([name, *marks.astype(np.uint8)])
    return pd.DataFrame(rows, columns=["video", "A", "B", "C", "D", "E"])


@pytest.mark.parametrize("by_recording", [False, True])
def test_every_video_has_one_fold_and_classes_are_even(by_recording):
    table = label_table()
    fold = folds.iterative_folds(table, 5, seed=3, by_recording=by_recording)
    assert fold.index.tolist() == table["video"].tolist() and set(fold) == set(range(5))
    counts = folds.fold_table(table, fold)
    assert counts.drop(columns="spread").sum(axis=1).tolist() == table[list("ABCDE")].sum().tolist()
    assert counts["spread"].max() <= 3
    sizes = fold.value_counts()
    assert sizes.max() - sizes.min() <= 0.25 * sizes.mean()


@pytest.mark.parametrize("by_recording", [False, True])
def test_seed_decides_and_row_order_does_not(by_recording):
    table = label_table()
    first = folds.iterative_folds(table, 5, 3, by_recording)
    shuffled = table.sample(frac=1, random_state=0)
    again = folds.iterative_folds(shuffled, 5, 3, by_recording)
    assert again.index.tolist() == shuffled["video"].tolist()
    pd.testing.assert_series_equal(again.loc[first.index], first)
    assert not folds.iterative_folds(table, 5, 4, by_recording).equals(first)


def test_recordings_stay_whole_only_when_asked():
    table = label_table()
    plain = folds.split_recordings(folds.iterative_folds(table, 5, 0))
    whole = folds.split_recordings(folds.iterative_folds(table, 5, 0, by_recording=True))
    assert (plain["folds"] > 1).sum() > len(plain) / 2
    assert (whole["folds"] == 1).all() and (whole["files"] > 1).all()
    assert whole["files"].sum() == table["video"].str.contains("_").sum()


def test_split_recordings_counts():
    fold = pd.Series([0, 1, 1, 2, 2], index=["7_1.mp4", "7_2.mp4", "8_1.mp4", "8_2.mp4", "9.mp4"])
    found = folds.split_recordings(fold)
    assert found.to_dict("list") == {"recording": ["7", "8"], "files": [2, 2], "folds": [2, 2]}


def test_fold_table_by_hand():
    table = pd.DataFrame({"video": ["a", "b", "c"], "x": [1, 1, 1], "y": [0, 0, 1]})
    counts = folds.fold_table(table, pd.Series({"c": 1, "a": 0, "b": 1}))
    assert counts.to_numpy().tolist() == [[1, 2, 1], [0, 1, 1]]


def test_numpys_generator_is_left_alone():
    np.random.seed(5)
    expected = np.random.random(3)
    np.random.seed(5)
    folds.iterative_folds(label_table(20), 2, seed=1)
    assert np.random.random(3).tolist() == expected.tolist()


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 4), st.integers(0, 99), st.booleans(), st.data())
def test_small_data_leaves_no_fold_empty(n_splits, seed, by_recording, data):
    recordings = data.draw(st.integers(3 * n_splits, 20))
    table = label_table(recordings, seed)
    fold = folds.iterative_folds(table, n_splits, seed, by_recording)
    assert set(fold) == set(range(n_splits)) and len(fold) == len(table)


def test_too_few_videos():
    with pytest.raises(ValueError, match="2 recordings cannot make 3 folds"):
        folds.iterative_folds(label_table(2), 3, 0, by_recording=True)
    with pytest.raises(ValueError, match="cannot make 1 folds: n_folds must be at least 2"):
        folds.iterative_folds(label_table(), 1)


@pytest.mark.skipif(not REAL_FILE.exists(), reason="the annotation file of QV-Pipe is not public; not here")
@pytest.mark.parametrize("by_recording", [False, True])
def test_the_real_labels(by_recording):
    table = annotations.read_annotations(REAL_FILE)
    fold = folds.iterative_folds(table, 5, seed=0, by_recording=by_recording)
    assert folds.fold_table(table, fold)["spread"].max() <= 2
    pieces = folds.split_recordings(fold)
    assert (len(pieces), pieces["files"].sum()) == (158, 477)
    assert (pieces["folds"] > 1).sum() == 0 if by_recording else (pieces["folds"] > 1).sum() > 100


@pytest.mark.parametrize("by_recording", [False, True])
def test_videos_without_any_label_are_spread_over_the_folds(by_recording):
    rng = np.random.default_rng(3)
    table = pd.DataFrame((rng.random((200, 6)) < 0.05).astype(np.uint8), columns=list("abcdef"))
    table.insert(0, "video", [f"{k}.mp4" for k in range(200)])
    fold = folds.iterative_folds(table, 5, 1, by_recording)
    clean = fold[(table.set_index("video").sum(axis=1) == 0).loc[fold.index].to_numpy()]
    assert len(clean) > 100
    assert fold.value_counts().between(38, 42).all() and clean.value_counts().between(20, 40).all()
    assert folds.fold_table(table, fold)["spread"].max() <= 2


@pytest.mark.parametrize("by_recording", [False, True])
@pytest.mark.parametrize("videos", [3, 4, 5])
def test_no_fold_stays_empty(videos, by_recording):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        table = pd.DataFrame((rng.random((videos, 4)) < 0.3).astype(np.uint8), columns=list("abcd"))
        table.insert(0, "video", [f"v{k}.mp4" for k in range(videos)])
        assert set(folds.iterative_folds(table, 3, seed, by_recording)) == {0, 1, 2}
