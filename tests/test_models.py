from __future__ import annotations

import pytest
import torch
from fakes import smoke_params

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


@pytest.mark.parametrize("head", ["linear", "ml_decoder"])
def test_tiles_one_by_one(head: str) -> None:
    network = build_model(smoke_params(tile_tokens=True, head=head, decoder_dim=32)).eval()
    tiles = torch.rand(2, 9, 3, 32, 32)
    logits = network(tiles)
    assert logits.shape == (2, 17)
    torch.testing.assert_close(network(tiles.flip(1)), logits, msg="the order of the tiles must not matter")
    assert not torch.allclose(network(tiles.roll(1, dims=0)), logits)
    logits.sum().backward()
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)


def test_unknown_backbone_and_argument_are_named() -> None:
    with pytest.raises(ValueError, match="backbone 'convnext_hug' is not in timm; near are convnext"):
        build_model(smoke_params(backbone="convnext_hug"))
    with pytest.raises(ValueError, match="backbone_args of 'convnext_base' do not fit test_convnext: .*colour"):
        build_model(smoke_params(backbone_args={"colour": "red"}))
    with pytest.raises(ValueError, match="backbone_args of 'video_swin_k400' do not fit Video Swin"):
        build_model(smoke_params("video_swin_k400", backbone_args={"arch": "gigantic"}))
