"""What a person does with the browser: list, filters, previous and next, nine frames and player."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import browser_tab, until
from ipywidgets import Video
from ipywidgets.widgets import widget
from lab_server import jupyter_lab
from labelled_clips import WILD, labelled_clips
from made_up_review import EVIL

from vpipe_utils.review.browser import widgets
from vpipe_utils.review.browser.clips import gather
from vpipe_utils.review.browser.widgets import ClipBrowser


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return labelled_clips(tmp_path_factory.mktemp("clips"), files=True)


@pytest.fixture
def browser(tables: dict[str, object]) -> ClipBrowser:
    return ClipBrowser(gather(**tables), "good")


def names(browser: ClipBrowser) -> list[str]:
    return [row.video for row in browser.rows]


def test_it_opens_with_the_most_confident_error(browser: ClipBrowser) -> None:
    assert [line for line, _ in browser.list.options] == [
        "missed A&B<i> 0.02 · b.avi",
        f"false alarm CR 0.95 · {EVIL}",
        "no error · c.mp4",
        "no error · a_1.mp4",
    ]
    assert "b.avi" in browser.head.value and "4 clips, most confident errors first" in browser.count.value
    assert browser.stage.children[0].value.startswith('<img src="data:image/jpeg;base64,')


def test_only_the_clip_that_is_shown_is_read(tables: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(widgets, "nine_frames", lambda facts: (read.append(facts.name), b"")[1])
    browser = ClipBrowser(gather(**tables), "good")
    assert read == ["b.avi"]
    browser.next.click()
    assert read == ["b.avi", EVIL]
    browser.kind.value = "missed"
    assert read == ["b.avi", EVIL, "b.avi"], "one clip a change"


def test_previous_and_next_end_with_the_list(browser: ClipBrowser) -> None:
    assert browser.previous.disabled and not browser.next.disabled
    shown = []
    for _ in range(5):
        shown.append(browser.chosen.video)
        browser.next.click()
    assert shown == [*names(browser), "a_1.mp4"] and browser.next.disabled
    browser.previous.click()
    assert browser.chosen.video == "c.mp4" and "c.mp4" in browser.head.value


def test_filters_narrow_the_list_and_show_its_first(browser: ClipBrowser) -> None:
    browser.code.value = "CR"
    assert names(browser) == [EVIL, "b.avi", "a_1.mp4"] and browser.chosen.video == EVIL
    assert "3 of 4 clips" in browser.count.value and browser.list.options[2][0] == "no error CR 0.90 · a_1.mp4"
    browser.kind.value = "missed"
    assert names(browser) == ["b.avi"] and browser.previous.disabled and browser.next.disabled
    browser.words.value = "no such"
    assert browser.chosen is None and "No clip fits" in browser.stage.children[0].value and browser.head.value == ""
    assert "0 of 4 clips" in browser.count.value
    browser.next.click()
    browser.words.value = ""
    assert browser.chosen.video == "b.avi"


def test_another_model_keeps_the_clip(browser: ClipBrowser) -> None:
    browser.next.click()
    browser.model.value = WILD
    assert browser.chosen.video == EVIL and names(browser)[0] == "c.mp4" and "0.90" in browser.classes.value
    assert "&lt;img src=x onerror=alert(2)&gt;" in browser.classes.value


def test_the_clip_itself_plays_and_is_let_go(browser: ClipBrowser) -> None:
    browser.view.value = widgets.CLIP
    assert "mpeg4 in .avi" in browser.stage.children[0].value, "a sentence with the path"
    browser.next.click()
    [player] = browser.stage.children
    assert isinstance(player, Video) and player.format == "mp4" and player.value[4:8] == b"ftyp"
    browser.next.click()
    assert player.comm is None, "its bytes are not kept"
    assert "not there any more" in browser.stage.children[0].value


def test_looking_through_many_clips_leaves_no_widgets_behind(browser: ClipBrowser) -> None:
    browser.view.value = widgets.CLIP
    there = len(widget._instances)
    for _ in range(3):
        browser.next.click()
        browser.previous.click()
        browser.code.value, browser.model.value = "CR", WILD
        browser.code.value, browser.model.value = "", "good"
    assert len(widget._instances) == there


def test_a_missing_clip_is_a_sentence(browser: ClipBrowser) -> None:
    browser.kind.value = "no error"
    assert browser.chosen.video == "c.mp4"
    assert "The file is not there any more" in browser.stage.children[0].value and "0.49" in browser.classes.value


def test_labels_alone_have_no_kinds_and_no_models(tables: dict[str, object]) -> None:
    browser = ClipBrowser(gather(**tables | {"predictions": {}}))
    assert [line for line, _ in browser.list.options][:2] == ["CR · a_1.mp4", f"OK · {EVIL}"]
    filters = browser.children[1].children
    assert filters == (browser.words, browser.code) and "errors" not in browser.count.value
    browser.code.value = "A&B<i>"
    assert names(browser) == ["b.avi"] and "bar" not in browser.classes.value


def test_a_long_list_is_cut_and_says_so(browser: ClipBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widgets, "MOST", 2)
    browser.fill()
    assert len(browser.list.options) == 2 and "the first 2 of 4 clips" in browser.count.value


def test_no_clips_at_all(tmp_path: Path) -> None:
    tables = labelled_clips(tmp_path)
    browser = ClipBrowser(gather(**tables | {"labels": tables["labels"].iloc[:0]}), "good")
    assert browser.chosen is None and "No clip fits" in browser.stage.children[0].value


@pytest.mark.slow
def test_it_works_in_jupyterlab(tmp_path: Path) -> None:
    """With its real widgets and a browser: names stay text, buttons and filters work, the clip plays, no network."""
    code = f"""from pathlib import Path
from labelled_clips import labelled_clips
from vpipe_utils.review.browser.lab import browse_clips
folder = Path({str(tmp_path / "clips")!r})
browse_clips(**labelled_clips(folder, files=True), model="good")"""
    (tmp_path / "clips").mkdir()
    with jupyter_lab(tmp_path, code) as address, browser_tab() as tab:
        page = tab.page
        page.goto(address, timeout=120_000)
        page.locator(".jp-Cell .cm-content").first.click(timeout=120_000)
        page.locator(".jp-Toolbar-kernelStatus, .jp-Notebook-ExecutionIndicator[data-status=idle]").first.wait_for()
        page.keyboard.press("Shift+Enter")
        shown = page.locator(".vpipe-clips")
        shown.wait_for(timeout=120_000)
        listed = shown.locator("select").last.locator("option")
        assert listed.all_inner_texts()[1].replace("\u00a0", " ") == f"false alarm CR 0.95 · {EVIL}"
        shown.get_by_text("Next ›").click()
        shown.locator("h4", has_text="onerror").wait_for()
        assert shown.locator("h4").inner_text() == EVIL and shown.locator("img").count() == 1
        assert shown.locator("img").evaluate("picture => picture.naturalWidth") == 720
        shown.locator("button", has_text="Clip").click()
        shown.locator("video").wait_for()
        until(page, "document.querySelector('.vpipe-clips video').readyState >= 2")
        shown.locator("select").nth(1).select_option(label="missed")
        shown.locator(".empty", has_text="Browsers do not play mpeg4").wait_for()
        assert listed.count() == 1 and shown.locator("h4").inner_text() == "b.avi"
        assert shown.locator("img[src=x], script").count() == 0 and tab.errors == []
        assert [url for url in tab.requests if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:"))] == []
