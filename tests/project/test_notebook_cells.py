"""Parameters of a notebook that runs again and again in one kernel."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyter_client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from vpipe_utils.project.notebook_cells import cells_that_ran, names_set
from vpipe_utils.project.parameter_files import layer_files, read_layers

ROOT = Path(__file__).resolve().parents[2]
CELL = '# Parameters: more can be set\npreset = "smoke"\nseed = 1'
CHECK = "from x import P\n\nparams = P.from_notebook(globals())\nlayout = params.layout"
INJECTED = '# Parameters\nlr = 0.1\npreset = "demo"'


@pytest.mark.parametrize(
    ("history", "names"),
    [
        (["", CELL, CHECK], ["preset", "seed"]),
        (["", CELL, CHECK, "import b\nx = 1", "epochs = 3\npreset = 2", CELL, CHECK], ["preset", "seed"]),
        ([CELL, CHECK, "classes = list(params)\npreset = 1", CHECK], ["preset", "seed"]),
        ([CELL, INJECTED, CHECK], ["preset", "seed", "lr"]),
        ([CELL, INJECTED, CHECK, "x = 1", CELL, INJECTED, CHECK], ["preset", "seed", "lr"]),
        ([CELL, INJECTED, CHECK, "x = 1", INJECTED, CHECK], ["preset", "seed", "lr"]),
        ([CELL, INJECTED, CHECK, "x = 1", CELL, CHECK], ["preset", "seed"]),
        ([CELL.replace("seed", "sead"), CELL, CHECK], ["preset", "seed"]),
        ([CELL.replace("seed", "sead"), CHECK, CELL, CHECK], ["preset", "seed"]),
        (["epochs = 3", CELL, "batch_size = 2", CHECK], ["preset", "seed", "batch_size"]),
        (["# Parameters\nseed = 1", CHECK], ["seed"]),
        ([CELL + "\nepochs, (lr, *grid) = 3, (1, 2)\n_x = 1", CHECK], ["preset", "seed", "epochs", "lr", "grid"]),
        ([CELL + "\nif seed:\n  fold = 2\ndef f():\n  g = 1\nh: int = [i for i in ()]", CHECK],
         ["preset", "seed", "fold", "h"]),
        ([CELL + "\nparams = P.from_notebook(globals()); n = 1"], ["preset", "seed"]),
        (["= broken", CELL, "get_ipython().run_line_magic('time', '')", CHECK], ["preset", "seed"]),
    ],
)  # fmt: skip
def test_only_the_parameters_cell_and_papermills_count(history: list[str], names: list[str]) -> None:
    assert names_set(history) == names


def test_without_a_parameters_cell_it_says_what_to_run() -> None:
    with pytest.raises(ValueError, match="run the parameters cell first: no cell .* begins with '# Parameters'"):
        names_set(["preset = 1", CHECK])


def test_a_plain_script_has_no_cells() -> None:
    assert not [source for source in cells_that_ran({"preset": "smoke"}) if source.startswith("# Parameters")]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlockingKernelClient]:
    """A kernel whose user has a start-up file full of names."""
    home = tmp_path_factory.mktemp("ipython")
    (home / "profile_default" / "startup").mkdir(parents=True)
    names = "seed = 99\nclasses = ['A']\nwork = '/home/me'\nfold = 3\nimport math\ndef show(x): return x\n"
    (home / "profile_default" / "startup" / "00-mine.py").write_text(names)
    manager, client = start_new_kernel(env={**os.environ, "IPYTHONDIR": str(home)}, cwd=str(ROOT / "notebooks"))
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def cells_of(notebook: str) -> dict[str, str]:
    return {cell.id: cell.source for cell in nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", 4).cells}


def executed(kernel: BlockingKernelClient, *sources: str, **how: bool) -> str:
    """Execute cells; what their errors say."""
    said: list[str] = []
    for source in sources:
        reply = kernel.execute_interactive(source, timeout=60, output_hook=lambda _: None, **how)["content"]
        said += [reply["evalue"]] if reply["status"] == "error" else []
    return " | ".join(said)


def test_without_history_the_cells_are_known_too(kernel: BlockingKernelClient) -> None:
    """As nbval runs notebooks: nothing is in `In`. It comes first, while the kernel has none."""
    cells = cells_of("01_data_preparation")
    ask = "from vpipe_utils.data.params import DataParams\nparams = DataParams.from_notebook(globals())"
    show = "assert In == [''] and params.preset == 'smoke' and (params.seed, params.n_folds) == (2022, 3), params"
    assert executed(kernel, cells["parameters"] + "\nn_folds = 3", ask, show, store_history=False) == ""


def test_run_all_twice_in_one_kernel(kernel: BlockingKernelClient) -> None:
    """Cells of notebook 06 that set parameters, check them, and use their names; a mistake is made and corrected."""
    cells = cells_of("06_ensemble")
    given, checked = cells["parameters"], cells["validate"]
    run = functools.partial(executed, kernel)

    show = "assert (params.seed, params.bootstrap, classes[0]) == ({}, {}, 'ZC'), (params.seed, params.bootstrap)"
    own = tuple(read_layers(layer_files("smoke", "ensemble"))[key] for key in ("seed", "bootstrap"))
    used = "runs = 3\nseed, epochs = 7, None"
    assert run("%matplotlib inline", given, checked, used, show.format(*own)) == ""
    assert run(given, checked, used, show.format(*own)) == "", "Run All again"
    assert "'botstrap' is no parameter here (did you mean 'bootstrap'?)" in run(given + "\nbotstrap = 500", checked)
    assert run(given + "\nbootstrap = 500", checked, show.format(own[0], 500)) == "", "corrected"
    assert run(checked, show.format(own[0], 500)) == "", "checked again alone"
    assert run(given, "seed = 5", checked, show.format(5, own[1])) == "", "a cell in between"
    assert run(given, "# Parameters\nseed = 8", checked, show.format(8, own[1])) == "", "papermill's"
    assert run("# Parameters\npreset = 'demo'", checked, "assert params.preset == 'demo'") == "", "and alone"
    assert run(given, checked, show.format(*own)) == "", "and without it"
