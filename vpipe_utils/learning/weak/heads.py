"""Heads that read a bag of frame features: TransMIL, ML-Decoder, and the plain mean as a reference."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torchmil.models import TransMIL

from vpipe_utils.learning.models import MLDecoderHead
from vpipe_utils.learning.weak.params import WeakParams

LAYERS, ATTENTION_HEADS = 2, 8  # TransMIL (arXiv 2106.00908), section 4: two layers of eight heads


class BagClassifier(nn.Module):
    """Bags `(B, n, D)` -> logits `(B, classes)`, the labels being those of the whole bag.

    Each feature is brought to mean 0 and spread 1 of the training clips first, as MAE's authors do before a linear
    probe (arXiv 2111.06377, appendix A.1): encoders differ in scale by orders of magnitude.

    Args:
        head: "transmil", "ml_decoder" or "mean".
        train: the bags of the training clips, `(V, n, D)`, for mean and spread.
    """

    def __init__(self, head: str, train: Tensor, classes: int, params: WeakParams) -> None:
        super().__init__()
        width = train.shape[-1]
        self.register_buffer("centre", train.mean(dim=(0, 1)))
        self.register_buffer("spread", train.std(dim=(0, 1)).clamp_min(1e-4))
        self.dropout = nn.Dropout(params.bag_dropout)
        if head == "transmil":
            # As many landmarks as there are tokens, at most: with more, bags are filled up with zeros, which take a
            # share of the attention. The tokens: a square of frames and the class token.
            landmarks = min(params.bag_width // 2, math.ceil(math.sqrt(train.shape[1])) ** 2 + 1)
            self.head: nn.Module = TransMIL((width,), params.bag_width, LAYERS, ATTENTION_HEADS, landmarks)
            self.head.classifier = nn.Linear(params.bag_width, classes)  # torchmil's own is for one class
        elif head == "ml_decoder":
            self.head = MLDecoderHead(width, params.bag_width, classes)
        else:
            self.head = MeanHead(width, classes)

    def forward(self, bags: Tensor) -> Tensor:
        logits = self.head(self.dropout((bags - self.centre) / self.spread))
        return logits.reshape(len(bags), -1)  # torchmil drops the axis of a single class


class MeanHead(nn.Module):
    """One linear layer on the mean of a bag: what attention over its frames has to beat."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, classes)

    def forward(self, bags: Tensor) -> Tensor:
        return self.linear(torch.mean(bags, dim=1))
