from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from vpipe_utils.benchmarks.params import BenchmarkParams
from vpipe_utils.data.params import DataParams
from vpipe_utils.evaluation.params import EnsembleParams
from vpipe_utils.learning.params import KINDS, FrameParams, SuperImageParams, read_model
from vpipe_utils.learning.weak.params import WeakParams
from vpipe_utils.project.parameter_files import TEXT, approach_of, layer_files, model_names, read_layers, read_yaml

PRESETS = ("paper", "full", "demo", "smoke", "sight", "sight_10", "sight_30", "sight_60")


def values(preset: str = "smoke", model: str | None = None, fold: int | None = None) -> dict:
    return read_layers(layer_files(preset, model, fold))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid_for_every_model_and_fold(preset: str) -> None:
    data = DataParams.from_preset(preset)
    assert data.preset == preset
    assert {approach for approach, _ in data.runs} == set(KINDS)
    for approach, model in data.runs:
        for fold in range(data.n_folds):
            params = read_model(preset, model, fold)
            assert (params.approach, params.model, params.fold) == (approach, model, fold)
    BenchmarkParams.from_preset(preset)
    assert WeakParams.from_preset(preset, "/elsewhere").layout.root == Path("/elsewhere") / preset
    ensemble = EnsembleParams.from_preset(preset)
    assert ensemble.ensemble_weights is None or math.isclose(sum(ensemble.ensemble_weights), 1)


@pytest.mark.parametrize("model", model_names("paper"))
def test_paper_is_complete_and_says_every_key_once(model: str) -> None:
    """A model's file repeats no value of what it extends, but for those whose comment gives another source."""
    *shared, own, _ = layer_files("paper", model, 0)
    params = KINDS[approach_of(shared)].from_values(read_layers([*shared, own, "params/folds/fold_0.yaml"]))
    assert params.pretrained and params.epochs == 30, "Tables I and II: pretrained, 30 epochs"
    before = read_layers(shared)
    said_again = {key for key, value in read_yaml(own).items() if key in before and before[key] == value}
    assert said_again <= {"extends"} | ({"drop_path"} if model == "efficientnet_l2" else set())


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
    with pytest.raises(ValueError, match="4 ensemble_models but 2 ensemble_weights"):
        EnsembleParams.from_values({**values("smoke", "ensemble"), "ensemble_weights": [0.5, 0.5]})
    with pytest.raises(ValueError, match="'super_image/vgg' is not trained here"):
        EnsembleParams.from_values(
            {**values("smoke", "ensemble"), "ensemble_models": ["super_image/vgg"], "ensemble_weights": [1.0]}
        )


def notebook(*cells: str) -> dict[str, object]:
    """The variables of a kernel in which these cells ran, and the cell that checks them."""
    variables: dict[str, object] = {"math": math, "DataParams": DataParams, "epochs": 77, "sead": 7}  # start-up file
    for cell in cells:
        exec(cell, variables)
    return variables | {"In": ["", *cells, "params = DataParams.from_notebook(globals())"]}


RUN = "# Parameters: more\npreset = 'smoke'\nmodel = 'convnext_base'\nfold = 0\ntrick = None\n"


def test_a_notebooks_cell_names_the_layers_and_sets_what_it_wants() -> None:
    params = SuperImageParams.from_notebook(notebook(RUN + "seed = 7"))
    assert params == read_model("smoke", "convnext_base", 0).model_copy(update={"seed": 7})
    short = "# Parameters\npreset = 'demo'\nmodel = 'nfnet_f6'\nfold = 1\n"  # papermill -p preset demo -p model …
    assert SuperImageParams.from_notebook(notebook(RUN, short)) == read_model("demo", "nfnet_f6", 1)
    assert DataParams.from_notebook(notebook("# Parameters:\npreset = 'demo'")).preset == "demo"
    ensemble = notebook("# Parameters:\npreset = 'smoke'\nbootstrap = 300")
    assert EnsembleParams.from_notebook(ensemble).bootstrap == 300
    with pytest.raises(ValueError, match=r"'sead' is no parameter here \(did you mean 'seed'\?\)"):
        SuperImageParams.from_notebook(notebook(RUN + "sead = 7"))
    with pytest.raises(ValueError, match="model 'video_swin_k400' is of approach video, this notebook for super_image"):
        SuperImageParams.from_notebook(notebook(RUN + "model = 'video_swin_k400'"))
    with pytest.raises(ValueError, match="'model' is no parameter here"):
        DataParams.from_notebook(notebook(RUN))
    with pytest.raises(ValueError, match="the parameters cell sets no preset"):
        DataParams.from_notebook(notebook("# Parameters:\nseed = 1"))
    with pytest.raises(ValueError, match="the parameters cell sets no model"):
        SuperImageParams.from_notebook(notebook("# Parameters:\npreset = 'smoke'\nfold = 0"))


def test_papermills_files_replace_the_layers_of_the_notebooks_cell(tmp_path: Path) -> None:
    """`papermill -f` makes variables of all that the files hold, `extends` too; no other file is then read."""
    given = values("demo", "nfnet_f6", 1) | {"preset": "elsewhere", "extends": "nfnet_f3", "super_image_models": ["x"]}
    injected = "# Parameters\n" + "".join(f"{key} = {value!r}\n" for key, value in given.items())
    params = SuperImageParams.from_notebook(notebook(RUN, injected))
    assert (params.preset, params.model, params.fold) == ("elsewhere", "nfnet_f6", 1)
    known = {key: value for key, value in given.items() if key != "extends"}
    assert params.model_dump() == known | {"trick": None}
    with pytest.raises(ValueError, match=r"'epoch' is no parameter here \(did you mean 'epochs'\?\)"):
        SuperImageParams.from_notebook(notebook(RUN, injected + "epoch = 3"))


def test_tricks_of_a_notebook() -> None:
    run = RUN + "trick = 'no_ema+no_flip'\n"
    params = SuperImageParams.from_notebook(notebook(run))
    changes = {"hflip": False, "ema": False, "trick": "no_ema+no_flip"}
    assert params == read_model("smoke", "convnext_base", 0).model_copy(update=changes)
    assert params == read_model("smoke", "convnext_base", 0, "no_ema+no_flip")
    with pytest.raises(ValueError, match=r"trick 'no_ema\+no_flip' sets hflip to False, this notebook to True"):
        SuperImageParams.from_notebook(notebook(run + "hflip = True"))


def test_a_trick_that_papermill_names_is_known_beside_its_values() -> None:
    given = values("demo", "nfnet_f6", 1) | {"hflip": False}
    injected = "# Parameters\n" + "".join(f"{key} = {value!r}\n" for key, value in given.items())
    params = SuperImageParams.from_notebook(notebook(RUN, injected + "trick = 'no_flip'\nrepetition = 2\n"))
    assert (params.trick, params.repetition, params.hflip) == ("no_flip", 2, False)
    with pytest.raises(ValueError, match="trick 'no_ema' sets ema to False, this notebook to True"):
        SuperImageParams.from_notebook(notebook(RUN, injected + "trick = 'no_ema'\n"))


def test_a_model_belongs_to_one_approach() -> None:
    with pytest.raises(ValueError, match="video_models names 'convnext_base', whose approach is super_image: name"):
        SuperImageParams.from_values(
            {**values("smoke", "convnext_base", 0), "video_models": ["convnext_base"], "super_image_models": []}
        )


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


def test_every_text_is_read_as_it_is_written() -> None:
    """`parameter_files.TEXT` names the keys whose values may be any text, so that 007 and NO stay what they are."""
    kinds = (*KINDS.values(), EnsembleParams, BenchmarkParams, WeakParams)
    fields = {key: field.annotation for kind in kinds for key, field in kind.model_fields.items()}
    texts = {key for key, kind in fields.items() if re.search(r"\bstr\b|'str'", str(kind)) or kind is str}
    texts -= {"backbone_args"}  # its values are numbers, lists and names of timm, as YAML reads them
    assert texts | {"extends", "precision"} == TEXT  # precision: one of 'auto', '32' …
