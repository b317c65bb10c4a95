"""One fold of weak supervision: its clips, where its files lie, its seeds, and what "equal compute" means.

Equal compute is counted in pixels that pass forwards and backwards through a network. A super-image run passes
grid² tiles of every training clip in each of its epochs. The self-supervised networks may pass as many pixels, in
frames of their own size: a SimCLR frame counts twice, once a view. What it takes in CPU-seconds is recorded beside it,
for networks differ in what a pixel costs. Reading the features (forwards only, once a frame) and training a head on
them come on top, and are recorded apart.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from vpipe_utils.data.prepared_tables import read_test_videos
from vpipe_utils.learning.fold_run import FoldData, load_fold
from vpipe_utils.learning.params import SuperImageParams
from vpipe_utils.learning.weak.params import WeakParams
from vpipe_utils.project.dependencies import TRAINING, deciding_versions, digest_of, state_of_weights
from vpipe_utils.project.seeds import derive_seed


@dataclass(frozen=True)
class WeakFold:
    """What every stage knows: the parameters, the super-image run that it stands beside, the clips of one fold."""

    params: WeakParams
    reference: SuperImageParams
    data: FoldData
    held_out: list[str]  # names of the videos without labels to learn from
    repetition: int = 0

    def folder(self, name: str) -> Path:
        """Where the files of features (`simclr`) or of a run (`simclr_transmil`) lie."""
        return self.params.layout.weak(name, self.reference.fold, self.repetition)

    def seed(self, name: str) -> int:
        return derive_seed(self.params.seed, "weak", name, self.reference.fold, self.repetition)

    @property
    def budget(self) -> int:
        """Frames of weak_tile px that a pretraining may pass: the pixels of the reference's training, x weak_budget."""
        run = self.reference
        tiles = run.epochs * len(self.data.train_videos) * run.grid**2
        return max(1, round(self.params.weak_budget * tiles * (run.input_tile / self.params.weak_tile) ** 2))

    def fingerprint(self, entry: str, **decides: object) -> str:
        """SHA-256 of what decides a file: values that are named, the reference's weights, code reached from the module
        `entry` (as "learning/weak/pretrain") and versions. A file with another one is made again."""
        versions = {name: version(name) for name in ("lightly", "torchmil")} | deciding_versions()
        values = decides | {"code": digest_of(f"vpipe_utils/{entry}.py", TRAINING), "versions": versions}
        values["weights"] = state_of_weights(self.reference.model_dump())
        return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()

    def values(self, *beginnings: str) -> dict[str, object]:
        """The parameters whose names begin so."""
        return {name: value for name, value in self.params.model_dump().items() if name.startswith(beginnings)}


def load_weak_fold(params: WeakParams, fold: int, repetition: int = 0) -> WeakFold:
    """Read what notebooks 01 and 02 wrote. Raises as `fold_run.load_fold` where it is missing or of other data."""
    reference = params.reference(fold)
    return WeakFold(params, reference, load_fold(reference, "super_image"), read_test_videos(params.layout), repetition)
