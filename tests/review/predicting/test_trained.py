from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from made_up_trained import made_up_preset, made_up_run

from vpipe_utils.review.predicting.trained import find_trained


def change(folder: Path, **values: object) -> None:
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | values))


def test_a_preset_is_the_ensemble_of_its_finished_runs(tmp_path: Path) -> None:
    runs = made_up_preset(tmp_path)
    for trained in (find_trained("smoke", str(tmp_path)), find_trained(str(tmp_path / "smoke"))):
        assert trained.kind == "ensemble" and trained.name == "smoke" and trained.zc_threshold == 0.9
        assert {m.name: round(m.weight, 6) for m in trained.members} == {
            "super_image/convnext_small": round(2 / 3, 6), "video/video_swin_small": round(1 / 3, 6),
        }  # fmt: skip
        assert [m.runs for m in trained.members] == [(params.folder,) for params in runs]
        assert trained.tiles == (9, runs[0].cache_run, 32, "uint8")


def test_a_run_is_an_ensemble_of_one(tmp_path: Path) -> None:
    params = made_up_run(tmp_path)
    for named in (params.folder, params.folder / "weights.safetensors"):
        trained = find_trained(str(named))
        assert trained.kind == "run" and trained.name == "smoke.super_image.convnext_small.fold_0"
        assert [(m.name, m.weight, m.runs) for m in trained.members] == [
            ("super_image/convnext_small", 1.0, (params.folder,))
        ]


def test_what_is_no_run_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no preset .*demo.* no folder of a run .* no folder that make export"):
        find_trained("nowhere")
    with pytest.raises(ValueError, match="has no finished run: make report PRESET=smoke first"):
        find_trained("smoke", str(tmp_path))


def test_weights_of_other_formats_are_refused(tmp_path: Path) -> None:
    folder = made_up_run(tmp_path).folder
    (folder / "weights.safetensors").rename(folder / "weights.pt")
    for named in (folder, folder / "weights.pt"):
        with pytest.raises((ValueError, OSError), match="weights.*read from safetensors alone"):
            find_trained(str(named))


def test_a_run_of_an_older_version_is_refused_by_name_of_its_keys(tmp_path: Path) -> None:
    folder = made_up_run(tmp_path).folder
    values = yaml.safe_load((folder / "params.yaml").read_text())
    del values["tile_shuffle"]
    (folder / "params.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(ValueError, match="older version of VPipe, which had no tile_shuffle: train this run again"):
        find_trained(str(folder))


def test_members_of_other_classes_or_tiles_are_refused(tmp_path: Path) -> None:
    first, second = made_up_preset(tmp_path)
    change(second.folder, tile_size=64)
    with pytest.raises(ValueError, match="video_swin_small.*was trained with tile_size 64, .*convnext_small.* with 32"):
        find_trained("smoke", str(tmp_path))
    change(second.folder, tile_size=32, classes=["A", "B", "ZC"])
    with pytest.raises(ValueError, match="has other classes than .*convnext_small"):
        find_trained("smoke", str(tmp_path))
