"""What a run keeps on disk while it trains: the state to go on from, and the best weights so far."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import Callback, WeightAveraging
from lightning.pytorch.plugins.io import CheckpointIO
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from vpipe_utils.learning.history import History
from vpipe_utils.storage.files import atomic_path

CHECKPOINT = "checkpoint.ckpt"  # of the last validated epoch: weights, their average, optimizer, rows of the history
BEST = "best.epoch_{}.safetensors"  # weights alone


class DirectFiles(CheckpointIO):
    """Writes checkpoints straight to disk and maps them when they are read.

    Lightning's own way holds a second copy in memory for either: 8 GB for EfficientNet-L2. Nothing in a checkpoint but
    tensors and plain values is read, so none can run code.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        with atomic_path(path) as part:
            torch.save(checkpoint, part)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        return torch.load(path, map_location="cpu", mmap=True, weights_only=True)

    def remove_checkpoint(self, path: str | Path) -> None:
        Path(path).unlink(missing_ok=True)


class Ema(WeightAveraging):
    """Exponential moving average of the weights (Table IV: +5), used in validation and kept in checkpoints.

    The decay grows with the updates n as min(decay, (1 + n) / (10 + n)), so that short runs do not drag their random
    start along (as timm's ModelEmaV3 and TensorFlow's moving average do).
    """

    def __init__(self, decay: float) -> None:
        def average(averaged: list[Tensor], current: list[Tensor], updates: Tensor) -> None:
            n = float(updates)
            if averaged[0].is_floating_point():
                torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + n) / (10 + n)))
            else:  # counters, such as batch norm's number of batches
                torch._foreach_copy_(averaged, current)

        # Buffers too: batch norm's running statistics must belong to the averaged weights.
        super().__init__(use_buffers=True, multi_avg_fn=average)

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        # Lightning asks the module, which is moved to its device only later: the average would stay on the CPU, and
        # every update would carry all weights there.
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)

    @property
    def averaged(self) -> nn.Module:
        """The LightningModule with the averaged weights, on the device of the training."""
        return self._average_model.module


class BestWeights(Callback):
    """Keeps the weights with the best validated mAP (paper, section III.C), the averaged ones where there are any.

    The epoch is part of the file's name, and a file goes only when a later checkpoint no longer needs it: whenever a
    run is killed, the weights of the best epoch that its checkpoint knows are there.
    """

    def __init__(self, folder: Path, history: History, ema: Ema | None) -> None:
        self.folder, self.history, self.ema = folder, history, ema

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not trainer.is_global_zero:  # of several processes the first writes for all; their weights are the same
            return
        *before, now = self.history.rows
        best_before = best_epoch(before) if before else None
        for file in self.folder.glob(BEST.format("*")):
            if file.name != BEST.format(best_before):
                file.unlink()
        if best_epoch(self.history.rows) == now["epoch"]:
            module = pl_module if self.ema is None else self.ema.averaged
            with atomic_path(self.folder / BEST.format(now["epoch"])) as part:
                save_model(module.network, str(part))


def best_epoch(rows: list[dict[str, Any]]) -> int:
    """The first epoch (from 1) with the highest validated mAP."""
    return max(rows, key=lambda row: row["val_mAP"])["epoch"]


def load_best(network: nn.Module, folder: Path, epoch: int) -> None:
    """Fill a network with the weights that were kept of an epoch."""
    load_model(network, str(folder / BEST.format(epoch)))


def remove_checkpoints(folder: Path) -> bool:
    """Remove all of it: the run is finished, or another recipe begins. Gives whether there was any."""
    there = [file for file in (folder / CHECKPOINT, *folder.glob(BEST.format("*"))) if file.is_file()]
    for file in there:
        file.unlink()
    return bool(there)
