"""The page of a review, driven in a browser: what a person does with it, and what must never happen."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import Tab, browser, browser_tab, until
from made_up_review import EVIL, ODD, made_up_review, sheets_without_reading

from vpipe_utils.data.annotations import read_annotations, read_label_file
from vpipe_utils.data.classes import CLASSES
from vpipe_utils.data.sampling import uniform_indices
from vpipe_utils.review.page.build import write_page
from vpipe_utils.review.tables import CALIBRATED, EVIDENCE, REVIEW
from vpipe_utils.storage.tables import read_table
from vpipe_utils.user_files.name_matching import FileNames

DRIFT = {"warns": True, "sentence": "These clips are darker than those that the promise was measured on."}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A review of clips with odd names, in a folder with an odd name, and its page."""
    folder = made_up_review(tmp_path_factory.mktemp("own") / "review" / "week 12 #2", record={"drift": DRIFT})
    sheets_without_reading(folder, ODD)
    write_page(folder)
    return folder


@pytest.fixture(scope="module")
def opened() -> Iterator[object]:
    """The browser in which each test has tabs of its own."""
    with browser() as opened:
        yield opened


@pytest.fixture
def tab(folder: Path, opened: object) -> Iterator[Tab]:
    """The page, open; whatever a test does, nothing goes wrong and nothing is asked of the network."""
    with browser_tab(within=opened) as tab:
        tab.page.goto((folder / "index.html").as_uri())
        yield tab
        assert tab.errors == [] and tab.requests == []


def shown(tab: Tab) -> list[str]:
    """Names in the list, from top to bottom."""
    rows = tab.page.locator(".clip-row")
    pairs = [(int(row.get_attribute("aria-posinset")), row.locator(".video").inner_text()) for row in rows.all()]
    return [name for _, name in sorted(pairs)]


def test_names_are_text_and_order_is_need(tab: Tab) -> None:
    names = shown(tab)
    assert names[:3] == list(ODD[:3]) and names[0] == EVIL and len(names) == len(ODD) + 1
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in names[3] and "202E" in names[3], "a sign that turns text is shown"
    assert tab.page.locator("#clip-name").inner_text() == EVIL and "/" not in tab.page.title().split("·")[0]
    assert tab.page.locator("main img[src=x], main script, main b:text-is('.mp4')").count() == 0
    assert tab.page.locator("#rows .clip-row").last.locator(".bad").inner_text() == "cannot be read"


def test_promise_drift_and_what_breaks_it_stand_at_the_top(tab: Tab) -> None:
    top = tab.page.locator("#top").text_content()
    assert "4 of 6 clips on the list misses at most 5 % of the defects" in top
    assert DRIFT["sentence"] in top and "Another camera" in top and "4.1 %" in top
    assert tab.page.locator("#drift").is_visible()


def test_where_no_promise_holds_it_is_said_once(tmp_path: Path, opened: object) -> None:
    sentence = "No promise holds for these clips: they are <darker>."
    levels = [
        {
            "missed": 0.05,
            "kind": "sure",
            "confidence": 0.9,
            "watch": 0.6,
            "realised": 0.02,
            "holds": 0.95,
            "splits": 200,
        }
    ]
    guarantee = {"missed": 0.05, "sentence": sentence, "levels": levels}
    drift = {"warns": True, "sentence": "they are <darker>."}
    folder = made_up_review(
        tmp_path / "r", ["a.mp4", "b.mp4"], videos=False, record={"guarantee": guarantee, "drift": drift}
    )
    write_page(folder)
    with browser_tab(within=opened) as tab:
        tab.page.goto((folder / "index.html").as_uri())
        top = tab.page.locator("#trust").text_content()
        assert top.count("<darker>") == 1 and tab.page.locator("#drift").inner_text() == sentence
        assert "with 90 % confidence60 %2 %95 % of 200 trials" in top and tab.errors == []


def test_search_filter_and_order(tab: Tab, folder: Path) -> None:
    page, table = tab.page, read_table(folder / CALIBRATED).set_index("video")
    page.keyboard.press("/")
    page.keyboard.type("OLD cam")
    until(page, "document.querySelectorAll('.clip-row').length === 1")
    assert shown(tab) == ["old camera.avi"] and page.locator("#count").inner_text() == "1 of 7 clips"
    page.click("#clear")
    page.select_option("#class", label="PL crack")
    with_crack = table.index[table["PL"] >= 0.5]
    assert shown(tab) == list(with_crack) and 0 < len(with_crack) < len(table)
    page.locator("#score").fill("90")
    until(page, "document.querySelectorAll('.clip-row').length === 1")
    assert shown(tab) == [EVIL]
    page.click("#clear")
    page.select_option("#class", label="SL leakage")
    page.locator("#score").fill("0")
    page.select_option("#order", "score")
    until(page, "document.querySelectorAll('.clip-row').length > 1")
    assert shown(tab)[0] == table["SL"].idxmax()
    page.click("#clear")
    page.select_option("#status", "unreadable")
    assert shown(tab) == ["broken one.mp4"]


def test_keys_go_on_and_back_and_stop_at_the_ends(tab: Tab) -> None:
    page, name = tab.page, tab.page.locator("#clip-name")
    for key in ("k", "j", "ArrowDown", "ArrowUp"):
        page.keyboard.press(key)
    assert name.inner_text() == ODD[1]
    for _ in range(12):
        page.keyboard.press("j")
    assert name.inner_text() == "broken one.mp4" and "cannot be read" in page.locator("#why").inner_text()
    page.keyboard.press("a")
    page.keyboard.press("1")
    assert page.locator("#decision").inner_text() == "" and page.locator("#agree").is_disabled()
    page.keyboard.press("?")
    assert page.locator("#help").is_visible() and "agree and go on" in page.locator("#keys").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#help").is_hidden()


def test_evidence_lies_on_its_picture_and_leads_to_its_second(tab: Tab, folder: Path) -> None:
    page, rows = tab.page, read_table(folder / EVIDENCE)
    first = rows[(rows["video"] == EVIL) & (rows["class"] == "PL")].iloc[0]
    picture, heat = page.locator("#stage .fitted > img"), page.locator("#stage .heat")
    assert picture.get_attribute("src") == first["picture"] and "PL crack" in picture.get_attribute("alt")
    until(page, "[...document.querySelectorAll('#stage img')].every((image) => image.naturalWidth)")
    assert picture.bounding_box() == heat.bounding_box()
    box, frame = page.locator("#stage rect.over").bounding_box(), picture.bounding_box()
    left = frame["x"] + frame["width"] * first["x0"] / 160
    assert abs(box["x"] - left) < 4, "the box is where it was found, whatever size the picture has"
    said = re.search(r"most telling at (\d\.\d) s", page.locator("#caption").inner_text())
    assert abs(float(said[1]) - first["second"]) < 0.051
    of_clip = "REVIEW.clips.find((clip) => clip.video.startsWith('<img'))"
    frames, length = page.evaluate(f"[{of_clip}.frames, {of_clip}.seconds]")
    nine = uniform_indices(frames, 9) * length / frames
    buttons = page.locator("#strip button").all()
    assert [button.get_attribute("aria-current") == "true" for button in buttons] == [
        k == int(np.abs(nine - first["second"]).argmin()) for k in range(9)
    ]
    in_sight = [first["first_s"] - 0.01 <= second <= first["last_s"] + 0.01 for second in nine]
    assert ["in-sight" in (button.get_attribute("class") or "") for button in buttons] == in_sight
    assert 0 < sum(in_sight) < 9, "else this shows nothing"
    page.keyboard.press("h")
    assert heat.is_hidden()
    page.keyboard.press("e")
    assert "PL crack" not in page.locator("#caption").inner_text(), "the next class"
    page.keyboard.press("s")
    assert "sheets/" in page.locator("#stage img").get_attribute("src")


def test_the_clip_plays_from_its_second_or_says_why_not(tab: Tab, folder: Path) -> None:
    page, rows = tab.page, read_table(folder / EVIDENCE).drop_duplicates("video").set_index("video")
    for name in ODD[:5]:
        page.keyboard.press("v")
        until(page, "document.querySelector('#stage video')?.currentTime > 0")
        start = page.locator("#caption").inner_text()
        assert re.fullmatch(r"from \d\.\d s", start) and name in rows.index
        assert page.evaluate("document.querySelector('#stage video').currentTime") >= float(start.split()[1]) - 0.06
        page.keyboard.press("e")
        page.keyboard.press("j")
    assert page.locator("#clip-name").inner_text() == "old camera.avi"
    page.keyboard.press("v")
    page.wait_for_selector("#stage .empty")
    words = page.locator("#stage .empty").inner_text()
    assert "cannot play this clip (AVI)" in words and words.endswith("/new clips/old camera.avi")
    assert page.locator("#stage .fitted > img").count() == 1, "the picture stands in"


def test_decisions_stay_and_come_out_in_the_form_that_labels_are_read_in(
    tab: Tab, folder: Path, tmp_path: Path
) -> None:
    page = tab.page
    proposed = [chip.split()[0] for chip in page.locator(".clip-row").first.locator(".chip").all_inner_texts()]
    page.keyboard.press("a")  # agrees with the first and goes on
    assert page.locator("#clip-name").inner_text() == ODD[1]
    page.keyboard.press("c")
    page.locator("[data-class='16'] input").check()  # TL
    page.keyboard.press("n")
    page.keyboard.type('yes, "really";\n=SUM(A1)')
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.locator("[data-class='0'] input").check()  # ZC excludes all others
    assert page.locator("#decision").inner_text() == "corrected: ZC"
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.keyboard.press("k")
    page.keyboard.press("u")
    page.keyboard.press("a")
    page.reload()
    assert page.locator("#progress").inner_text().startswith("4 of 4"), "kept in the browser"
    assert page.locator(".clip-row .state.corrected").count() == 2

    page.keyboard.press("x")
    assert "4 clips decided, 2 of them corrected" in page.locator("#export-count").inner_text()
    assert 'videos_dir: "' + str(folder.parent / "new clips") in page.locator("#recipe").inner_text()
    with page.expect_download() as download:
        page.click("#save-labels")
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == "week_12_2_corrections.csv"
    read = read_label_file(path, files=FileNames.of(folder.parent / "new clips"))
    table = read.table.set_index("video")
    assert list(table.index) == list(ODD[:4]) and "column 'review' is no class, left out" in read.notes
    assert {code for code in CLASSES if table.loc[EVIL, code]} == set(proposed)
    assert table.loc[ODD[1], "TL"] == 1
    assert '"corrected: yes, ""really""; =SUM(A1)"' in path.read_text(encoding="utf-8-sig")
    with page.expect_download() as download:
        page.click("#save-notes")
    assert "week_12_2_notes.csv" == download.value.suggested_filename


def test_a_note_never_passes_for_a_class(tab: Tab, tmp_path: Path) -> None:
    page = tab.page
    page.keyboard.press("n")
    page.keyboard.type("1")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    path = tmp_path / "labels.csv"
    path.write_text(page.evaluate("VP.exports.labels()").replace(EVIL, "plain.mp4"), encoding="utf-8")
    assert read_annotations(path)["video"].tolist() == ["plain.mp4"]


def test_a_link_opens_its_clip(folder: Path, opened: object) -> None:
    with browser_tab(within=opened) as tab:
        tab.page.goto((folder / "index.html").as_uri() + "#clip=old%20camera.avi")
        assert tab.page.locator("#clip-name").inner_text() == "old camera.avi"
        tab.page.goto((folder / "index.html").as_uri() + "#clip=%E0%A4%A")
        tab.page.reload()
        assert tab.page.locator("#clip-name").inner_text() == EVIL and tab.errors == []


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_the_list_or_a_clip_and_nothing_runs_out(folder: Path, dark: bool, opened: object) -> None:
    with browser_tab(390, 844, dark, opened) as tab:
        page = tab.page
        page.goto((folder / "index.html").as_uri())
        wide = "document.documentElement.scrollWidth"
        assert page.evaluate(wide) <= 390 and page.locator("#clip").is_hidden()
        page.locator(".clip-row").nth(1).click()
        assert page.locator("#clip-name").inner_text() == ODD[1] and page.locator("#side").is_hidden()
        assert page.evaluate(wide) <= 390
        assert page.locator("#agree").bounding_box()["y"] < 844, "at hand without scrolling"
        page.click("#agree")
        assert page.locator("#clip-name").inner_text() == ODD[2]
        page.click("#back")
        assert page.locator("#side").is_visible()
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(20, 23, 26)") is dark
        page.click("#theme")
        page.click("#theme")  # auto, light, dark
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
        assert tab.errors == [] and tab.requests == []


def test_what_is_printed_is_what_the_filters_leave(tab: Tab) -> None:
    page = tab.page
    page.select_option("#status", "watch")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("#print tbody tr").count() == 4 and page.locator("#print").is_visible()
    assert page.locator("main").is_hidden() and "at most 5 %" in page.locator("#top").inner_text()


def test_a_bare_review_has_a_page(tmp_path: Path, opened: object) -> None:
    """No evidence, no promise, own classes with odd names, two clips, one class: nothing is missing badly."""
    classes = ["</script><b>x</b>", "$a|b$", 'review "1"']
    folder = made_up_review(tmp_path / "bare", ["a.mp4", "b.mp4"], evidence=False, classes=classes)
    (folder / REVIEW).write_text(json.dumps({"classes": classes}))
    sheets_without_reading(folder, ["a.mp4", "b.mp4"])
    write_page(folder)
    with browser_tab(within=opened) as tab:
        tab.page.goto((folder / "index.html").as_uri())
        assert len(shown(tab)) == 2 and "Nothing is promised" in tab.page.locator("#trust").inner_text()
        assert "</script><b>x</b>" in tab.page.locator("#classes").inner_text()
        assert "sheets/" in tab.page.locator("#stage img").get_attribute("src"), (
            "nine frames where there is no evidence"
        )
        tab.page.keyboard.press("1")
        tab.page.keyboard.press("e")
        assert "No evidence" in tab.page.locator("#stage").inner_text()
        path = tmp_path / "labels.csv"
        path.write_text(tab.page.evaluate("VP.exports.labels()"), encoding="utf-8")
        if tab.page.locator("#decision").inner_text() != "corrected: no class":
            assert list(read_annotations(path, classes, None)["video"]) == ["a.mp4"]
        assert tab.errors == [] and tab.requests == []


def test_clips_that_have_moved_are_said(tmp_path: Path, opened: object) -> None:
    folder = made_up_review(tmp_path / "review", ["a.mp4", "b.mp4", "c.mp4"])
    shutil.rmtree(tmp_path / "new clips")
    write_page(folder)
    with browser_tab(within=opened) as tab:
        tab.page.goto((folder / "index.html").as_uri())
        tab.page.keyboard.press("v")
        assert "or the file has moved" in tab.page.locator("#stage .empty").inner_text()


def test_a_thousand_clips(tmp_path: Path, opened: object) -> None:
    """Only what is seen is drawn, whatever is scrolled or filtered; how long it takes is printed (-s), not judged."""
    names = [f"street {k // 7:03d} clip_{k:04d}.mp4" for k in range(1000)]
    folder = made_up_review(tmp_path / "many", names, videos=False)
    sheets_without_reading(folder, names)
    write_page(folder)
    with browser_tab(within=opened) as tab:
        page = tab.page
        page.goto((folder / "index.html").as_uri())
        seconds = _thread_seconds(page)
        next(seconds)
        page.reload()
        first = next(seconds)
        assert page.locator("#count").inner_text() == "1,000 clips" and page.locator(".clip-row").count() < 40
        page.evaluate("document.getElementById('list').scrollTop = 1e6")
        until(page, "document.querySelector('#row-999')")
        assert page.locator(".clip-row").count() < 40
        next(seconds)
        page.select_option("#class", label="PL crack")
        until(page, "document.querySelector('#count').innerText.includes(' of 1,000')")
        filtered = next(seconds)
        page.click("#clear")
        next(seconds)
        page.fill("#query", "street 003")
        found = sum("003" in name for name in names)
        until(page, f"document.querySelector('#count').innerText.startsWith('{found} of')")
        searched = next(seconds)
        marks = page.evaluate(
            "performance.getEntriesByType('measure').map((one) => [one.name, Math.round(one.duration)])"
        )
        assert {name for name, _ in marks} == {"vpipe-first", "vpipe-filter"}
        print(
            f"\nCPU seconds of script: first paint {first}, filter {filtered}, search {searched}; marks (ms): {marks}"
        )
        assert tab.errors == [] and tab.requests == []


def _thread_seconds(page: object) -> Iterator[dict[str, float]]:
    """CPU time of the page's thread since the last time, by Chromium's own counters."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    last = {"ScriptDuration": 0.0, "LayoutDuration": 0.0, "TaskDuration": 0.0}
    while True:
        now = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
        yield {key.removesuffix("Duration").lower(): round(now[key] - last[key], 3) for key in last}
        last = {key: now[key] for key in last}
