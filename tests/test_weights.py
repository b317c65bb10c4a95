"""Published weights in the layout of each original, in small files made here."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from fakes import smoke_params
from safetensors.torch import save_file

from vpipe_utils.models import build_model

SWIN = "video_swin_k400"
IMAGE_MODELS = ["tresnet_xl", "convnext_base", "nfnet_f3", "nfnet_f6", "efficientnet_l2"]
THOUSAND = {"classes": [f"C{k}" for k in range(1000)], "normal_class": None, "head": "linear"}  # as on ImageNet


def timm_file(model: str, path: Path) -> dict[str, torch.Tensor]:
    """A file as timm publishes it: every tensor by its name, with a classifier of 1000 classes."""
    torch.manual_seed(1)
    state = build_model(smoke_params(model, **THOUSAND)).backbone.state_dict()
    state = {name: value.contiguous() for name, value in state.items()}
    save_file(state, path)
    return state


def swin_file(path: Path, prefix: str = "backbone.", **changes: object) -> dict[str, torch.Tensor]:
    """A checkpoint as mmaction2 and the original repository publish them: `backbone.` and `cls_head.` names."""
    torch.manual_seed(1)
    backbone = build_model(smoke_params(SWIN, **changes)).backbone.state_dict()
    state = {f"{prefix}{name}": value for name, value in backbone.items()}
    state |= {"cls_head.fc_cls.weight": torch.zeros(400, 8), "cls_head.fc_cls.bias": torch.zeros(400)}
    torch.save({"meta": {"epoch": 30}, "state_dict": state}, path)
    return backbone


def from_file(model: str, path: Path, **changes: object) -> torch.nn.Module:
    torch.manual_seed(2)
    return build_model(smoke_params(model, pretrained=True, checkpoint=str(path), **changes))


@pytest.mark.parametrize("model", IMAGE_MODELS)
@pytest.mark.parametrize("head", ["linear", "ml_decoder"])
def test_a_timm_file_fills_the_backbone_and_the_head_starts_fresh(model: str, head: str, tmp_path: Path) -> None:
    state = timm_file(model, tmp_path / "model.safetensors")
    network = from_file(model, tmp_path / "model.safetensors", head=head, decoder_dim=32)
    classifier = network.backbone.pretrained_cfg["classifier"]
    own = {k: v for k, v in network.backbone.state_dict().items() if not k.startswith(f"{classifier}.")}
    assert own and all(torch.equal(value, state[name]) for name, value in own.items())
    assert network.loaded.share == 1 and not network.loaded.missing
    assert sum(p.numel() for p in network.head_parameters()) < 1e6
    assert build_model(smoke_params(model)).loaded is None


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    state = timm_file("convnext_base", tmp_path / "model.safetensors")
    save_file({f"model.{name}": value for name, value in state.items()}, tmp_path / "renamed.safetensors")
    with pytest.raises(RuntimeError, match=r"do not fit the backbone of 'convnext_base': 0 tensors .*another network"):
        from_file("convnext_base", tmp_path / "renamed.safetensors")
    with pytest.raises(RuntimeError, match="'efficientnet_l2'"):
        from_file("efficientnet_l2", tmp_path / "model.safetensors")


def test_a_tensor_of_another_shape_is_named(tmp_path: Path) -> None:
    state = timm_file("convnext_base", tmp_path / "model.safetensors")
    save_file({**state, "stem.0.weight": torch.zeros(4, 3, 4, 4)}, tmp_path / "model.safetensors")
    with pytest.raises(RuntimeError, match=r"could not be loaded from .*size mismatch for stem\.0\.weight"):
        from_file("convnext_base", tmp_path / "model.safetensors")


@pytest.mark.parametrize("prefix", ["backbone.", "module.backbone."])
def test_video_swin_takes_the_layouts_of_mmaction2_and_of_the_original(prefix: str, tmp_path: Path) -> None:
    published = swin_file(tmp_path / "swin.pth", prefix)
    network = from_file(SWIN, tmp_path / "swin.pth")
    assert all(torch.equal(value, published[name]) for name, value in network.backbone.state_dict().items())
    assert network.loaded.share == 1
    assert network.loaded.unused == ("cls_head.fc_cls.weight", "cls_head.fc_cls.bias")
    assert str(network.loaded).endswith("left unused: cls_head.fc_cls.weight, cls_head.fc_cls.bias")


def test_the_window_of_ssv2_needs_the_window_in_the_parameters(tmp_path: Path) -> None:
    """Something-Something's checkpoint has 16 frames a window, Kinetics' 8: the position tables tell."""
    arguments = smoke_params(SWIN).backbone_args
    ssv2 = {"backbone_args": {**arguments, "window_size": [16, 7, 7]}}
    swin_file(tmp_path / "sthv2.pth", **ssv2)
    assert from_file(SWIN, tmp_path / "sthv2.pth", **ssv2).loaded.share == 1
    kinetics = {"backbone_args": {**arguments, "window_size": [8, 7, 7]}}
    with pytest.raises(RuntimeError, match="of another shape there: layers.0.blocks.0.attn.relative_"):
        from_file(SWIN, tmp_path / "sthv2.pth", **kinetics)


def test_half_a_checkpoint_is_refused(tmp_path: Path) -> None:
    state = {f"backbone.{k}": v for k, v in swin_file(tmp_path / "swin.pth").items()}
    torch.save({"state_dict": dict(list(state.items())[: len(state) // 2])}, tmp_path / "swin.pth")
    with pytest.raises(RuntimeError, match=r"'video_swin_k400': .*not in the file: layers\..* more.*another network"):
        from_file(SWIN, tmp_path / "swin.pth")


@pytest.mark.parametrize("model", ["convnext_base", SWIN])
def test_missing_weights_are_one_sentence(model: str, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=f"pretrained weights of '{model}' could not be loaded.*set checkpoint"):
        from_file(model, tmp_path / "none.pth")


def test_no_weights_without_internet_name_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*arguments: object, **named: object) -> None:
        raise ConnectionError("no route to the hub")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", unreachable)
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_url", unreachable)
    with pytest.raises(RuntimeError, match="no route to the hub.*huggingface.co/timm/convnext_tiny.*data/weights/"):
        build_model(smoke_params(backbone="convnext_tiny.in12k_ft_in1k", backbone_args={}, pretrained=True))
