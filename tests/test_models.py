from __future__ import annotations

from pathlib import Path

import pytest
import torch
from fakes import smoke_params
from safetensors.torch import save_file

from vpipe_utils.models import build_model, count_parameters

SUPER_IMAGE_MODELS = ["tresnet_xl", "convnext_base", "nfnet_f3", "nfnet_f6", "efficientnet_l2"]


@pytest.mark.parametrize("model", SUPER_IMAGE_MODELS)
def test_image_in_logits_out(model: str) -> None:
    network = build_model(smoke_params(model))
    logits = network(torch.rand(2, 3, 96, 96))
    assert logits.shape == (2, 17)
    logits.sum().backward()
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)
    heads = {id(p) for p in network.head_parameters()}
    assert 0 < sum(p.numel() for p in network.parameters() if id(p) in heads) < count_parameters(network)


def test_clip_in_logits_out() -> None:
    network = build_model(smoke_params("video_swin_k400"))
    assert network(torch.rand(2, 3, 9, 32, 32)).shape == (2, 17)


def test_number_of_classes_follows_the_data() -> None:
    params = smoke_params(classes=["OK", "ROOT", "CRACK"], normal_class="OK")
    assert build_model(params)(torch.rand(2, 3, 96, 96)).shape == (2, 3)


def test_the_network_normalises_its_input_itself() -> None:
    network = build_model(smoke_params()).eval()
    seen = []
    network.backbone.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    network(torch.full((1, 3, 96, 96), 0.5))
    cfg = network.backbone.pretrained_cfg
    expected = (0.5 - torch.tensor(cfg["mean"])) / torch.tensor(cfg["std"])
    torch.testing.assert_close(seen[0][0, :, 0, 0], expected)


def test_gradient_checkpointing_changes_no_gradient() -> None:
    images, gradients = torch.rand(2, 3, 96, 96), []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        network = build_model(smoke_params(grad_checkpointing=checkpointing))
        network(images).square().sum().backward()
        gradients.append([p.grad for p in network.parameters()])
    for plain, checkpointed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, checkpointed)


def test_local_weights_fill_the_backbone_and_the_head_starts_fresh(tmp_path: Path) -> None:
    torch.manual_seed(1)
    published = build_model(smoke_params(classes=[f"C{k}" for k in range(1000)], normal_class=None)).backbone
    state = {name: value.contiguous() for name, value in published.state_dict().items()}
    save_file(state, tmp_path / "weights.safetensors")
    torch.manual_seed(2)
    network = build_model(smoke_params(pretrained=True, checkpoint=str(tmp_path / "weights.safetensors")))
    assert torch.equal(network.backbone.stem[0].weight, published.stem[0].weight)
    assert network.backbone.get_classifier().weight.shape[0] == 17


def test_missing_weights_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for model in ("convnext_base", "video_swin_k400"):
        with pytest.raises(RuntimeError, match=f"pretrained weights of '{model}' could not be loaded.*set checkpoint"):
            build_model(smoke_params(model, pretrained=True, checkpoint=str(tmp_path / "none.pth")))


def test_video_swin_takes_the_layout_of_mmaction2(tmp_path: Path) -> None:
    params = smoke_params("video_swin_k400")
    torch.manual_seed(1)
    published = build_model(params)
    state = {f"backbone.{name}": value for name, value in published.backbone.state_dict().items()}
    state |= {"cls_head.fc_cls.weight": torch.zeros(400, 8), "cls_head.fc_cls.bias": torch.zeros(400)}
    torch.save({"meta": {}, "state_dict": state}, tmp_path / "swin.pth")
    torch.manual_seed(2)
    change = {"pretrained": True, "checkpoint": str(tmp_path / "swin.pth")}
    network = build_model(smoke_params("video_swin_k400", **change))
    for name, value in network.backbone.state_dict().items():
        assert torch.equal(value, published.backbone.state_dict()[name]), name

    half = dict(list(state.items())[: len(state) // 2])
    torch.save({"state_dict": half}, tmp_path / "swin.pth")
    with pytest.raises(RuntimeError, match="fills .*% of the backbone of 'video_swin_k400' .*another network"):
        build_model(smoke_params("video_swin_k400", **change))


def test_unknown_backbone_and_argument_are_named() -> None:
    with pytest.raises(ValueError, match="backbone 'convnext_hug' is not in timm; near are convnext"):
        build_model(smoke_params(backbone="convnext_hug"))
    with pytest.raises(ValueError, match="backbone_args of 'convnext_base' do not fit test_convnext: .*colour"):
        build_model(smoke_params(backbone_args={"colour": "red"}))
    with pytest.raises(ValueError, match="backbone_args of 'video_swin_k400' do not fit Video Swin"):
        build_model(smoke_params("video_swin_k400", backbone_args={"arch": "gigantic"}))
