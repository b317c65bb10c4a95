"""The trust in an ensemble, run or packed model (`evaluation.trust.record`): read, or made of its runs' predictions."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from vpipe_utils.data.prepared_tables import read_labels
from vpipe_utils.evaluation.colour_baseline import cached_features
from vpipe_utils.evaluation.ensemble import weighted_mean
from vpipe_utils.evaluation.predictions import read_predictions
from vpipe_utils.evaluation.trust import drift
from vpipe_utils.evaluation.trust.record import VERSION, Trust, make_trust, read_trust
from vpipe_utils.project.paths import Layout
from vpipe_utils.review.predicting.trained import Trained, layout_of
from vpipe_utils.tiles.tile_cache import TileCache, open_tiles

OUT_OF_FOLD = "val_predictions.parquet"


def trust_of(trained: Trained) -> Trust:
    """Read where it is of these very predictions and labels, else made and kept: a few seconds for the demo.

    Of a packed model it comes with it.
    """
    if trained.kind == "packed":
        return read_trust(trained.folder / "trust")
    layout = layout_of(trained.members[0].runs[0])
    folder = layout.root / "trust" / ("ensemble" if trained.kind == "ensemble" else trained.name)
    made_of = _digest(trained, layout)
    with contextlib.suppress(OSError, ValueError, KeyError):
        if (kept := read_trust(folder)).made_of == made_of:
            return kept
    print("calibrating on the clips that the networks were validated on", flush=True)
    by_member = {member.name: _out_of_fold(member.runs, trained.classes) for member in trained.members}
    common = sorted(set.intersection(*(set(table["video"]) for table in by_member.values())))
    by_member = {name: table.set_index("video").loc[common].reset_index() for name, table in by_member.items()}
    whole = weighted_mean(by_member, {member.name: member.weight for member in trained.members})
    labels = read_labels(layout, trained.classes).set_index("video").loc[common].reset_index()
    colours = cached_features(own_tiles(trained, common), common)
    trust = make_trust(whole, list(by_member.values()), colours, labels, trained.data.normal_class, made_of)
    trust.write(folder)
    return trust


def own_tiles(trained: Trained, names: Sequence[str]) -> TileCache:
    """The tile cache of the preset that trained, wherever its outputs lie by now."""
    root = layout_of(trained.members[0].runs[0]).root
    return open_tiles(trained.data.model_copy(update={"outputs": str(root.parent), "preset": root.name}), names)


def drift_of(trust: Trust, by_member: dict[str, pd.DataFrame], cache: TileCache) -> np.ndarray:
    """Distance of clips to those of calibration, (V,), 1 at the limit; all tables are of the same clips in order."""
    videos = next(iter(by_member.values()))["video"]
    codes = list(trust.classes)
    spaces = {"colours": cached_features(cache, videos).astype(np.float64)}
    spaces["networks"] = drift.logits([table[codes].to_numpy() for table in by_member.values()])
    return trust.reference(spaces)


def _out_of_fold(runs: tuple[Path, ...], classes: tuple[str, ...]) -> pd.DataFrame:
    """Each clip by the one run that did not train on it; of several repetitions of a fold their mean."""
    tables = pd.concat([read_predictions(run / OUT_OF_FOLD, classes) for run in runs], ignore_index=True)
    return tables.groupby("video", as_index=False, sort=True)[list(classes)].mean()


def _digest(trained: Trained, layout: Layout) -> str:
    digest = hashlib.sha256(json.dumps([VERSION, trained.classes, trained.data.normal_class]).encode())
    for member in trained.members:
        digest.update(f"{member.name} {member.weight!r}".encode())
        for run in member.runs:
            digest.update((run / OUT_OF_FOLD).read_bytes())
    digest.update(layout.labels_table.read_bytes())
    return digest.hexdigest()
