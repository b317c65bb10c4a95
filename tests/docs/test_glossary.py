"""The glossary lists the classes of the data, each with a sketch that the script in docs/sketches draws."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from vpipe_utils.data.classes import CLASS_INFO, CLASSES

DOCS = Path(__file__).resolve().parents[2] / "docs"
sys.path.insert(0, str(DOCS / "sketches"))

import draw  # noqa: E402


def test_it_lists_the_classes_in_order() -> None:
    text = (DOCS / "GLOSSARY.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| !\[sketch of (\w+)\]\(sketches/(\w+)\.svg\) \|(.+)\|$", text, flags=re.MULTILINE)
    listed = []
    for alt, file, rest in rows:
        code, name, group, look = (cell.strip() for cell in rest.split("|"))
        assert alt == file == code and look.endswith(".")
        listed.append((code, *name.split(" · "), group))
    assert listed == [tuple(info) for info in CLASS_INFO]


@pytest.mark.parametrize("code", CLASSES)
def test_its_sketches_are_what_the_script_draws(code: str) -> None:
    kept = (DOCS / "sketches" / f"{code}.svg").read_text(encoding="utf-8")
    assert draw.sketch(code) == kept, "run docs/sketches/draw.py"
    assert ET.fromstring(kept).attrib["viewBox"] == "0 0 160 120"


def test_the_sketches_are_small_and_all_different() -> None:
    files = sorted((DOCS / "sketches").glob("*.svg"))
    assert {file.stem for file in files} == set(CLASSES) == set(draw.SKETCHES)
    assert sum(file.stat().st_size for file in files) < 150_000
    assert len({file.read_text().split("\n", 1)[1] for file in files}) == len(CLASSES)


def test_it_knows_the_words_of_the_project() -> None:
    text = (DOCS / "GLOSSARY.md").read_text(encoding="utf-8")
    words = "the paper, the report, preset, model, fold, run, trick, clip, recording, tile, super-image, mAP"
    for word in words.split(", "):
        assert f"\n| {word} |" in text
