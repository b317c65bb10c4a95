"""The pages of the report: names of models and networks are text in their tables, titles and links."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from browser import browser_tab
from made_up_review import made_up_review
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from vpipe_utils.review.proposals import proposals, read_review

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow" / "site"))

import build  # noqa: E402
import conf  # noqa: E402
import reviews  # noqa: E402

HOSTILE = "<b>x</b> a|b $1$ *y*"
RUN = {"page": "05-x-fold_0", "model": HOSTILE, "fold": 0, "title": "Super-image"}


def rendered(text: str) -> str:
    return MarkdownIt("gfm-like", {"linkify": False}).render(text)


@pytest.mark.parametrize("page", [build.runs_table, build.model_page])
def test_a_model_and_its_network_are_text(page) -> None:
    run = RUN | {"metrics": {"backbone": HOSTILE, "val_mAP": 0.5, "epochs": 3, "parameters": 1e6}}
    text = page([run])
    html = rendered(text)
    assert "$" not in text and "&lt;b&gt;x&lt;/b&gt; a|b" in html and "<em>" not in html and "<b>" not in html
    assert 'href="05-x-fold_0"' in html and html.count("<td") == 6, "a bar in a name makes no column"


def test_the_start_page(tmp_path: Path) -> None:
    (tmp_path / "headline").mkdir()
    head = {"columns": ["Model", "Here"], "rows": [[HOSTILE, 0.5], ["Chance", None]], "note": "A note."}
    (tmp_path / "headline" / "headline.json").write_text(json.dumps(head))
    source = tmp_path / "source"
    source.mkdir()
    for more in ([build.WEAK, build.BENCHMARKS], [build.BENCHMARKS], []):
        build.write_start_page(tmp_path, source, {"05-x": [RUN | {"metrics": {}}]}, more, [])
        text = (source / "index.md").read_text(encoding="utf-8")
        html = rendered(text)
        assert [name for name in build.ON_REQUEST if f"]({name})" in text and f"\n{name}\n" in text] == more
        assert "&lt;b&gt;x&lt;/b&gt; a|b" in html and "<b>" not in html and "<em>" not in html
        tricks = ["07_boosting_tricks", "08_lowering_tricks"]
        listed = sorted(["06_ensemble", *tricks, "10_report", "11_predict", "13_when_super_images_pay", *more])
        assert "\n".join(listed) in text and "Not finished" not in text
    build.write_start_page(tmp_path, source, {}, [], [("05_super_image", "x_y", 2)])
    assert "in no table of these pages:</strong> Super-image x_y fold 2." in rendered((source / "index.md").read_text())


def test_a_run_that_failed_has_no_page_and_is_named(tmp_path: Path) -> None:
    data = {"frame_models": [], "video_models": [], "super_image_models": ["a", "b"], "train_folds": [0, 1]}
    made = tmp_path / "runs" / "super_image" / "b" / "fold_1"
    made.mkdir(parents=True)
    (made / "metrics.json").write_text("{}")
    finished, missing = build.asked_runs(tmp_path, data)
    assert finished == [("05_super_image", "b", 1)]
    assert [run[1:] for run in missing] == [("a", 0), ("a", 1), ("b", 0)]


def test_links_between_notebooks_lead_to_their_pages() -> None:
    text = "**Next:** [05 · Super-image](05_super_image.ipynb), [12 · Benchmarks](12_benchmarks.ipynb), [a](b.md)"
    pages = {"05_super_image": "05_super_image-convnext_base"}
    expected = "**Next:** [05 · Super-image](05_super_image-convnext_base), 12 · Benchmarks, [a](b.md)"
    assert build.linked(text, pages) == expected


def test_every_formula_of_the_notebooks_is_drawn() -> None:
    """What the converter does not know, as \\dots, would stand on the page as code."""
    reader = MarkdownIt().use(dollarmath_plugin)
    found = []
    for path in sorted((build.DOCS.parent / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        tokens = reader.parse("\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"))
        inside = [token for outer in tokens for token in (outer, *(outer.children or ()))]
        found += [(path.stem, token.content) for token in inside if token.type.startswith("math")]
    assert len(found) > 50
    assert [each for each in found if not conf.as_mathml(each[1], block=False).startswith("<math")] == []
    assert conf.as_mathml(r"k \dots K", block=False).startswith("<code>")


def test_code_is_folded_away_and_pictures_have_a_text(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "## `Scores` by *class*\n\ntext"},
        {"cell_type": "code", "metadata": {"tags": ["injected-parameters"]}, "source": "a = 1", "outputs": []},
        {"cell_type": "code", "metadata": {}, "source": ["# no heading\n", "figure()"], "outputs": []},
    ]
    (tmp_path / "in.ipynb").write_text(json.dumps({"cells": cells}))
    build.write_notebook(tmp_path / "in.ipynb", tmp_path / "out.ipynb", "", {})
    _, parameters, figure = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    assert "hide-input" in figure["metadata"]["tags"] and "hide-input" in parameters["metadata"]["tags"]
    assert figure["metadata"]["mystnb"]["image"] == {"alt": "figure: Scores by class"}
    assert parameters["metadata"]["mystnb"]["code_prompt_show"] == "parameters of this run"


def test_the_start_page_shows_the_clips_to_look_at_first(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "_static").mkdir(parents=True)
    assert reviews.reviews_section(tmp_path / "own", source) == ""
    folder = made_up_review(tmp_path / "own" / "review" / "week #2 <i>", videos=False)
    (folder / "index.html").touch()
    broken = tmp_path / "own" / "review" / "broken"
    broken.mkdir()
    (broken / "index.html").touch()
    html = rendered(reviews.reviews_section(tmp_path / "own", source))
    assert "</a>: 4 clips of 6 to watch.</p>" in html and "<i>" not in html
    promised = {"guarantee": {"missed": 0.05, "sentence": "No promise holds for these <clips>."}}
    made_up_review(folder, videos=False, record=promised)
    said = rendered(reviews.reviews_section(tmp_path / "own", source))
    assert "No promise holds for these &lt;clips&gt;" in said and "5 %" not in said
    first = proposals(read_review(folder)).iloc[0]
    assert f"{first['probability']:.2f}</td><td>{first['second']:.1f} s" in html
    assert 'href="../review/week%20%232%20%3Ci%3E/index.html#clip=%3Cimg%20src%3Dx' in html
    assert html.count("<img ") == html.count('alt="') == len(list((source / "_static").iterdir())) > 3
    assert "The review broken cannot be shown" in html and "onerror=alert(1)&gt;" in html


def source_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: list[dict]) -> Path:
    """Sphinx's source folder of a preset without models, whose notebooks all have these cells."""
    root, source = tmp_path / "demo", tmp_path / "source"
    (root / "notebooks").mkdir(parents=True)
    kind = {"metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    for name in build.PLAIN:
        (root / "notebooks" / f"{name}.ipynb").write_text(json.dumps({"cells": cells, **kind}))
    (root / "headline").mkdir()
    (root / "headline" / "headline.json").write_text(json.dumps({"columns": ["Model"], "rows": [], "note": "A note."}))
    no_models = {f"{approach}_models": [] for approach, _ in build.APPROACHES.values()}
    monkeypatch.setattr(build, "read_layers", lambda files: {"source": "files", "train_folds": [], **no_models})
    monkeypatch.setattr(build, "runs_benchmarks", lambda preset, source: False)
    monkeypatch.setattr(build, "runs_weak", lambda preset: False)
    build.write_source(root, source)
    return source


def test_the_pages_of_docs_are_part_of_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_of(tmp_path, monkeypatch, [])
    start = (source / "index.md").read_text(encoding="utf-8")
    for page in build.ABOUT:
        text = (source / f"{page}.md").read_text(encoding="utf-8")
        pictures = re.findall(r"\]\((sketches/\w+\.svg)\)", text)
        assert f"\n{page}\n" in start and all((source / picture).is_file() for picture in pictures)
    assert not list(source.rglob("draw.py"))


def test_pages_in_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code comes at the press of a button and stays; wide tables scroll in themselves; nothing from the network."""
    wide = pd.DataFrame([range(40)], columns=[f"a long name {k}" for k in range(40)]).to_html()
    output = {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/html": wide}}
    code = {"cell_type": "code", "metadata": {}, "execution_count": 1}
    cells = [
        {
            "cell_type": "markdown",
            "metadata": {},
            "source": "# Page\n\n`vpipe_utils.a.very.long.name.that.does.not.fit`",
        },
        code | {"source": "secret = 1", "outputs": []},
        code | {"source": "table(secret)", "outputs": [output]},
    ]
    source = source_of(tmp_path, monkeypatch, cells)
    done = [sys.executable, "-m", "sphinx", "-b", "html", "-q", str(source), str(tmp_path / "html")]
    assert subprocess.run(done, capture_output=True, timeout=200).returncode == 0
    for width, dark in ((1300, False), (390, True)):
        with browser_tab(width, 844, dark) as tab:
            page = tab.page
            page.goto((tmp_path / "html" / "06_ensemble.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator("table.dataframe").is_visible() and page.get_by_text("secret = 1").is_hidden()
            page.click(".code-switch")
            page.reload()
            assert page.get_by_text("secret = 1").is_visible(), "remembered"
            page.goto((tmp_path / "html" / "index.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator(".door").count() == 2 and page.locator("article img:not([alt])").count() == 0
            assert tab.errors == [] and tab.requests == []
