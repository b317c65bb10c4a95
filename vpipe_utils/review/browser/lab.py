"""What a cell of a notebook calls: a browser of clips where a person runs it, one sentence everywhere else.

The switch is the environment variable VPIPE_LAB: `make lab` sets it to 1 for JupyterLab and its kernels, the workflow
to 0 for the notebooks that it runs. So an executed notebook and the pages hold no widget, which would be empty there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd
from IPython.display import Markdown

from vpipe_utils.review.browser.clips import gather
from vpipe_utils.user_files.user_text import many

if TYPE_CHECKING:
    from vpipe_utils.review.browser.widgets import ClipBrowser

LAB = "VPIPE_LAB"  # environment variable: 1 where a person runs notebooks


def in_lab() -> bool:
    """Whether a person runs this notebook, as `make lab` says."""
    return os.environ.get(LAB) == "1"


def browse_clips(
    videos: pd.DataFrame, labels: pd.DataFrame, names: Mapping[str, str],
    predictions: Mapping[str, pd.DataFrame] | None = None, model: str = "",
) -> ClipBrowser | Markdown:  # fmt: skip
    """The value of a cell: a browser of the clips in ``labels`` (`video` and 0/1 a class).

    ``videos``: the videos table; ``names``: long names of classes; ``predictions``: probabilities by model, with the
    columns of ``labels``, and ``model`` the one that is shown first. With them the most confident errors come first.
    Raises ValueError where ``model`` is none of them.
    """
    predictions = predictions or {}
    if predictions and model not in predictions:
        raise ValueError(f"there are no predictions of '{model}', only of {', '.join(predictions)}")
    clips = gather(videos, labels, names, predictions)
    if not in_lab():
        order = ", the most confident errors first" if predictions else ""
        return Markdown(
            f"*In JupyterLab, opened by `make lab`, you can look through {many(len(clips.facts), 'clip')} here{order}. "
            f"In another Jupyter set `%env {LAB}=1` before you run this cell.*"
        )
    from vpipe_utils.review.browser.widgets import ClipBrowser  # half a second that other runs need not wait

    return ClipBrowser(clips, model)
