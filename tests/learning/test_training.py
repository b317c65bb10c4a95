from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fakes import PLAYED_GPU, MemoryCache, smoke_params, three_class_targets

from vpipe_utils.evaluation.metrics import mean_average_precision
from vpipe_utils.learning.datasets import eval_loader, train_loader
from vpipe_utils.learning.device import Device
from vpipe_utils.learning.inference import predict
from vpipe_utils.learning.params import TrainParams
from vpipe_utils.learning.training import Labeller, fit, make_loss, one_cycle, parameter_groups
from vpipe_utils.learning.weights.checkpoints import CHECKPOINT

TARGETS = three_class_targets(64)
CACHE = MemoryCache(TARGETS)
LEARN = {"epochs": 6, "validate_every": 2, "batch_size": 8, "backbone_args": {"ls_init_value": None}, "input_tile": 16}


def run(folder: Path, params: TrainParams, device: Device | None = None) -> tuple[np.ndarray, dict]:
    """Train on 48 videos, validate on 16; their probabilities and the figures."""
    folder.mkdir(exist_ok=True)
    train = train_loader(params, CACHE, CACHE.videos[:48], TARGETS[:48])
    validation = eval_loader(params, CACHE, CACHE.videos[48:], TARGETS[48:])
    network, figures = fit(params, 1, train, validation, folder, device=device)
    return predict(network, validation, params, device)[:, 0], figures


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray, dict]:
    folder = tmp_path_factory.mktemp("run")
    return folder, *run(folder, smoke_params(**LEARN))


def test_it_learns_and_reports_the_weights_it_keeps(trained: tuple) -> None:
    folder, scores, figures = trained
    learned = mean_average_precision(TARGETS[48:, :3], scores[:, :3])
    assert learned > TARGETS[48:, :3].mean() + 0.2
    history = pd.read_csv(folder / "history.csv")
    assert list(history["epoch"]) == [2, 4, 6]
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0]
    assert figures["val_mAP"] == pytest.approx(history["val_mAP"].max())
    # The kept weights are the averaged ones that were validated, not those training went on with.
    assert figures["val_mAP"] == pytest.approx(mean_average_precision(TARGETS[48:], scores), abs=1e-6)


def test_same_seed_same_predictions(trained: tuple, tmp_path: Path) -> None:
    assert np.array_equal(run(tmp_path, smoke_params(**LEARN))[0], trained[1])


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.2, 0.3, 0.5])
def test_one_cycle_of_few_updates(warmup: float) -> None:
    """A few updates are all a tiny preset has; the rate must rise to its maximum, fall, and never be undefined."""
    for updates in range(1, 21):
        optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
        schedule = one_cycle(optimizer, updates, warmup)
        rates = [schedule.get_last_lr()[0]]
        for _ in range(updates - 1):
            optimizer.step()
            schedule.step()
            rates.append(schedule.get_last_lr()[0])
        assert all(0 < rate <= 0.5 for rate in rates)
        if updates >= 5:
            assert max(rates) > 0.35 and rates[-1] < 0.01


def test_killed_and_resumed_equals_uninterrupted(trained: tuple, tmp_path: Path) -> None:
    """kill -9 as soon as the first checkpoint is there; the same call then goes on from it."""
    code = f"import test_training as t, pathlib; t.run(pathlib.Path({str(tmp_path)!r}), t.smoke_params(**t.LEARN))"
    here = Path(__file__).resolve().parent
    places = os.pathsep.join(map(str, (here, here.parent / "helpers")))
    environment = {**os.environ, "PYTHONPATH": places, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (tmp_path / CHECKPOINT).is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / CHECKPOINT).is_file()
    first_epoch = torch.load(tmp_path / CHECKPOINT, weights_only=False)["epoch"]
    scores, figures = run(tmp_path, smoke_params(**LEARN))
    assert figures["resumed_after"] == first_epoch + 1
    assert first_epoch + 1 in (2, 4), "killed before the end"
    assert np.array_equal(scores, trained[1])
    assert list(pd.read_csv(tmp_path / "history.csv")["epoch"]) == [2, 4, 6]


def test_nan_loss_stops_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match="the loss is nan in epoch 0, step .*, batch .*: lower lr"):
        run(tmp_path, smoke_params(**{**LEARN, "lr": 1e30, "grad_clip": 0, "warmup": 0.01}))


def test_asymmetric_loss_follows_the_paper() -> None:
    """ASL, equation (7) of arXiv 2009.14119, transcribed."""
    logits = torch.linspace(-4, 4, 34).reshape(2, 17)
    targets = (torch.arange(34).reshape(2, 17) % 3 == 0).float()
    p = torch.sigmoid(logits)
    shifted = (p - 0.05).clamp(min=0)
    positive = (1 - p) ** 1 * torch.log(p)
    negative = shifted**4 * torch.log(1 - shifted)
    expected = -(targets * positive + (1 - targets) * negative).sum() / 2
    torch.testing.assert_close(make_loss(smoke_params())(logits, targets), expected)
    bce = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / 2
    torch.testing.assert_close(make_loss(smoke_params(loss="bce"))(logits, targets), bce)


@pytest.mark.parametrize("loss", ["asl", "bce"])
def test_a_batch_of_videos_without_any_class_pushes_all_probabilities_down(loss: str) -> None:
    logits = torch.linspace(-2, 2, 34).reshape(2, 17).requires_grad_()
    make_loss(smoke_params(loss=loss))(logits, torch.zeros(2, 17)).backward()
    assert torch.isfinite(logits.grad).all() and (logits.grad > 0).any() and (logits.grad >= 0).all()


def test_accumulating_gives_the_update_of_the_large_batch(tmp_path: Path) -> None:
    """4 x 4 and 16 samples: the same updates of a network without batch statistics, here ConvNeXt with layer norm."""
    weights = []
    for size, accumulate in ((16, 1), (4, 4)):
        change = {"batch_size": size, "accumulate": accumulate, "epochs": 1, "hflip": False, "tile_shuffle": False}
        change |= {"backbone_args": {"ls_init_value": None}, "input_tile": 16}
        params = smoke_params(**change, jitter=False, ema=False, schedule="constant", grad_clip=0.5)
        folder = tmp_path / str(size)
        folder.mkdir()
        train = train_loader(params, CACHE, CACHE.videos[:48], TARGETS[:48])
        network, _ = fit(params, 1, train, eval_loader(params, CACHE, CACHE.videos[48:], TARGETS[48:]), folder)
        weights.append(torch.cat([p.detach().flatten() for p in network.parameters()]))
    torch.testing.assert_close(weights[0], weights[1], atol=2e-4, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_compiled_and_plain_learn_the_same(tmp_path: Path) -> None:
    scores = []
    for compiled in (False, True):
        changes = {**LEARN, "epochs": 2, "ema": False, "compile": compiled}
        scores.append(run(tmp_path / str(compiled), smoke_params(**changes))[0])
    np.testing.assert_allclose(*scores, atol=5e-3)


@pytest.mark.filterwarnings("ignore:You passed `deterministic=True` and `benchmark=True`")  # as no CPU would have it
@pytest.mark.parametrize("pays", [10_000, 1])
def test_convolutions_are_tried_only_in_trainings_that_are_long_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pays: int
) -> None:
    """A few seconds' training would wait longer for the trials than it takes."""
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)  # put back afterwards
    monkeypatch.setattr("vpipe_utils.learning.training.TRIALS_PAY", pays)
    run(tmp_path, smoke_params(epochs=1, pretrained=False), Device("cpu", tuned=True))
    assert torch.backends.cudnn.benchmark is (pays == 1)


def test_the_history_is_watched_as_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vpipe_utils.learning.history.WATCH_SHARE", 1e9)
    params = smoke_params(**{**LEARN, "epochs": 2, "validate_every": 1})
    train = train_loader(params, CACHE, CACHE.videos[:16], TARGETS[:16])
    seen: list[int] = []
    fit(params, 1, train, eval_loader(params, CACHE, CACHE.videos[48:], TARGETS[48:]), tmp_path,
        watch=lambda history: seen.append(len(history)))  # fmt: skip
    assert seen == [1, 2, 2]


SLOW = [pytest.param(*case, marks=pytest.mark.slow) for case in (("bf16", 2), ("16", 1))]


@pytest.mark.parametrize(("precision", "accumulate"), [("bf16", 1), ("16", 2), ("32", 1), *SLOW])
def test_fused_clipped_mixed_updates_equal_the_plain_ones(tmp_path: Path, precision: str, accumulate: int) -> None:
    """Twenty updates as on a GPU: Lightning refuses them; its own clipping of an unfused optimizer is the reference."""
    weights, norms = [], []
    changes = {**LEARN, "batch_size": 8 // accumulate, "accumulate": accumulate, "epochs": 4, "validate_every": 4}
    params = smoke_params(**changes, precision=precision, grad_clip=0.05, ema=False, schedule="constant", lr=1e-3)
    for fused in (True, False):
        folder = tmp_path / str(fused)
        folder.mkdir()
        train = train_loader(params, CACHE, CACHE.videos[:40], TARGETS[:40])
        validation = eval_loader(params, CACHE, CACHE.videos[48:], TARGETS[48:])
        with pytest.MonkeyPatch.context() as patch:
            if not fused:
                patch.delattr(Labeller, "configure_gradient_clipping")  # back to Lightning's
            network, figures = fit(params, 1, train, validation, folder, device=replace(PLAYED_GPU, fused=fused))
        assert figures["precision"] == precision
        weights.append(torch.cat([p.detach().flatten() for p in network.parameters()]))
        norms.append(pd.read_csv(folder / "history.csv")["train_loss"].iloc[-1])
    torch.testing.assert_close(weights[0], weights[1], atol=5e-4, rtol=5e-3)
    assert norms[0] == pytest.approx(norms[1], rel=5e-3)


def test_clipping_bounds_the_unscaled_gradient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """fp16 gradients are scaled by 65,536: clipped before that is taken back, next to nothing would be left."""
    seen: list[float] = []
    original = torch.nn.utils.clip_grad_norm_

    def noting(parameters: object, most: float) -> torch.Tensor:
        norm = original(parameters, most)
        seen.append(float(norm))
        return norm

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", noting)
    run(tmp_path, smoke_params(**{**LEARN, "epochs": 1, "precision": "16", "grad_clip": 1.0}), PLAYED_GPU)
    assert len(seen) == 6 and max(seen) < 1000


def test_inside_a_slurm_allocation_of_several_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`salloc --ntasks=4`, then a notebook by hand: one process, which must not wait for three others."""
    for name, value in {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "4", "SLURM_JOB_NAME": "interactive", "SLURM_PROCID": "0",
                        "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_NTASKS_PER_NODE": "4"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    for job in ("bash", "interactive", "mytown"):
        monkeypatch.setenv("SLURM_JOB_NAME", job)
        assert run(tmp_path / job, smoke_params(**{**LEARN, "epochs": 1}))[1]["epochs"] == 1


def test_weight_decay_and_learning_rate_groups() -> None:
    params = smoke_params(head_lr_factor=5.0, lr=0.01, weight_decay=0.1)
    network = Labeller(params, 0).network
    groups = parameter_groups(network, params)
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    head = {id(p) for p in network.head_parameters()}
    for group in groups:
        for p in group["params"]:
            assert group["weight_decay"] == (0.1 if p.ndim > 1 else 0.0)
            assert group["lr"] == pytest.approx(0.05 if id(p) in head else 0.01)
