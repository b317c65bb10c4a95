"""Networks that turn a frame into a vector."""

from __future__ import annotations

from pathlib import Path

import torch
from weak_folds import weak_fold

from vpipe_utils.learning.weak.encoders import reference_encoder, vit_encoder


def test_an_encoder_gives_one_vector_a_frame_of_the_width_it_names(tmp_path: Path) -> None:
    weak, frames = weak_fold(tmp_path), torch.rand(3, 3, 32, 32)
    for encoder in (reference_encoder(weak.reference, imagenet=False), vit_encoder(weak.params)):
        assert encoder.eval()(frames).shape == (3, encoder.width)


def test_imagenet_weights_come_from_the_package_and_a_random_start_does_not(tmp_path: Path) -> None:
    reference = weak_fold(tmp_path).params.reference(0)
    first, again = (reference_encoder(reference, imagenet=True).state_dict() for _ in range(2))
    random = reference_encoder(reference, imagenet=False).state_dict()
    name = "backbone.conv_stem.weight"
    assert torch.equal(first[name], again[name]) and not torch.equal(first[name], random[name])


def test_statistics_of_a_random_start_follow_the_data_within_few_updates(tmp_path: Path) -> None:
    encoder = reference_encoder(weak_fold(tmp_path).params.reference(0), imagenet=False)
    frames = torch.rand(8, 3, 32, 32)
    for _ in range(30):
        encoder(frames)
    stem = encoder.backbone.conv_stem(encoder.normalise(frames))
    torch.testing.assert_close(encoder.backbone.bn1.running_mean, stem.mean(dim=(0, 2, 3)), rtol=0.1, atol=0.05)
