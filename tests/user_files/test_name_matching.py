"""Which file a name means: the one that fits, whatever its accents, its case, its blanks or its folder."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpipe_utils.user_files.name_matching import FileNames, key_of, shown, twins, without_folder

COMPOSED, DECOMPOSED = "\u00e9.mp4", "e\u0301.mp4"


@given(st.text(min_size=1).filter(lambda text: "/" not in text and "\\" not in text and text.strip()))
def test_every_way_of_writing_a_name_finds_its_file(name):
    file = f"{unicodedata.normalize('NFC', name.strip())}.mp4"
    if file.startswith("."):  # hidden files are found by their exact name alone
        return
    files = FileNames([file, "another.mp4"])
    for written in (file, unicodedata.normalize("NFD", file), f" {file}\u00a0", file.replace(".mp4", ".MP4")):
        assert files.meant_by(written) == [file], written
    assert files.meant_by(f"C:\\videos\\{file}") == files.meant_by(f"/videos/{file}") == [file]


def test_an_exact_name_beats_its_twins():
    files = FileNames(["a.mp4", "A.mp4", COMPOSED, DECOMPOSED])
    assert files.meant_by("a.mp4") == ["a.mp4"] and files.meant_by("A.mp4") == ["A.mp4"]
    assert files.meant_by("a.MP4") == ["A.mp4", "a.mp4"]  # cannot be told
    assert files.meant_by(DECOMPOSED) == [DECOMPOSED] and files.meant_by("\u00c9.mp4") == [DECOMPOSED, COMPOSED]
    assert twins(files.names) == [["A.mp4", "a.mp4"], [DECOMPOSED, COMPOSED]]


def test_a_name_without_ending_means_the_only_video_of_that_name():
    files = FileNames(["Nord_1.mp4", "Nord_1.txt", "Nord_1.5.mp4", "Nord_2.mp4", "Nord_2.avi"])
    assert files.meant_by("nord_1") == ["Nord_1.mp4"]
    assert files.meant_by("Nord_1.5") == ["Nord_1.5.mp4"]
    assert files.meant_by("Nord_2") == ["Nord_2.avi", "Nord_2.mp4"]
    assert FileNames(["Nord_1", "Nord_1.mp4"]).meant_by("Nord_1") == ["Nord_1", "Nord_1.mp4"]  # one may be a text
    assert FileNames(["Nord_1", "Nord_2.mp4"]).meant_by("Nord_1") == ["Nord_1"]
    assert files.meant_by("Nord_1.avi") == []  # another ending is another file
    assert files.meant_by("Nord_01") == []


def test_hidden_files_are_meant_by_their_exact_name_alone():
    files = FileNames(["._a.mp4", ".b.mp4"])
    assert files.meant_by(".b.mp4") == [".b.mp4"] and files.meant_by(".B.mp4") == []


def test_files_of_a_folder(tmp_path):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "b.mp4").mkdir()
    assert FileNames.of(tmp_path).names == {"a.mp4"}
    assert FileNames.of(tmp_path / "nowhere").names == set()


@pytest.mark.parametrize(
    ("label", "near"),
    [
        ("Nord_01.mp4", "Nord_1.mp4"),
        ("nord-1", "Nord_1.mp4"),
        ("Nord_1.avi", "Nord_1.mp4"),
        ("Nrd_1.mp4", "Nord_1.mp4"),
        ("7.mp4", "007.mp4"),
        ("West.mp4", None),
    ],
)
def test_the_nearest_name(label, near):
    assert FileNames(["Nord_1.mp4", "S\u00fcd_22.mp4", "007.mp4", "Nord_1.txt"]).near(label) == near


def test_the_nearest_of_many_names_is_found_in_time():
    files = FileNames(f"Nord_{k}.mp4" for k in range(10_000))
    started = time.process_time()
    assert files.near("Nord_04321.mp4") == "Nord_4321.mp4"
    assert files.near("Nord_4321b.mp4") is not None
    assert time.process_time() - started < 2


def test_names_that_look_alike_are_shown_as_they_differ():
    assert shown(["a.mp4", "b.mp4"]) == ["'a.mp4'", "'b.mp4'"]
    assert shown([COMPOSED, DECOMPOSED]) == [r"'\xe9.mp4'", r"'e\u0301.mp4'"]
    assert key_of("A  b .MP4") == "a b.mp4"
    assert without_folder(r" D:\x\y.mp4 ") == without_folder("x/y.mp4") == "y.mp4"
