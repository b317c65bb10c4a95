from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from made_up_trained import made_up_preset
from make_videos import make_video

from vpipe_utils.review.predicting.export import export
from vpipe_utils.review.predicting.review import make_review
from vpipe_utils.review.predicting.trained import find_trained
from vpipe_utils.review.tables import CALIBRATED, PREDICTIONS, QUEUE


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A packed preset, and the outputs that it was packed from."""
    folder = tmp_path_factory.mktemp("packed")
    made_up_preset(folder / "outputs")
    return export(str(folder / "outputs" / "smoke"), folder / "my model"), folder / "outputs"


def copied(packed: Path, folder: Path) -> Path:
    import shutil

    return Path(shutil.copytree(packed, folder / "copy"))


def change(packed: Path, **values: object) -> None:
    path = packed / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_packed_model_predicts_what_its_preset_does(packed: tuple[Path, Path], tmp_path: Path) -> None:
    for k in range(3):
        make_video(tmp_path / "clips" / f"{k}.mp4", frames=12 + k, first=20 * k)
    model, outputs = packed
    by_preset = make_review(tmp_path / "clips", str(outputs / "smoke"), progress=False)
    by_pack = make_review(tmp_path / "clips", str(model), out=tmp_path / "review", progress=False)
    for name in (PREDICTIONS, CALIBRATED, QUEUE):
        pd.testing.assert_frame_equal(pd.read_parquet(by_pack / name), pd.read_parquet(by_preset / name))
    assert (by_pack / "index.html").is_file()


def test_it_holds_weights_parameters_classes_trust_and_a_card(packed: tuple[Path, Path]) -> None:
    model, outputs = packed
    manifest = json.loads((model / "model.json").read_text())
    assert manifest["preset"] == "smoke" and manifest["networks"] == 2 and manifest["kind"] == "ensemble"
    assert {Path(name).name for name in manifest["sha256"]} == {
        "MODEL_CARD.md", "params.yaml", "weights.safetensors", "trust.json", "drift.safetensors",
    }  # fmt: skip
    text = (model / "MODEL_CARD.md").read_text()
    assert "expected calibration error (ECE) 0." in text
    assert (
        "displaced joint" in text and "To miss at most 5% of a recording's defects" in text and "Another camera" in text
    )
    with pytest.raises(ValueError, match="is there already: name another folder with OUT="):
        export(str(outputs / "smoke"), model)


def test_a_changed_or_foreign_one_is_refused_in_a_sentence(packed: tuple[Path, Path], tmp_path: Path) -> None:
    model = copied(packed[0], tmp_path)
    manifest = json.loads((model / "model.json").read_text())
    for wrong, words in (
        ({"format": 99}, "is packed in format 99, this version of VPipe reads format 2: pack it again"),
        ({"classes": ["A", "B"]}, "model.json and the networks have other classes"),
        ({"sha256": {}}, "params.yaml is missing or not the file that was packed"),
    ):
        change(model, **wrong)
        with pytest.raises(ValueError, match=words):
            find_trained(str(model))
        change(model, **manifest)
    weights = next(model.rglob("weights.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(ValueError, match="missing or not the file that was packed"):
        find_trained(str(model))
    (model / "model.json").write_text('{"name": "a table"}')
    with pytest.raises(ValueError, match="is no packed model of VPipe"):
        find_trained(str(model))
