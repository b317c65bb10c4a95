"""Code shown in notebooks is the code that runs."""

import pytest
from timm.loss import AsymmetricLossMultiLabel

from vpipe_utils.learning import superimage
from vpipe_utils.report import source_code


@pytest.fixture
def shown(monkeypatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr(source_code, "display", lambda markdown: texts.append(markdown.data))
    return texts


def test_a_function_is_shown_whole_under_its_name(shown):
    source_code.show_source(superimage.flip_tiles)
    assert shown[0].startswith("`vpipe_utils.learning.superimage.flip_tiles`\n\n````python\ndef flip_tiles(")
    assert shown[0].endswith("return torch.where(mirrored, tiles.flip(-1), tiles)\n````")


def test_the_lines_that_matter_are_shown_without_their_indent(shown):
    source_code.show_source(AsymmetricLossMultiLabel.forward, "# Asymmetric Clipping", "clamp(max=1)")
    code = shown[0].split("````python\n")[1]
    assert code.startswith("# Asymmetric Clipping\nif self.clip") and code.endswith("clamp(max=1)\n````")


def test_a_text_that_has_gone_is_an_error(shown):
    with pytest.raises(ValueError, match=r"superimage\.shuffle_tiles: no line has 'no such line'"):
        source_code.show_source(superimage.shuffle_tiles, "no such line")
    with pytest.raises(ValueError, match="def shuffle"):
        source_code.show_source(superimage.shuffle_tiles, "return tiles", "def shuffle")


def test_half_a_statement_is_an_error(shown):
    with pytest.raises(ValueError, match="from 'left, the last' to 'batch, count' are no whole statements"):
        source_code.show_source(superimage.assemble, "left, the last", "batch, count")
    assert not shown
