"""The training loop of all three approaches: one LightningModule and `fit`."""

from __future__ import annotations

import contextlib
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from timm.layers.ml_decoder import MLDecoder
from timm.loss import AsymmetricLossMultiLabel
from torch import Tensor, nn
from torch.utils.data import DataLoader

from vpipe_utils.evaluation.metrics import mean_average_precision
from vpipe_utils.learning.device import Device, sentence_for_lack_of_memory, this_device
from vpipe_utils.learning.history import History, TrainingBar
from vpipe_utils.learning.inference import pool_frames
from vpipe_utils.learning.inputs import make_input
from vpipe_utils.learning.models import build_model, keep_statistics
from vpipe_utils.learning.params import FrameParams, TrainParams
from vpipe_utils.learning.weights.checkpoints import CHECKPOINT, BestWeights, DirectFiles, Ema, best_epoch, load_best
from vpipe_utils.project.seeds import derive_seed

# Matrices and filters: the parameters by which inputs are multiplied and summed, of each type of layer.
DECAYING = (
    ((nn.Linear, nn.modules.conv._ConvNd), ("weight",)),
    ((nn.MultiheadAttention,), ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")),
    ((MLDecoder,), ("duplicate_pooling",)),  # its classifier, a row a class; its queries are fixed
)
TRIALS_PAY = 10_000  # training steps, our choice: on an H200 cuDNN's trials take half a minute, a small step 18 ms
QUIET = (  # warnings of the libraries that tell a reader nothing
    ".*does not have many workers.*",
    ".*meshgrid.*",
    ".*Checkpoint directory .* exists.*",
    ".*LeafSpec.*",
    ".*lr_scheduler.step.*",
    ".*in eval mode at the start.*",  # batch norm, where we want it
    ".*have no .val_dataloader.*",
    ".*srun.* command is available.*",
)


class Labeller(L.LightningModule):
    """A network that says which classes a video shows, with its loss, optimizer and schedule (paper, Table IV)."""

    def __init__(self, params: TrainParams, seed: int, fused: bool = False) -> None:
        super().__init__()
        self.params, self.seed, self.fused = params, seed, fused
        self.network = build_model(params)
        if params.compile:
            self.network.compile()
        self.loss = make_loss(params)
        self.validation: list[tuple[Tensor, Tensor]] = []

    def on_train_epoch_start(self) -> None:
        # Everything random in an epoch follows from the seed and the epoch, so a resumed run repeats it exactly.
        # The first of several processes draws what a single one would.
        others = [self.global_rank] if self.global_rank else []
        seed = derive_seed(self.seed, "epoch", self.current_epoch, *others)
        self.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        tiles, targets = batch
        loss = self.loss(self.network(make_input(tiles, self.params, self.generator)), targets)
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the loss is {loss.item()} in epoch {self.current_epoch}, step {self.global_step}, batch {batch_idx}: "
                "lower lr or grad_clip, or set precision to 32"
            )
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        tiles, targets = batch
        logits = self.network(make_input(tiles, self.params)).float()
        if isinstance(self.params, FrameParams):  # one frame score each; the video's score is pooled as in the paper
            probabilities = logits.sigmoid().reshape(len(targets), -1, logits.shape[-1])
            scores = torch.from_numpy(pool_frames(probabilities.cpu().numpy(), self.params.pooling))
            loss = self.loss(logits, targets.repeat_interleave(len(logits) // len(targets), dim=0))
        else:
            scores, loss = logits.sigmoid(), self.loss(logits, targets)
        self.log("val_loss", loss, batch_size=len(targets), sync_dist=self.trainer.world_size > 1)
        self.validation.append((scores.cpu(), targets.cpu()))

    def on_validation_epoch_end(self) -> None:
        scores, targets = (torch.cat(part).numpy() for part in zip(*self.validation, strict=True))
        self.validation.clear()
        if (processes := self.trainer.world_size) > 1:  # each has validated a part of the videos
            parts: list[Any] = [None] * processes
            torch.distributed.all_gather_object(parts, (scores, targets))
            scores, targets = (np.concatenate(part) for part in zip(*parts, strict=True))
        self.log("val_mAP", float(mean_average_precision(targets, scores)))

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip by the norm of all gradients together. Lightning refuses a fused optimizer under mixed precision."""
        if gradient_clip_val:
            scaler = getattr(self.trainer.precision_plugin, "scaler", None)
            if scaler is not None and self.fused:  # fp16: a fused update would unscale by itself, after the clipping
                scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), gradient_clip_val)

    def configure_optimizers(self) -> dict[str, object]:
        groups = parameter_groups(self.network, self.params)
        optimizer = torch.optim.AdamW(groups, fused=self.fused or None)  # fused: a GPU's update in one kernel
        shape = one_cycle if self.params.schedule == "onecycle" else constant_rate
        schedule = shape(optimizer, int(self.trainer.estimated_stepping_batches), self.params.warmup)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def one_cycle(optimizer: torch.optim.Optimizer, updates: int, warmup: float) -> torch.optim.lr_scheduler.OneCycleLR:
    """OneCycle (arXiv 1708.07120) over `updates` steps to each group's lr, the first share `warmup` of them rising."""
    total = max(2, updates)
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=total,
        # A rise that ends with the very first update has no length, and PyTorch divides by it.
        pct_start=max(warmup, 1.5 / total) if warmup else 0.0,
    )


def constant_rate(optimizer: torch.optim.Optimizer, updates: int, warmup: float) -> torch.optim.lr_scheduler.LambdaLR:
    """Each group's lr all the time, but for a straight rise in the first share `warmup` of `updates` steps.

    So schedule and warm-up can be changed apart (Table IV has them as two tricks).
    """
    rising = warmup * updates
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / (rising + 1)))


def make_loss(params: TrainParams) -> nn.Module:
    """Asymmetric loss (arXiv 2009.14119) or binary cross-entropy, summed over classes, averaged over samples."""
    if params.loss == "bce":
        return AsymmetricLossMultiLabel(gamma_neg=0, gamma_pos=0, clip=None)
    return AsymmetricLossMultiLabel(params.asl_gamma_negative, params.asl_gamma_positive, params.asl_clip or None)


def parameter_groups(network: nn.Module, params: TrainParams) -> list[dict[str, object]]:
    """AdamW groups: weight decay on matrices and filters only; the fresh head learns `head_lr_factor` times faster.

    A parameter decays by what it is, not by its dimensions: `DECAYING` names the matrices and filters, and what a
    module's own `no_weight_decay()` names is spared. So biases, norms, gains of scaled convolutions (NFNet, arXiv
    2102.06171), layer scale, position tables and embeddings and class tokens (Swin, EVA) keep their size.
    """
    head = {id(p) for p in network.head_parameters()}
    spared = set()
    for module in network.modules():
        patterns = module.no_weight_decay() if hasattr(module, "no_weight_decay") else ()
        spared |= {id(p) for pattern in patterns for name, p in module.named_parameters() if fnmatch(name, pattern)}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, p in network.named_parameters():
        if p.requires_grad:
            place, _, kind = name.rpartition(".")
            owner = network.get_submodule(place)
            decays = any(isinstance(owner, types) and kind in kinds for types, kinds in DECAYING)
            groups.setdefault((id(p) in head, decays and id(p) not in spared), []).append(p)
    return [
        {
            "params": members,
            "lr": params.lr * params.lr_factor * (params.head_lr_factor if in_head else 1.0),
            "weight_decay": params.weight_decay if decays else 0.0,
        }
        for (in_head, decays), members in groups.items()
    ]


def make_trainer(
    params: TrainParams, device: Device, callbacks: list[Callback], processes: int = 1, **more: Any
) -> L.Trainer:
    """Lightning's trainer for one run, with nothing that the callbacks do not ask for.

    On one device, or in one of several `processes` that `several.launch` has started: each then has a device, and what
    the trainer's loaders give is its own part of every batch.
    """
    several = processes > 1
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # not the list of devices it did not find
    with quiet_libraries():
        return L.Trainer(
            accelerator=device.type,
            devices=processes,
            strategy="ddp" if several else "auto",
            sync_batchnorm=several and device.type == "cuda",  # PyTorch has it for GPUs alone
            use_distributed_sampler=False,
            # One process, also inside a Slurm allocation of several tasks, which Lightning would wait for.
            plugins=[
                device.precision_plugin(params.precision),
                TorchElasticEnvironment() if several else LightningEnvironment(),
                DirectFiles(),
            ],
            accumulate_grad_batches=params.accumulate,
            gradient_clip_val=params.grad_clip or None,
            num_sanity_val_steps=0,
            callbacks=callbacks,
            logger=False,
            enable_model_summary=False,
            deterministic="warn" if device.type == "cpu" else False,
            **more,
        )


def fit(
    params: TrainParams,
    seed: int,
    train: DataLoader,
    validation: DataLoader,
    folder: Path,
    progress: bool = True,
    watch: Callable[[pd.DataFrame], object] | None = None,
    device: Device | None = None,
    processes: int = 1,
) -> tuple[nn.Module, dict[str, object]]:
    """Train as `params` says; returns the network with the best validated (EMA) weights, and figures of the run.

    While it runs, `folder` holds history.csv, the state of the last validated epoch and the weights of the best; the
    same call after a kill goes on from there. The caller removes them (`remove_checkpoints`) when the run's artefacts
    are written. `watch` is given the history after a validation, at most every few seconds, and at the end: to draw it
    as it grows. `device` is `this_device()` where it is not given. `processes`: this is one of so many, see
    `make_trainer`.
    Raises FloatingPointError where the loss is not finite and MemoryError where memory runs out, both with what to do.
    The figures: weights (what was loaded), best_epoch (from 1), epochs, resumed_after (the epoch this call went on
    from, 0: the start), val_mAP (of the kept weights, in [0, 1]), train_seconds (of this call), samples_per_s
    (training), validated_per_s (videos), precision, device.
    """
    device = device or this_device()
    L.seed_everything(seed, workers=True, verbose=False)
    history = History(folder / "history.csv", watch)
    ema = Ema(params.ema_decay) if params.ema else None
    # Writes CHECKPOINT after every validation, when all other callbacks have done their part.
    last = ModelCheckpoint(folder, Path(CHECKPOINT).stem, enable_version_counter=False, save_on_train_epoch_end=False)
    keeping = [history, BestWeights(folder, history, ema), last]
    trainer = make_trainer(
        params,
        device,
        [*([ema] if ema else []), *keeping, TrainingBar(progress)],
        processes,
        benchmark=device.tuned and params.epochs * len(train) >= TRIALS_PAY,
        max_epochs=params.epochs,
        check_val_every_n_epoch=min(params.validate_every, params.epochs),
        enable_progress_bar=False,
    )
    started = time.perf_counter()
    checkpoint = folder / CHECKPOINT
    with quiet_libraries(), sentence_for_lack_of_memory(params):
        labeller = Labeller(params, seed, device.fused)
        if len(next(iter(train.batch_sampler))) == 1:
            keep_statistics(labeller.network)
        trainer.fit(labeller, train, validation, ckpt_path=str(checkpoint) if checkpoint.is_file() else None)
    seconds = time.perf_counter() - started
    rows = history.rows
    kept = best_epoch(rows)
    network = labeller.network.cpu()
    load_best(network, folder, kept)
    figures = {
        "weights": str(network.loaded or "random start"),
        "best_epoch": kept,
        "epochs": params.epochs,
        "resumed_after": history.resumed_after,
        "val_mAP": max(row["val_mAP"] for row in rows),
        "train_seconds": seconds,
        "samples_per_s": float(np.median([row["samples_per_s"] for row in rows])),
        "validated_per_s": float(np.median([row["validated_per_s"] for row in rows])),
        "precision": device.precision(params.precision),
        "device": device.name,
    }
    return network, figures


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Without the warnings of the libraries that tell a reader nothing."""
    with warnings.catch_warnings():
        for message in QUIET:
            warnings.filterwarnings("ignore", message=message)
        yield
