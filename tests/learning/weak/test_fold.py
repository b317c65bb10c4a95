"""Equal compute, seeds and fingerprints of a fold."""

from __future__ import annotations

from pathlib import Path

import pytest
from weak_folds import weak_fold

from vpipe_utils.learning.weak import fold


def test_the_budget_is_the_pixels_of_the_super_image_run(tmp_path: Path) -> None:
    weak = weak_fold(tmp_path, weak_budget=1.0)
    assert weak.budget == 4 * 24 * 9, "epochs x clips x tiles, at the same number of pixels a frame"
    half = weak_fold(tmp_path, weak_budget=0.5, weak_tile=16)
    assert half.budget == 4 * 24 * 9 * 4 / 2, "frames of half the side have a quarter of the pixels"


def test_each_repetition_has_its_own_folder_and_seed(tmp_path: Path) -> None:
    first, second = weak_fold(tmp_path), weak_fold(tmp_path, repetition=1)
    assert first.folder("mae").name == "fold_0" and second.folder("mae").name == "fold_0_1"
    assert len({run.seed(name) for run in (first, second) for name in ("mae", "simclr")}) == 4


def test_a_fingerprint_follows_what_is_named(tmp_path: Path) -> None:
    weak = weak_fold(tmp_path)
    one = weak.fingerprint("learning/weak/heads", lr=1)
    assert one == weak.fingerprint("learning/weak/heads", lr=1)
    assert one != weak.fingerprint("learning/weak/heads", lr=2) != weak.fingerprint("learning/weak/views", lr=2)


def test_data_that_are_missing_are_said(tmp_path: Path) -> None:
    params = weak_fold(tmp_path).params
    with pytest.raises(FileNotFoundError, match="labels.parquet is not there: run the notebook"):
        fold.load_weak_fold(params, 0)
