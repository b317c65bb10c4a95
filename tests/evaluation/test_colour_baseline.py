"""The colour baseline finds what colour tells and nothing else, the same each time and quickly."""

import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.data.folds import iterative_folds
from vpipe_utils.evaluation import colour_baseline
from vpipe_utils.evaluation.metrics import average_precision

CLASSES = ["RED", "DARKER", "LEFT", "NOTHING", "NEVER"]


def clip(rng, red, darker, left, side=24):
    """Grey noise; red: a reddish tint; darker: dimmed towards the end; left: the left half is brighter."""
    frames = rng.normal(120, 25, (12, side, side, 3))
    if red:
        frames[..., 0] += 15
    if darker:
        frames *= np.linspace(1.1, 0.9, 12)[:, None, None, None]
    if left:
        frames[:, :, : side // 2] += 6
        frames[:, :, side // 2 :] -= 6
    return frames.clip(0, 255).astype(np.uint8)


class Tiles:
    """Stands for a tile cache that holds clips as arrays."""

    frames_per_video = 12

    def __init__(self, clips):
        self.clips = clips

    def tiles(self, name, positions):
        return self.clips[name][positions]


@pytest.fixture(scope="module")
def data():
    """60 labelled and 40 test clips with three classes that colour tells, one that nothing tells, one without clips."""
    rng = np.random.default_rng(0)
    marks = (rng.random((100, 5)) < [0.3, 0.3, 0.3, 0.4, 0]).astype(np.uint8)
    names = [f"v{i:02d}.mp4" for i in range(100)]
    table = pd.DataFrame(marks, columns=CLASSES)
    table.insert(0, "video", names)
    cache = Tiles({name: clip(rng, *row[:3]) for name, row in zip(names, marks, strict=True)})
    return cache, table[:60], table[60:].reset_index(drop=True)


def test_features_are_shares_moments_and_a_picture():
    frames = np.zeros((3, 10, 20, 3), np.uint8)
    frames[..., 0] = [[[0]], [[128]], [[255]]]  # red, brighter from frame to frame
    found = colour_baseline.features(frames)
    assert found.dtype == np.float32 and np.isfinite(found).all() and len(found) == colour_baseline._width()
    red = found[:16] ** 2
    assert red[[0, 8, 15]] == pytest.approx([1 / 3] * 3) and red.sum() == pytest.approx(1)
    moments = found[90:99]  # behind the histograms: nine moments of three frames
    assert moments == pytest.approx(np.repeat([0, 128, 255], 3) / 3 / 255, abs=1e-6)
    picture = found[-108:].reshape(6, 6, 3)
    assert picture[..., 0] == pytest.approx(383 / 3 / 255, abs=1e-5) and not picture[..., 1:].any()


def test_features_of_grey_and_of_one_frame_are_finite():
    assert np.isfinite(colour_baseline.features(np.full((1, 6, 6, 3), 7, np.uint8))).all()


def test_colour_is_found_and_nothing_else(data):
    cache, train, test = data
    model = colour_baseline.fit(colour_baseline.cached_features(cache, train["video"]), train)
    found = colour_baseline.predict(model, colour_baseline.cached_features(cache, test["video"]))
    assert found.shape == (40, 5) and found.dtype == np.float32
    ap = average_precision(test[CLASSES].to_numpy(), found)
    assert (ap[:3] > 0.9).all() and ap[3] < 0.65
    assert not found[:, 4].any()  # no positive in training: its prevalence


def test_the_same_each_time(data):
    cache, train, test = data
    known, new = (colour_baseline.cached_features(cache, table["video"]) for table in (train, test))
    first, second = (colour_baseline.predict(colour_baseline.fit(known, train), new) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_fold_by_fold_like_a_model(data):
    cache, train, test = data
    folds = iterative_folds(train, 3, by_recording=True)
    validation, tests = colour_baseline.fold_predictions(cache, train, folds, [0, 2], test["video"])
    assert list(validation) == list(tests) == [0, 2]
    assert validation[2]["video"].tolist() == folds.index[folds == 2].tolist()
    assert tests[0]["video"].tolist() == test["video"].tolist() and list(tests[0]) == ["video", *CLASSES]
    assert (validation[0].dtypes.iloc[1:] == np.float32).all()
    others = (folds.loc[train["video"]] != 0).to_numpy()
    known = colour_baseline.cached_features(cache, train["video"])
    alone = colour_baseline.fit(known[others], train[others])
    new = colour_baseline.cached_features(cache, test["video"])
    np.testing.assert_array_equal(tests[0][CLASSES], colour_baseline.predict(alone, new))


def test_one_more_row_of_scores(data, monkeypatch):
    cache, train, test = data
    monkeypatch.setattr(colour_baseline, "open_tiles", lambda params, videos: cache)
    params = SimpleNamespace(train_folds=[1])
    folds, validation, tests = iterative_folds(train, 3, by_recording=True), {"frame/a": {}}, {"frame/a": {}}
    colour_baseline.add_to_scores(params, train, folds, test["video"], validation, tests)
    assert list(validation) == list(tests) == ["frame/a", "baseline/colour"]
    assert list(validation["baseline/colour"]) == [1] and len(tests["baseline/colour"][1]) == 40


def test_no_test_videos(data):
    cache, train, _ = data
    folds = iterative_folds(train, 3, by_recording=True)
    _, tests = colour_baseline.fold_predictions(cache, train, folds, [0], [])
    assert tests[0].shape == (0, 6)


@pytest.mark.parametrize("marks", [[[1, 0]] * 4, [[1, 0], [1, 1], [1, 0], [1, 0]], [[0, 0]] * 4])
def test_classes_that_all_or_none_have(marks):
    """Their prevalence is said of every clip; a few clips are too few to choose anything by."""
    table = pd.DataFrame(marks, columns=["A", "B"])
    table.insert(0, "video", [f"{i}.mp4" for i in range(4)])
    known = np.random.default_rng(0).random((4, 7), dtype=np.float32)
    found = colour_baseline.predict(colour_baseline.fit(known, table), known)
    assert (found[:, 0] == marks[0][0]).all() and np.isfinite(found).all()
    assert found[1, 1] == found[:, 1].max() and ((found >= 0) & (found <= 1)).all()


def test_other_clips_than_labels_are_refused(data):
    with pytest.raises(ValueError, match="3 clips with features and 60 with labels"):
        colour_baseline.fit(np.zeros((3, 4), np.float32), data[1])


def test_hundreds_of_clips_take_seconds():
    """560 + 200 clips of 36 cached tiles of 48 px, 17 classes: the demo's size."""
    rng = np.random.default_rng(0)
    names = [f"v{i}.mp4" for i in range(760)]
    one = rng.integers(0, 255, (20, 12, 48, 48, 3), dtype=np.uint8)
    cache = Tiles({name: one[i % 20] for i, name in enumerate(names)})
    table = pd.DataFrame((rng.random((760, 17)) < 0.1).astype(np.uint8), columns=[f"C{i}" for i in range(17)])
    table.insert(0, "video", names)
    began = time.process_time()
    model = colour_baseline.fit(colour_baseline.cached_features(cache, names[:560]), table[:560])
    colour_baseline.predict(model, colour_baseline.cached_features(cache, names[560:]))
    assert time.process_time() - began < 20
