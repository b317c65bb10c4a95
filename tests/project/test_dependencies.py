"""What makes a step run again: for each folder of the package, what a change there triggers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from vpipe_utils.project import dependencies as deps

ROOT = Path(__file__).resolve().parents[2]
STEPS = {  # step -> the file whose imports are followed, the places that count for it
    "01": ("notebooks/01_data_preparation.ipynb", deps.DATA),
    "02": ("notebooks/02_folds.ipynb", deps.DATA),
    "train": (deps.TRAINING_ENTRY, deps.TRAINING),
    "06": ("notebooks/06_ensemble.ipynb", deps.RESULTS),
    "07": ("notebooks/07_boosting_tricks.ipynb", deps.RESULTS),
    "08": ("notebooks/08_lowering_tricks.ipynb", deps.RESULTS),
    "09": ("notebooks/09_weak_supervision.ipynb", deps.WEAK),
    "10": ("notebooks/10_report.ipynb", deps.RESULTS),
    "11": ("notebooks/11_predict.ipynb", deps.REVIEW),
    "12": ("notebooks/12_benchmarks.ipynb", deps.BENCHMARKS),
    "13": ("notebooks/13_when_super_images_pay.ipynb", deps.RESULTS),
}
# Steps whose own files a module is among. What they write counts further by its content.
TRIGGERS = {
    "project/parameters": "",
    "project/progress": "",
    "project/seeds": "01 06 08 09 10 11 12 train",
    "storage/files": "",
    "video/h264_headers": "12",
    "video/jump": "12",
    "video/colours": "01 02 11 12",
    "video/sequential": "01 02 11 12",
    "user_files/label_sheets": "01 02 12",
    "data/params": "",
    "data/annotations": "01 02 06 07 08 09 10 11 12 13",
    "data/folds": "02 06 10 11 13",
    "data/sampling": "01 02 06 07 08 09 10 11 12 13 train",
    "pipesim/filming/camera": "01 12",
    "tiles/tile_writer": "01 11 12",
    "tiles/tile_cache": "01 02 09 11 12 train",
    "evaluation/metrics": "06 07 08 09 10 11 12 13 train",
    "evaluation/ensemble": "06 07 08 09 10 11 13",
    "evaluation/resampling": "06 07 08 09 10 11 13",
    "evaluation/params": "",
    "learning/params": "",
    "learning/inputs": "09 11 12 train",
    "learning/superimage": "09 11 12 train",
    "learning/training": "09 11 12 train",
    "learning/weights/checkpoints": "09 11 12 train",
    "learning/weak/params": "",
    "learning/weak/pretrain": "09",
    "report/data_figures": "06 09 10 12",
    "report/sentences": "06 07 08 09 10 12 13",
    "report/weak/words": "09",
    "benchmarks/clips": "12",
    "benchmarks/params": "",
    "review/tables": "11",
    "review/predicting/review": "11",
    "review/evidence/clips": "11",
    "review/evidence/record": "11",
    "review/page/build": "11",
    "review/browser/clips": "",  # only what a person sees in JupyterLab
}


@pytest.mark.parametrize("module", TRIGGERS)
def test_what_a_change_of_a_module_triggers(module: str) -> None:
    file = f"vpipe_utils/{module}.py"
    assert (ROOT / file).is_file()
    triggered = {step for step, (entry, places) in STEPS.items() if file in deps.deciding_files(entry, places)}
    assert triggered == set(TRIGGERS[module].split())


def test_every_folder_is_in_the_table() -> None:
    folders = {path.name for path in (ROOT / "vpipe_utils").iterdir() if any(path.glob("*.py"))}
    assert folders <= {module.split("/")[0] for module in TRIGGERS}


def test_all_of_learning_that_a_run_reaches_counts() -> None:
    """The list is derived: a new module that training imports is on it without a word. Notebook 09's are apart."""
    files = deps.deciding_files(deps.TRAINING_ENTRY, deps.TRAINING)
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "vpipe_utils" / "learning").rglob("*.py")}
    there = {file for file in there if Path(file).stem not in ("__init__", "params")}
    # Called by name, on several devices only; how it shares batches is in datasets, what it trains in training.
    there -= {"vpipe_utils/learning/several/worker.py"}
    weak = {file for file in there if "/weak/" in file}
    assert there - weak <= set(files) and not weak & set(files)
    assert there <= set(deps.deciding_files(STEPS["09"][0], deps.WEAK)) | set(files) and weak


def test_the_imports_of_a_notebook_are_followed(tmp_path: Path) -> None:
    files = {
        "vpipe_utils/__init__.py": "",
        "vpipe_utils/data/a.py": "from vpipe_utils.tiles.b import f",
        "vpipe_utils/tiles/b.py": "def f():\n    from vpipe_utils.report import c",
        "vpipe_utils/report/c.py": "from vpipe_utils.data import d",
        "vpipe_utils/data/d.py": "",
        "vpipe_utils/data/unused.py": "",
        "vpipe_utils/data/params.py": "",
        "vpipe_utils/sim/__init__.py": "from vpipe_utils.data.params import P",
        "vpipe_utils/sim/table.csv": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    source = ["%matplotlib inline\n", "import numpy\n", "from vpipe_utils.data import a\nimport vpipe_utils.sim"]
    cells = [{"cell_type": "code", "source": source}, {"cell_type": "markdown", "source": ["from x"]}]
    (tmp_path / "n.ipynb").write_text(json.dumps({"cells": cells}))
    found = deps.deciding_files("n.ipynb", ("data/", "tiles/", "sim/"), tmp_path)
    assert found == [f"vpipe_utils/{name}" for name in ("data/a.py", "data/d.py", "sim/__init__.py", "sim/table.csv",
                                                        "tiles/b.py")]  # fmt: skip
    assert deps.code_of(tmp_path / "n.ipynb") == "".join(source)
    assert deps.code_of(tmp_path / "n.ipynb", "no_such") == ""
    assert deps.deciding_files("none.ipynb", ("data/",), tmp_path) == []


def test_the_recipe_of_training_changes_with_what_decides_it(tmp_path: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("here", "learning/inputs", "report/figure_style"):
        project = tmp_path / name.replace("/", "_")
        shutil.copytree(ROOT / "vpipe_utils", project / "vpipe_utils", ignore=ignore)
        if name != "here":
            file = project / "vpipe_utils" / f"{name}.py"
            file.write_text(file.read_text() + "\n# changed\n")
    recipes = {path.name: deps.digest_of(deps.TRAINING_ENTRY, deps.TRAINING, path) for path in tmp_path.iterdir()}
    assert recipes["here"] == recipes["report_figure_style"] == deps.digest_of(deps.TRAINING_ENTRY, deps.TRAINING)
    assert recipes["here"] != recipes["learning_inputs"]
