from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from fakes import MemoryCache, smoke_params, three_class_targets

from vpipe_utils.evaluation.predictions import as_table
from vpipe_utils.evaluation.scores import POOLINGS as READ
from vpipe_utils.learning.datasets import eval_loader
from vpipe_utils.learning.inference import POOLINGS, pool_frames, predict
from vpipe_utils.learning.params import FrameParams


class MeanColour(torch.nn.Module):
    """Logits that follow from the picture alone: the mean of each colour channel."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=(2, 3))


def test_frame_scores_keep_their_video_and_order() -> None:
    cache = MemoryCache(three_class_targets(7))
    params = smoke_params("frame_tresnet", eval_frames=3, eval_batch_size=6)
    scores = predict(MeanColour(), eval_loader(params, cache, cache.videos), params)
    positions = eval_loader(params, cache, cache.videos).dataset.positions(0, None)
    expected = cache.pixels[:, positions].mean(axis=(2, 3)) / 255
    assert scores.shape == (7, 3, 3)
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-expected)), atol=1e-5)


def test_pooling_by_hand() -> None:
    frames = np.array([[[0.1, 0.9], [0.2, 0.5], [0.6, 0.1]]], np.float32)
    np.testing.assert_allclose(pool_frames(frames, "mean"), [[0.3, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(pool_frames(frames, "max"), [[0.6, 0.9]])
    np.testing.assert_allclose(pool_frames(frames, "median"), [[0.2, 0.5]])
    odds = (1 / 9 * 1 / 4 * 6 / 4) ** (1 / 3)  # the geometric mean of 1 : 9, 1 : 4 and 6 : 4
    np.testing.assert_allclose(pool_frames(frames, "logit_mean"), [[odds / (1 + odds), 0.5]], rtol=1e-5)
    with pytest.raises(ValueError, match="pooling 'sum' is unknown; it is one of mean, max, median, logit_mean"):
        pool_frames(frames, "sum")


def test_mean_of_logits_is_safe_at_the_ends() -> None:
    frames = np.array([[[0, 1, 0, 0.5], [0, 1, 1, 0], [0, 1, 0.5, 0.5]]], np.float32)
    found = pool_frames(frames, "logit_mean")[0]
    assert found.dtype == np.float32 and np.isfinite(found).all() and ((found >= 0) & (found <= 1)).all()
    assert found[0] < 1e-6 and found[1] > 1 - 1e-6 and found[2] == pytest.approx(0.5)
    assert 0 < found[3] < 0.01, "one frame that is sure of no pulls hard"


def test_poolings_have_one_list_of_names() -> None:
    """Scores reads what inference writes, and parameters name them."""
    named = get_args(FrameParams.model_fields["pooling"].annotation)
    assert tuple(POOLINGS) == READ == named


def test_table_has_a_row_a_video() -> None:
    table = as_table(["a.mp4", "b.mp4"], np.eye(2, dtype=np.float32), ["ZC", "CJ"])
    assert table.to_dict("list") == {"video": ["a.mp4", "b.mp4"], "ZC": [1.0, 0.0], "CJ": [0.0, 1.0]}
