from __future__ import annotations

import math
from pathlib import Path

import pytest

from vpipe_utils.data.params import DataParams
from vpipe_utils.evaluation.params import EnsembleParams
from vpipe_utils.learning.params import FrameParams, SuperImageParams, VideoParams
from vpipe_utils.project.parameter_files import layer_files, read_layers

MODELS = {"frame": FrameParams, "video": VideoParams, "super_image": SuperImageParams}
PRESETS = ("paper", "demo", "smoke")


def values(preset: str = "smoke", model: str | None = None, fold: int | None = None) -> dict:
    return read_layers(layer_files(preset, model, fold))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid_for_every_model_and_fold(preset: str) -> None:
    data = DataParams.from_values(values(preset))
    assert data.preset == preset
    assert {approach for approach, _ in data.runs} == set(MODELS)
    for approach, model in data.runs:
        for fold in range(data.n_folds):
            params = MODELS[approach].from_values(values(preset, model, fold))
            assert (params.model, params.fold) == (model, fold)
    ensemble = EnsembleParams.from_values(values(preset, "ensemble"))
    assert ensemble.ensemble_weights is None or math.isclose(sum(ensemble.ensemble_weights), 1)


def test_paper_files_are_complete_without_any_other_layer() -> None:
    fold = ["params/folds/fold_0.yaml"]
    for approach, model in DataParams.from_values(values("paper")).runs:
        files = ["params/paper/data.yaml", f"params/paper/{model}.yaml", *fold]
        params = MODELS[approach].from_values(read_layers(files))
        assert params.pretrained and params.epochs == 30, "Tables I and II: pretrained, 30 epochs"


def test_table_ii_input_sizes() -> None:
    sizes = {}
    for approach, model in DataParams.from_values(values("paper")).runs:
        if approach == "super_image":
            params = SuperImageParams.from_values(values("paper", model, 0))
            sizes[model] = params.grid * params.input_tile
    assert sizes == {
        "tresnet_xl": 1344, "convnext_base": 1344, "nfnet_f3": 1344, "nfnet_f6": 1152, "efficientnet_l2": 1344,
    }  # fmt: skip


def test_unknown_key_is_named_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match=r"'epoch' is no parameter here \(did you mean 'epochs'\?\)"):
        SuperImageParams.from_values({**values("smoke", "convnext_base", 0), "epoch": 3})


def test_a_mistyped_key_is_named_with_the_file_that_holds_it(tmp_path: Path) -> None:
    files = layer_files("smoke", "convnext_base", 0)
    for name in ("training", "other"):
        (tmp_path / f"{name}.yaml").write_text("batch_sise: 4\nseed: 1\n" if name == "training" else "seed: x\n")
        files.append(tmp_path / f"{name}.yaml")
    with pytest.raises(ValueError, match="batch_sise") as caught:
        SuperImageParams.from_values(read_layers(files) | {"grid": "x"}, "smoke, model convnext_base", files)
    said = str(caught.value).split("; ")
    assert any(f"{tmp_path / 'training.yaml'}: 'batch_sise' is no parameter here (did you" in text for text in said)
    assert any(f"{tmp_path / 'other.yaml'}: 'seed' is 'x'" in text for text in said)  # the last one counts
    incomplete = {key: value for key, value in read_layers(files[:-2]).items() if key != "epochs"}
    with pytest.raises(ValueError, match="^smoke, model convnext_base: 'epochs' is missing"):
        SuperImageParams.from_values(incomplete, "smoke, model convnext_base", [])


def test_a_key_of_the_ensemble_is_sent_to_its_file() -> None:
    with pytest.raises(ValueError, match="'ensemble_models' is no parameter here; it belongs in .*/ensemble.yaml$"):
        FrameParams.from_values({**values("smoke", "frame_tresnet", 0), "ensemble_models": ["frame/a"]})


def test_missing_key_is_named() -> None:
    incomplete = values()
    del incomplete["seed"]
    with pytest.raises(ValueError, match="'seed' is missing"):
        DataParams.from_values(incomplete)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_folds": [7]}, "train_folds holds 7; with n_folds 5 folds are 0 to 4"),
        ({"source": "files", "videos_dir": None}, "needs videos_dir and annotations"),
        ({"normal_class": "XX"}, "normal_class 'XX' is not one of the classes"),
        ({"tile_size": "large"}, "'tile_size' is 'large'"),
        ({"pipesim_temper": 2}, "'pipesim_temper' is 2"),
        ({"classes": ["A", "B"]}, "normal_class 'ZC' is not one of the classes"),
        ({"classes": ["OK"], "normal_class": "OK"}, "the only class is the normal one"),
        ({"classes": [], "normal_class": None}, "'classes' is"),
        ({"class_names": {"FX": "flange"}}, "class_names: 'FX' is not one of the classes ZC, CJ"),
        ({"class_names": {"FS": " "}}, "class_names gives 'FS' an empty name"),
        ({"classes": ["ZC", False]}, "'classes.1' is False: input should be a valid string; put it in quotes"),
    ],
)
def test_wrong_values_are_one_sentence(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DataParams.from_values({**values(), **change})


def test_input_tile_larger_than_the_cache_is_refused() -> None:
    with pytest.raises(ValueError, match="input_tile 64 is larger than the cached tile_size 32"):
        SuperImageParams.from_values({**values("smoke", "convnext_base", 0), "input_tile": 64})


@pytest.mark.parametrize(("change", "key"), [({"grid": 4}, "cache_frames"), ({"sampling": "consecutive"}, "cache_run")])
def test_a_sample_of_more_frames_than_are_cached_is_refused(change: dict, key: str) -> None:
    with pytest.raises(ValueError, match=f"frames of a video, but {key} keeps .*: raise {key} in data.yaml"):
        SuperImageParams.from_values({**values("smoke", "convnext_base", 0), "cache_run": 5, **change})


def test_ensemble_weights_must_match_models() -> None:
    with pytest.raises(ValueError, match="6 ensemble_models but 2 ensemble_weights"):
        EnsembleParams.from_values({**values("smoke", "ensemble"), "ensemble_weights": [0.5, 0.5]})
    with pytest.raises(ValueError, match="'super_image/vgg' is not trained here"):
        EnsembleParams.from_values(
            {**values("smoke", "ensemble"), "ensemble_models": ["super_image/vgg"], "ensemble_weights": [1.0]}
        )


def test_from_notebook_takes_files_first_and_injected_values_last() -> None:
    files = ["params/paper/data.yaml", "params/smoke/data.yaml"]
    variables = {"parameter_files": files, "seed": 7, "_hidden": 1, "math": math, "DataParams": DataParams}
    params = DataParams.from_notebook(variables)
    assert params.seed == 7
    assert params.tile_size == 32
    with pytest.raises(ValueError, match="'sead' is no parameter"):
        DataParams.from_notebook({**variables, "sead": 7})


def test_own_classes_replace_the_official_ones() -> None:
    params = DataParams.from_values({**values(), "classes": ["OK", "ROOT"], "normal_class": "OK"})
    assert params.class_codes == ("OK", "ROOT")
    assert len(DataParams.from_values(values()).class_codes) == 17


def test_own_classes_have_own_long_names() -> None:
    own = {**values(), "classes": ["OK", "FS"], "normal_class": "OK"}
    assert DataParams.from_values(own).long_names == {}
    named = DataParams.from_values({**own, "class_names": {"FS": "broken flange"}})
    assert named.long_names == {"FS": "broken flange"}
    assert DataParams.from_values(values()).long_names["FS"] == "corrosion"


def test_saved_parameters_read_back_equal(tmp_path) -> None:
    params = SuperImageParams.from_values(values("demo", "nfnet_f6", 1))
    params.save(tmp_path)
    assert SuperImageParams.from_values(read_layers([tmp_path / "params.yaml"])) == params


def test_seeds_differ_between_runs() -> None:
    seeds = {
        SuperImageParams.from_values(values("demo", model, fold)).run_seed("super_image")
        for model in ("nfnet_f3", "nfnet_f6")
        for fold in (0, 1)
    }
    assert len(seeds) == 4


def test_a_kernel_without_history_is_read_by_its_variables() -> None:
    """As nbval runs notebooks: nothing is in `In`."""
    files = [str(file) for file in layer_files("smoke")]
    kernel = {"In": ["", ""], "Out": {}, "exit": object(), "quit": object(), "open": open, "get_ipython": object()}
    params = DataParams.from_notebook({**kernel, "_i": "", "parameter_files": files, "seed": 7, "math": math})
    assert params.seed == 7 and params.preset == "smoke"
    with pytest.raises(ValueError, match="'sead' is no parameter here"):
        DataParams.from_notebook({**kernel, "parameter_files": files, "sead": 7})
