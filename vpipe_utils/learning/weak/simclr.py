"""SimCLR: two views of a frame should be alike, and unlike the views of other frames (arXiv 2002.05709)."""

from __future__ import annotations

from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from torch import Tensor, nn

from vpipe_utils.learning.inputs import to_unit
from vpipe_utils.learning.weak.encoders import FrameEncoder
from vpipe_utils.learning.weak.params import WeakParams


class SimCLR(nn.Module):
    """Views uint8 `(B, 2, 3, s, s)` -> the contrastive loss of the batch, a scalar.

    The loss is on a projection of the features; afterwards the projection is dropped and the features are kept
    (section 4.2 of its paper: up to 10 points better).
    """

    views = 2

    def __init__(self, encoder: FrameEncoder, params: WeakParams) -> None:
        super().__init__()
        self.encoder = encoder
        self.projection = SimCLRProjectionHead(encoder.width, encoder.width, params.simclr_projection)
        self.loss = NTXentLoss(params.simclr_temperature)

    def forward(self, views: Tensor) -> Tensor:
        first, second = self.project(views)
        return self.loss(first, second)

    def project(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """The projections of the two views, `(B, simclr_projection)` each, in 32 bit."""
        both = self.projection(self.encoder(to_unit(views.transpose(0, 1).flatten(0, 1)))).float()
        return both[: len(views)], both[len(views) :]
