"""The 17 classes of QV-Pipe, and what the classes of a data set are called.

A code alone says nothing: somebody's own class FS is not QV-Pipe's FS, corrosion. So QV-Pipe's long names and groups
belong to its whole list only; own classes have the long names that `class_names` in data.yaml gives them, or none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class LabelClass(NamedTuple):
    """One class; the codes are the pinyin initials of the names in the Chinese standard CJJ 181."""

    code: str
    chinese: str
    english: str
    group: str  # 'functional' (the flow is hindered), 'structural' (the pipe is damaged) or 'normal'


CLASS_INFO: tuple[LabelClass, ...] = (
    LabelClass("ZC", "正常", "normal", "normal"),
    LabelClass("CJ", "沉积", "deposits", "functional"),
    LabelClass("CK", "错口", "displaced joint", "structural"),
    LabelClass("ZW", "障碍物", "obstacle", "functional"),
    LabelClass("JG", "结垢", "encrustation", "functional"),
    LabelClass("SG", "树根", "tree roots", "functional"),
    LabelClass("PL", "破裂", "crack", "structural"),
    LabelClass("BX", "变形", "deformation", "structural"),
    LabelClass("CR", "异物穿入", "foreign object intrusion", "structural"),
    LabelClass("FZ", "浮渣", "floating scum", "functional"),
    LabelClass("FS", "腐蚀", "corrosion", "structural"),
    LabelClass("AJ", "支管暗接", "concealed lateral connection", "structural"),
    LabelClass("CQ", "残墙坝根", "remains of a wall or dam", "functional"),
    LabelClass("SL", "渗漏", "leakage", "structural"),
    LabelClass("QF", "起伏", "undulation", "structural"),
    LabelClass("TJ", "脱节", "open joint", "structural"),
    LabelClass("TL", "接口材料脱落", "joint material coming off", "structural"),
)
CLASSES: tuple[str, ...] = tuple(info.code for info in CLASS_INFO)  # index in files = place in this tuple
CLASS_NAMES: dict[str, str] = {info.code: info.english for info in CLASS_INFO}
GROUPS: dict[str, str] = {info.code: info.group for info in CLASS_INFO}
NORMAL = "ZC"


def are_official(classes: Sequence[str]) -> bool:
    """Whether these are QV-Pipe's 17 classes, in its order."""
    return tuple(classes) == CLASSES


def long_names(classes: Sequence[str], own: Mapping[str, str] | None = None) -> dict[str, str]:
    """Code → long name of the classes that have one; ``own`` (`class_names` in data.yaml) wins."""
    return (dict(CLASS_NAMES) if are_official(classes) else {}) | dict(own or {})
