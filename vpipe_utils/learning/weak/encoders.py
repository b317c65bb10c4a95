"""Networks that turn one frame into one vector: the reference run's own, or a small vision transformer for MAE."""

from __future__ import annotations

from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from vpipe_utils.learning.models import Normalise
from vpipe_utils.learning.params import SuperImageParams
from vpipe_utils.learning.weak.params import WeakParams
from vpipe_utils.learning.weights.published import create_timm

# Of batch norm's statistics in a network that starts at random: PyTorch's own. timm's EfficientNets have 0.01, with
# which a hundred updates leave a third of the random start in them.
MOMENTUM = 0.1


class FrameEncoder(nn.Module):
    """Frames `(B, 3, s, s)` in [0, 1] -> features `(B, width)`, with the backbone's own normalisation and pooling."""

    def __init__(self, backbone: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.normalise, self.backbone = Normalise(mean, std), backbone
        self.width = int(getattr(backbone, "head_hidden_size", None) or backbone.num_features)

    def forward(self, frames: Tensor) -> Tensor:
        return self.backbone(self.normalise(frames))


def reference_encoder(reference: SuperImageParams, imagenet: bool) -> FrameEncoder:
    """The network of the super-image run without its head, from its ImageNet weights or from a random start.

    Raises as `models.build_model` for an unknown backbone or weights that cannot be had.
    """
    arguments = {"num_classes": 0, **reference.backbone_args}
    backbone, _ = create_timm(reference.model_copy(update={"pretrained": imagenet}), arguments)
    if not imagenet:
        for norm in (module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)):
            norm.momentum = MOMENTUM
    cfg = backbone.pretrained_cfg
    return FrameEncoder(backbone, cfg["mean"], cfg["std"])


def vit_encoder(params: WeakParams) -> FrameEncoder:
    """A vision transformer (arXiv 2010.11929) from a random start; a frame's feature is the mean of its patch tokens
    (MAE, arXiv 2111.06377, appendix A.1: as good as the class token)."""
    backbone = VisionTransformer(
        img_size=params.weak_tile,
        patch_size=params.mae_patch,
        embed_dim=params.mae_width,
        depth=params.mae_depth,
        num_heads=params.mae_heads,
        num_classes=0,
        global_pool="avg",
        fc_norm=False,  # the norm before the pooling, so that the decoder of MAE reads normed tokens
    )
    return FrameEncoder(backbone, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
