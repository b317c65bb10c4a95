from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from vpipe_utils.project import parameter_files


def names(files: Iterable[Path]) -> list[str]:
    return [str(file.relative_to("params").with_suffix("")) for file in files]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Writes the files of a project of its own: name, as in demo/data, -> text."""
    for module in ("parameter_files", "paths"):
        monkeypatch.setattr(f"vpipe_utils.project.{module}.project_root", lambda: tmp_path)

    def write(texts: dict[str, str]) -> None:
        for name, text in texts.items():
            path = tmp_path / "params" / f"{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


def test_order_of_the_layers() -> None:
    assert names(parameter_files.layer_files("smoke", "convnext_small", 1)) == [
        "paper/data", "paper/training", "paper/super_image",
        "demo/data", "demo/training", "demo/tresnet_small", "demo/convnext_small",
        "smoke/data", "smoke/training", "smoke/convnext_small",
        "folds/fold_1",
    ]  # fmt: skip
    assert names(parameter_files.layer_files("smoke", "ensemble")) == [
        "paper/data", "paper/ensemble", "demo/data", "demo/ensemble", "smoke/data", "smoke/ensemble",
    ]  # fmt: skip


def test_paper_is_not_laid_over_itself() -> None:
    files = names(parameter_files.layer_files("paper", "nfnet_f6"))
    assert files == ["paper/data", "paper/training", "paper/super_image", "paper/nfnet_f3", "paper/nfnet_f6"]


def test_a_trick_is_laid_over_all(write: Callable[[dict[str, str]], None]) -> None:
    write({"paper/data": "", "paper/m": "hflip: true", "folds/fold_0": "fold: 0"})
    with pytest.raises(ValueError, match="trick 'no_flip' has no params/tricks/no_flip.yaml; tricks are none yet$"):
        parameter_files.layer_files("paper", "m", 0, "no_flip")
    write({"tricks/no_flip": "hflip: false", "tricks/longer": "epochs: 40"})
    files = parameter_files.layer_files("paper", "m", 0, "no_flip")
    assert names(files) == ["paper/data", "paper/m", "folds/fold_0", "tricks/no_flip"]
    assert parameter_files.read_layers(files) == {"hflip": False, "fold": 0}
    with pytest.raises(ValueError, match="tricks are longer, no_flip$"):
        parameter_files.layer_files("paper", "m", 0, "no_flop")
    with pytest.raises(ValueError, match="trick '../paper/m' is no name that can be used"):
        parameter_files.layer_files("paper", "m", 0, "../paper/m")


def test_several_tricks_are_laid_on_together(write: Callable[[dict[str, str]], None]) -> None:
    write({"paper/data": "", "paper/m": "hflip: true\nepochs: 30"})
    write({"tricks/no_flip": "hflip: false", "tricks/longer": "epochs: 40", "tricks/shorter": "epochs: 3"})
    files = parameter_files.layer_files("paper", "m", None, "longer+no_flip")
    assert names(files) == ["paper/data", "paper/m", "tricks/longer", "tricks/no_flip"]
    assert parameter_files.read_layers(files) == {"hflip": False, "epochs": 40}
    with pytest.raises(ValueError, match="write each once, in alphabetical order: longer[+]no_flip$"):
        parameter_files.layer_files("paper", "m", None, "no_flip+longer+longer")
    clash = "tricks 'longer[+]shorter': params/tricks/longer.yaml and params/tricks/shorter.yaml both set epochs"
    with pytest.raises(ValueError, match=clash):
        parameter_files.layer_files("paper", "m", None, "longer+shorter")


def test_a_model_can_extend_another(write: Callable[[dict[str, str]], None]) -> None:
    """A variant is its base, in every preset, and what its own file says."""
    write({
        "paper/data": "", "demo/data": "", "paper/video": "clip_frames: 32",
        "paper/base": "extends: video\nmodel: base\nlr: 1\nwarmup: 1", "demo/base": "lr: 2\nepochs: 2",
        "paper/variant": "extends: base\nmodel: variant\nlr: 3\nwarmup: 3",
    })  # fmt: skip
    files = parameter_files.layer_files("demo", "variant")
    assert names(files) == ["paper/data", "paper/video", "paper/base", "paper/variant", "demo/data", "demo/base"]
    expected = {"clip_frames": 32, "model": "variant", "lr": 2, "warmup": 3, "epochs": 2}
    assert parameter_files.read_layers(files) == expected, "without extends"
    assert parameter_files.approach_of(files) == "video"
    assert parameter_files.model_names("paper") == ["base", "variant"]
    write({"demo/variant": "extends: video"})  # a preset may choose otherwise
    files = parameter_files.layer_files("demo", "variant")
    assert names(files) == ["paper/data", "paper/video", "paper/variant", "demo/data", "demo/variant"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: bas\nmodel: m", "model 'm' extends 'bas', which is no approach or model; models are base, m$"),
        ("extends: base\nmodel: m", "models extend each other in a circle, m -> base -> m: take one 'extends' out"),
        ("extends: m\nmodel: m", "models extend each other in a circle, m -> m"),
        ("extends: data\nmodel: m", "model 'data' is no name that can be used: .* data.yaml holds something else"),
        ("extends: [a]\nmodel: m", r"model \['a'\] is not text"),
        ("extends: frame\nmodel: n", "paper/m.yaml: model is 'n', not 'm': write model: m in the file m.yaml"),
        ("extends: other", "paper/other.yaml: model is 'other', not 'm': write model: m in the file m.yaml"),
    ],
)
def test_what_a_model_cannot_extend_is_one_sentence(
    write: Callable[[dict[str, str]], None], text: str, message: str
) -> None:
    write({"paper/data": "", "paper/frame": "", "paper/base": "extends: m\nmodel: base", "paper/m": text})
    if "other" in text:
        write({"paper/other": "extends: frame\nmodel: other"})
    with pytest.raises(ValueError, match=message):
        parameter_files.layer_files("paper", "m")


def test_full_has_the_papers_sizes_and_the_demos_networks() -> None:
    layers = (parameter_files.layer_files(preset, "benchmarks") for preset in ("paper", "demo", "full"))
    paper, demo, full = map(parameter_files.read_layers, layers)
    sizes = {key for key in full if key.startswith(("read_", "load_"))}
    assert len(sizes) == 8 and {key: full[key] for key in sizes} == {key: paper[key] for key in sizes}
    assert {key for key in full if full[key] != demo[key]} <= sizes | {"preset"}


def test_a_preset_can_extend_another(write: Callable[[dict[str, str]], None]) -> None:
    write({"paper/data": "a: 1\nextends: null", "demo/data": "a: 2", "mytown/data": "extends: demo\na: 3"})
    files = parameter_files.layer_files("mytown")
    assert names(files) == ["paper/data", "demo/data", "mytown/data"]
    assert parameter_files.read_layers(files) == {"a": 3}, "extends is read for the order alone"
    write({"demo/data": "extends: mytown"})
    with pytest.raises(ValueError, match="presets extend each other in a circle, mytown -> demo -> mytown"):
        parameter_files.layer_files("mytown")


def test_training_yaml_of_a_preset_is_for_all_its_models(write: Callable[[dict[str, str]], None]) -> None:
    """It beats the models' files of the presets before it, and is beaten by the preset's own."""
    write({
        "paper/data": "extends: null",
        "paper/training": "batch_size: 1",
        "paper/m": "batch_size: 2\nlr: 2",
        "paper/other": "batch_size: 2",
        "paper/ensemble": "bootstrap: 9",
        "demo/data": "",
        "demo/m": "batch_size: 3",
        "mytown/data": "extends: demo",
        "mytown/training": "batch_size: 4",
    })  # fmt: skip
    assert names(parameter_files.layer_files("mytown", "m", 1)) == [
        "paper/data", "paper/training", "paper/m", "demo/data", "demo/m", "mytown/data", "mytown/training",
        "folds/fold_1",
    ]  # fmt: skip
    assert parameter_files.read_layers(parameter_files.layer_files("mytown", "m")) == {"batch_size": 4, "lr": 2}
    assert parameter_files.read_layers(parameter_files.layer_files("demo", "m"))["batch_size"] == 3
    write({"mytown/m": "batch_size: 5"})
    assert parameter_files.read_layers(parameter_files.layer_files("mytown", "m"))["batch_size"] == 5
    for name in ("ensemble", None):
        assert not [file for file in parameter_files.layer_files("mytown", name) if file.stem == "training"]
    with pytest.raises(ValueError, match="no parameter file for model 'vgg'; models are m, other$"):
        parameter_files.layer_files("mytown", "vgg")


def test_own_data_asks_for_the_benchmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameter_files, "project_root", lambda: tmp_path)
    assert parameter_files.runs_benchmarks("demo", "pipesim") and not parameter_files.runs_benchmarks("mytown", "files")
    (tmp_path / "params" / "mytown").mkdir(parents=True)
    (tmp_path / "params" / "mytown" / "benchmarks.yaml").touch()
    assert parameter_files.runs_benchmarks("mytown", "files")


def test_a_preset_asks_for_weak_supervision_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes minutes, so own data that extend a preset which asks for it do not get it unasked."""
    assert parameter_files.runs_weak("smoke") and not parameter_files.runs_weak("demo")
    monkeypatch.setattr(parameter_files, "project_root", lambda: tmp_path)
    (tmp_path / "params" / "mytown").mkdir(parents=True)
    (tmp_path / "params" / "mytown" / "data.yaml").write_text("extends: smoke")
    assert not parameter_files.runs_weak("mytown")
    (tmp_path / "params" / "mytown" / "weak.yaml").write_text("weak_in_report: true")
    assert parameter_files.runs_weak("mytown")


def test_unknown_preset_and_model_name_those_there_are() -> None:
    with pytest.raises(ValueError, match="preset 'nowhere' has no params/nowhere/data.yaml; presets are .*demo.*paper"):
        parameter_files.layer_files("nowhere")
    with pytest.raises(ValueError, match="no parameter file for model 'vgg'; models are .*convnext_base"):
        parameter_files.layer_files("demo", "vgg")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "'a' is given twice, the second time in line 2"),
        ("- a\n", "holds a list; write one 'key: value' a line"),
        ("a: [1\n", "not readable as YAML"),
    ],
)
def test_bad_files_are_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        parameter_files.read_yaml(tmp_path / "bad.yaml")


def test_later_files_win_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("x: 1\ny: {k: 1, l: 2}\n")
    (tmp_path / "b.yaml").write_text("y: {k: 3}\n")
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    merged = parameter_files.read_layers([tmp_path / "a.yaml", tmp_path / "b.yaml", tmp_path / "empty.yaml"])
    assert merged == {"x": 1, "y": {"k": 3}}


def test_names_are_read_as_they_are_written(tmp_path: Path) -> None:
    text = "preset: 007\nextends: 2024_05\noutputs: 2024-05-01\nvideos_dir: ~\nclasses: [OK, NO, 1.0, 'on', null]\n"
    text += "class_names: {NO: off, OK: fine}\nnormal_class: off\nannotations:\nseed: 007\nby_recording: on\n"
    (tmp_path / "data.yaml").write_text(text)
    assert parameter_files.read_yaml(tmp_path / "data.yaml") == {
        "preset": "007", "extends": "2024_05", "outputs": "2024-05-01", "videos_dir": None,
        "classes": ["OK", "NO", "1.0", "on", None], "class_names": {"NO": "off", "OK": "fine"}, "normal_class": "off",
        "annotations": None, "seed": 7, "by_recording": True,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["../demo", "my town", "reference", ""])
def test_presets_that_cannot_be_called_so(name: str) -> None:
    with pytest.raises(ValueError, match="preset"):
        parameter_files.layer_files(name)


def test_a_file_is_read_again_and_its_values_are_nobody_elses(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("x: {k: [1]}\n")
    parameter_files.read_yaml(file)["x"]["k"].append(2)
    assert parameter_files.read_yaml(file) == {"x": {"k": [1]}}
    file.write_text("x: 2\n")
    assert parameter_files.read_yaml(file) == {"x": 2}
