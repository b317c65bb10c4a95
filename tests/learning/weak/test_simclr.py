"""SimCLR brings two views of a frame together and keeps different frames apart."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from weak_folds import weak_fold

from vpipe_utils.learning.datasets import first_batch
from vpipe_utils.learning.weak.pretrain import build, loader_of


def test_the_loss_falls_and_views_of_a_frame_come_nearer_than_those_of_others(tmp_path: Path) -> None:
    torch.manual_seed(0)
    weak = weak_fold(tmp_path, simclr_jitter=0.2, pretrain_crop=0.6)
    method, load = build("simclr", weak), loader_of("simclr", weak)
    optimizer = torch.optim.AdamW(method.parameters(), lr=0.002)
    losses = []
    for epoch in range(3):
        load.sampler.set_epoch(epoch)
        for (views,) in load:
            loss = method(views)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
    first, second = (F.normalize(part) for part in method.project(first_batch(load)[0]))
    alike = first @ second.T
    others = (alike.sum() - alike.trace()) / (len(alike) * (len(alike) - 1))
    assert alike.diagonal().mean() > others + 0.2
