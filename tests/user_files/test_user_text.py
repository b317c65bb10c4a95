"""Names are shown letter by letter in Markdown, and by something readable in figures."""

from __future__ import annotations

import html
import re

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from vpipe_utils.user_files import user_text
from vpipe_utils.user_files.user_text import in_figure, in_markdown, listed, many, missing_characters, one_line

NAMES = [
    "<b>CRACK</b>",
    "a_b_c",
    "_a_ __b__ c_",
    "*star* **two**",
    "`code`",
    "a|b",
    "[x](http://y)",
    "![x](y.png)",
    "$a$ and $b$",
    "1. first",
    "- item",
    "+ item",
    "# head",
    "=== x",
    "::: note",
    "~~gone~~",
    "&lt;",
    "back\\slash \\$",
    "{ref}`x`",
    "<script>alert(1)</script>",
    "26703.mp4",
    "裂缝",
    "é",
    '"quoted"',
    "x^2^",
    "http://x.de a@b.de",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("around", ["{}", "- {}: 3 videos", "| a | {} |\n|---|---|\n| {} | b |", "# {}"])
def test_a_name_in_markdown_is_read_back_as_it_is(name: str, around: str) -> None:
    page = MarkdownIt("gfm-like", {"linkify": False}).render(around.replace("{}", in_markdown(name)))
    page = page.replace("<span>$</span>", "$")
    plain = MarkdownIt("gfm-like", {"linkify": False}).render(around.replace("{}", "NAME"))
    assert html.unescape(page) == html.unescape(plain.replace("NAME", html.escape(name)))
    assert re.findall(r"<[^>]*>", page) == re.findall(r"<[^>]*>", plain), "no element is made of it"


def test_no_pair_of_dollars_is_left_for_a_formula() -> None:
    text = in_markdown("$a$")
    assert "$" not in text and MarkdownIt().render(text) == "<p><span>$</span>a<span>$</span></p>\n"


def test_a_name_is_one_line_and_keeps_the_words_around_it_in_order() -> None:
    assert in_markdown("two\nlines\t\x07 of it ") == "two lines of it" == one_line("two\nlines\t\x07 of it ")
    assert in_markdown("כתם") == "\u2068כתם\u2069", "right to left: isolated"


def test_tables_are_escaped_by_pandas_and_hold_no_formula() -> None:
    page = pd.DataFrame({"<b>CRACK</b>": ["$a$"]}, index=["<i>"])._repr_html_()
    assert "<b>" not in page and "&lt;b&gt;CRACK" in page and "&lt;i&gt;" in page
    assert "mathjax_ignore" in page


def test_long_names_keep_their_ends() -> None:
    name = "a very long class name that somebody has typed into a spreadsheet, with the number 17"
    assert len(in_figure(name)) <= user_text.LONGEST
    assert in_figure(name).startswith("a very long") and in_figure(name).endswith("number 17")
    assert in_figure("gap\nin the wall") == "gap in the wall" and in_figure("$a$ <b>") == "$a$ <b>"


def test_what_no_font_has_becomes_a_number_and_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(user_text, "_numbers", {})
    monkeypatch.setattr(user_text, "font_families", lambda: ["DejaVu Sans"])
    assert [in_figure(name) for name in ("裂缝", "树根", "裂缝", "Größe é ø Ж")] == ["N1", "N2", "N1", "Größe é ø Ж"]
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 and "N1 stands for '裂缝'" in said[0] and "Noto Sans CJK" in said[0]
    assert "N2 stands for '树根'" in said[1] and "Noto" not in said[1]


def test_a_font_that_is_there_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another font stands for a Chinese one, which this machine may lack: what counts is that families are asked."""
    from matplotlib.font_manager import fontManager

    assert missing_characters("裂") == "" or set(user_text.font_families()) == {user_text.FONT}
    there = {font.name for font in fontManager.ttflist}
    assert set(user_text.font_families()) == {user_text.FONT} | (there & set(user_text.MORE_FONTS))
    kanji = frozenset(map(ord, "裂缝"))
    monkeypatch.setattr(user_text, "_characters", lambda file: kanji)
    assert missing_characters("裂缝") == "" and missing_characters("裂树") == "树"


def test_how_many_and_which():
    assert [many(number, "video") for number in (0, 1, 1200)] == ["0 videos", "1 video", "1,200 videos"]
    assert [listed(names) for names in ("", "abc", "abcd")] == ["", "a, b, c", "a, b, c, …"]
