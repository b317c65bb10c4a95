"""Progress bars that show where somebody watches and stay silent in logs and in the HTML report."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sized

from tqdm.auto import tqdm


def progress_bar(
    items: Iterable | None = None, total: int | None = None, description: str = "", progress: bool = True
) -> tqdm:
    """A bar over `items` (or, without them, one to `update()`) that vanishes when it is done.

    Nothing shows where there is nothing to do, where `progress` is false or the environment variable TQDM_DISABLE is 1:
    for runs of the workflow, since a bar in an executed notebook would stand at 0 % for ever. (tqdm itself heeds the
    variable in terminals, not in notebooks.)
    """
    nothing = total == 0 or (total is None and isinstance(items, Sized) and len(items) == 0)
    silent = nothing or not progress or os.environ.get("TQDM_DISABLE", "0") not in ("", "0")
    return tqdm(items, total=total, desc=description, leave=False, disable=silent)
