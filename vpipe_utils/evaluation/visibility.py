"""How long a label is in sight, and whether a model finds what shows only briefly.

Video labels say nothing of when; PipeSim records it (evidence.parquet), so on its videos the question can be answered.
The frame-wise approach trains every frame with all labels of its video, also where nothing is to be seen (paper,
section III.A.3): that label noise is one minus the visible share.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from vpipe_utils.data.annotations import class_columns, recording_of


def visible_shares(evidence: pd.DataFrame, frames: pd.Series) -> pd.DataFrame:
    """Share of a video's frames in which a class is in sight: video, class, visible in (0, 1].

    ``evidence``: rows with video, class, frame. ``frames``: frame count of every video.
    """
    seen = evidence.groupby(["video", "class"])["frame"].nunique().rename("visible").reset_index()
    seen["visible"] = seen["visible"] / seen["video"].map(frames)
    return seen


def positive_ranks(labels: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """How well each label was found: video, class, rank in [0, 1].

    The rank is the share of the videos without the class that score lower (ties count half): 1 is perfect, 0.5 is
    guessing, and the mean over a class's videos is its area under the ROC curve.
    """
    scores = predictions.set_index("video").loc[labels["video"]]
    rows = []
    for code in class_columns(labels):
        positive = labels[code].to_numpy() == 1
        score = scores[code].to_numpy()
        without = np.sort(score[~positive])
        if len(without):
            below, up_to = (np.searchsorted(without, score[positive], side) for side in ("left", "right"))
            found = zip(labels["video"][positive], (below + up_to) / (2 * len(without)), strict=True)
            rows += [(video, code, rank) for video, rank in found]
    return pd.DataFrame(rows, columns=["video", "class", "rank"])


def ranks_by_visibility(
    shares: pd.DataFrame, ranks: dict[str, pd.DataFrame], groups: int, n: int, seed: int
) -> pd.DataFrame:
    """Mean rank of the labels, grouped by visible share: model, visible (the group's mean), labels, rank, low, high.

    ``groups`` groups of equal size, fewer where shares are tied; low and high are 95 % bounds by resampling recordings.
    With two models a third row a group, named 'difference', holds first minus second, resampled in pairs.
    """
    table = shares
    for name, rank in ranks.items():
        table = table.merge(rank.rename(columns={"rank": name}), on=["video", "class"])
    names = list(ranks)
    if len(names) == 2:
        table = table.assign(difference=table[names[0]] - table[names[1]])
        names = [*names, "difference"]
    rng = np.random.default_rng(seed)
    rows = []
    for _, group in table.groupby(pd.qcut(table["visible"], groups, duplicates="drop"), observed=True):
        recordings, of = np.unique(group["video"].map(recording_of), return_inverse=True)
        drawn = rng.multinomial(len(recordings), np.full(len(recordings), 1 / len(recordings)), size=n)
        counts = drawn @ np.bincount(of)  # labels of a resample; a recording has at least one
        for name in names:
            values = group[name].to_numpy()
            low, high = np.percentile(drawn @ np.bincount(of, values) / counts, [2.5, 97.5])
            rows.append((name, group["visible"].mean(), len(group), values.mean(), low, high))
    return pd.DataFrame(rows, columns=["model", "visible", "labels", "rank", "low", "high"])
