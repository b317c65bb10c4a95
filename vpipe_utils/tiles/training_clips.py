"""What training sees of the data, as one digest a fold: the clips that have labels, their tiles and labels.

Notebook 02 writes it. The workflow trains again when it changes and a run resumes its checkpoint only while it does
not, so clips without labels, however many are added, never train anything.
"""

from __future__ import annotations

import hashlib

import pandas as pd

from vpipe_utils.tiles.tile_cache import TileCache


def training_clips(labels: pd.DataFrame, folds: pd.Series, cache: TileCache) -> dict[str, str]:
    """'fold_0' … → SHA-256 of the names, tiles and labels of the clips in it.

    `labels`: column `video` and one 0/1 column a class. `folds`: the fold of each of these videos, indexed by name.
    """
    rows = labels.set_index("video").sort_index()
    digests = {}
    for fold in sorted(folds.unique()):
        inside = rows.loc[rows.index.isin(folds.index[folds == fold])]
        lines = [",".join(rows.columns)]
        for video, values in zip(inside.index, inside.to_numpy(dtype=int), strict=True):
            lines.append(f"{video}\t{cache.content(video)}\t{''.join(map(str, values))}")
        text = "\n".join(lines).encode(errors="surrogateescape")
        digests[f"fold_{fold}"] = hashlib.sha256(text).hexdigest()
    return digests
