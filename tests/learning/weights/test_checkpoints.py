from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from fakes import smoke_params

from vpipe_utils.learning.history import History
from vpipe_utils.learning.training import Labeller
from vpipe_utils.learning.weights.checkpoints import (
    BEST,
    CHECKPOINT,
    BestWeights,
    DirectFiles,
    Ema,
    best_epoch,
    load_best,
    remove_checkpoints,
)

FIRST = SimpleNamespace(is_global_zero=True)  # a trainer: that of the process that writes


def test_checkpoints_come_back_whole_and_run_no_code(tmp_path: Path) -> None:
    files = DirectFiles()
    state = {"weights": torch.arange(6.0), "epoch": 3, "rows": [{"val_mAP": 0.5}], "nested": {"step": torch.tensor(2)}}
    files.save_checkpoint(state, tmp_path / "a.ckpt")
    back = files.load_checkpoint(tmp_path / "a.ckpt")
    assert back["epoch"] == 3 and back["rows"] == state["rows"]
    torch.testing.assert_close(back["weights"], state["weights"])
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]
    torch.save({"evil": Path("somewhere")}, tmp_path / "b.ckpt")
    with pytest.raises(Exception, match="[Ww]eights"):
        files.load_checkpoint(tmp_path / "b.ckpt")
    files.remove_checkpoint(tmp_path / "a.ckpt")
    assert not (tmp_path / "a.ckpt").exists()


def test_the_weights_of_the_best_epoch_are_there_whenever_a_run_is_killed(tmp_path: Path) -> None:
    """After each validation: the best file that the checkpoint before it needs, and the one that this one needs."""
    labeller, history = Labeller(smoke_params(), 0), History(tmp_path / "history.csv")
    keeper = BestWeights(tmp_path, history, None)
    kept = []
    for epoch, score in enumerate([0.2, 0.4, 0.3, 0.5, 0.5], start=1):
        with torch.no_grad():
            next(labeller.network.parameters()).fill_(epoch)
        history.rows.append({"epoch": epoch, "val_mAP": score})
        keeper.on_validation_end(FIRST, labeller)
        kept.append(sorted(path.name for path in tmp_path.glob("best*")))
    assert kept == [
        [BEST.format(1)], [BEST.format(1), BEST.format(2)], [BEST.format(2)],
        [BEST.format(2), BEST.format(4)], [BEST.format(4)],
    ]  # fmt: skip
    assert best_epoch(history.rows) == 4
    load_best(labeller.network, tmp_path, 4)
    assert next(labeller.network.parameters()).flatten()[0] == 4


def test_the_averaged_weights_are_kept_where_there_are_any(tmp_path: Path) -> None:
    labeller, history, ema = Labeller(smoke_params(), 0), History(tmp_path / "history.csv"), Ema(0.9)
    ema.setup(_Trainer(), labeller, "fit")
    with torch.no_grad():
        next(ema.averaged.network.parameters()).fill_(7)
    history.rows.append({"epoch": 1, "val_mAP": 0.2})
    BestWeights(tmp_path, history, ema).on_validation_end(FIRST, labeller)
    load_best(labeller.network, tmp_path, 1)
    assert next(labeller.network.parameters()).flatten()[0] == 7


class _Trainer:
    class strategy:  # noqa: N801 - as Lightning names it
        root_device = torch.device("cpu")


def test_all_of_it_goes_when_a_run_is_finished(tmp_path: Path) -> None:
    for name in (CHECKPOINT, BEST.format(3), "metrics.json"):
        (tmp_path / name).touch()
    assert remove_checkpoints(tmp_path) and not remove_checkpoints(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]


def test_ema_equals_a_hand_computed_average() -> None:
    average = Ema(decay=0.15)._kwargs["multi_avg_fn"]
    averaged = [torch.tensor([0.0])]
    expected = 0.0
    for n, weight in enumerate([1.0, 2.0, 4.0]):
        decay = min(0.15, (1 + n) / (10 + n))  # 0.1, then 0.15
        expected = decay * expected + (1 - decay) * weight
        average(averaged, [torch.tensor([weight])], torch.tensor(n))
    assert averaged[0].item() == pytest.approx(expected)


