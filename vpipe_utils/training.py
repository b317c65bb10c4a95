"""The training loop of all three approaches: one LightningModule and `fit`."""

from __future__ import annotations

import contextlib
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import lightning.pytorch as L
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, WeightAveraging
from timm.loss import AsymmetricLossMultiLabel
from torch import Tensor, nn
from torch.utils.data import DataLoader

from vpipe_utils.history import History
from vpipe_utils.inputs import make_input
from vpipe_utils.metrics import mean_average_precision
from vpipe_utils.models import build_model
from vpipe_utils.params import FrameParams, TrainParams
from vpipe_utils.progress import shows_bars
from vpipe_utils.runs import derive_seed

CHECKPOINT = "checkpoint.ckpt"  # of the last validated epoch; there only while a run is unfinished
BEST = "best.ckpt"
# Focusing (gamma negative, gamma positive, clip) before the full loss; its authors' advice where it starts too large.
ASL_LADDER = ((0.0, 0.0, 0.0), (2.0, 2.0, 0.0), (2.0, 1.0, 0.0))
QUIET = (  # warnings of the libraries that tell a reader nothing
    ".*does not have many workers.*",
    ".*meshgrid.*",
    ".*Checkpoint directory .* exists.*",
    ".*LeafSpec.*",
    ".*lr_scheduler.step.*",
)


class Labeller(L.LightningModule):
    """A network that says which classes a video shows, with its loss, optimizer and schedule (report, Table IV)."""

    def __init__(self, params: TrainParams, seed: int) -> None:
        super().__init__()
        self.params, self.seed = params, seed
        self.network = build_model(params)
        if params.compile:
            self.network.compile()
        self.loss = make_loss(params)
        self.validation: list[tuple[Tensor, Tensor]] = []

    def on_train_epoch_start(self) -> None:
        # Everything random in an epoch follows from the seed and the epoch, so a resumed run repeats it exactly.
        seed = derive_seed(self.seed, "epoch", self.current_epoch)
        self.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        if self.params.asl_ladder:
            set_focusing(self.loss, self.params, self.current_epoch / self.params.epochs)

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
        if isinstance(self.params, FrameParams):  # one frame score each; the video's score is pooled as in the report
            probabilities = logits.sigmoid().reshape(len(targets), -1, logits.shape[-1])
            pooled = {"mean": lambda p: p.mean(1), "max": lambda p: p.amax(1), "median": lambda p: p.median(1).values}
            scores = pooled[self.params.pooling](probabilities)
            loss = self.loss(logits, targets.repeat_interleave(len(logits) // len(targets), dim=0))
        else:
            scores, loss = logits.sigmoid(), self.loss(logits, targets)
        self.log("val_loss", loss, batch_size=len(targets))
        self.validation.append((scores.cpu(), targets.cpu()))

    def on_validation_epoch_end(self) -> None:
        scores, targets = (torch.cat(part).numpy() for part in zip(*self.validation, strict=True))
        self.validation.clear()
        self.log("val_mAP", float(mean_average_precision(targets, scores)))

    def configure_optimizers(self) -> dict[str, object]:
        # Lightning cannot clip the gradients that a fused optimizer unscales by itself (fp16).
        fused = self.device.type == "cuda" and choose_precision(self.params.precision) != "16-mixed"
        optimizer = make_optimizer(self.network, self.params, fused)
        if self.params.schedule == "constant":
            return {"optimizer": optimizer}
        schedule = one_cycle(optimizer, int(self.trainer.estimated_stepping_batches), self.params.warmup)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


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


def make_loss(params: TrainParams) -> nn.Module:
    """Asymmetric loss (arXiv 2009.14119) or binary cross-entropy, summed over classes, averaged over samples."""
    if params.loss == "bce":
        return AsymmetricLossMultiLabel(gamma_neg=0, gamma_pos=0, clip=None)
    return AsymmetricLossMultiLabel(params.asl_gamma_negative, params.asl_gamma_positive, params.asl_clip or None)


def set_focusing(loss: nn.Module, params: TrainParams, done: float) -> None:
    """Set the loss to its rung of `ASL_LADDER`, `done` (in [0, 1)) of the epochs being over; validation shares it."""
    full = (params.asl_gamma_negative, params.asl_gamma_positive, params.asl_clip)
    rung = int(len(ASL_LADDER) * done / params.asl_ladder) if params.asl_ladder else len(ASL_LADDER)
    loss.gamma_neg, loss.gamma_pos, clip = ASL_LADDER[rung] if rung < len(ASL_LADDER) else full
    loss.clip = clip or None


def make_optimizer(network: nn.Module, params: TrainParams, fused: bool = False) -> torch.optim.AdamW:
    """AdamW over `parameter_groups`; `fused` does a GPU's update in one kernel."""
    return torch.optim.AdamW(parameter_groups(network, params), fused=fused or None)


def parameter_groups(network: nn.Module, params: TrainParams) -> list[dict[str, object]]:
    """AdamW groups: weight decay on matrices and filters only; the fresh head learns `head_lr_factor` times faster."""
    head = {id(p) for p in network.head_parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for p in network.parameters():
        if p.requires_grad:
            groups.setdefault((id(p) in head, p.ndim > 1), []).append(p)
    return [
        {
            "params": members,
            "lr": params.lr * (params.head_lr_factor if in_head else 1.0),
            "weight_decay": params.weight_decay if decays else 0.0,
        }
        for (in_head, decays), members in groups.items()
    ]


def choose_precision(precision: str) -> str:
    """Lightning's name for `params.precision`; `auto` is bf16 on GPUs that have it, fp16 on others, 32 bit on CPUs."""
    if precision == "auto":
        if not torch.cuda.is_available():
            precision = "32"
        else:
            precision = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "16"
    return {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}[precision]


@contextlib.contextmanager
def sentence_for_lack_of_memory(params: TrainParams) -> Iterator[None]:
    """Say which parameters to turn when the GPU's or the machine's memory does not suffice."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch has a class of its own for GPUs alone
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        place = "the GPU" if isinstance(error, torch.OutOfMemoryError) else "this machine"
        turn = f"lower batch_size (now {params.batch_size}) and raise accumulate (now {params.accumulate}) by as much"
        more = "" if params.grad_checkpointing else ", or set grad_checkpointing to true"
        raise MemoryError(
            f"the memory of {place} does not hold '{params.model}': {turn}, which gives the same updates{more}, or "
            f"lower input_tile (now {params.input_tile} px)"
        ) from error


def fit(
    params: TrainParams,
    seed: int,
    train: DataLoader,
    validation: DataLoader,
    folder: Path,
    progress: bool = True,
    watch: Callable[[pd.DataFrame], object] | None = None,
) -> tuple[nn.Module, dict[str, object]]:
    """Train as `params` says; returns the network with the best validated (EMA) weights, and figures of the run.

    While it runs, `folder` holds history.csv and the checkpoints of the best and of the last validated epoch; the same
    call after a kill goes on from there. The caller removes the checkpoints when the run's artefacts are written.
    `watch` is given the history after a validation, at most every few seconds, and at the end: to draw it as it grows.
    Raises FloatingPointError where the loss is not finite and MemoryError where memory runs out, both with what to do.
    The figures: weights (what was loaded), best_epoch (from 1), epochs, val_mAP (of the kept weights, in [0, 1]),
    train_seconds (of this call), samples_per_s, precision, device.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # not the list of devices it did not find
    L.seed_everything(seed, workers=True, verbose=False)
    history = History(folder / "history.csv", watch)
    # Not weights only: Lightning would then save the current weights in place of the averaged ones.
    best = ModelCheckpoint(folder, Path(BEST).stem, monitor="val_mAP", mode="max", enable_version_counter=False)
    last = ModelCheckpoint(folder, Path(CHECKPOINT).stem, enable_version_counter=False, save_on_train_epoch_end=False)
    averaging = [Ema(params.ema_decay)] if params.ema else []
    trainer = L.Trainer(
        max_epochs=params.epochs,
        precision=choose_precision(params.precision),
        accumulate_grad_batches=params.accumulate,
        gradient_clip_val=params.grad_clip or None,
        check_val_every_n_epoch=min(params.validate_every, params.epochs),
        num_sanity_val_steps=0,
        callbacks=[*averaging, history, best, last],
        logger=False,
        enable_progress_bar=progress and shows_bars(),
        enable_model_summary=False,
        devices=1,
        deterministic="warn" if not torch.cuda.is_available() else False,
        benchmark=torch.cuda.is_available(),
    )
    labeller = Labeller(params, seed)
    started = time.perf_counter()
    with warnings.catch_warnings():
        for message in QUIET:
            warnings.filterwarnings("ignore", message=message)
        checkpoint = folder / CHECKPOINT
        with sentence_for_lack_of_memory(params):
            trainer.fit(labeller, train, validation, ckpt_path=str(checkpoint) if checkpoint.is_file() else None)
    seconds = time.perf_counter() - started
    state = torch.load(folder / BEST, map_location="cpu", weights_only=False)["state_dict"]
    network = labeller.network.cpu()
    network.load_state_dict({k.removeprefix("network."): v for k, v in state.items() if k.startswith("network.")})
    rows = history.rows
    kept = int(np.nanargmax([row["val_mAP"] for row in rows]))
    figures = {
        "weights": str(network.loaded or "random start"),
        "best_epoch": rows[kept]["epoch"],
        "epochs": params.epochs,
        "val_mAP": rows[kept]["val_mAP"],
        "train_seconds": seconds,
        "samples_per_s": float(np.median([row["samples_per_s"] for row in rows])),
        "precision": choose_precision(params.precision),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
    }
    return network, figures
