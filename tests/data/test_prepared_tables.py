"""Tables of two data sets in one folder: which notebook to run again."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from vpipe_utils.data import prepared_tables
from vpipe_utils.project import paths
from vpipe_utils.storage import tables

CLASSES = ("OK", "ROOT")
VIDEOS = [f"{k}.mp4" for k in range(6)]


@pytest.fixture
def layout(tmp_path: Path) -> paths.Layout:
    layout = paths.Layout(tmp_path, "smoke")
    tables.write_table(pd.DataFrame({"video": VIDEOS, "OK": [1, 0] * 3, "ROOT": [0, 1] * 3}), layout.labels_table)
    tables.write_table(pd.DataFrame({"video": VIDEOS[::-1], "fold": [0, 1, 2] * 2}), layout.folds_table)
    return layout


def test_tables_that_fit_are_read_in_one_order(layout: paths.Layout) -> None:
    labels = prepared_tables.read_labels(layout, CLASSES[::-1])
    assert list(labels.columns) == ["video", "ROOT", "OK"]
    folds = prepared_tables.read_folds(layout, labels, 3)
    assert list(folds.index) == VIDEOS and folds["5.mp4"] == 0
    assert prepared_tables.read_held_out(layout, CLASSES) is None


def test_folds_of_older_data(layout: paths.Layout) -> None:
    labels = prepared_tables.read_labels(layout, CLASSES)
    new = labels.assign(video=["a.mp4", "b.mp4", *VIDEOS[2:]])
    with pytest.raises(ValueError, match="2 of 6 labelled videos have no fold.*'a.mp4': run notebook 02 again"):
        prepared_tables.read_folds(layout, new, 3)
    with pytest.raises(ValueError, match="1 of its videos have no labels, first '0.mp4': run notebook 02 again"):
        prepared_tables.read_folds(layout, labels[1:], 3)
    with pytest.raises(ValueError, match="has 3 folds, n_folds is now 2: run notebook 02 again"):
        prepared_tables.read_folds(layout, labels, 2)
    with pytest.raises(ValueError, match="has 3 folds, n_folds is now 5: run notebook 02 again"):
        prepared_tables.read_folds(layout, labels, 5)


@pytest.mark.parametrize(
    ("classes", "fault"),
    [(("OK", "CRACK"), "'CRACK' is in the parameters alone"), (("OK",), "'ROOT' is in .*labels.parquet alone")],
)
def test_labels_of_another_list_of_classes(layout: paths.Layout, classes: tuple[str, ...], fault: str) -> None:
    layout.labels_table.rename(layout.test_labels_table)
    with pytest.raises(ValueError, match=f"{fault}: run notebook 01 again"):
        prepared_tables.read_held_out(layout, classes)
    layout.test_labels_table.rename(layout.labels_table)
    with pytest.raises(ValueError, match=f"{fault}: run notebook 01 again"):
        prepared_tables.read_labels(layout, classes)
