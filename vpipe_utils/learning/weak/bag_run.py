"""One run of notebook 09: a head on the bags of one kind of features, validated on the fold like any other run.

The folder of a run holds what those of notebooks 03 to 05 hold. The weights are the head's; the encoder's lie once
beside its features.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pandas as pd
import torch
from safetensors.torch import save_model
from timm.optim import param_groups_weight_decay
from torch import Tensor, nn

from vpipe_utils.evaluation.metrics import average_precision, mean_average_precision
from vpipe_utils.evaluation.predictions import as_table, write_predictions
from vpipe_utils.learning.device import this_device
from vpipe_utils.learning.fold_run import WEIGHTS
from vpipe_utils.learning.models import count_parameters
from vpipe_utils.learning.training import make_loss, one_cycle
from vpipe_utils.learning.weak.features import Bags, make_bags
from vpipe_utils.learning.weak.fold import WeakFold
from vpipe_utils.learning.weak.heads import BagClassifier
from vpipe_utils.learning.weak.pretrain import Pretrained, pretrain
from vpipe_utils.project.provenance import provenance
from vpipe_utils.storage.files import atomic_path, make_folder
from vpipe_utils.storage.tables import read_json, write_json

LOSS = ("loss", "asl_gamma_negative", "asl_gamma_positive", "asl_clip", "warmup")  # what a head takes of the reference
METRICS = "metrics.json"  # written last: where it is, the run is whole


def run_fold(weak: WeakFold, progress: bool = True) -> list[dict[str, Any]]:
    """All heads on all features that the parameters name, one kind of features in memory at a time; their metrics.

    Stages that an earlier call finished are read, not done again.
    """
    found = []
    for kind in weak.params.weak_features:
        pretrained = pretrain(weak, kind, progress)
        bags = make_bags(weak, kind, pretrained, progress)
        found += [run_head(weak, kind, head, pretrained, bags) for head in weak.params.weak_heads]
    return found


def run_head(weak: WeakFold, kind: str, head: str, pretrained: Pretrained, bags: Bags) -> dict[str, Any]:
    """Train `head` on the bags of the training clips, write the run's files, give what metrics.json holds.

    A run that is there already, of the same features, parameters and code, is not trained again. Held-out clips are
    predicted, their labels are not read.
    """
    name = f"{kind}_{head}"
    folder = make_folder(weak.folder(name))
    loss = {key: getattr(weak.reference, key) for key in LOSS}
    decides = {"bags": bags.fingerprint, "clips": weak.data.clips, **weak.values("bag_"), **loss}
    fingerprint = weak.fingerprint("learning/weak/bag_run", head=head, seed=weak.seed(name), **decides)
    if (folder / METRICS).is_file() and read_json(folder / METRICS)["fingerprint"] == fingerprint:
        return read_json(folder / METRICS)
    (folder / METRICS).unlink(missing_ok=True)
    weak.params.save(folder)
    write_json(provenance(), folder / "provenance.json")
    network, rows, spent = fit_head(weak, head, weak.seed(name), bags)
    with atomic_path(folder / "history.csv") as part:
        pd.DataFrame(rows).to_csv(part, index=False)
    with atomic_path(folder / WEIGHTS) as part:
        save_model(network, str(part))
    scores = _write(weak, network, "val", weak.data.val_videos, bags, folder)
    _write(weak, network, "test", weak.held_out, bags, folder)
    targets, codes = weak.data.targets(weak.data.val_videos), weak.params.class_codes
    best = max(rows, key=lambda row: row["val_mAP"])
    metrics = {
        "approach": "weak",
        "model": name,
        "fold": weak.reference.fold,
        "repetition": weak.repetition,
        "features": kind,
        "head": head,
        "parameters": count_parameters(network) + count_parameters(pretrained.encoder),
        "head_parameters": count_parameters(network),
        "best_epoch": best["epoch"],
        "epochs": weak.params.bag_epochs,
        "val_mAP": float(mean_average_precision(targets, scores)),
        "val_AP": dict(zip(codes, map(float, average_precision(targets, scores)), strict=True)),
        "train_videos": len(weak.data.train_videos),
        "val_videos": len(weak.data.val_videos),
        "budget_frames": pretrained.notes["budget"],
        "frames_passed": pretrained.notes["frames"],
        "pretrain_cpu_seconds": pretrained.notes["cpu_seconds"],
        "features_cpu_seconds": bags.cpu_seconds,
        "train_seconds": pretrained.notes["seconds"] + bags.seconds + spent[0],
        "train_cpu_seconds": pretrained.notes["cpu_seconds"] + bags.cpu_seconds + spent[1],
        "device": this_device().name,
        "fingerprint": fingerprint,
    }
    write_json(metrics, folder / METRICS)
    return read_json(folder / METRICS)


def fit_head(
    weak: WeakFold, head: str, seed: int, bags: Bags
) -> tuple[nn.Module, list[dict[str, float]], tuple[float, float]]:
    """Train one head with the loss of the reference run; the weights with the best validated mAP are kept.

    Gives the network on the CPU, the rows of history.csv, and seconds and CPU-seconds.
    """
    params, device = weak.params, this_device()
    L.seed_everything(seed, workers=True, verbose=False)
    train, targets = (part.to(device.type) for part in _bags_and_targets(weak, bags, weak.data.train_videos))
    network = BagClassifier(head, train, len(params.class_codes), params).to(device.type)
    loss_of = make_loss(weak.reference)
    steps = -(-len(train) // params.bag_batch)
    groups = param_groups_weight_decay(network, params.bag_weight_decay)
    optimizer = torch.optim.AdamW(groups, lr=params.bag_lr)
    schedule = one_cycle(optimizer, steps * params.bag_epochs, weak.reference.warmup)
    began, rows, best = (time.perf_counter(), time.process_time()), [], -1.0
    losses: list[float] = []
    for epoch in range(1, params.bag_epochs + 1):
        network.train()
        for chosen in torch.randperm(len(train)).split(params.bag_batch):
            loss = loss_of(network(train[chosen]), targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        if epoch % params.bag_validate_every and epoch < params.bag_epochs:
            continue
        row = {"epoch": epoch, "train_loss": sum(losses) / len(losses), **_validate(weak, network, loss_of, bags)}
        rows.append(row | {"lr": schedule.get_last_lr()[0]})
        losses.clear()
        if row["val_mAP"] > best:
            best = row["val_mAP"]
            kept = {name: value.detach().clone() for name, value in network.state_dict().items()}
    network.load_state_dict(kept)
    return network.cpu().eval(), rows, (time.perf_counter() - began[0], time.process_time() - began[1])


def _bags_and_targets(weak: WeakFold, bags: Bags, videos: list[str]) -> tuple[Tensor, Tensor]:
    return bags.of(videos), torch.tensor(weak.data.targets(videos))


def _validate(weak: WeakFold, network: nn.Module, loss_of: nn.Module, bags: Bags) -> dict[str, float]:
    values, targets = _bags_and_targets(weak, bags, weak.data.val_videos)
    logits = _logits(weak, network, values)
    found = mean_average_precision(targets.numpy(), logits.sigmoid().numpy())
    return {"val_loss": float(loss_of(logits, targets)), "val_mAP": float(found)}


@torch.inference_mode()
def _logits(weak: WeakFold, network: nn.Module, bags: Tensor) -> Tensor:
    network.eval()
    device = next(network.parameters()).device
    return torch.cat([network(part.to(device)).float().cpu() for part in bags.split(weak.params.bag_batch)])


def _write(weak: WeakFold, network: nn.Module, part: str, videos: list[str], bags: Bags, folder: Path) -> Any:
    """Write <part>_predictions.parquet; gives the probabilities `(V, C)`."""
    classes = weak.params.class_codes
    found = _logits(weak, network, bags.of(videos)).sigmoid() if videos else torch.zeros(0, len(classes))
    write_predictions(as_table(videos, found.numpy(), classes), folder / f"{part}_predictions.parquet", videos, classes)
    return found.numpy()
