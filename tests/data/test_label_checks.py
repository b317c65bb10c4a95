"""What is said of own data in the first second, from the label file and a listing of the folder."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pandas as pd
import pytest

from vpipe_utils.data.label_checks import check_labels, could_not_be_read
from vpipe_utils.data.params import DataParams
from vpipe_utils.project.parameter_files import layer_files, read_layers
from vpipe_utils.project.paths import project_root

OWN = {"source": "files", "classes": ["OK", "CRACK", "ROOTS"], "normal_class": "OK", "n_folds": 2}
ROWS = {"Nord_1.mp4": "1,0,0", "Nord_2.mp4": "0,1,0", "Nord_3.mp4": "1,0,0", "Süd.mp4": "0,1,1"}


def own_data(folder: Path, rows: dict[str, str], there: list[str], held_out: dict[str, str] | None = None, **more):
    (folder / "videos").mkdir(exist_ok=True)
    for name in there:
        (folder / "videos" / name).touch()
    for file, of in (("labels.csv", rows), ("held_out.csv", held_out)):
        if of is not None:
            lines = [f"{video},{marks}\n" for video, marks in of.items()]
            (folder / file).write_text("video,OK,CRACK,ROOTS\n" + "".join(lines))
    values = {**read_layers(layer_files("smoke")), **OWN, "videos_dir": str(folder / "videos"), **more}
    values |= {"annotations": str(folder / "labels.csv")}
    values |= {"test_annotations": str(folder / "held_out.csv")} if held_out is not None else {}
    return DataParams.from_values(values)


def said(params: DataParams, *more) -> str:
    return "\n".join(check_labels(params, *more).lines)


def test_all_is_well(tmp_path):
    params = own_data(tmp_path, ROWS | {"Ost.mp4": "0,0,1"}, [*ROWS, "Ost.mp4"])
    found = check_labels(params)
    assert found.lines == ["labels.csv: 5 labelled videos"]
    assert found.train["video"].tolist() == [*ROWS, "Ost.mp4"] and found.held_out is None


def test_labels_without_a_file_and_files_without_a_label(tmp_path):
    rows = ROWS | {"Nord_01.mp4": "0,1,0", "gone.mp4": "0,0,1"}
    there = ["Nord_2.mp4", "Nord_1.mp4", "Nord_3.mp4", "Su\u0308d.MP4", "nord-4.mp4", "notes.txt", ".hidden.mp4"]
    there += [f"more_{k}.mp4" for k in range(1200)]
    found = check_labels(own_data(tmp_path, rows | {"Nord_04.mp4": "0,1,0"}, there))
    videos = tmp_path / "videos"
    assert found.lines[:4] == [
        "labels.csv: 7 labelled videos",
        "labels.csv: 1 name not written as the file's: 'Süd.mp4' is 'Su\u0308d.MP4'",
        f"labels.csv: 3 labels left out, for there is no such file in {videos}: "
        "'Nord_01.mp4', 'gone.mp4', 'Nord_04.mp4' (is it 'nord-4.mp4'?)",
        f"{videos}: 1,201 videos without a label will be predicted: 'more_0.mp4', 'more_1.mp4', 'more_10.mp4', …",
    ]
    assert found.train["video"].tolist() == ["Nord_1.mp4", "Nord_2.mp4", "Nord_3.mp4", "Su\u0308d.MP4"]


def test_classes_that_are_rare_or_absent(tmp_path):
    rows = {"a.mp4": "1,0,0", "b.mp4": "0,1,0", "c.mp4": "1,0,0"}
    lines = said(own_data(tmp_path, rows, [*rows, "d.mp4"], {"d.mp4": "1,0,0", "e.mp4": "0,0,1"}))
    assert "labels.csv: no video has 'ROOTS', which counts 0 in every mAP; take it out of classes?" in lines
    assert "labels.csv: fewer videos than n_folds 2 have 'CRACK' (1); in a fold without one the class counts 0" in lines
    assert "held_out.csv: no video has 'CRACK', 'ROOTS', which counts 0 in the held-out mAP" in lines
    assert "held_out.csv: 1 label left out, for there is no such file" in lines


def test_files_whose_names_are_alike(tmp_path):
    lines = said(own_data(tmp_path, ROWS, [*ROWS, "nord_1.MP4"]))
    assert "names that differ only in how they are written: 'Nord_1.mp4' and 'nord_1.MP4'" in lines


@pytest.mark.parametrize(
    ("rows", "there", "more", "fault"),
    [
        (ROWS, ["x.mp4", "Nord_1.avi"], {}, "holds 2 videos, but none of the 4 that labels.csv names .first 'Nord_1"),
        (ROWS, ["Nord_1.mp4"], {"by_recording": False}, "1 labelled video cannot make n_folds 2: set n_folds"),
        (ROWS, ["Nord_1.mp4", "Nord_2.mp4"], {"by_recording": True}, "1 recording cannot make n_folds 2"),
        (ROWS, [*ROWS], {"videos_dir": "/nowhere/at/all"}, "/nowhere/at/all is not a folder: set videos_dir"),
    ],
)
def test_what_cannot_go_well_stops_at_once(tmp_path, rows, there, more, fault):
    with pytest.raises(ValueError, match=fault):
        check_labels(own_data(tmp_path, rows, there, **more))


def test_files_that_may_be_videos(tmp_path):
    lines = said(own_data(tmp_path, ROWS, [*ROWS, "0001.recorder", "clip", "labels.csv", "half.mp4.part", "x.jpg"]))
    assert "2 files with an unusual ending will be tried as videos: '0001.recorder', 'clip'" in lines
    assert "labels.csv'" not in lines and "half" not in lines and "x.jpg" not in lines


def test_a_video_in_both_label_files(tmp_path):
    params = own_data(tmp_path, ROWS, [*ROWS], {"nord_1.MP4": "1,0,0"})
    with pytest.raises(ValueError, match="'Nord_1.mp4': in annotations and in test_annotations"):
        check_labels(params)
    same = own_data(tmp_path, ROWS, [*ROWS], test_annotations=str(tmp_path / "labels.csv"))
    with pytest.raises(ValueError, match="'Nord_1.mp4', .*: in annotations and in test_annotations"):
        check_labels(same)


def test_held_out_labels_that_fit_no_file(tmp_path):
    params = own_data(tmp_path, ROWS, [*ROWS], {"Ost_1.mp4": "1,0,0"})
    with pytest.raises(ValueError, match="but none of the 1 that held_out.csv names .first 'Ost_1.mp4'"):
        check_labels(params)


def test_what_an_earlier_run_could_not_read(tmp_path):
    params = own_data(tmp_path, ROWS, [*ROWS])
    paths = [str(tmp_path / "videos" / name) for name in [*ROWS, "gone.mp4"]]
    readable, why = [True, False, True, False, False], ["", "it is cut off", "", "no video", "there is no such file"]
    table = pd.DataFrame({"video": [*ROWS, "gone.mp4"], "path": paths, "readable": readable, "why_not": why})
    written = tmp_path / "videos.parquet"
    table.to_parquet(written)
    os.utime(written, (2_000_000_000, 2_000_000_000))
    assert "gone" not in said(params, written)
    assert "2 of 4 videos cannot be read: 'Nord_2.mp4' (it is cut off), 'Süd.mp4' (no video)" in said(params, written)
    os.utime(tmp_path / "videos" / "Süd.mp4", (2_100_000_000, 2_100_000_000))  # replaced since: may be well now
    assert "1 of 4 videos cannot be read: 'Nord_2.mp4' (it is cut off)" in said(params, written)
    whole = could_not_be_read(written)
    assert whole.startswith("2 of 4 videos cannot be read: 'Nord_2.mp4'")  # four files are there
    assert whole.endswith("; 1 label without a file: 'gone.mp4'")
    table[[why == "there is no such file" for why in why]].to_parquet(written)
    assert could_not_be_read(written) == "1 label without a file: 'gone.mp4'"
    table.assign(readable=True, why_not="").to_parquet(written)
    assert could_not_be_read(written) == "" and "cannot" not in said(params, written)
    assert "cannot" not in said(params, tmp_path / "none.parquet")
    written.write_text("no table")
    assert "cannot" not in said(params, written)


def test_a_finished_notebook_01_says_what_it_could_not_read(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(project_root() / "workflow")
    progress = importlib.import_module("progress")
    table = pd.DataFrame({"video": ["a.mp4", "b.mp4"], "readable": [True, False], "why_not": ["", "cut off"]})
    table["path"] = table["video"]
    table.to_parquet(tmp_path / "videos.parquet")
    outputs = [str(tmp_path / "labels.parquet"), str(tmp_path / "videos.parquet")]
    assert progress.score(outputs) == "   1 of 2 videos cannot be read: 'b.mp4' (cut off)"
    table[:1].to_parquet(tmp_path / "videos.parquet")
    assert progress.score(outputs) == ""
