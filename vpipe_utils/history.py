"""What a run did, epoch by epoch: a table on disk and a quiet line for whoever watches."""

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

from vpipe_utils.runs import atomic_path

WATCH_SECONDS = 20.0


class History(Callback):
    """One row a validated epoch: epoch (from 1), train_loss, val_loss, val_mAP, lr, samples_per_s, seconds.

    train_loss, samples_per_s and seconds are of the training since the row before. The rows travel in the checkpoint,
    so a resumed run continues the table it had at that checkpoint. `watch` is called with the table, but not more often
    than every WATCH_SECONDS: drawing must not cost more than the epochs it draws.
    """

    def __init__(self, path: Path, watch: Callable[[pd.DataFrame], object] | None = None) -> None:
        self.path, self.watch = path, watch
        self.watched = time.perf_counter()
        self.rows: list[dict[str, Any]] = []
        self.resumed_after = 0
        self._reset()

    def _reset(self) -> None:
        self.losses: list[Tensor] = []  # kept as tensors: reading one waits for the GPU
        self.samples, self.seconds = 0, 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.losses.append(outputs["loss"].detach() * trainer.accumulate_grad_batches)
        self.samples += len(batch[1])
        if trainer.is_last_batch:
            self.seconds += time.perf_counter() - self.started

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        row = {
            "epoch": trainer.current_epoch + 1,
            "train_loss": float(torch.stack(self.losses).mean()),
            "val_loss": logged["val_loss"],
            "val_mAP": logged["val_mAP"],
            "lr": trainer.optimizers[0].param_groups[0]["lr"],
            "samples_per_s": self.samples / max(self.seconds, 1e-9),
            "seconds": self.seconds,
        }
        self._reset()
        self.rows.append(row)
        with atomic_path(self.path) as part:
            pd.DataFrame(self.rows).to_csv(part, index=False)
        print(
            f"epoch {row['epoch']:3d}/{trainer.max_epochs}  train loss {row['train_loss']:.3f}  "
            f"val loss {row['val_loss']:.3f}  val mAP {row['val_mAP']:.3f}  {row['samples_per_s']:.0f} samples/s",
            flush=True,
        )
        if self.watch and time.perf_counter() - self.watched > WATCH_SECONDS:
            self.watch(pd.DataFrame(self.rows))
            self.watched = time.perf_counter()

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self.watch:
            self.watch(pd.DataFrame(self.rows))

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = state_dict["rows"]
        self.resumed_after = self.rows[-1]["epoch"]
