"""Heads of bags: attention finds what the mean of a bag hides."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from weak_folds import weak_params

from vpipe_utils.learning.weak.heads import BagClassifier

HEADS = ("transmil", "ml_decoder", "mean")


def needles(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Bags `(count, 9, 8)`; in half of them one frame has 4 in the first place and another -4: their mean is that of
    the others."""
    bags = torch.randn(count, 9, 8, generator=generator)
    bags[..., 0] *= 0.3
    found = (torch.arange(count) % 2).float()
    order = torch.rand(count, 9, generator=generator).argsort(dim=1)
    for bag, places in zip(bags[1::2], order[1::2], strict=True):
        bag[places[0], 0] += 4
        bag[places[1], 0] -= 4
    return bags, found


def accuracy(head: str) -> float:
    """Share of new bags that a head gets right after it has learned from others."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    bags, found = needles(192, generator)
    network = BagClassifier(head, bags, 1, weak_params(bag_width=32, bag_dropout=0.0))
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.005)
    for _ in range(12):
        for chosen in torch.randperm(len(bags)).split(32):
            loss = F.binary_cross_entropy_with_logits(network(bags[chosen])[:, 0], found[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    bags, found = needles(256, generator)
    with torch.inference_mode():
        return float(((network.eval()(bags)[:, 0] > 0) == found.bool()).float().mean())


def test_attention_finds_a_single_frame_where_the_mean_fails() -> None:
    right = {head: accuracy(head) for head in HEADS}
    assert right["mean"] < 0.65 and right["transmil"] > 0.9 and right["ml_decoder"] > 0.9, right


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("frames", [1, 5, 16])
def test_a_bag_may_have_any_number_of_frames(head: str, frames: int) -> None:
    bags = torch.randn(6, frames, 12)
    network = BagClassifier(head, bags, 17, weak_params(bag_width=16)).eval()
    assert network(bags).shape == (6, 17)


def test_the_scale_of_the_features_does_not_matter() -> None:
    """Encoders differ in it by orders of magnitude, and one learning rate serves all."""
    bags = torch.randn(6, 9, 12)
    logits = []
    for scale in (1.0, 1000.0):
        torch.manual_seed(0)
        logits.append(BagClassifier("mean", scale * bags + scale, 17, weak_params()).eval()(scale * bags + scale))
    torch.testing.assert_close(*logits, rtol=1e-3, atol=1e-4)
