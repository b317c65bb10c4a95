"""Features of a frozen encoder: each clip becomes a bag, `(n, D)`, of the vectors of n evenly spread frames."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from vpipe_utils.learning.datasets import TileDataset, batches
from vpipe_utils.learning.device import sentence_for_lack_of_memory, this_device
from vpipe_utils.learning.inputs import resize, to_unit
from vpipe_utils.learning.weak.encoders import FrameEncoder
from vpipe_utils.learning.weak.fold import WeakFold
from vpipe_utils.learning.weak.pretrain import Pretrained, fingerprint_in
from vpipe_utils.project.progress import progress_bar
from vpipe_utils.storage.files import atomic_path, make_folder

FEATURES = "features.safetensors"


@dataclass(frozen=True)
class Bags:
    """The bags of all clips of a fold, the held-out ones too.

    `features`: float16 `(V, n, D)`, half the memory and more exact than what they are used for; `videos`: its rows;
    `fingerprint`: of what decides them; `seconds`, `cpu_seconds`: what reading the frames took, when it was done.
    """

    features: Tensor
    videos: list[str]
    fingerprint: str
    seconds: float
    cpu_seconds: float

    def of(self, videos: Sequence[str]) -> Tensor:
        """The bags of some clips, float32 `(len(videos), n, D)`."""
        row = {name: k for k, name in enumerate(self.videos)}
        return self.features[[row[name] for name in videos]].float()


def make_bags(weak: WeakFold, kind: str, pretrained: Pretrained, progress: bool = True) -> Bags:
    """Bags of `bag_frames` frames of every clip: read, or as an earlier call left them in `features.safetensors`."""
    videos = [*weak.data.train_videos, *weak.data.val_videos, *weak.held_out]
    cache, file = weak.data.cache, make_folder(weak.folder(kind)) / FEATURES
    clips = hashlib.sha256("\n".join(f"{name}\t{cache.content(name)}" for name in videos).encode()).hexdigest()
    decides = {"encoder": pretrained.fingerprint, "clips": clips, **weak.values("bag_frames", "weak_tile")}
    fingerprint = weak.fingerprint("learning/weak/features", **decides)
    if fingerprint_in(file) != fingerprint:
        began = time.perf_counter(), time.process_time()
        found = encode(weak, pretrained.encoder, videos, progress)
        spent = torch.tensor([time.perf_counter() - began[0], time.process_time() - began[1]])
        with atomic_path(file) as part:
            save_file({"features": found, "spent": spent}, part, {"fingerprint": fingerprint})
    held = load_file(file)
    return Bags(held["features"], videos, fingerprint, *held["spent"].tolist())


def encode(weak: WeakFold, encoder: FrameEncoder, videos: Sequence[str], progress: bool = True) -> Tensor:
    """Features of evenly spread frames of some clips by a frozen encoder, float16 `(len(videos), bag_frames, D)`."""
    params, run, device = weak.params, weak.reference, this_device()
    data = TileDataset(weak.data.cache, videos, None, params.bag_frames)
    load = batches(data, run, batch_size=max(1, run.eval_batch_size * run.grid**2 // params.bag_frames))
    encoder = encoder.to(device.type).eval()
    largest, found = np.finfo(np.float16).max, []
    with sentence_for_lack_of_memory(run), torch.inference_mode(), device.autocast(run.precision):
        for (tiles,) in progress_bar(load, len(load), "features", progress):
            frames = to_unit(resize(tiles.to(device.type), params.weak_tile).flatten(0, 1))
            if run.channels_last:
                frames = frames.contiguous(memory_format=torch.channels_last)
            vectors = encoder(frames).float().clamp(-largest, largest).half()
            found.append(vectors.unflatten(0, tiles.shape[:2]).cpu())
    return torch.cat(found)
