"""Annotation and submission files: what is read back is what was written, and every fault is named."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.data import annotations
from vpipe_utils.data.classes import CLASSES
from vpipe_utils.project.paths import project_root
from vpipe_utils.user_files.name_matching import FileNames

REAL_FILE = project_root().parent / "shared" / "data" / "qv_pipe_train.json"


def write(folder, text, name="labels.json"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_the_official_form(tmp_path):
    path = write(tmp_path, '{"26703.mp4": [8, 14], "d1_2.mp4": [0]}')
    table = annotations.read_annotations(path)
    assert table.columns.tolist() == ["video", *CLASSES]
    assert table["video"].tolist() == ["26703.mp4", "d1_2.mp4"]
    assert set(table[list(CLASSES)].dtypes) == {np.dtype("uint8")}
    assert [CLASSES[i] for i in np.flatnonzero(table.iloc[0, 1:])] == ["CR", "QF"]
    assert table.loc[1, "ZC"] == 1 and table.iloc[1, 1:].sum() == 1


def test_codes_stand_for_indices(tmp_path):
    by_code = annotations.read_annotations(write(tmp_path, '{"a.mp4": ["CR", 14]}'))
    assert by_code.equals(annotations.read_annotations(write(tmp_path, '{"a.mp4": [8, 14]}')))


FAULTS_JSON = {
    "unknown class": ('{"a.mp4": [17]}', "'a.mp4' has class 17; classes are 0–16"),
    "negative class": ('{"a.mp4": [-1]}', "'a.mp4' has class -1; classes are 0–16"),
    "unknown code": ('{"a.mp4": ["XX"]}', "'a.mp4' has class 'XX'; classes are 0–16"),
    "duplicate video": ('{"a.mp4": [1], "b.mp4": [2], "a.mp4": [3]}', "'a.mp4' is named twice"),
    "duplicate class": ('{"a.mp4": [3, 5, 3]}', r"'a.mp4' has class 3 \(ZW\) twice"),
    "no class": ('{"a.mp4": []}', "'a.mp4' has no class"),
    "normal with defect": ('{"a.mp4": [3, 0]}', r"'a.mp4' is normal \(ZC\) and has ZW at once"),
    "parent folder": ('{"../x.mp4": [1]}', "'../x.mp4' is not a plain file name"),
    "folder": ('{"a/b.mp4": [1]}', "'a/b.mp4' is not a plain file name"),
    "Windows folder": (r'{"a\\b.mp4": [1]}', "is not a plain file name"),
    "not JSON": ('{"a.mp4": [1}', r"not valid JSON \(line 1"),
    "a number without end": ('{"a.mp4": [' + "1" * 5000 + "]}", "not valid JSON"),
    "half a character": ('{"\\ud800.mp4": [1]}', "is not a plain file name"),
    "too deep": ("[" * 200_000, "not valid JSON"),
    "a list": ('["a.mp4"]', "must hold one JSON object"),
    "a number": ("17", "must hold one JSON object"),
    "a string for the list": ('{"a.mp4": "1"}', "'a.mp4' has \"1\"; write a list"),
    "an object for the list": ('{"a.mp4": {"1": 1}}', "'a.mp4' has an object; write a list"),
    "null for the list": ('{"a.mp4": null}', "'a.mp4' has null; write a list"),
    "a bool": ('{"a.mp4": [true]}', "'a.mp4' has true where a class index is expected"),
    "a float": ('{"a.mp4": [1.0]}', "'a.mp4' has 1.0 where a class index is expected"),
    "a nested list": ('{"a.mp4": [[1]]}', "'a.mp4' has a list or an object where"),
    "no video's name": ('{"a.txt": [1]}', "'a.txt' is no video's name"),
    "no extension": ('{"26703": [1]}', "'26703' is no video's name"),
    "only an extension": ('{".mp4": [1]}', "'.mp4' is no video's name"),
    "empty name": ('{"": [1]}', "'' is no video's name"),
    "empty file": ("", "the file is empty"),
    "blank file": (" \n", "the file is empty"),
    "no videos": ("{}", "no video is named"),
}


@pytest.mark.parametrize("fault", FAULTS_JSON)
def test_faults_of_json(tmp_path, fault):
    text, message = FAULTS_JSON[fault]
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=message) as caught:
        annotations.read_annotations(path)
    said = str(caught.value)
    assert said.startswith(str(path)) and "\n" not in said and said.endswith(".")


HEADER = "video," + ",".join(CLASSES)
ZEROS = ",".join("0" * 15)
FAULTS_CSV = {
    "unknown class": (f"{HEADER},XX\na.mp4,1,0,{ZEROS},0", "column 'XX' is no class"),
    "missing class": ("video," + ",".join(CLASSES[:-1]), "the column 'TL' is missing in row 1"),
    "missing classes": ("video,ZC\na.mp4,1", "the columns 'CJ', 'CK', .* are missing in row 1"),
    "missing video column": (HEADER.removeprefix("video,") + "\n1" + ",0" * 16, "column 'video' is missing"),
    "column twice": (HEADER + ",ZC\n", "column 'ZC' is there twice"),
    "duplicate video": (f"{HEADER}\na.mp4,0,1,{ZEROS}\na.mp4,0,1,{ZEROS}", "row 3: 'a.mp4' is named twice"),
    "no class": (f"{HEADER}\na.mp4,0,0,{ZEROS}", "row 2: 'a.mp4' has no class; write 1 under ZC, or take the row out"),
    "normal with defect": (f"{HEADER}\na.mp4,1,1,{ZEROS}", r"'a.mp4' is normal \(ZC\) and has CJ"),
    "path": (f"{HEADER}\n../a.mp4,0,1,{ZEROS}", "not a plain file name"),
    "not 0 or 1": (f"{HEADER}\na.mp4,0,2,{ZEROS}", "row 2: 'a.mp4' has '2' in column CJ; write 0 or 1"),
    "cut-off row": (f"{HEADER}\na.mp4,0,1", "'a.mp4' has 3 values, the header 18"),
    "long row": (f"{HEADER}\na.mp4,0,1,{ZEROS},1\n", "'a.mp4' has 19 values, the header 18"),
    "no video": (HEADER, "no video is named"),
    "bad quotes": (f'{HEADER}\n"a"b.mp4,0,1,{ZEROS}', "not valid CSV"),
    "empty": ("", "the file is empty"),
}


@pytest.mark.parametrize("fault", FAULTS_CSV)
def test_faults_of_csv(tmp_path, fault):
    text, message = FAULTS_CSV[fault]
    path = write(tmp_path, text, "labels.csv")
    with pytest.raises(ValueError, match=message) as caught:
        annotations.read_annotations(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_all_faults_are_said_at_once_with_their_rows(tmp_path):
    rows = [f"a.mp4,0,2,{ZEROS}", "", f"b.mp4,0,0,{ZEROS}", f"c.mp4,1,1,{ZEROS}", f"d.mp4,0,1,{ZEROS}", f",0,1,{ZEROS}"]
    path = write(tmp_path, "\n".join([HEADER, *rows, f"d.mp4,0,1,{ZEROS}", f"e.txt,0,1,{ZEROS}"]), "labels.csv")
    with pytest.raises(ValueError) as caught:
        annotations.read_annotations(path)
    first, *faults = str(caught.value).splitlines()
    assert first == f"{path}: 6 faults."
    assert [fault.split(":")[0].strip() for fault in faults] == ["row 2", "row 4", "row 5", "row 7", "row 8", "row 9"]
    assert "named twice (first in row 6)" in faults[4] and "'e.txt' is no video's name" in faults[5]


def test_a_long_list_of_faults_is_cut(tmp_path):
    many = {f"{k}.mp4": [99] for k in range(1234)}
    with pytest.raises(ValueError) as caught:
        annotations.read_annotations(write(tmp_path, json.dumps(many)))
    lines = str(caught.value).splitlines()
    assert len(lines) == 22 and lines[0].endswith("1,234 faults.") and lines[-1] == "  and 1,214 more."


def test_faults_of_the_file_itself(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        annotations.read_annotations(tmp_path / "absent.json")
    with pytest.raises(ValueError, match="must end in .json or one of .csv"):
        annotations.read_annotations(write(tmp_path, "{}", "labels.yaml"))
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(ValueError, match="this is a folder"):
        annotations.read_annotations(tmp_path / "folder.json")


def test_a_video_without_defects_where_no_class_is_normal(tmp_path):
    classes = ["crack", "gap"]
    json_file = write(tmp_path, '{"a.mp4": [0], "b.mp4": []}')
    table = annotations.read_annotations(json_file, classes, None)
    assert table.to_dict("list") == {"video": ["a.mp4", "b.mp4"], "crack": [1, 0], "gap": [0, 0]}
    csv_file = write(tmp_path, "video,crack,gap\na.mp4,1,0\nb.mp4,0,0\n", "labels.csv")
    assert annotations.read_annotations(csv_file, classes, None).equals(table)
    assert annotations.read_annotations(csv_file, classes).equals(table)  # ZC is none of these classes
    with pytest.raises(ValueError, match=r"'b.mp4' has no class; write \[1\] \(gap\) or take the video out"):
        annotations.read_annotations(json_file, classes, "gap")
    with pytest.raises(ValueError, match="no video in it has any class"):
        annotations.read_annotations(write(tmp_path, '{"a.mp4": []}'), classes, None)


def test_csv_in_any_column_order_with_a_byte_order_mark(tmp_path):
    text = "\ufeffgap,video,crack\n1,a.avi,0\n1,b.MP4,1\n\n"
    table = annotations.read_annotations(write(tmp_path, text, "own.csv"), classes=["crack", "gap"])
    assert table.to_dict("list") == {"video": ["a.avi", "b.MP4"], "crack": [0, 1], "gap": [1, 1]}


def test_own_class_list(tmp_path):
    path = write(tmp_path, '{"a.mp4": [0, 1]}')
    assert annotations.read_annotations(path, classes=["crack", "gap"])["gap"].tolist() == [1]
    with pytest.raises(ValueError, match="is normal"):
        annotations.read_annotations(path, classes=["fine", "crack"], normal="fine")
    with pytest.raises(ValueError, match="'a.mp4' has class 1; classes are 0–0"):
        annotations.read_annotations(path, classes=["crack"], normal=None)
    for wrong in (["a", "a"], [], ["video"], ["a", 3]):
        with pytest.raises(ValueError, match="classes: "):
            annotations.read_annotations(path, classes=wrong)


FOLDER = ["Caf\u00e9_1.mp4", "Nord_1.MP4", "Nord_2.mp4", "A b.avi", "twin.mp4", "Twin.mp4"]


@pytest.mark.parametrize(
    ("label", "file"),
    [
        ("Cafe\u0301_1.mp4", "Caf\u00e9_1.mp4"),  # decomposed, as macOS writes it
        ("nord_1.mp4", "Nord_1.MP4"),
        (" Nord_2.mp4\u00a0", "Nord_2.mp4"),
        ("A\u00a0b .avi", "A b.avi"),
        ("\uff2eord\uff3f2.mp4", "Nord_2.mp4"),  # full-width
        ("Nord_2\u200b.mp4", "Nord_2.mp4"),  # a blank of no width
        ("Nord_2", "Nord_2.mp4"),
        (r"D:\videos\Nord_2.mp4", "Nord_2.mp4"),
        ("videos/Nord_2.mp4", "Nord_2.mp4"),
        ("Twin.mp4", "Twin.mp4"),
    ],
)
@pytest.mark.parametrize("name", ["labels.json", "labels.csv"])
def test_a_label_means_the_one_file_that_fits(tmp_path, label, file, name):
    text = json.dumps({label: [0]}) if name.endswith("json") else f'video,crack\n"{label}",1\n'
    read = annotations.read_label_file(write(tmp_path, text, name), ["crack"], None, FileNames(FOLDER))
    assert read.table["video"].tolist() == [file]
    as_written = label if name.endswith("json") else label.strip()
    assert read.written == ({} if as_written == file else {file: as_written})


def test_json_in_another_encoding(tmp_path):
    for encoding, called in [("gbk", "GBK"), ("utf-16", "UTF-16"), ("utf-8-sig", None)]:
        path = tmp_path / "labels.json"
        path.write_text('{"管道_1.mp4": [0], "x.mp4": []}', encoding=encoding)
        read = annotations.read_label_file(path, ["crack"], None, FileNames(["管道_1.mp4"]))
        assert read.table["video"].tolist() == ["管道_1.mp4", "x.mp4"]
        assert read.notes == ([f"read as {called}"] if called else [])


def test_labels_that_do_not_say_which_file_they_mean(tmp_path):
    text = json.dumps({"TWIN.mp4": [0], "nord_2.MP4": [0], "Nord_2.mp4": [0], "other.mp4": [0]})
    with pytest.raises(ValueError) as caught:
        annotations.read_annotations(write(tmp_path, text), ["crack"], None, FileNames(FOLDER))
    first, second, third = str(caught.value).splitlines()
    assert first.endswith("2 faults.")
    assert "'TWIN.mp4' may mean 'Twin.mp4' and 'twin.mp4'; write the name exactly" in second
    assert "'Nord_2.mp4' and 'nord_2.MP4' both mean one file" in third


def test_names_that_look_the_same_are_told_apart(tmp_path):
    composed, decomposed = "\u00e9.mp4", "e\u0301.mp4"
    text = json.dumps({"\u00c9.mp4": [0]})
    with pytest.raises(ValueError, match=re.escape(r"may mean 'e\u0301.mp4' and '\xe9.mp4'")):
        annotations.read_annotations(write(tmp_path, text), ["crack"], None, FileNames([composed, decomposed]))
    path = write(tmp_path, json.dumps({composed: [0], decomposed: [0]}))
    both = annotations.read_annotations(path, ["crack"], None, FileNames([composed, decomposed]))
    assert both["video"].tolist() == [composed, decomposed]


def test_recording_of():
    assert annotations.recording_of("26518_4.mp4") == "26518"
    assert annotations.recording_of("26518_12.mp4") == "26518"
    assert annotations.recording_of("d17920.mp4") == "d17920"
    assert annotations.recording_of("d17920_1.mp4") == "d17920"
    assert annotations.recording_of("_4.mp4") == "_4"
    assert annotations.recording_of("\u00e9_1.mp4") == annotations.recording_of("e\u0301_2.mp4") == "\u00e9"


def test_statistics():
    table = pd.DataFrame({"video": list("abc"), "x": [1, 1, 0], "y": [0, 1, 0], "z": [0, 1, 1]}).astype(
        {"x": "uint8", "y": "uint8", "z": "uint8"}
    )
    assert annotations.class_counts(table).to_dict() == {"x": 2, "y": 1, "z": 2}
    assert annotations.labels_per_video(table).to_dict() == {1: 2, 3: 1}
    assert annotations.cooccurrence(table).to_numpy().tolist() == [[2, 1, 1], [1, 1, 1], [1, 1, 2]]


@pytest.mark.skipif(not REAL_FILE.exists(), reason="the annotation file of QV-Pipe is not public; not here")
def test_the_real_file_of_qv_pipe():
    table = annotations.read_annotations(REAL_FILE)
    assert len(table) == 6399
    assert annotations.class_counts(table).tolist() == [
        1690, 1502, 1128, 770, 646, 270, 492, 521, 374, 243, 340, 223, 164, 100, 98, 228, 133,
    ]  # fmt: skip
    assert annotations.labels_per_video(table).to_dict() == {1: 4335, 2: 1654, 3: 366, 4: 39, 5: 5}
    assert annotations.cooccurrence(table).loc["ZC"].drop("ZC").sum() == 0
    files = table["video"].map(annotations.recording_of).value_counts()
    assert (len(files), (files > 1).sum(), files[files > 1].sum(), files.max()) == (6080, 158, 477, 17)
