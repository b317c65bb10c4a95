"""Every trick of params/tricks: it trains, and it changes what its file says and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from fakes import NETWORKS, SMALL, MemoryCache, three_class_targets

from vpipe_utils.learning.datasets import eval_loader, train_loader
from vpipe_utils.learning.device import this_device
from vpipe_utils.learning.params import SuperImageParams, read_model
from vpipe_utils.learning.training import constant_rate, fit
from vpipe_utils.project.parameter_files import layer_files, read_layers, read_yaml, trick_files, trick_names

TARGETS = three_class_targets(24)
CACHE = MemoryCache(TARGETS, frames=25, run=25)
SHORT = {
    "epochs": 3, "validate_every": 3, "batch_size": 4, "accumulate": 2, "input_tile": 16, "cache_frames": 25,
    "warmup": 0.3,  # the paper's: of six updates the demo's is no longer than the shortest
}  # fmt: skip


def params_of(trick: str) -> SuperImageParams:
    values = {**read_layers(layer_files("smoke", "nfnet_f3", 0)), **SMALL, **NETWORKS["nfnet_f3"], **SHORT}
    changes = {} if trick == "none" else read_layers(trick_files(trick)) | {"trick": trick}
    return SuperImageParams.from_values({**values, "grad_checkpointing": True, "precision": "auto", **changes})


def train(trick: str, folder: Path) -> dict[str, torch.Tensor]:
    params = params_of(trick)
    training = train_loader(params, CACHE, CACHE.videos[:16], TARGETS[:16])
    validation = eval_loader(params, CACHE, CACHE.videos[16:], TARGETS[16:])
    folder.mkdir()
    network, figures = fit(params, 1, training, validation, folder, progress=False)
    assert 0 <= figures["val_mAP"] <= 1
    return network.state_dict()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    return train("none", tmp_path_factory.mktemp("plain") / "run")


NO_OTHER_RESULT = ("full_precision", "no_checkpointing")  # of one row with accumulation, for which the paper gives +2


@pytest.mark.parametrize("trick", trick_names())
def test_every_trick_trains_and_changes_the_result(trick: str, plain: dict, tmp_path: Path) -> None:
    weights = train(trick, tmp_path / "run")
    assert weights.keys() == plain.keys()
    alike = all(torch.allclose(weights[name], plain[name], rtol=0, atol=1e-6) for name in plain)
    # On a CPU training is at full precision anyway.
    other_result = trick not in NO_OTHER_RESULT or (trick == "full_precision" and this_device().type != "cpu")
    assert alike is not other_result


@pytest.mark.parametrize("trick", trick_names())
def test_a_trick_fits_every_preset_and_changes_only_its_keys(trick: str) -> None:
    keys = read_yaml(f"params/tricks/{trick}.yaml").keys()
    for preset, model in (("paper", "convnext_base"), ("demo", "lite0"), ("paper", "nfnet_f6")):
        ours, plain = (read_model(preset, model, 0, name).model_dump() for name in (trick, None))
        different = {key for key in plain if ours[key] != plain[key]} - {"trick"}
        assert different <= set(keys)
        # The demo has one batch an update anyway, and neither it nor a CPU has what these two switch off.
        assert different == set(keys) or (preset == "demo" and trick in ("no_accumulation", "no_checkpointing"))


def test_the_constant_rate_rises_and_stays() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule, rates = constant_rate(optimizer, 10, 0.4), []
    for _ in range(10):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx([0.4, 0.8, 1.2, 1.6, 2, 2, 2, 2, 2, 2])
