from __future__ import annotations

from pathlib import Path

import pytest

from vpipe_utils.project import parameter_files


def test_order_of_the_layers() -> None:
    files = parameter_files.layer_files("demo", "nfnet_f6", 1)
    assert [str(file) for file in files] == [
        "params/paper/data.yaml",
        "params/paper/nfnet_f6.yaml",
        "params/demo/data.yaml",
        "params/demo/training.yaml",
        "params/demo/nfnet_f6.yaml",
        "params/folds/fold_1.yaml",
    ]


def test_paper_is_not_laid_over_itself() -> None:
    assert [str(f) for f in parameter_files.layer_files("paper", "nfnet_f3")] == [
        "params/paper/data.yaml",
        "params/paper/nfnet_f3.yaml",
    ]


def test_a_preset_can_extend_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"paper": "a: 1\nextends: null", "demo": "a: 2", "mytown": "extends: demo\na: 3"}.items():
        (tmp_path / "params" / name).mkdir(parents=True)
        (tmp_path / "params" / name / "data.yaml").write_text(text)
    monkeypatch.setattr(parameter_files, "project_root", lambda: tmp_path)
    assert [file.parts[1] for file in parameter_files.layer_files("mytown")] == ["paper", "demo", "mytown"]
    (tmp_path / "params" / "demo" / "data.yaml").write_text("extends: mytown")
    with pytest.raises(ValueError, match="presets extend each other in a circle"):
        parameter_files.layer_files("mytown")


def test_training_yaml_of_a_preset_is_for_all_its_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It beats the models' files of the presets before it, and is beaten by the preset's own."""
    texts = {
        "paper/data": "extends: null",
        "paper/training": "batch_size: 1",
        "paper/m": "batch_size: 2\nlr: 2",
        "paper/other": "batch_size: 2",
        "paper/ensemble": "bootstrap: 9",
        "demo/data": "",
        "demo/m": "batch_size: 3",
        "mytown/data": "extends: demo",
        "mytown/training": "batch_size: 4",
    }
    for name, text in texts.items():
        path = tmp_path / "params" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for module in ("parameter_files", "paths"):
        monkeypatch.setattr(f"vpipe_utils.project.{module}.project_root", lambda: tmp_path)
    names = [f"{file.parent.name}/{file.stem}" for file in parameter_files.layer_files("mytown", "m", 1)]
    assert names == [
        "paper/data", "paper/training", "paper/m", "demo/data", "demo/m", "mytown/data", "mytown/training",
        "folds/fold_1",
    ]  # fmt: skip
    assert parameter_files.read_layers(parameter_files.layer_files("mytown", "m")) == {
        "extends": "demo",
        "batch_size": 4,
        "lr": 2,
    }
    assert parameter_files.read_layers(parameter_files.layer_files("demo", "m"))["batch_size"] == 3
    (tmp_path / "params" / "mytown" / "m.yaml").write_text("batch_size: 5")
    assert parameter_files.read_layers(parameter_files.layer_files("mytown", "m"))["batch_size"] == 5
    for name in ("ensemble", None):
        assert not [file for file in parameter_files.layer_files("mytown", name) if file.stem == "training"]
    with pytest.raises(ValueError, match="no parameter file for model 'vgg'; params/paper holds m, other$"):
        parameter_files.layer_files("mytown", "vgg")


def test_own_data_asks_for_the_benchmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameter_files, "project_root", lambda: tmp_path)
    assert parameter_files.runs_benchmarks("demo", "pipesim") and not parameter_files.runs_benchmarks("mytown", "files")
    (tmp_path / "params" / "mytown").mkdir(parents=True)
    (tmp_path / "params" / "mytown" / "benchmarks.yaml").touch()
    assert parameter_files.runs_benchmarks("mytown", "files")


def test_unknown_preset_and_model_name_those_there_are() -> None:
    with pytest.raises(ValueError, match="preset 'nowhere' has no params/nowhere/data.yaml; presets are .*demo.*paper"):
        parameter_files.layer_files("nowhere")
    with pytest.raises(ValueError, match="no parameter file for model 'vgg'; params/paper holds .*convnext_base"):
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
