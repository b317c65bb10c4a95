"""What a run does, epoch by epoch: a table on disk, a quiet line and a bar for whoever watches."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from vpipe_utils.project.progress import progress_bar
from vpipe_utils.storage.files import atomic_path

WATCH_SHARE = 0.05  # of the time that a run takes, at most, for the curve that is drawn while it runs; our choice


class History(Callback):
    """One row a validated epoch: epoch (from 1), train_loss, val_loss, val_mAP, lr, samples_per_s, seconds,
    validated_per_s.

    train_loss, samples_per_s and seconds are of the training since the row before, validated_per_s (videos a second,
    reading included) of the validation. The rows travel in the checkpoint,
    so a resumed run continues the table it had at that checkpoint. `watch` is called with the table after the first
    validation, at the end, and between them as often as that takes no more than WATCH_SHARE of the time.
    """

    def __init__(self, path: Path, watch: Callable[[pd.DataFrame], object] | None = None) -> None:
        self.path, self.watch = path, watch
        self.next_watch = 0.0
        self.rows: list[dict[str, Any]] = []
        self.resumed_after = 0
        self._reset()

    def _reset(self) -> None:
        self.losses: list[Tensor] = []  # kept as tensors: reading one waits for the GPU
        self.samples, self.seconds, self.validated = 0, 0.0, 0

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.losses.append(outputs["loss"].detach() * trainer.accumulate_grad_batches)
        self.samples += len(batch[1])
        if trainer.is_last_batch:
            self.seconds += time.perf_counter() - self.started

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.validating = time.perf_counter()

    def on_validation_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.validated += len(batch[1])

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        row = {
            "epoch": trainer.current_epoch + 1,
            "train_loss": float(trainer.strategy.reduce(torch.stack(self.losses).mean())),
            "val_loss": logged["val_loss"],
            "val_mAP": logged["val_mAP"],
            "lr": trainer.optimizers[0].param_groups[0]["lr"],
            "samples_per_s": trainer.world_size * self.samples / max(self.seconds, 1e-9),
            "seconds": self.seconds,
            "validated_per_s": trainer.world_size * self.validated / max(time.perf_counter() - self.validating, 1e-9),
        }
        self._reset()
        self.rows.append(row)
        if not trainer.is_global_zero:  # of several processes the first writes for all
            return
        with atomic_path(self.path) as part:
            pd.DataFrame(self.rows).to_csv(part, index=False)
        print(
            f"epoch {row['epoch']:3d}/{trainer.max_epochs}  train loss {row['train_loss']:.3f}  "
            f"val loss {row['val_loss']:.3f}  val mAP {row['val_mAP']:.3f}  {row['samples_per_s']:.0f} samples/s",
            flush=True,
        )
        if self.watch and time.perf_counter() >= self.next_watch:
            began = time.perf_counter()
            self.watch(pd.DataFrame(self.rows))
            ended = time.perf_counter()
            self.next_watch = ended + (ended - began) / WATCH_SHARE

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self.watch:
            self.watch(pd.DataFrame(self.rows))

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = state_dict["rows"]
        self.resumed_after = self.rows[-1]["epoch"]


class TrainingBar(Callback):
    """A bar over the batches of all epochs, named after the epoch as History's lines name it; it vanishes at the end.

    Lightning's own counts epochs from 0 and stays.
    """

    def __init__(self, progress: bool = True) -> None:
        self.progress = progress

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.bar = progress_bar(total=trainer.max_epochs * trainer.num_training_batches, progress=self.progress)
        self.bar.initial = self.bar.n = trainer.current_epoch * trainer.num_training_batches  # more than 0: resumed

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.bar.set_description(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}")

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.bar.update()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.bar.close()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        if hasattr(self, "bar"):
            self.bar.close()
