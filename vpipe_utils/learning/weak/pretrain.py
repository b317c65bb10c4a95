"""Self-supervised pretraining on the frames of a fold's training clips, without their labels: SimCLR or MAE.

The paper pretrains "on the dataset" (section V) and does not say on which clips. Here no frame of a validation or
held-out clip is read. What comes of it is a file, `pretrained.safetensors`, which holds the fingerprint of all that
decides it: a run that was killed goes on with the file, or inside a pretraining with the state of its last epoch.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import lightning.pytorch as L
import torch
from safetensors import safe_open
from safetensors.torch import load_model, save_model
from timm.optim import param_groups_weight_decay
from torch import Tensor, nn
from torch.utils.data import DataLoader

from vpipe_utils.learning.device import Device, sentence_for_lack_of_memory, this_device
from vpipe_utils.learning.fold_run import claim
from vpipe_utils.learning.training import one_cycle
from vpipe_utils.learning.weak.encoders import FrameEncoder, reference_encoder, vit_encoder
from vpipe_utils.learning.weak.fold import WeakFold
from vpipe_utils.learning.weak.mae import MaskedAutoencoder
from vpipe_utils.learning.weak.params import WeakParams
from vpipe_utils.learning.weak.simclr import SimCLR
from vpipe_utils.learning.weak.views import mae_change, simclr_change, view_loader
from vpipe_utils.project.progress import progress_bar
from vpipe_utils.project.seeds import derive_seed
from vpipe_utils.storage.files import atomic_path, make_folder
from vpipe_utils.storage.tables import read_json, write_json

PARTS, SPENT = ("method", "optimizer", "schedule", "scaler"), ("losses", "seconds", "cpu_seconds")
PRETRAINED, NOTES = "pretrained.safetensors", "pretraining.json"


class Method(Protocol):
    """A way of learning from frames alone: `encoder` is kept, a call with a batch of views gives the loss."""

    encoder: FrameEncoder
    views: int

    def __call__(self, views: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Pretrained:
    """A frozen encoder and how it came about.

    `fingerprint`: of what decides its weights. `notes`: frames (that passed forwards and backwards), budget (those that
    may pass), seconds, cpu_seconds, losses (one an update). `method`: the whole network, for a look at what it does;
    None where the encoder comes from ImageNet.
    """

    encoder: FrameEncoder
    fingerprint: str
    notes: dict[str, Any]
    method: nn.Module | None = None


def build(kind: str, weak: WeakFold) -> nn.Module:
    """SimCLR on the reference's network or MAE on a small vision transformer, untrained (or, for SimCLR, from ImageNet
    where simclr_start says so)."""
    if kind == "simclr":
        encoder = reference_encoder(weak.reference, weak.params.simclr_start == "imagenet")
        return SimCLR(encoder, weak.params)
    return MaskedAutoencoder(vit_encoder(weak.params), weak.params)


def loader_of(kind: str, weak: WeakFold) -> DataLoader:
    """Views of the frames of the training clips, and of no others."""
    params = weak.params
    change, views = (simclr_change(params), 2) if kind == "simclr" else (mae_change(params), 1)
    size = params.simclr_batch if kind == "simclr" else params.mae_batch
    data, run = weak.data, weak.reference
    return view_loader(data.cache, data.train_videos, change, views, run.grid**2, size, weak.seed(kind), run)


def pretrain(weak: WeakFold, kind: str, progress: bool = True) -> Pretrained:
    """The encoder of one kind of features, `simclr`, `mae` or `imagenet`: trained, or as an earlier call left it.

    Raises FloatingPointError where the loss is not finite, MemoryError where memory runs out.
    """
    if kind == "imagenet":
        encoder = reference_encoder(weak.reference, imagenet=True)
        print_of = weak.fingerprint("learning/weak/encoders", backbone=weak.reference.backbone)
        return Pretrained(encoder.eval(), print_of, {"frames": 0, "budget": 0, "seconds": 0.0, "cpu_seconds": 0.0})
    folder = make_folder(weak.folder(kind))
    claim(folder)
    fingerprint = _fingerprint(weak, kind)
    L.seed_everything(weak.seed(kind), workers=True, verbose=False)
    method = build(kind, weak)
    file = folder / PRETRAINED
    if fingerprint_in(file) == fingerprint:
        load_model(method, file)
        return Pretrained(method.encoder, fingerprint, read_json(folder / NOTES), method.eval())
    notes = _train(weak, kind, method, folder, fingerprint, progress)
    method.cpu().eval()
    write_json(notes, folder / NOTES)
    with atomic_path(file) as part:  # last: where it is, its notes are
        save_model(method, str(part), {"fingerprint": fingerprint})
    for state in folder.glob("*.ckpt"):
        state.unlink()
    return Pretrained(method.encoder, fingerprint, notes, method)


def _fingerprint(weak: WeakFold, kind: str) -> str:
    """Of the parameters, the training clips (not of the others, which are never read) and the code."""
    own = weak.values(kind, "pretrain", "weak_tile", "weak_budget")
    run = weak.reference
    shared = {key: getattr(run, key) for key in ("epochs", "grid", "input_tile", "precision", "grad_clip")}
    if kind == "simclr":
        shared |= {"backbone": run.backbone, "arguments": run.backbone_args}
    clips = {fold: digest for fold, digest in weak.data.clips.items() if fold != f"fold_{run.fold}"}
    return weak.fingerprint("learning/weak/pretrain", **own, **shared, clips=clips, seed=weak.seed(kind))


def fingerprint_in(file: Path) -> str | None:
    """The fingerprint in a file of tensors; None where there is no whole one."""
    try:
        with safe_open(file, framework="pt") as held:
            return (held.metadata() or {}).get("fingerprint")
    except Exception:  # missing, damaged, of another program: it is made again
        return None


def _train(weak: WeakFold, kind: str, method: Method, folder: Path, fingerprint: str, progress: bool) -> dict[str, Any]:
    """Train `method` for its share of passes, or go on after the last whole epoch; gives the notes of `Pretrained`.

    A loop of its own, short as it is: Lightning's reads a batch twice when it resumes where no validation was.
    """
    params, run, device = weak.params, weak.reference, this_device()
    train = loader_of(kind, weak)
    passed = method.views * train.batch_size  # frames an update
    updates = max(1, weak.budget // passed)
    state = State(method.to(device.type), params, kind, updates, device, run.precision)
    file = folder / f"{fingerprint[:16]}.ckpt"
    for other in folder.glob("*.ckpt"):
        if other != file:
            other.unlink()
    if file.is_file():
        state.load(file)
    bar = progress_bar(total=updates, description=kind, progress=progress)
    bar.update(len(state.losses))
    with sentence_for_lack_of_memory(run):
        for epoch in range(len(state.losses) // len(train), -(-updates // len(train))):
            train.sampler.set_epoch(epoch)
            began, losses = (time.perf_counter(), time.process_time()), []
            for (views,) in islice(train, updates - epoch * len(train)):
                # Random numbers follow from the seed and the update, so a run that goes on repeats them exactly.
                update = len(state.losses) + len(losses)
                torch.manual_seed(derive_seed(weak.seed(kind), "update", update))
                losses.append(state.update(views.to(device.type, non_blocking=True), run.grad_clip))
                bar.update()
            state.losses += _finite(losses)
            state.seconds += time.perf_counter() - began[0]
            state.cpu_seconds += time.process_time() - began[1]
            state.save(file)
    bar.close()
    spent = {"seconds": state.seconds, "cpu_seconds": state.cpu_seconds, "losses": state.losses}
    return {"kind": kind, "frames": updates * passed, "budget": weak.budget, **spent}


def _finite(losses: list[Tensor]) -> list[float]:
    """The losses of an epoch as numbers, read once, for each reading waits for the GPU."""
    found = torch.stack(losses).tolist()
    for update, loss in enumerate(found):
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the loss of the pretraining is {loss} in update {update} of an epoch: lower simclr_lr or mae_lr, "
                "or set precision to 32"
            )
    return found


class State:
    """A method in training, with its optimizer and schedule; `save` and `load` carry all of it over a kill."""

    def __init__(
        self, method: Method, params: WeakParams, kind: str, updates: int, device: Device, precision: str
    ) -> None:
        self.method, self.context = method, lambda: device.autocast(precision)
        lr = params.simclr_lr if kind == "simclr" else params.mae_lr
        groups = param_groups_weight_decay(method, params.pretrain_weight_decay)
        self.optimizer = torch.optim.AdamW(groups, lr=lr)
        self.schedule = one_cycle(self.optimizer, updates, params.pretrain_warmup)
        self.scaler = torch.amp.GradScaler(device.type, enabled=device.precision(precision) == "16")
        self.losses: list[float] = []
        self.seconds = self.cpu_seconds = 0.0

    def update(self, views: Tensor, grad_clip: float) -> Tensor:
        """One step on a batch; gives its loss, detached."""
        self.method.train()
        with self.context():
            loss = self.method(views)
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        if grad_clip:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.method.parameters(), grad_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        return loss.detach()

    def save(self, file: Path) -> None:
        parts = {name: getattr(self, name).state_dict() for name in PARTS}
        with atomic_path(file) as part:
            torch.save(parts | {name: getattr(self, name) for name in SPENT}, part)

    def load(self, file: Path) -> None:
        held = torch.load(file, map_location="cpu", weights_only=True)
        for name in PARTS:
            getattr(self, name).load_state_dict(held[name])
        for name in SPENT:
            setattr(self, name, held[name])
