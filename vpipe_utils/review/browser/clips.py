"""Which clips a browser shows and in which order: the most confident errors first."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from vpipe_utils.report.errors.most_sure import FALSE_ALARM, MISSED

RIGHT = "no error"
KINDS = (FALSE_ALARM, MISSED, RIGHT)
SAID = 0.5  # from this probability on a model says that the class is there; the tick of the bars


class Clips(NamedTuple):
    """Labelled clips, and what models say of them. Rows are clips, columns of the arrays are classes."""

    facts: pd.DataFrame  # rows of the videos table by name; empty where a clip is not in it
    classes: list[str]
    names: Mapping[str, str]  # long names of classes; some may have none
    there: np.ndarray  # bool (clips, classes)
    models: dict[str, np.ndarray]  # model -> float (clips, classes), NaN for clips that it did not judge

    def labels_of(self, place: int) -> list[str]:
        """The classes in the labels of a clip."""
        return [code for code, is_there in zip(self.classes, self.there[place], strict=True) if is_there]


class Row(NamedTuple):
    """A clip in the list, and the one class on whose account it stands there."""

    place: int  # in Clips
    video: str
    code: str = ""  # "" where no model speaks
    probability: float = float("nan")
    kind: str = ""  # one of KINDS


def gather(
    videos: pd.DataFrame, labels: pd.DataFrame, names: Mapping[str, str], predictions: Mapping[str, pd.DataFrame]
) -> Clips:
    """Bring the tables into one order, that of ``labels`` (`video` and 0/1 a class).

    ``videos``: the videos table; ``predictions``: probabilities by model, with the columns of ``labels``. Clips that no
    model judged are left out where there are models. Raises KeyError for a class that a model does not have.
    """
    truth = labels.set_index("video")
    tables = {name: table.set_index("video").reindex(truth.index)[truth.columns] for name, table in predictions.items()}
    if tables:
        judged = np.any([table.notna().all(axis=1) for table in tables.values()], axis=0)
        truth, tables = truth[judged], {name: table[judged] for name, table in tables.items()}
    facts = videos.set_index("video").reindex(truth.index)
    models = {name: table.to_numpy(dtype=float) for name, table in tables.items()}
    return Clips(facts, list(truth.columns), names, truth.to_numpy() == 1, models)


def judge(there: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For every clip and class one of KINDS, by what is there and whether a model says so."""
    said = values >= SAID
    return np.where(there == said, RIGHT, np.where(there, MISSED, FALSE_ALARM))


def listed(clips: Clips, model: str = "", code: str = "", kind: str = "", words: str = "") -> list[Row]:
    """The clips that fit, in order. "" stands for any model, class, kind or name; without ``model`` labels alone count.

    ``code``: clips that have this class, or are said to. ``kind``: one of KINDS; with ``code`` it speaks of this class
    alone, without it "no error" means none at all. ``words``: parts of the name. An error is as confident as the
    probability is far from the truth; each clip stands at its worst one among those that were asked for.
    """
    asked = unicodedata.normalize("NFKC", words).lower().split()
    fits = [all(word in unicodedata.normalize("NFKC", name).lower() for word in asked) for name in clips.facts.index]
    keep = np.array(fits, dtype=bool)
    of_class = [each == code for each in clips.classes] if code else np.ones(len(clips.classes), dtype=bool)
    if not model:
        keep &= clips.there[:, of_class].any(axis=1) if code else True
        return [Row(place, clips.facts.index[place]) for place in np.flatnonzero(keep)]
    values = clips.models[model]
    kinds = judge(clips.there, values)
    counted = np.broadcast_to(of_class, values.shape).copy()
    if code:
        counted &= clips.there | (values >= SAID)
    if kind == RIGHT and not code:
        counted &= (kinds == RIGHT).all(axis=1, keepdims=True)
    elif kind:
        counted &= kinds == kind
    error = np.where(counted & ~np.isnan(values), np.where(clips.there, 1 - values, values), -1)
    worst = error.argmax(axis=1)
    places = np.flatnonzero(keep & (error.max(axis=1) >= 0))
    places = places[np.argsort(-error[places, worst[places]], kind="stable")]
    return [
        Row(place, clips.facts.index[place], clips.classes[k], float(values[place, k]), str(kinds[place, k]))
        for place, k in ((place, worst[place]) for place in places)
    ]
