"""Seeds: one number in the parameters gives every run, clip and epoch a seed of its own."""

from __future__ import annotations

import hashlib

from vpipe_utils.project.paths import RunName


def derive_seed(seed: int, *names: object) -> int:
    """A 31-bit seed that differs for every (seed, names…) and is the same on every machine."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def run_seed(seed: int, what: str, run: RunName) -> int:
    """The seed of something random in a run.

    It does not depend on the trick: two recipes with one fold and repetition start alike and see the same clips in the
    same order, so that what they differ by is the recipe.
    """
    again = (run.repetition,) if run.repetition else ()
    return derive_seed(seed, what, run.model, run.fold, *again)
