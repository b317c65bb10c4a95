"""Names that are the user's own (clips, classes, folders, presets, models) as text, whatever characters they hold.

One function a medium: `in_markdown` for sentences and for the pages of the report, `in_figure` for figures. Tables need
none: pandas escapes what it shows. Importing this also tells pandas that a `$` in a table starts no formula.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

import pandas as pd

pd.set_option("display.html.use_mathjax", False)

MARKS = frozenset("\\`*_{}[]<>#|~!&^\"':@")  # what Markdown and HTML read as more than a character
# Fonts for what DejaVu Sans lacks, as systems name them; those that are there are used, in this order.
MORE_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Microsoft YaHei", "SimHei", "DengXian", "SimSun",
    "PingFang SC", "PingFang HK", "Hiragino Sans GB", "Heiti SC", "Heiti TC", "STHeiti", "Songti SC",
    "Droid Sans Fallback", "AR PL UMing CN", "AR PL UKai CN", "Noto Serif CJK SC", "Noto Serif CJK JP",
    "Arial Unicode MS", "Malgun Gothic", "Apple SD Gothic Neo", "NanumGothic", "Yu Gothic", "IPAexGothic",
    "Noto Sans Devanagari", "Noto Sans Thai", "Noto Sans Bengali", "Noto Sans Tamil", "Nirmala UI", "Leelawadee UI",
)  # fmt: skip
LONGEST = 36  # characters of a name in a figure
FONT = "DejaVu Sans"  # comes with matplotlib


def many(number: int, what: str) -> str:
    """'1 video', '1,200 videos'."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """'a, b, c, …': the first of them."""
    return ", ".join([*names[:most], *["…"] * (len(names) > most)])


def one_line(name: object) -> str:
    """A name without line breaks, control characters and blanks at its ends."""
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in str(name))
    return " ".join(text.split())


def in_markdown(name: object) -> str:
    """A name as Markdown (in a sentence or a table, not in `code`) that shows it letter by letter.

    A name that is written from right to left is isolated, so that the words around it keep their order.
    """
    text = one_line(name)
    # what would start a list, a heading or a fence at the start of a line: '- x', '1. x', '::: x', '=== x'
    start = re.match(r"\d*[-+.):=]|", text).end()
    inside = {m.start() for m in re.finditer(r"(?<=[^\W_])_(?=[^\W_])", text)}  # as in frame_tresnet: only a letter
    marks = ((c in MARKS and i not in inside) or (i < start and not c.isalnum()) for i, c in enumerate(text))
    escaped = "".join(f"&#{ord(c)};" if mark else c for c, mark in zip(text, marks, strict=True))
    # `$` alone in an element: MathJax, which looks for pairs in the finished page, does not look across elements
    escaped = escaped.replace("$", "<span>&#36;</span>")
    return f"\u2068{escaped}\u2069" if any(unicodedata.bidirectional(c) in ("R", "AL") for c in text) else escaped


def in_figure(name: object, longest: int = LONGEST) -> str:
    """A name as it can be drawn: in one line, its middle left out where it is long, a number where no font has it.

    The first time that a name becomes a number, a printed line says which name it is. Numbers are given in the order of
    appearance and stay the same for a notebook.
    """
    text = one_line(name)
    if missing_characters(text):
        return _numbered(text)
    half = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:half].rstrip()}…{text[-half:].lstrip()}"


def _numbered(text: str) -> str:
    if text not in _numbers:
        advice = "" if _numbers else " (a font that has them, such as Noto Sans CJK, would show the name itself)"
        _numbers[text] = f"N{len(_numbers) + 1}"
        print(f"In figures {_numbers[text]} stands for '{text}': no font here has all its characters{advice}.")
    return _numbers[text]


_numbers: dict[str, str] = {}  # name -> what figures show in its place


def missing_characters(text: str) -> str:
    """The characters of `text` that no font used in figures has."""
    if text.isascii():
        return ""
    covered = [_characters(file) for file in _font_files()]
    invisible = ("Cf", "Mn", "Me")  # joiners and accents: drawn with their neighbours, or not at all
    return "".join(
        c for c in text if unicodedata.category(c) not in invisible and not any(ord(c) in one for one in covered)
    )


@cache
def font_families() -> list[str]:
    """Font families for figures, for matplotlib to look up character by character: what this machine has of them."""
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return [FONT, *(name for name in MORE_FONTS if name in there)]


def _font_files() -> list[str]:
    from matplotlib.font_manager import findfont

    return [findfont(family) for family in font_families()]


@cache
def _characters(file: str) -> frozenset[int]:
    """The characters that a font file has, as code points."""
    from matplotlib.font_manager import get_font

    return frozenset(get_font(file).get_charmap())
