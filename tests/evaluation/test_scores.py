"""Reading runs and scoring them, on run folders made here."""

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.evaluation import scores
from vpipe_utils.evaluation.metrics import mean_average_precision
from vpipe_utils.evaluation.params import EnsembleParams
from vpipe_utils.evaluation.predictions import write_predictions
from vpipe_utils.project.parameter_files import layer_files, read_layers
from vpipe_utils.storage.tables import write_json

FILES = layer_files("smoke", "ensemble")
MODELS = {
    "train_folds": [0, 1],
    "frame_models": ["frame_tresnet"],
    "video_models": ["video_swin_k400"],
    "super_image_models": ["tresnet_xl"],
    "ensemble_models": ["super_image/tresnet_xl", "video/video_swin_k400"],
    "ensemble_weights": [0.75, 0.25],
}
TEST_VIDEOS = ["t0.mp4", "t1.mp4", "t2.mp4"]


@pytest.fixture
def params(tmp_path):
    return EnsembleParams.from_values(read_layers(FILES) | MODELS | {"outputs": str(tmp_path)})


@pytest.fixture
def labels(params):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.integers(0, 2, (40, 17)), columns=list(params.class_codes)).astype("uint8")
    table.insert(0, "video", [f"v{i:02d}.mp4" for i in range(40)])
    return table


@pytest.fixture
def folds(labels):
    return pd.Series(np.arange(40) % 5, index=labels["video"], name="fold")


def random_predictions(videos, classes, seed):
    values = np.random.default_rng(seed).random((len(videos), len(classes)), dtype=np.float32)
    table = pd.DataFrame(values, columns=list(classes))
    table.insert(0, "video", list(videos))
    return table


def write_run(params, folds, approach, model, fold, seed):
    folder = params.layout.run(approach, model, fold)
    videos = list(folds.index[folds == fold])
    for part, names in (("val", videos), ("test", TEST_VIDEOS)):
        for suffix in ("", "_max", "_median", "_logit_mean") if approach == "frame" else ("",):
            table = random_predictions(names, params.class_codes, seed + len(suffix))
            path = folder / f"{part}_predictions{suffix}.parquet"
            write_predictions(table, path, names, params.class_codes)
    write_json({"val_mAP": 0.5, "backbone": "tiny", "parameters": 1e6}, folder / "metrics.json")


@pytest.fixture
def runs(params, folds):
    for place, (approach, model) in enumerate(params.runs):
        for fold in params.train_folds:
            write_run(params, folds, approach, model, fold, seed=10 * place + fold)
    return scores.find_runs(params)


def test_find_runs(params, folds):
    with pytest.raises(ValueError, match="no run is finished; run notebooks 03 to 05 first"):
        scores.find_runs(params)
    write_run(params, folds, "frame", "frame_tresnet", 1, 0)
    runs = scores.find_runs(params)
    assert len(runs) == 6 and runs["name"].iloc[0] == "frame/frame_tresnet"
    assert runs.loc[runs["finished"], ["model", "fold"]].to_numpy().tolist() == [["frame_tresnet", 1]]


def test_predictions_by_model_and_fold(params, runs, folds):
    validation = scores.validation_predictions(runs, folds, params.class_codes)
    assert list(validation) == ["frame/frame_tresnet", "video/video_swin_k400", "super_image/tresnet_xl"]
    assert validation["super_image/tresnet_xl"][1]["video"].tolist() == list(folds.index[folds == 1])
    tests = scores.test_predictions(runs, TEST_VIDEOS, params.class_codes)
    assert tests["video/video_swin_k400"][0]["video"].tolist() == TEST_VIDEOS


def test_a_run_of_other_folds_is_refused(params, runs, folds):
    other = folds.sample(frac=1, random_state=0).set_axis(folds.index)
    with pytest.raises(ValueError, match="videos are missing"):
        scores.validation_predictions(runs, other, params.class_codes)


def test_cross_validation_is_mean_and_spread_of_the_folds(params, runs, folds, labels):
    by_fold = scores.validation_predictions(runs, folds, params.class_codes)["super_image/tresnet_xl"]
    maps = []
    for fold in (0, 1):
        chosen = labels[labels["video"].isin(folds.index[folds == fold])]
        maps.append(mean_average_precision(chosen.iloc[:, 1:], by_fold[fold].iloc[:, 1:]))
    cv = scores.cross_validation(by_fold, labels)
    assert cv["folds"] == 2 and cv["cv_mAP"] == pytest.approx(np.mean(maps))
    assert cv["cv_std"] == pytest.approx(abs(maps[0] - maps[1]) / np.sqrt(2))
    pooled = scores.out_of_fold(by_fold)
    assert len(pooled) == 16
    assert cv["oof_mAP"] == scores.interval_scores(scores.labels_of(labels, pooled), pooled, 20, 0)["mAP"]
    assert np.isnan(scores.cross_validation({0: by_fold[0]}, labels)["cv_std"])


def test_a_video_without_prediction_scores_zero(params):
    labels = pd.DataFrame({"video": ["a", "b"], "x": [1, 0]})
    targets, found = scores.matrices(labels, pd.DataFrame({"video": ["b"], "x": [0.4]}))
    assert targets.tolist() == [[1], [0]] and found.tolist() == [[0.0], [0.4]]


def test_combine_folds_uses_the_folds_all_members_have(params, runs, folds):
    validation = scores.validation_predictions(runs, folds, params.class_codes)
    a, b = params.ensemble_models
    combined = scores.combine_folds(validation, {a: 0.75, b: 0.25})
    expected = 0.75 * validation[a][1].iloc[:, 1:] + 0.25 * validation[b][1].iloc[:, 1:]
    np.testing.assert_allclose(combined[1].iloc[:, 1:], expected, atol=1e-6)
    del validation[b][1]
    assert list(scores.combine_folds(validation, {a: 0.75, b: 0.25})) == [0]
    with pytest.raises(ValueError, match="no member of ensemble_models has a finished run"):
        scores.combine_folds(validation, {})


def test_held_out_scores(params, runs, folds):
    tests = scores.test_predictions(runs, TEST_VIDEOS, params.class_codes)["super_image/tresnet_xl"]
    labels = pd.DataFrame(np.eye(3, 17, dtype=int), columns=list(params.class_codes))
    labels.insert(0, "video", TEST_VIDEOS)
    found = scores.held_out_scores(labels, tests, n=50, seed=0)
    mean = (tests[0].iloc[:, 1:] + tests[1].iloc[:, 1:]) / 2
    assert found["heldout_mAP"] == pytest.approx(mean_average_precision(labels.iloc[:, 1:], mean))
    singles = [mean_average_precision(labels.iloc[:, 1:], tests[k].iloc[:, 1:]) for k in (0, 1)]
    assert found["single_mAP"] == pytest.approx(np.mean(singles)) and found["low"] <= found["high"]
    assert all(np.isnan(value) for value in scores.held_out_scores(None, tests, 50, 0).values())


def test_labels_that_are_scored_are_those_that_chance_is_of():
    """One trained fold of three: AP are of its validation videos, and so is the share of each class."""
    labels = pd.DataFrame({"video": ["a", "b", "c"], "OK": [1, 0, 0]})
    predictions = pd.DataFrame({"video": ["b", "c"], "OK": [0.5, 0.5]})
    assert scores.scored_labels(labels, None, predictions)["OK"].mean() == 0
    assert scores.scored_labels(labels, labels[:2], predictions)["OK"].mean() == 0.5


def test_frame_pooling_finds_the_main_one_without_suffix(params, runs, folds, labels):
    table = scores.frame_pooling(runs, folds, labels, TEST_VIDEOS, None)
    assert table["pooling"].tolist() == ["mean", "max", "median", "logit_mean"] and table["heldout_mAP"].isna().all()
    main = scores.validation_predictions(runs, folds, params.class_codes)["frame/frame_tresnet"]
    assert table["cv_mAP"].iloc[0] == pytest.approx(scores.cross_validation(main, labels)["cv_mAP"])
    assert table["cv_mAP"].nunique() == 4
    others = runs[runs["approach"] != "frame"]
    assert scores.frame_pooling(others, folds, labels, TEST_VIDEOS, None).empty


def test_combined_predictions_round_trip(params):
    table = random_predictions(TEST_VIDEOS, params.class_codes, 0)
    scores.write_combined(params.layout, "fold_mean", {"super_image/tresnet_xl": table}, params.class_codes)
    assert (params.layout.ensemble / "fold_mean" / "super_image.tresnet_xl.parquet").is_file()
    back = scores.read_combined(params.layout, "fold_mean", ["super_image/tresnet_xl"], params.class_codes)
    pd.testing.assert_frame_equal(back["super_image/tresnet_xl"], table)


def test_predictions_of_older_data_say_what_to_run_again(params, runs, folds):
    moved = folds.rename({"v00.mp4": "new.mp4"})
    again = "predictions of older data; run the notebook of .*/.*, fold 0, again"
    with pytest.raises(ValueError, match=f"1 of 8 videos are missing, first 'new.mp4': {again}"):
        scores.validation_predictions(runs, moved, params.class_codes)
    again = "predictions of older data; run .venv/bin/python workflow/predict.py .*/fold_0"
    with pytest.raises(ValueError, match=f"video 't2.mp4' is not one of the 2 expected: {again}"):
        scores.test_predictions(runs, TEST_VIDEOS[:2], params.class_codes)
    with pytest.raises(ValueError, match=f"columns are .*: {again}"):
        scores.test_predictions(runs, TEST_VIDEOS, params.class_codes[1:])
    (runs["folder"].iloc[0] / "test_predictions.parquet").unlink()
    with pytest.raises(FileNotFoundError, match="test_predictions.parquet is not there: run .*workflow/predict.py .*"):
        scores.test_predictions(runs, TEST_VIDEOS, params.class_codes)
    table = random_predictions(TEST_VIDEOS, params.class_codes, 0)
    scores.write_combined(params.layout, "fold_mean", {"frame/a": table}, params.class_codes)
    with pytest.raises(ValueError, match="predictions of older data; run notebook 06 again"):
        scores.read_combined(params.layout, "fold_mean", ["frame/a"], params.class_codes[::-1])


def test_models_are_compared_over_runs_and_recordings(params, runs, folds, labels):
    """On validation videos each fold has its own; on test videos all have the same."""
    by_model = scores.validation_predictions(runs, folds, params.class_codes)
    a, b = by_model["super_image/tresnet_xl"], by_model["video/video_swin_k400"]
    found = scores.compare_runs(labels, a, b, n=50, seed=0)
    cv = [scores.cross_validation(of, labels)["cv_mAP"] for of in (a, b)]
    assert found.difference == pytest.approx(cv[0] - cv[1])
    assert found.low < found.difference < found.high
    with pytest.raises(ValueError, match="1 run"):
        scores.compare_runs(labels, a, {1: b[1]}, 50, 0)


def test_several_predictions_of_a_run_count_by_their_mean(params, runs, folds, labels):
    by_model = scores.validation_predictions(runs, folds, params.class_codes)
    a, b = by_model["super_image/tresnet_xl"], by_model["video/video_swin_k400"]
    both = {k: [a[k], b[k]] for k in a}
    of_one, of_half = scores.compare_runs(labels, a, b, 50, 0), scores.compare_runs(labels, a, both, 50, 0)
    assert of_half == pytest.approx(tuple(value / 2 for value in of_one))
    (first, _) = scores.paired_runs(labels, a, both)
    assert first.a.shape == (8, 17) and first.b.shape == (2, 8, 17) and len(first.recordings) == 8


def test_clips_of_one_recording_count_once(labels):
    """Names that end in _1, _2 are pieces of one recording; two clips of one are one piece of news."""
    names = [f"r{i % 10}_{i // 10}.mp4" for i in range(40)]
    alike = pd.concat([labels[:10]] * 4, ignore_index=True).assign(video=names)
    assert len(set(scores.recordings_of(alike))) == 10
    predictions = random_predictions(labels["video"][:10], list(labels)[1:], 0)
    repeated = pd.concat([predictions] * 4, ignore_index=True)
    ten = scores.interval_scores(labels[:10], predictions, 300, 0)
    forty = scores.interval_scores(alike, repeated.assign(video=names), 300, 0)
    assert forty["high"] - forty["low"] == pytest.approx(ten["high"] - ten["low"], rel=0.3)


def test_a_model_clears_the_floor_or_does_not(labels):
    classes = list(labels)[1:]
    right = labels.astype({code: "float32" for code in classes})
    guess, other = (random_predictions(labels["video"], classes, seed) for seed in (1, 2))
    assert scores.clears(labels, right, guess, 100, 0).above
    assert not scores.clears(labels, other, guess, 100, 0).above
    half = guess[:20]  # a baseline of fewer videos: both are scored on these
    found = scores.clears(labels, right, half, 100, 0)
    assert found.difference == pytest.approx(scores.compare(labels[:20], right, half, 100, 0).difference)
