from __future__ import annotations

from pathlib import Path

import pytest

from vpipe_utils import layers


def test_order_of_the_layers() -> None:
    files = layers.layer_files("demo", "nfnet_f6", 1)
    assert [str(file) for file in files] == [
        "params/paper/data.yaml",
        "params/paper/nfnet_f6.yaml",
        "params/demo/data.yaml",
        "params/demo/nfnet_f6.yaml",
        "params/folds/fold_1.yaml",
    ]


def test_paper_is_not_laid_over_itself() -> None:
    assert [str(f) for f in layers.layer_files("paper", "nfnet_f3")] == [
        "params/paper/data.yaml",
        "params/paper/nfnet_f3.yaml",
    ]


def test_a_preset_can_extend_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"paper": "a: 1\nextends: null", "demo": "a: 2", "mytown": "extends: demo\na: 3"}.items():
        (tmp_path / "params" / name).mkdir(parents=True)
        (tmp_path / "params" / name / "data.yaml").write_text(text)
    monkeypatch.setattr(layers, "project_root", lambda: tmp_path)
    assert [file.parts[1] for file in layers.layer_files("mytown")] == ["paper", "demo", "mytown"]
    (tmp_path / "params" / "demo" / "data.yaml").write_text("extends: mytown")
    with pytest.raises(ValueError, match="presets extend each other in a circle"):
        layers.layer_files("mytown")


def test_unknown_preset_and_model_name_those_there_are() -> None:
    with pytest.raises(ValueError, match="preset 'nowhere' has no params/nowhere/data.yaml; presets are .*demo.*paper"):
        layers.layer_files("nowhere")
    with pytest.raises(ValueError, match="no parameter file for model 'vgg'; params/paper holds .*convnext_base"):
        layers.layer_files("demo", "vgg")


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
        layers.read_yaml(tmp_path / "bad.yaml")


def test_later_files_win_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("x: 1\ny: {k: 1, l: 2}\n")
    (tmp_path / "b.yaml").write_text("y: {k: 3}\n")
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    merged = layers.read_layers([tmp_path / "a.yaml", tmp_path / "b.yaml", tmp_path / "empty.yaml"])
    assert merged == {"x": 1, "y": {"k": 3}}
