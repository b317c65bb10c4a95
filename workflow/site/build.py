"""Builds the HTML report of one preset from its executed notebooks.

    python workflow/site/build.py outputs/demo

Everything is built in a temporary folder; outputs/<preset>/report changes in one step at the end.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs"
sys.path.insert(0, str(HERE.parents[1]))

from vpipe_utils.project.parameter_files import layer_files, read_layers, runs_benchmarks, runs_weak  # noqa: E402
from vpipe_utils.storage.files import atomic_path, temporary_folder  # noqa: E402
from vpipe_utils.storage.tables import read_json  # noqa: E402
from vpipe_utils.user_files.user_text import in_markdown  # noqa: E402

sys.path.insert(0, str(HERE))

from reviews import reviews_section  # noqa: E402

APPROACHES = {
    "03_frame_baseline": ("frame", "Frame baseline"),
    "04_video_swin": ("video", "Video Swin"),
    "05_super_image": ("super_image", "Super-image"),
}
PLAIN = (
    "01_data_preparation", "02_folds", "06_ensemble", "07_boosting_tricks", "08_lowering_tricks", "10_report",
    "11_predict", "13_when_super_images_pay",
)  # fmt: skip
WEAK, BENCHMARKS = "09_weak_supervision", "12_benchmarks"
ON_REQUEST = {  # what some presets run, and what the start page says of it
    WEAK: f"**[Weak supervision]({WEAK})**: clips as bags of frames, with features that were learned without labels.",
    BENCHMARKS: f"**[The benchmarks]({BENCHMARKS})**: what every model costs, counted at the paper's size and measured "
    "at this one.",
}
ABOUT = ("OWN_CLIPS", "GLOSSARY", "DATA_CARD", "MODEL_CARD")  # pages of docs/
Run = tuple[str, str, int]  # notebook, model, fold
TO_NOTEBOOK = re.compile(r"\[([^]]+)\]\((\d\d_\w+)\.ipynb\)")  # a link from one notebook to another


def main() -> None:
    parser = argparse.ArgumentParser(description="build the HTML report of one preset")
    parser.add_argument("root", type=Path, help="outputs/<preset>")
    parser.add_argument("--log", type=Path, help="what Sphinx says")
    arguments = parser.parse_args()
    from sphinx.cmd.build import build_main  # seconds; not needed to read the help

    with temporary_folder() as folder:
        source, built = folder / "source", folder / "html"
        write_source(arguments.root, source)
        log = open(arguments.log, "w", encoding="utf-8") if arguments.log else sys.stdout
        words = ["-b", "html", "-q", "-j", "1", str(source), str(built)]
        kept, sys.stdout, sys.stderr = (sys.stdout, sys.stderr), log, log
        try:
            failed = build_main(words)
        finally:
            sys.stdout, sys.stderr = kept
        if failed:
            sys.exit(f"the HTML pages could not be built: see {arguments.log or 'above'}")
        shutil.rmtree(built / ".doctrees", ignore_errors=True)
        (built / ".buildinfo").unlink(missing_ok=True)
        report = arguments.root / "report"
        if report.is_dir() and any(report.iterdir()) and not (report / "searchindex.js").is_file():
            sys.exit(f"{report} holds files that are not of this report: move them elsewhere")
        with atomic_path(report) as part:
            shutil.copytree(built, part)


def write_source(root: Path, source: Path) -> None:
    """Sphinx's source folder: settings, notebooks with their own titles, a page a model, the start page."""
    shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("*.md", "build.py", "reviews.py", "__pycache__"))
    data = read_layers(layer_files(root.name))
    asked = {WEAK: runs_weak(root.name), BENCHMARKS: runs_benchmarks(root.name, data["source"])}
    more = [name for name in ON_REQUEST if asked[name]]
    plain = sorted((*PLAIN, *more))
    pages = {name: name for name in plain}  # notebook -> the page that a link to it leads to
    finished, missing = asked_runs(root, data)
    for name, model, _ in reversed(finished):
        pages[name] = f"{name}-{model}"  # the first model's
    for name in plain:
        write_notebook(root / "notebooks" / f"{name}.ipynb", source / f"{name}.ipynb", "", pages)
    runs: dict[str, list[dict]] = {}  # page of a model -> its runs
    for name, model, fold in finished:
        approach, title = APPROACHES[name]
        page = f"{name}-{model}-fold_{fold}"
        folder = run_folder(root, approach, model, fold)
        metrics = read_json(folder / "metrics.json")
        run = {"page": page, "model": model, "fold": fold, "title": title, "metrics": metrics}
        runs.setdefault(f"{name}-{model}", []).append(run)
        suffix = f" · {in_markdown(model)} · fold\N{NO-BREAK SPACE}{fold}"
        write_notebook(folder / "notebook.ipynb", source / f"{page}.ipynb", suffix, pages)
    for page, of_model in runs.items():
        (source / f"{page}.md").write_text(model_page(of_model), encoding="utf-8")
    for page in ABOUT:
        text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
        (source / f"{page}.md").write_text(linked(text.replace("](../notebooks/", "]("), pages), encoding="utf-8")
    for picture in DOCS.glob("*.jpg"):
        shutil.copy(picture, source)
    shutil.copytree(DOCS / "sketches", source / "sketches", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    write_start_page(root, source, runs, more, missing)


def run_folder(root: Path, approach: str, model: str, fold: int) -> Path:
    return root / "runs" / approach / model / f"fold_{fold}"


def asked_runs(root: Path, data: Mapping[str, object]) -> tuple[list[Run], list[Run]]:
    """The runs that a preset asks for: those with a result, and those that failed under --keep-going."""
    finished, missing = [], []
    for name, (approach, _) in APPROACHES.items():
        for model in data[f"{approach}_models"]:
            for fold in data["train_folds"]:
                there = (run_folder(root, approach, model, fold) / "metrics.json").is_file()
                (finished if there else missing).append((name, model, fold))
    return finished, missing


def write_notebook(path: Path, target: Path, suffix: str, pages: Mapping[str, str]) -> None:
    """Copy a notebook; its H1 names model and fold, its code is folded away, its links lead to ``pages``.

    The cell with the notebook's own parameters goes: papermill's, after it, holds those that were used. Pictures get a
    text for those who do not see them: under which heading they stand.
    """
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"] = [cell for cell in notebook["cells"] if "parameters" not in cell["metadata"].get("tags", [])]
    heading = ""
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            heading = heading_of(text) or heading
        if suffix and cell["cell_type"] == "markdown" and text.startswith("# "):
            first, _, rest = text.partition("\n")
            cell["source"] = f"{first}{suffix}\n{rest}"
            suffix = ""
        if cell["cell_type"] == "markdown":
            cell["source"] = linked("".join(cell["source"]), pages)
        if cell["cell_type"] != "code":
            continue
        tags = cell["metadata"].setdefault("tags", [])
        tags.append("hide-input")
        shown = cell["metadata"].setdefault("mystnb", {})
        shown["image"] = {"alt": f"figure: {heading}" if heading else "figure"}
        if "injected-parameters" in tags:
            shown |= dict.fromkeys(("code_prompt_show", "code_prompt_hide"), "parameters of this run")
    target.write_text(json.dumps(notebook), encoding="utf-8")


def heading_of(text: str) -> str:
    """The last heading in a Markdown cell, without its marks; "" for none."""
    found = re.findall(r"(?m)^#{1,4} +(.+?) *$", re.sub(r"(?s)```.*?```", "", text))
    return re.sub(r"[*`]", "", found[-1]) if found else ""


def linked(text: str, pages: Mapping[str, str]) -> str:
    """Markdown with its links to notebooks leading to their pages; one to a notebook without a page is plain text."""
    return TO_NOTEBOOK.sub(lambda link: f"[{link[1]}]({pages[link[2]]})" if link[2] in pages else link[1], text)


def model_page(runs: list[dict]) -> str:
    """One model: its folds with their scores, and the folds' notebooks below it."""
    title = f"# {runs[0]['title']} · {in_markdown(runs[0]['model'])}\n\n"
    backbone = runs[0]["metrics"].get("backbone")
    intro = f"Backbone {in_markdown(backbone)}" if backbone else "One notebook a fold"
    count = runs[0]["metrics"].get("parameters")
    intro += f", {count / 1e6:.2f} M parameters." if isinstance(count, int | float) else "."
    toc = "\n".join(f"fold {run['fold']} <{run['page']}>" for run in runs)
    return f"{title}{intro}\n\n{runs_table(runs)}\n\n```{{toctree}}\n:hidden:\n\n{toc}\n```\n"


def runs_table(runs: Iterable[dict]) -> str:
    rows = []
    for run in runs:
        metrics = run["metrics"]
        seconds = metrics.get("train_seconds")
        rows.append([
            run["title"], in_markdown(run["model"]), f"[fold {run['fold']}]({run['page']})", metrics.get("val_mAP"),
            metrics.get("epochs"), None if seconds is None else f"{seconds / 60:.1f} min",
        ])  # fmt: skip
    return table(["Approach", "Model", "Run", "Validation mAP", "Epochs", "Training"], rows, left=3)


def write_start_page(
    root: Path, source: Path, runs: dict[str, list[dict]], more: list[str], missing: list[Run]
) -> None:
    """``more``: the notebooks of ON_REQUEST that this preset has run; ``missing``: runs without a result."""
    headline = read_json(root / "headline" / "headline.json")
    figures = []
    for figure in headline.get("figures", []):
        shutil.copy(root / "headline" / figure["file"], source / figure["file"])
        alt = re.sub(r"[^\w ,.:;%()±-]+", " ", figure["caption"].splitlines()[0]) if figure["caption"] else "figure"
        figures.append(f"```{{figure}} {figure['file']}\n:alt: {alt}\n{figure['caption']}\n```")
    reviews = reviews_section(root, source)
    text = Template((HERE / "index.md").read_text(encoding="utf-8")).substitute(
        title=headline.get("title") or f"The VideoPipe paper, rebuilt (preset {in_markdown(root.name)})",
        note=f":::{{note}}\n{headline['note']}\n:::",
        reviews=reviews,
        review_link="[below](#clips-to-look-at-first)"
        if reviews
        else "a review page, once there are clips without labels",
        n_classes=headline.get("n_classes", 17),
        headline=results(headline),
        small=listed_apart(headline.get("small")),
        figures="\n\n".join(figures),
        runs_table=runs_table(run for of_model in runs.values() for run in of_model) + without(missing),
        runs=f"outputs/{root.name}/runs",
        toc_data="01_data_preparation\n02_folds",
        toc_models="\n".join(runs),
        more="".join(f"\n{number}. {ON_REQUEST[name]}" for number, name in enumerate(more, 8)),
        toc_results="\n".join(sorted((*PLAIN[2:], *more))),
        toc_about="\n".join(ABOUT),
    )
    (source / "index.md").write_text(text, encoding="utf-8")


def without(missing: list[Run]) -> str:
    """A sentence on the runs that are asked for and have no result."""
    named = ", ".join(f"{APPROACHES[name][1]} {in_markdown(model)} fold {fold}" for name, model, fold in missing)
    return f"\n\n**Not finished, and so in no table of these pages:** {named}." if missing else ""


def results(part: dict) -> str:
    """A table of headline.json: its names are text, not Markdown."""
    rows = [[as_text(cell) for cell in row] for row in part["rows"]]
    return table(part["columns"], rows, part.get("text_columns", 1))


def listed_apart(small: dict | None) -> str:
    """The section of what does not clear the colour baseline, where there is any."""
    return f"### {small['title']}\n\n{small['note']}\n\n{results(small)}" if small and small["rows"] else ""


def table(columns: list[str], rows: Iterable[list], left: int = 1) -> str:
    """A Markdown table: `left` columns of text, the others to the right; floats have three decimals, text stays."""
    rule = "|:--" * left + "|--:" * (len(columns) - left) + "|"
    lines = ["| " + " | ".join(map(shown, columns)) + " |", rule]
    lines += ["| " + " | ".join(map(shown, row)) + " |" for row in rows]
    return "\n".join(lines)


def shown(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    return str(value)


def as_text(value: object) -> object:
    """A cell of the headline table: names of models and networks are text, not Markdown."""
    return in_markdown(value) if isinstance(value, str) else value


if __name__ == "__main__":
    main()
