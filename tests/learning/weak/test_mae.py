"""MAE paints hidden patches from the seen ones, and touches nothing else."""

from __future__ import annotations

from pathlib import Path

import torch
from weak_folds import weak_fold

from vpipe_utils.learning.weak.pretrain import build


def test_a_picture_of_one_colour_is_painted_in_it(tmp_path: Path) -> None:
    """Its brightness differs from frame to frame, so it has to be read from the seen patches."""
    torch.manual_seed(0)
    method = build("mae", weak_fold(tmp_path, mae_mask=0.5))
    optimizer = torch.optim.AdamW(method.parameters(), lr=0.003)

    def frames(count: int) -> torch.Tensor:
        grey = torch.randint(0, 256, (count, 1, 1, 1, 1), dtype=torch.uint8)
        return grey.expand(count, 1, 3, 32, 32).contiguous()

    first = None
    for _ in range(150):
        loss = method(frames(16))
        first = first or loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05 * first
    wanted = frames(6)
    _, painted = method.eval().reconstruct(wanted)
    assert (painted - wanted[:, 0] / 255).abs().mean() < 0.08


def test_what_is_seen_stays_and_the_share_that_is_hidden_is_grey(tmp_path: Path) -> None:
    torch.manual_seed(0)
    method = build("mae", weak_fold(tmp_path, mae_mask=0.75))
    frames = torch.randint(0, 100, (2, 1, 3, 32, 32), dtype=torch.uint8)
    seen, painted = method.reconstruct(frames)
    grey = (seen == 0.5).all(dim=1)
    assert grey.float().mean() == 0.75
    visible = ~grey[:, None].expand_as(painted)
    torch.testing.assert_close(painted[visible], (frames[:, 0] / 255)[visible])
