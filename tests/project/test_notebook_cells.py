"""Parameters of a notebook that runs again and again in one kernel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyter_client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from vpipe_utils.project.notebook_cells import names_set
from vpipe_utils.project.parameter_files import layer_files, read_layers

ROOT = Path(__file__).resolve().parents[2]
CELL = 'parameter_files = ["a.yaml"]\nseed = 1'
CHECK = "from x import P\n\nparams = P.from_notebook(globals())\nlayout = params.layout"
INJECTED = '# Parameters\nlr = 0.1\nparameter_files = ["b.yaml"]'


@pytest.mark.parametrize(
    ("history", "names"),
    [
        (["", CELL, CHECK], ["seed"]),
        (["", CELL, CHECK, "import b\nx = 1", "epochs = 3", CELL, CHECK], ["seed"]),
        ([CELL, CHECK, "classes = list(params)", CHECK], ["seed"]),
        ([CELL, INJECTED, CHECK], ["seed", "lr"]),
        ([CELL, INJECTED, CHECK, "x = 1", CELL, INJECTED, CHECK], ["seed", "lr"]),
        ([CELL, INJECTED, CHECK, "x = 1", INJECTED, CHECK], ["lr"]),
        ([CELL.replace("seed", "sead"), CELL, CHECK], ["seed"]),
        ([CELL.replace("seed", "sead"), CHECK, CELL, CHECK], ["seed"]),
        ([CELL, "epochs, (lr, *grid) = 3, (1, 2)\n_x = 1", CHECK], ["seed", "epochs", "lr", "grid"]),
        ([CELL + "\nif seed:\n  fold = 2\ndef f():\n  g = 1\nh: int = [i for i in ()]", CHECK], ["seed", "fold", "h"]),
        ([CELL + "\nparams = P.from_notebook(globals()); n = 1"], ["seed"]),
        (["= broken", CELL, "get_ipython().run_line_magic('time', '')", CHECK], ["seed"]),
    ],
)
def test_only_the_parameters_cell_and_papermills_count(history: list[str], names: list[str]) -> None:
    assert names_set(history) == names


def test_without_a_parameters_cell_it_says_what_to_run() -> None:
    with pytest.raises(ValueError, match="run the cell that sets parameter_files first"):
        names_set(["x = 1", CHECK])


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlockingKernelClient]:
    """A kernel whose user has a start-up file full of names."""
    home = tmp_path_factory.mktemp("ipython")
    (home / "profile_default" / "startup").mkdir(parents=True)
    names = "seed = 99\nclasses = ['A']\nwork = '/home/me'\nimport math\ndef show(x): return x\n"
    (home / "profile_default" / "startup" / "00-mine.py").write_text(names)
    manager, client = start_new_kernel(env={**os.environ, "IPYTHONDIR": str(home)}, cwd=str(ROOT / "notebooks"))
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_run_all_twice_in_one_kernel(kernel: BlockingKernelClient) -> None:
    """Cells of notebook 06 that set parameters, check them, and use their names; a mistake is made and corrected."""
    cells = {cell.id: cell.source for cell in nbformat.read(ROOT / "notebooks" / "06_ensemble.ipynb", 4).cells}
    given, checked = cells["parameters"], cells["validate"]

    def run(*sources: str) -> str:
        said: list[str] = []
        for source in sources:
            reply = kernel.execute_interactive(source, timeout=60, output_hook=lambda _: None)["content"]
            said += [reply["evalue"]] if reply["status"] == "error" else []
        return " | ".join(said)

    show = "assert (params.seed, params.bootstrap, classes[0]) == ({}, {}, 'ZC'), (params.seed, params.bootstrap)"
    values = read_layers(layer_files("smoke", "ensemble"))
    own = values["seed"], values["bootstrap"]
    used = "runs = 3\nseed, epochs = 7, None"
    assert run("%matplotlib inline", given, checked, used, show.format(*own)) == ""
    assert run(given, checked, used, show.format(*own)) == "", "Run All again"
    assert "'botstrap' is no parameter here (did you mean 'bootstrap'?)" in run(given + "\nbotstrap = 500", checked)
    assert run(given + "\nbootstrap = 500", checked, show.format(own[0], 500)) == "", "corrected"
    assert run(checked, show.format(own[0], 500)) == "", "checked again alone"
    assert run(given, "seed = 5", checked, show.format(5, own[1])) == "", "a cell in between"
    assert run(given, "# Parameters\nseed = 8", checked, show.format(8, own[1])) == "", "papermill's"
    assert run(given, checked, show.format(*own)) == "", "and without it"
