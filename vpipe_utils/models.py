"""Networks by name: a timm image classifier or Video Swin, with a fresh head for the classes of the data.

Every network takes RGB in [0, 1] and normalises itself, so nothing outside has to know a backbone's mean and spread.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlparse

import timm
import torch
from timm.layers.ml_decoder import MLDecoder
from torch import Tensor, nn

from vpipe_utils.params import TrainParams, VideoParams
from vpipe_utils.runs import resolve

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LEAST_LOADED = 0.95  # share of a backbone's tensors that a weight file must fill


def build_model(params: TrainParams) -> nn.Module:
    """The network that `params` describes: input in [0, 1] -> logits `(B, number of classes)`.

    Input is `(B, 3, H, W)` for frames and super-images, `(B, 3, T, H, W)` for clips. Raises ValueError for an unknown
    backbone or wrong arguments, RuntimeError where pretrained weights cannot be had or do not fit.
    """
    classes = len(params.class_codes)
    if isinstance(params, VideoParams):
        network: nn.Module = VideoSwin(params, classes)
    else:
        network = ImageClassifier(params, classes)
    if params.grad_checkpointing and not isinstance(params, VideoParams):  # Video Swin takes it when it is built
        network.backbone.set_grad_checkpointing(True)
    return network.to(memory_format=torch.channels_last) if params.channels_last else network


def count_parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


class Normalise(nn.Module):
    """Subtract a backbone's mean and divide by its spread, per colour channel, for images and clips."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        shape = (1, -1) + (1,) * (x.ndim - 2)
        return (x - self.mean.view(shape)) / self.std.view(shape)


class ImageClassifier(nn.Module):
    """A timm backbone with a linear head or ML-Decoder (arXiv 2111.12933), for frames and super-images."""

    def __init__(self, params: TrainParams, classes: int) -> None:
        super().__init__()
        decoder = params.head == "ml_decoder"
        # With a linear head, pooling, norm and the one fresh layer are timm's own for this backbone.
        self.backbone = _timm_backbone(params, num_classes=0 if decoder else classes)
        self.head = MLDecoderHead(self.backbone.num_features, params.decoder_dim, classes) if decoder else None
        cfg = self.backbone.pretrained_cfg
        self.normalise = Normalise(cfg["mean"], cfg["std"])

    def forward(self, images: Tensor) -> Tensor:
        images = self.normalise(images)
        return self.backbone(images) if self.head is None else self.head(self.backbone.forward_features(images))

    def head_parameters(self) -> list[nn.Parameter]:
        """The layers that start fresh and may learn faster than the rest."""
        return list((self.backbone.get_classifier() if self.head is None else self.head).parameters())


class MLDecoderHead(nn.Module):
    """ML-Decoder on the backbone's feature map: one query a class attends to all places of the super-image.

    timm's `add_ml_decoder_head` does not know these backbones, and its decoder stack calls a self-attention that its
    layers do not have; the one layer is therefore called directly.
    """

    def __init__(self, width: int, decoder_dim: int, classes: int) -> None:
        super().__init__()
        self.decoder = MLDecoder(num_classes=classes, initial_num_features=width, decoder_embedding=decoder_dim)
        self.decoder.decoder = _OneLayer(self.decoder.decoder.layers[0])

    def forward(self, features: Tensor) -> Tensor:
        return self.decoder(features)


class _OneLayer(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        return self.layer(queries, memory)


class VideoSwin(nn.Module):
    """Video Swin Transformer (arXiv 2106.13230) as mmaction2 builds it, averaged over time and place, linear head."""

    def __init__(self, params: VideoParams, classes: int) -> None:
        super().__init__()
        SwinTransformer3D = _swin3d()
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        try:
            self.backbone = SwinTransformer3D(
                pretrained2d=False,
                drop_path_rate=params.drop_path,
                with_cp=params.grad_checkpointing,
                **params.backbone_args,
            )
        except (TypeError, KeyError, AssertionError) as error:
            raise ValueError(f"backbone_args of '{params.model}' do not fit Video Swin: {error}") from None
        self.backbone.init_weights()
        if params.pretrained:
            load_backbone(self.backbone, params)
        self.head = nn.Linear(self.backbone.num_features[-1], classes)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, clips: Tensor) -> Tensor:
        features = self.backbone(self.normalise(clips))  # (B, width, T', H', W')
        return self.head(features.mean(dim=(2, 3, 4)))

    def head_parameters(self) -> list[nn.Parameter]:
        return list(self.head.parameters())


def _swin3d() -> type[nn.Module]:
    """mmaction2's class, imported only where it is needed (seconds), without its warnings and its lines a tensor."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mmcv-lite lacks compiled operators that Video Swin does not use
        from mmaction.models.backbones.swin import SwinTransformer3D
        from mmengine.logging import MMLogger
    MMLogger.get_current_instance().setLevel("WARNING")
    return SwinTransformer3D


def load_backbone(backbone: nn.Module, params: TrainParams) -> float:
    """Fill a Video Swin backbone from `params.checkpoint`, a URL or a local file; returns the share of tensors filled.

    Reads mmaction2's and the original repository's layout (`state_dict`, names with `backbone.`). Raises RuntimeError
    with the reason where the file cannot be had or fills less than 95 % of the backbone.
    """
    from mmengine.runner.checkpoint import CheckpointLoader

    source = params.checkpoint
    if not source:
        raise RuntimeError(f"'{params.model}' is pretrained but names no checkpoint: set checkpoint to a URL or a file")
    if not urlparse(source).scheme:
        source = str(resolve(source))
    try:
        loaded = CheckpointLoader.load_checkpoint(source, map_location="cpu")
    except Exception as error:  # the loader raises whatever its transport raises
        raise RuntimeError(_no_weights(params, source, error)) from None
    state = loaded.get("state_dict", loaded)
    state = {name.removeprefix("backbone."): value for name, value in state.items() if not name.startswith("cls_head")}
    own = backbone.state_dict()
    fitting = {name: value for name, value in state.items() if name in own and value.shape == own[name].shape}
    share = len(fitting) / len(own)
    if share < LEAST_LOADED:
        first = sorted(set(own) - set(fitting))[0]
        raise RuntimeError(
            f"{source} fills {share:.0%} of the backbone of '{params.model}' (needed: {LEAST_LOADED:.0%}; first tensor "
            f"without a match: {first}): it is the checkpoint of another network"
        )
    backbone.load_state_dict(fitting, strict=False)
    return share


def _timm_backbone(params: TrainParams, num_classes: int) -> nn.Module:
    if not timm.is_model(params.backbone):
        near = timm.list_models(f"*{params.backbone.split('.')[0].split('_')[0]}*")[:5]
        raise ValueError(f"backbone '{params.backbone}' is not in timm; near are {', '.join(near) or 'none'}")
    arguments: dict[str, object] = {"num_classes": num_classes, **params.backbone_args}
    if params.head == "ml_decoder":
        arguments["global_pool"] = ""
    if params.drop_path:
        arguments["drop_path_rate"] = params.drop_path
    try:
        return timm.create_model(
            params.backbone,
            pretrained=params.pretrained,
            pretrained_cfg_overlay=_weight_source(params) if params.pretrained else None,
            **arguments,
        )
    except TypeError as error:
        raise ValueError(f"backbone_args of '{params.model}' do not fit {params.backbone}: {error}") from None
    except Exception as error:
        if not params.pretrained:
            raise
        raise RuntimeError(_no_weights(params, params.checkpoint or f"timm/{params.backbone}", error)) from None


def _weight_source(params: TrainParams) -> Mapping[str, object] | None:
    if not params.checkpoint:
        return None
    if urlparse(params.checkpoint).scheme:
        return {"url": params.checkpoint, "hf_hub_id": None}
    path = Path(resolve(params.checkpoint))
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there")
    return {"file": str(path)}


def _no_weights(params: TrainParams, source: object, error: Exception) -> str:
    return (
        f"pretrained weights of '{params.model}' could not be loaded from {source} "
        f"({type(error).__name__}: {' '.join(str(error).split())[:200]}): without internet put the file on disk and "
        "set checkpoint to its path, or set pretrained to false to start from random weights"
    )
