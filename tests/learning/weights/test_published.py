"""Published weights in the layout of each original, in small files made here."""

from __future__ import annotations

import argparse
import re
from fractions import Fraction
from pathlib import Path

import mmaction
import numpy as np
import pytest
import timm
import torch
import yaml
from fakes import smoke_params
from projects import PAPER_MODELS
from safetensors.torch import save_file

from vpipe_utils.benchmarks import model_cost
from vpipe_utils.learning.models import build_model, count_parameters
from vpipe_utils.learning.params import read_model
from vpipe_utils.learning.weights.published import fill_video_swin

SWIN = "video_swin_k400"
IMAGE_MODELS = ["tresnet_xl", "convnext_base", "nfnet_f3", "nfnet_f6", "efficientnet_l2"]
THOUSAND = {"classes": [f"C{k}" for k in range(1000)], "normal_class": None, "head": "linear"}  # as on ImageNet


HEADS = {f"{part}.{kind}" for part in ("head.fc", "head", "classifier") for kind in ("weight", "bias")}


def timm_file(model: str, path: Path) -> dict[str, torch.Tensor]:
    """A file as timm publishes it: every tensor by its name, with a classifier of 1000 classes."""
    torch.manual_seed(1)
    state = build_model(smoke_params(model, **THOUSAND)).backbone.state_dict()
    state = {name: value.contiguous() for name, value in state.items()}
    save_file(state, path)
    return state


def swin_names(depths: list[int], original: bool) -> list[str]:
    """Names in the source of mmaction2's SwinTransformer3D and of the original repository's, which differ in one."""
    names = [f"patch_embed.{part}.{kind}" for part in ("proj", "norm") for kind in ("weight", "bias")]
    for stage, blocks in enumerate(depths):
        for block in range(blocks):
            place = f"layers.{stage}.blocks.{block}."
            names += [f"{place}attn.relative_position_bias_table", f"{place}attn.relative_position_index"]
            for part in ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"):
                names += [f"{place}{part}.weight", f"{place}{part}.bias"]
        if stage < len(depths) - 1:
            names += [f"layers.{stage}.downsample.{name}" for name in ("reduction.weight", "norm.weight", "norm.bias")]
    last = "norm" if original else f"norm{len(depths) - 1}"
    return [*names, f"{last}.weight", f"{last}.bias"]


def swin_state(original: bool, index: bool = True, **changes: object) -> dict[str, torch.Tensor]:
    """Random weights under the names of a published file, without any prefix."""
    params = smoke_params(SWIN, **changes)
    depths = params.backbone_args["arch"]["depths"]
    torch.manual_seed(1)
    own = build_model(params).backbone.state_dict()
    state = {}
    for name in swin_names(depths, original):
        value = own[name.replace("norm.", "norm3.") if name.startswith("norm.") else name]
        state[name] = torch.randn_like(value) if value.is_floating_point() else value
    return {name: value for name, value in state.items() if index or not name.endswith("relative_position_index")}


def swin_file(path: Path, prefix: str = "backbone.", original: bool = False, **changes: object) -> dict:
    """A checkpoint as it is published: `backbone.` and `cls_head.` names; returns what its backbone holds."""
    state = swin_state(original, **changes)
    head = {"cls_head.fc_cls.weight": torch.zeros(400, 8), "cls_head.fc_cls.bias": torch.zeros(400)}
    head = {f"{prefix.removesuffix('backbone.')}{name}": value for name, value in head.items()}
    torch.save({"meta": {"epoch": 30}, "state_dict": {f"{prefix}{k}": v for k, v in state.items()} | head}, path)
    return state


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
    with pytest.raises(RuntimeError, match=r"do not fit the backbone of .*size mismatch for stem\.0\.weight"):
        from_file("convnext_base", tmp_path / "model.safetensors")


@pytest.mark.parametrize("original", [False, True], ids=["mmaction2", "original"])
@pytest.mark.parametrize("prefix", ["backbone.", "module.backbone.", "_orig_mod.backbone.", ""])
@pytest.mark.parametrize("index", [True, False], ids=["index", "no_index"])
def test_video_swin_takes_the_layouts_of_mmaction2_and_of_the_original(
    original: bool, prefix: str, index: bool, tmp_path: Path
) -> None:
    published = swin_file(tmp_path / "swin.pth", prefix, original, index=index)
    network = from_file(SWIN, tmp_path / "swin.pth")
    filled = network.backbone.state_dict()
    learned = {name for name in filled if not name.endswith("relative_position_index")}
    assert set(network.loaded.filled) == learned and network.loaded.share == 1
    for name in learned:
        assert torch.equal(filled[name], published["norm" + name[5:] if original and name[:5] == "norm3" else name])
    assert network.loaded.unused == ("cls_head.fc_cls.weight", "cls_head.fc_cls.bias")
    assert str(network.loaded).endswith("left unused: cls_head.fc_cls.weight, cls_head.fc_cls.bias")


@pytest.mark.parametrize("original", [False, True], ids=["mmaction2", "original"])
def test_video_swin_without_one_tensor_is_refused(original: bool, tmp_path: Path) -> None:
    """Two tensors of 65 are 97 %, and yet the norm before the head: each missing one is named."""
    state = swin_state(original)
    last = "norm" if original else "norm3"
    for lost in (f"{last}.weight", "layers.2.blocks.1.attn.relative_position_bias_table", "patch_embed.norm.bias"):
        torch.save({"state_dict": {k: v for k, v in state.items() if k != lost}}, tmp_path / "swin.pth")
        with pytest.raises(RuntimeError, match=rf"not in the file: {lost.replace('norm.w', 'norm3.w')}\. All must"):
            from_file(SWIN, tmp_path / "swin.pth")


@pytest.mark.parametrize(("model", "frames"), [("video_swin_k400", 8), ("video_swin_k600", 8), ("video_swin_ssv2", 16)])
def test_every_name_of_the_published_video_swins_finds_its_place(model: str, frames: int) -> None:
    """Swin-B at its real size on the meta device: 24 blocks, each with a table of (2·frames - 1)·13·13 rows."""
    params = read_model("paper", model)
    backbone = model_cost.meta_model(params).backbone
    state = {name: torch.empty_like(value) for name, value in backbone.state_dict().items()}
    tables = [value.shape for name, value in state.items() if name.endswith("bias_table")]
    heads = [4, 4, 8, 8, *[16] * 18, 32, 32]
    assert tables == [((2 * frames - 1) * 13 * 13, count) for count in heads]
    assert set(swin_names([2, 2, 18, 2], original=False)) == set(state)
    for original in (False, True):
        names = swin_names([2, 2, 18, 2], original)
        published = {name: state[name.replace("norm.", "norm3.") if name[:5] == "norm." else name] for name in names}
        loaded = fill_video_swin(backbone, published, "file").check(model)
        assert (len(loaded.filled), loaded.unused) == (4 + 24 * 13 + 3 * 3 + 2, ())


def test_the_window_of_ssv2_needs_the_window_in_the_parameters(tmp_path: Path) -> None:
    """Something-Something's checkpoint has 16 frames a window, Kinetics' 8: the position tables tell."""
    arguments = smoke_params(SWIN).backbone_args
    ssv2 = {"backbone_args": {**arguments, "window_size": [16, 7, 7]}}
    swin_file(tmp_path / "sthv2.pth", original=True, **ssv2)
    assert from_file(SWIN, tmp_path / "sthv2.pth", **ssv2).loaded.share == 1
    kinetics = {"backbone_args": {**arguments, "window_size": [8, 7, 7]}}
    with pytest.raises(
        RuntimeError, match="of another shape there: layers.0.blocks.0.attn.relative_position_bias_table"
    ):
        from_file(SWIN, tmp_path / "sthv2.pth", **kinetics)


def test_half_a_checkpoint_is_refused(tmp_path: Path) -> None:
    state = {f"backbone.{k}": v for k, v in swin_file(tmp_path / "swin.pth").items()}
    torch.save({"state_dict": dict(list(state.items())[: len(state) // 2])}, tmp_path / "swin.pth")
    with pytest.raises(RuntimeError, match=r"'video_swin_k400': .*not in the file: layers\..* more.*another network"):
        from_file(SWIN, tmp_path / "swin.pth")


@pytest.mark.parametrize("form", ["state_dict", "state_dict_ema", "model", "model_ema", None])
@pytest.mark.parametrize("model", ["convnext_base", "efficientnet_l2"])
def test_timm_takes_every_form_of_a_pytorch_file(model: str, form: str | None, tmp_path: Path) -> None:
    """As timm's training script writes them, with the arguments of the run beside; batch norm's counters may lack."""
    state = timm_file(model, tmp_path / "model.safetensors")
    state = {f"module.{name}": value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    extras = {"epoch": 3, "args": argparse.Namespace(lr=0.1), "metric": np.float64(0.5), "optimizer": {"state": {}}}
    torch.save({form: state, **extras} if form else state, tmp_path / "model.pth")
    network = from_file(model, tmp_path / "model.pth")
    assert network.loaded.share == 1
    own = {k: v for k, v in network.backbone.state_dict().items() if f"module.{k}" in state}
    classifier = network.backbone.pretrained_cfg["classifier"]
    assert all(torch.equal(v, state[f"module.{k}"]) for k, v in own.items() if not k.startswith(classifier))


@pytest.mark.parametrize("model", IMAGE_MODELS)
def test_timm_without_one_tensor_is_refused(model: str, tmp_path: Path) -> None:
    """One of hundreds, the smallest: a share of the tensors would be no proof."""
    state = timm_file(model, tmp_path / "model.safetensors")
    classifier = build_model(smoke_params(model, head="linear")).backbone.pretrained_cfg["classifier"]
    learned = [k for k in state if not k.startswith(classifier) and not k.endswith("num_batches_tracked")]
    lost = min(learned, key=lambda name: state[name].numel())
    save_file({k: v for k, v in state.items() if k != lost}, tmp_path / "model.safetensors")
    with pytest.raises(RuntimeError, match=rf"do not fit the backbone of '{model}': .*{re.escape(lost)}"):
        from_file(model, tmp_path / "model.safetensors")


def as_alibaba_names_it(name: str, double: set[str]) -> str:
    """TResNet's own name of a timm tensor: a convolution is item 0 and its norm item 1 of a sequence (tresnet.py of
    Alibaba-MIIL/TResNet, ASL and ML_Decoder); where blurring follows, that sequence is item 0 of another."""
    for part, item in ((".conv.", "0"), (".bn.", "1")):
        layer, found, rest = name.partition(part)
        if found:
            return f"{layer}.0.{item}.{rest}" if layer in double else f"{layer}.{item}.{rest}"
    return name


@pytest.mark.parametrize("second_version", [False, True], ids=["TResNet", "TResNet of ML-Decoder"])
@pytest.mark.parametrize("head", ["linear", "ml_decoder"])
def test_tresnet_takes_its_authors_own_names(second_version: bool, head: str, tmp_path: Path) -> None:
    changes = {"backbone_args": {"layers": [2, 1, 1, 1], "width_factor": 0.25, "v2": second_version}}
    torch.manual_seed(1)
    own = build_model(smoke_params("tresnet_xl", **THOUSAND, **changes)).backbone
    double = {name.removesuffix(".aa") for name, _ in own.named_modules() if name.endswith(".aa")}
    assert len(double) == 3, "the first block of each stage but the first halves the picture and blurs"
    state = {k: v for k, v in own.state_dict().items() if "num_batches" not in k and not k.startswith("head.")}
    published = {as_alibaba_names_it(name, double): value for name, value in state.items()}
    assert {"body.conv1.0.weight", "body.layer2.0.downsample.1.0.weight", "body.layer1.1.se.fc1.bias"} <= set(published)
    decoder = build_model(smoke_params("tresnet_xl", classes=[f"C{k}" for k in range(80)], normal_class=None)).head
    published |= {f"head.{name}": value for name, value in decoder.decoder.state_dict().items()}
    torch.save({"model": published, "epoch": 40}, tmp_path / "tresnet.pth")
    network = from_file("tresnet_xl", tmp_path / "tresnet.pth", head=head, **changes)
    assert network.loaded.share == 1 and all(name.startswith("head.") for name in network.loaded.unused)
    filled = network.backbone.state_dict()
    for name, value in state.items():  # in-place batch norm keeps the size of its weight alone, and adds epsilon
        expected = value.abs() + 1e-5 if name.endswith("bn.weight") else value
        torch.testing.assert_close(filled[name], expected, rtol=0, atol=0)


def test_the_weights_of_ml_decoders_zoo_load_as_the_parameter_file_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines in the comment of tresnet_xl.yaml, and names at the real size on the meta device: 69.3 M less 2.05 M of
    1000 classes, and 7.1 M of ML-Decoder."""
    lines = Path("params/paper/tresnet_xl.yaml").read_text().splitlines()
    changes = yaml.safe_load("\n".join(line[1:] for line in lines if line.startswith("#   ")))
    assert list(changes) == ["backbone", "backbone_args", "checkpoint"]
    params = read_model("paper", "tresnet_xl")
    params = type(params).from_values({**params.model_dump(), **changes})
    own = model_cost.meta_model(params).backbone
    double = {name.removesuffix(".aa") for name, _ in own.named_modules() if name.endswith(".aa")}
    names = {name: value for name, value in own.state_dict().items() if not name.endswith("num_batches_tracked")}
    published = {as_alibaba_names_it(name, double): value for name, value in names.items()}
    monkeypatch.setattr("vpipe_utils.learning.weights.published.fetch", Path)
    monkeypatch.setattr("vpipe_utils.learning.weights.published.read_state", lambda path: dict(published))
    with torch.device("meta"):
        network = build_model(params)
    assert (network.loaded.share, set(network.loaded.filled)) == (1, set(names))
    assert count_parameters(network) / 1e6 == pytest.approx(69.3 - 2.05 + 7.1, abs=0.1)


def test_what_the_parameter_files_say_of_timms_weights() -> None:
    public = timm.list_pretrained()
    assert all(read_model("paper", model).backbone in public for model in TIMM)
    assert timm.list_pretrained("tresnet_xl*") == ["tresnet_xl.miil_in1k", "tresnet_xl.miil_in1k_448"]
    of_21k = {name for name in timm.list_pretrained("tresnet*") if name.endswith("in21k")}
    assert of_21k == {"tresnet_m.miil_in21k", "tresnet_v2_l.miil_in21k"}


TIMM = [name for name in PAPER_MODELS if not name.startswith("video_swin")]


@pytest.mark.parametrize("model", TIMM)
def test_every_tensor_of_the_timm_models_is_asked_for(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The paper's networks on the meta device, filled with the names their published files have: nothing is missing."""
    params = read_model("paper", model)
    cfg = timm.get_pretrained_cfg(params.backbone)
    with torch.device("meta"):
        published = timm.create_model(params.backbone, num_classes=cfg.num_classes).state_dict()
    with monkeypatch.context() as patch:
        patch.setattr("timm.models._builder.load_state_dict_from_hf", lambda *a, **k: dict(published))
        with torch.device("meta"):
            loaded = build_model(params).loaded
    assert loaded.share == 1
    assert set(published) - set(loaded.filled) == {n for n in published if n in HEADS or "num_batches" in n}
    lost = loaded.filled[-1]
    monkeypatch.setattr(
        "timm.models._builder.load_state_dict_from_hf",
        lambda *a, **k: {name: value for name, value in published.items() if name != lost},
    )
    with torch.device("meta"), pytest.raises(RuntimeError, match=re.escape(lost)):
        build_model(params)


def test_a_refused_file_is_not_blamed_on_the_internet(tmp_path: Path) -> None:
    for model in ("convnext_base", SWIN):
        torch.save({"state_dict": {}, "share": Fraction(1, 3)}, tmp_path / "a.pth")
        with pytest.raises(RuntimeError, match="would run fractions.Fraction") as refusal:
            from_file(model, tmp_path / "a.pth")
        assert "internet" not in str(refusal.value)
        with pytest.raises(RuntimeError, match="none.pth is not there.*Put the file there") as missing:
            from_file(model, tmp_path / "none.pth")
        assert "internet" not in str(missing.value)


def test_addresses_of_openmmlab_are_those_of_the_installed_zoo() -> None:
    """An address cannot be tried without internet; mmaction2 ships the list of its own."""
    zoo = "".join(
        p.read_text() for p in Path(mmaction.__file__).parent.rglob(".mim/configs/recognition/*/metafile.yml")
    )
    for model in PAPER_MODELS:
        address = read_model("paper", model).checkpoint or ""
        if "openmmlab" in address:
            assert address in zoo
        elif "SwinTransformer" in address:  # names of the release's files: README of the repository
            assert Path(address).name in {
                "swin_base_patch244_window877_kinetics400_22k.pth",
                "swin_base_patch244_window877_kinetics600_22k.pth",
                "swin_base_patch244_window1677_sthv2.pth",
            }


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
