"""Parameters that cannot work are refused in one sentence, before any work starts."""

from __future__ import annotations

import pytest
from weak_folds import weak_params

from vpipe_utils.learning.weak.params import WeakParams
from vpipe_utils.project.parameter_files import layer_files, read_layers


@pytest.mark.parametrize("preset", ["paper", "demo", "smoke"])
def test_every_preset_has_whole_parameters_and_a_super_image_to_stand_beside(preset: str) -> None:
    params = WeakParams.from_values({"preset": preset} | read_layers(layer_files(preset, "weak")))
    reference = params.reference(1)
    assert reference.model == params.weak_reference and reference.fold == 1 and reference.seed == params.seed


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"weak_reference": "resnet"}, "weak_reference is 'resnet', which is none of super_image_models"),
        ({"weak_beside": ["frame/lite0"]}, "weak_beside: 'frame/lite0' is not trained here"),
        ({"weak_tile": 64}, "weak_tile 64 is larger than the cached tile_size 32: lower it"),
        ({"mae_patch": 5}, "weak_tile 32 is no multiple of mae_patch 5: change one"),
        ({"mae_heads": 5}, "mae_width 48 is no multiple of mae_heads 5"),
        ({"bag_frames": 40}, "bag_frames is 40, but cache_frames keeps 9 frames of a video"),
        ({"weak_heads": ["attention"]}, "'weak_heads.0' is 'attention': input should be 'transmil', 'ml_decoder' or"),
        ({"mae_mask": 1.0}, "'mae_mask' is 1.0: input should be less than 1"),
        ({"simclr_temprature": 0.5}, "did you mean 'simclr_temperature'?"),
    ],
)
def test_what_cannot_work_is_one_sentence(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match="parameters: ") as told:
        weak_params(**changes)
    assert sentence in str(told.value) and "\n" not in str(told.value)
