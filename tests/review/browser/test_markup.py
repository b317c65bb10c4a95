"""The HTML of the browser: names are text, truth is marked, bars have the lengths of the probabilities."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from labelled_clips import CLIPS, WILD, labelled_clips
from made_up_review import EVIL, ODD

from vpipe_utils.review.browser import markup
from vpipe_utils.review.browser.clips import Clips, gather

PLACE = {clip[0]: place for place, clip in enumerate(CLIPS)}


@pytest.fixture
def clips() -> Clips:
    return gather(**labelled_clips())


class Parsed(HTMLParser):
    """Tags with their attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_names_of_clips_classes_and_models_are_text(clips: Clips) -> None:
    parts = [markup.head(clips, PLACE[EVIL]), markup.classes(clips, PLACE[EVIL], WILD), markup.sentence(EVIL)]
    parsed = Parsed("".join(parts))
    assert {tag for tag, _ in parsed.tags} <= {"h4", "bdi", "p", "div", "span", "b"}
    assert {key for _, attributes in parsed.tags for key in attributes} <= {"class", "style", "title"}
    for name in (EVIL, WILD, "A&B<i>", "both </span><script>"):
        assert name in parsed.text
    [(tag, attributes)] = Parsed(markup.picture('"><b>', b"jpeg")).tags
    assert tag == "img" and attributes["src"] == "data:image/jpeg;base64,anBlZw==" and '"><b>' in attributes["alt"]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_shown_letter_by_letter(name: str) -> None:
    said = Parsed(f"<p>{markup.text(name)}</p>").text.strip("\u2068\u2069")
    assert said == name.replace("\N{RIGHT-TO-LEFT OVERRIDE}", "⟨202E⟩")


def test_bars_say_probability_truth_and_kind(clips: Clips) -> None:
    rows = re.findall(r'<div class="class-row.*?</div>', markup.classes(clips, PLACE["b.avi"], "good", focus="CR"))
    values = [float(re.search(r'class="value">([\d.]+)', row)[1]) for row in rows]
    widths = [float(re.search(r"width:([\d.]+)%", row)[1]) for row in rows]
    assert values == [0.60, 0.45, 0.02] and widths == [60, 45, 2], "the likely ones first"
    assert [Parsed(row).text.startswith("●") for row in rows] == [False, True, True]
    assert ["class-row there" in row for row in rows] == [False, True, True]
    assert [re.search(r'class="kind">(.*?)<', row)[1] for row in rows] == ["false alarm", "missed", "missed"]
    assert ["focus" in row for row in rows] == [False, True, False]


def test_without_models_the_labels_stand_with_their_long_names() -> None:
    clips = gather(**labelled_clips() | {"predictions": {}})
    assert Parsed(markup.classes(clips, PLACE["a_1.mp4"])).text == "Labels● CR crack"
    assert Parsed(markup.classes(clips, PLACE["c.mp4"])).text == "Labelsno class"


def test_the_head_says_what_is_known() -> None:
    tables = labelled_clips()
    tables["videos"].loc[0, "damage"] = "damaged: frames 3 <b>"
    tables["videos"] = tables["videos"].iloc[:1]
    clips = gather(**tables)
    said = Parsed(markup.head(clips, 0)).text
    assert said == "a_1.mp4Labels: CR2.0 s · 160 × 120 · recording adamaged: frames 3 <b>"
    assert Parsed(markup.head(clips, 3)).text == "c.mp4Labels: no classrecording c", "not in the table of videos"


def test_the_style_names_only_what_the_browser_has() -> None:
    """JupyterLab's own cells must not change."""
    css = re.sub(r"(?s)/\*.*?\*/", "", markup.STYLE.removeprefix("<style>").removesuffix("</style>"))
    selectors = [each.strip() for rule in re.findall(r"([^{}]+)\{", css) for each in rule.split(",")]
    assert selectors and all(f".{markup.ROOT_CLASS}" in each for each in selectors)
