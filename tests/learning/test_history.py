"""What a run shows while it trains: a curve early and not too often, a bar that counts as the lines do."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from vpipe_utils.learning import history
from vpipe_utils.learning.history import History, TrainingBar


def validated(log: History, epoch: int, processes: int = 1, first: bool = True) -> None:
    """One epoch of training and its validation, as Lightning reports them to one of several processes."""
    trainer = SimpleNamespace(
        current_epoch=epoch,
        max_epochs=9,
        callback_metrics={"val_loss": torch.tensor(1.0), "val_mAP": torch.tensor(0.2)},
        optimizers=[SimpleNamespace(param_groups=[{"lr": 0.1}])],
        accumulate_grad_batches=1,
        is_last_batch=True,
        world_size=processes,
        is_global_zero=first,
        strategy=SimpleNamespace(reduce=lambda value: value),
    )
    log.on_train_epoch_start(trainer, None)
    log.on_train_batch_end(trainer, None, {"loss": torch.tensor(1.0)}, (None, [1, 2]), 0)
    log.on_validation_start(trainer, None)
    log.on_validation_batch_end(trainer, None, None, (None, [1, 2, 3]), 0)
    log.on_validation_end(trainer, None)


def test_the_curve_is_drawn_at_the_first_validation_then_seldom_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(history, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    drawn: list[int] = []

    def draw(table: object) -> None:
        drawn.append(len(table))
        now[0] += 0.5  # seconds that drawing takes: 5 % of the time is one drawing in 10 seconds

    log = History(tmp_path / "history.csv", draw)
    for epoch in range(8):
        now[0] += 3.0
        validated(log, epoch)
    assert drawn == [1, 5]
    log.on_fit_end(None, None)
    assert drawn == [1, 5, 8]


def test_the_bar_names_the_epoch_as_the_lines_do(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "0")
    trainer = SimpleNamespace(max_epochs=3, num_training_batches=2, current_epoch=1)  # resumed after the first
    bar = TrainingBar()
    bar.on_train_start(trainer, None)
    for trainer.current_epoch in (1, 2):
        bar.on_train_epoch_start(trainer, None)
        for batch in range(2):
            bar.on_train_batch_end(trainer, None, {}, None, batch)
    bar.on_train_end(trainer, None)
    assert bar.bar.n == bar.bar.total == 6
    said = re.findall(r"epoch (\d)/3: +(\d+)%", capsys.readouterr().err)
    assert said[0] == ("2", "33") and {epoch for epoch, _ in said} == {"2", "3"}


def test_validation_is_timed_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, 1.0, 3.0, 10.0, 10.0, 10.0, 10.5])
    monkeypatch.setattr(history, "time", SimpleNamespace(perf_counter=lambda: next(now)))
    log = History(tmp_path / "history.csv")
    for epoch in range(2):
        validated(log, epoch)
    assert [row["validated_per_s"] for row in log.rows] == [3 / 2, 3 / 0.5]  # three videos each


def test_of_several_processes_the_first_writes_and_counts_for_all(tmp_path: Path) -> None:
    logs = {first: History(tmp_path / f"{first}.csv") for first in (True, False)}
    for first, log in logs.items():
        validated(log, 0, processes=2, first=first)
    assert (tmp_path / "True.csv").is_file() and not (tmp_path / "False.csv").exists()
    assert [len(log.rows) for log in logs.values()] == [1, 1], "each goes on from the same rows"
    once = History(tmp_path / "once.csv")
    validated(once, 0)
    assert logs[True].samples == once.samples == 0
