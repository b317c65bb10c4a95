"""QV-Pipe's classes, and whose names are whose."""

from collections import Counter

from vpipe_utils.data import classes
from vpipe_utils.data.classes import CLASSES


def test_the_seventeen_classes_and_their_groups():
    assert " ".join(CLASSES) == "ZC CJ CK ZW JG SG PL BX CR FZ FS AJ CQ SL QF TJ TL"
    groups = Counter(info.group for info in classes.CLASS_INFO)
    assert groups == {"structural": 10, "functional": 6, "normal": 1}
    assert classes.CLASS_INFO[13][:3] == ("SL", "渗漏", "leakage")


def test_official_names_belong_to_the_official_list():
    assert classes.long_names(CLASSES)["FS"] == "corrosion"
    assert classes.long_names(["OK", "FS"]) == {}
    assert classes.long_names(CLASSES[:5]) == {} and classes.long_names(CLASSES[::-1]) == {}


def test_own_names_win():
    assert classes.long_names(["OK", "FS"], {"FS": "broken flange"}) == {"FS": "broken flange"}
    named = classes.long_names(CLASSES, {"FS": "broken flange"})
    assert (named["FS"], named["SG"], len(named)) == ("broken flange", "tree roots", 17)
