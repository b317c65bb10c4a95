"""Networks by name: a timm image classifier or Video Swin, with a fresh head for the classes of the data.

Every network takes RGB in [0, 1] and normalises itself, so nothing outside has to know a backbone's mean and spread.
"""

from __future__ import annotations

import warnings
from functools import partial
from types import MethodType, ModuleType

import timm
import torch
from timm.layers.ml_decoder import MLDecoder
from timm.models import group_parameters
from torch import Tensor, nn

from vpipe_utils.learning.params import SuperImageParams, TrainParams, VideoParams
from vpipe_utils.learning.weights.published import Loaded, create_timm, load_video_swin

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def build_model(params: TrainParams) -> nn.Module:
    """The network that `params` describes: input in [0, 1] -> logits `(B, number of classes)`.

    Input is `(B, 3, H, W)` for frames and super-images, `(B, 3, T, H, W)` for clips, `(B, n, 3, S, S)` for tiles that
    are read one by one (`tile_tokens`). The attribute `loaded` says what pretrained weights gave, None without them.
    Raises ValueError for an unknown backbone or wrong arguments, RuntimeError where pretrained weights cannot be had or
    do not fit.
    """
    classes = len(params.class_codes)
    if isinstance(params, VideoParams):
        network: nn.Module = VideoSwin(params, classes)
    elif isinstance(params, SuperImageParams) and params.tile_tokens:
        network = TileClassifier(params, classes)
    else:
        network = ImageClassifier(params, classes)
    if params.freeze_batch_norm and params.pretrained and not keep_statistics(network):
        raise ValueError(
            f"freeze_batch_norm is true, but {params.backbone} of '{params.model}' has no batch norm: set it to false"
        )
    if params.freeze_stages and params.pretrained:
        freeze_stages(network, params)
    if params.grad_checkpointing:
        if not isinstance(params, VideoParams):  # Video Swin takes it when it is built
            network.backbone.set_grad_checkpointing(True)
        for norm in _batch_norms(network):
            norm.register_forward_pre_hook(partial(_count_once, momentum=norm.momentum))
    return network.to(memory_format=torch.channels_last) if params.channels_last else network


def count_parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def _batch_norms(network: nn.Module) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


def keep_statistics(network: nn.Module) -> int:
    """Keep all batch norms in evaluation mode, in training too: they normalise by the statistics they have.

    For pretrained networks with few images a step, and for batches of one, which have no statistics (PyTorch refuses
    one where its last map is 1 x 1). Scales and shifts still learn, as with `norm_eval` in OpenMMLab's detectors, which
    train on 2 images a GPU. Gives the number of batch norms.
    """
    norms = _batch_norms(network)
    for norm in norms:
        norm.train = MethodType(_stay_in_evaluation, norm)  # type: ignore[method-assign]
        norm.train()
    return len(norms)


def _stay_in_evaluation(norm: nn.Module, mode: bool = True) -> nn.Module:
    return nn.Module.train(norm, False)


def freeze_stages(network: nn.Module, params: TrainParams) -> None:
    """Keep the first `params.freeze_stages` stages of a pretrained backbone as they are; the stem is the first.

    Stages are timm's: the groups of parameters that its `group_matcher(coarse=True)` puts in order. A frozen stage has
    no gradients and stays in evaluation mode, so its batch norms keep their statistics and it drops nothing. It keeps
    no activations either: no gradient passes through it, since nothing before it learns. ValueError where a backbone
    has not so many.
    """
    backbone, count = network.backbone, params.freeze_stages
    if not hasattr(backbone, "group_matcher") and not isinstance(network, VideoSwin):
        raise ValueError(f"freeze_stages is {count}, but timm knows no stages of {params.backbone}: set it to 0")
    order = VideoSwin.STAGES if isinstance(network, VideoSwin) else backbone.group_matcher(coarse=True)
    in_head = {id(p) for p in network.head_parameters()}
    groups = [names for _, names in sorted(group_parameters(backbone, order).items())]
    stages = [[p for name in names if id(p := backbone.get_parameter(name)) not in in_head] for names in groups]
    stages = [members for members in stages if members]
    if count > len(stages):
        raise ValueError(
            f"freeze_stages is {count}, but {params.backbone} of '{params.model}' has {len(stages)} stages, the stem "
            "counted: set it to a smaller number"
        )
    for parameter in (p for members in stages[:count] for p in members):
        parameter.requires_grad_(False)
    for module in backbone.modules():
        members = list(module.parameters())
        if members and not any(p.requires_grad for p in members):
            module.train = MethodType(_stay_in_evaluation, module)  # type: ignore[method-assign]
            module.train()


def _count_once(norm: nn.Module, inputs: object, momentum: float) -> None:
    """Before batch norm runs: under gradient checkpointing it does twice a step, and must count that batch once.

    The second time is in the backward pass, where a gradient task has a number. (A compiled network needs no help: the
    compiler repeats no update of a buffer.)
    """
    if torch.compiler.is_compiling():
        return
    again = norm.training and torch._C._current_graph_task_id() != -1
    norm.momentum = 0.0 if again else momentum
    if again and norm.num_batches_tracked is not None:
        norm.num_batches_tracked.sub_(1)  # its forward adds one


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
        arguments = {"num_classes": 0, "global_pool": ""} if decoder else {"num_classes": classes}
        if params.drop_rate:
            arguments["drop_rate"] = params.drop_rate
        self.backbone, self.loaded = _timm_backbone(params, **arguments)
        self.head = MLDecoderHead(self.backbone.num_features, params.decoder_dim, classes) if decoder else None
        cfg = self.backbone.pretrained_cfg
        self.normalise = Normalise(cfg["mean"], cfg["std"])

    def forward(self, images: Tensor) -> Tensor:
        images = self.normalise(images)
        return self.backbone(images) if self.head is None else self.head(self.backbone.forward_features(images))

    def head_parameters(self) -> list[nn.Parameter]:
        """The layers that start fresh and may learn faster than the rest."""
        return list((self.backbone.get_classifier() if self.head is None else self.head).parameters())


class TileClassifier(nn.Module):
    """Every tile through a timm backbone by itself, then ML-Decoder over the tiles' embeddings, one query a class.

    The backbone sees tiles at the size it was pretrained at, and the cost of attention grows with the number of tiles,
    not with its square. With a linear head the embeddings are averaged.
    """

    def __init__(self, params: SuperImageParams, classes: int) -> None:
        super().__init__()
        self.backbone, self.loaded = _timm_backbone(params, num_classes=0)
        width = getattr(self.backbone, "head_hidden_size", None) or self.backbone.num_features
        self.averages = params.head == "linear"
        if self.averages:
            self.head = nn.Sequential(nn.Dropout(params.drop_rate), nn.Linear(width, classes))
        else:
            self.head = MLDecoderHead(width, params.decoder_dim, classes)
        cfg = self.backbone.pretrained_cfg
        self.normalise = Normalise(cfg["mean"], cfg["std"])

    def forward(self, tiles: Tensor) -> Tensor:
        images = self.normalise(tiles.flatten(0, 1))  # (B·n, 3, S, S)
        tokens = self.backbone(images).unflatten(0, tiles.shape[:2])
        return self.head(tokens.mean(dim=1) if self.averages else tokens)

    def head_parameters(self) -> list[nn.Parameter]:
        return list(self.head.parameters())


class MLDecoderHead(nn.Module):
    """ML-Decoder on a feature map `(B, D, h, w)` or on tokens `(B, n, D)`: one query a class attends to all of them.

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
    """Video Swin Transformer (arXiv 2106.13230) as mmaction2 builds it; mean of all places, dropout, linear head."""

    STAGES = {"stem": r"^patch_embed", "blocks": r"^layers\.(\d+)"}  # as timm orders those of its Swin

    def __init__(self, params: VideoParams, classes: int) -> None:
        super().__init__()
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        try:
            self.backbone = video_swin_module().SwinTransformer3D(
                pretrained2d=False,
                drop_path_rate=params.drop_path,
                with_cp=params.grad_checkpointing,
                **params.backbone_args,
            )
        except (TypeError, KeyError, AssertionError) as error:
            raise ValueError(f"backbone_args of '{params.model}' do not fit Video Swin: {error}") from None
        if not next(self.backbone.parameters()).is_meta:  # only counted then: there is nothing to start from
            self.backbone.init_weights()
        self.loaded = load_video_swin(self.backbone, params) if params.pretrained else None
        self.dropout = nn.Dropout(params.drop_rate)
        self.head = nn.Linear(self.backbone.num_features[-1], classes)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, clips: Tensor) -> Tensor:
        features = self.backbone(self.normalise(clips))  # (B, width, T', H', W')
        return self.head(self.dropout(features.mean(dim=(2, 3, 4))))

    def head_parameters(self) -> list[nn.Parameter]:
        return list(self.head.parameters())


def video_swin_module() -> ModuleType:
    """mmaction2's code, imported only where it is needed (seconds), without its warnings and its lines a tensor."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mmcv-lite lacks compiled operators that Video Swin does not use
        from mmaction.models.backbones import swin
        from mmengine.logging import MMLogger
    MMLogger.get_current_instance().setLevel("WARNING")
    warnings.filterwarnings("ignore", message="torch.meshgrid")  # raised by its forward pass, on every reader's page
    return swin


def _timm_backbone(params: TrainParams, **arguments: object) -> tuple[nn.Module, Loaded | None]:
    if not timm.is_model(params.backbone):
        near = timm.list_models(f"*{params.backbone.split('.')[0].split('_')[0]}*")[:5]
        raise ValueError(f"backbone '{params.backbone}' is not in timm; near are {', '.join(near) or 'none'}")
    arguments |= params.backbone_args
    if params.drop_path:
        arguments["drop_path_rate"] = params.drop_path
    return create_timm(params, arguments)
