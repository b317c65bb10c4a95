"""The order of the house: floors, sizes, names with one home, tests beside their modules, light modules light."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "vpipe_utils"
# A module imports from its own room or from rooms on lower floors.
FLOORS = (
    ("project", "storage"),
    ("video",),
    ("user_files",),
    ("data",),
    ("pipesim", "tiles"),
    ("evaluation",),
    ("learning",),
    ("report",),
    ("review", "benchmarks"),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
MOST_MODULES = 10  # in a folder
MOST_LINES = 340
# These say what a parameter, a path or a video is; whoever asks must not wait seconds for PyTorch.
LIGHT = ("project", "storage", "video", "user_files", "data.params", "learning.params", "evaluation.params")
LIGHT += ("benchmarks.params", "learning.weak.params")
HEAVY = ("torch", "lightning", "timm")
SCENARIOS = {  # test files that mirror no module, and why
    "tests/test_architecture.py": "the package as a whole",
    "tests/learning/test_paper_models.py": "all models of the paper's size, through several modules",
    "tests/learning/test_tricks.py": "every trick of params/tricks, through several modules",
    "tests/pipesim/test_shortcuts.py": "what colour alone gives away of the clips",
    "tests/project/test_documents.py": "the documents against the project",
    "tests/project/test_environment.py": "the packages that are installed",
    "tests/project/test_readme.py": "the README against the project",
    "tests/tiles/test_scale.py": "time and memory with 10,000 videos",
    "tests/video/test_odd_files.py": "odd files, read through the public calls",
    "tests/video/test_public_calls.py": "what other rooms use of this one",
}


def name_of(path: Path) -> str:
    """'vpipe_utils.video.jump'; of an __init__ the folder's name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(module: str) -> str:
    """'learning' of 'vpipe_utils.learning.weights.files'."""
    return (module.split(".") + [""])[1]


@cache
def tree_of(path: Path) -> ast.Module:
    """A Python file, or all code cells of a notebook, parsed."""
    if path.suffix == ".py":
        return ast.parse(path.read_text(encoding="utf-8"))
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return ast.parse(re.sub(r"(?m)^\s*[%!].*$", "", code))


def imports_of(path: Path) -> Iterator[tuple[str, str, str]]:
    """What a file imports of the package: (module, name in it or "", what it is called here)."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "", alias.asname or "") for alias in node.names if room_of_package(alias.name))
        elif isinstance(node, ast.ImportFrom) and room_of_package(node.module or ""):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                called = alias.asname or alias.name
                yield (inner, "", called) if inner in MODULES else (node.module, alias.name, called)


def room_of_package(module: str) -> bool:
    return module.split(".")[0] == PACKAGE.name


@cache
def names_in(module: str) -> set[str]:
    """What a module has at its top level: what it makes, and what it imports."""
    names = {"__doc__", "__file__"}
    for node in tree_of(MODULES[module]).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        else:
            stored = [each for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
            names |= {each.id for each in stored}
    return names


def uses() -> Iterator[tuple[str, str, str]]:
    """What all code uses of the package's modules: (file, module, name)."""
    for path in everything():
        place, modules = str(path.relative_to(ROOT)), {}
        for target, name, called in imports_of(path):
            if name:
                yield place, target, name
            else:
                modules[called] = target
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                yield place, modules[node.value.id], node.attr


def everything() -> list[Path]:
    """All code that may use the package."""
    python = [path for folder in ("vpipe_utils", "workflow", "tests") for path in (ROOT / folder).rglob("*.py")]
    return sorted([*python, *(ROOT / "notebooks").glob("*.ipynb")])


def test_every_room_has_its_floor() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert rooms <= set(FLOOR)


def test_modules_lie_in_folders_and_name_what_they_import() -> None:
    """Beside the package's own page; a star or a name made at run time would hide an import from all these tests."""
    assert [module for module in MODULES if module.count(".") < 2 and MODULES[module].name != "__init__.py"] == []
    hidden = []
    for module, path in MODULES.items():
        for node in ast.walk(tree_of(path)):
            star = isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
            called = isinstance(node, ast.Attribute) and node.attr == "import_module"
            if star or (called and module != "vpipe_utils.benchmarks.video_readers"):  # which asks for other libraries
                hidden.append(module)
    assert hidden == []


def test_imports_run_downward() -> None:
    upward = [
        f"{module} imports {target}"
        for module, path in MODULES.items()
        for target, _, _ in imports_of(path)
        if room_of(target) != room_of(module) and FLOOR[room_of(target)] >= FLOOR[room_of(module)]
    ]
    assert not upward, "\n".join(upward)


def test_modules_of_a_room_import_in_no_circle() -> None:
    graph = {module: {target for target, _, _ in imports_of(path)} for module, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES.values()}), ids=lambda path: path.name)
def test_a_folder_holds_at_most_ten_modules(folder: Path) -> None:
    assert len([path for path in folder.glob("*.py") if path.stem != "__init__"]) <= MOST_MODULES


def test_modules_are_short() -> None:
    lines = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert {module: count for module, count in lines.items() if count > MOST_LINES} == {}


def test_nothing_is_imported_relatively_or_as_a_bare_folder() -> None:
    """`from vpipe_utils.storage import files` or `from vpipe_utils.storage.files import lock`; `video` is a call."""
    wrong = []
    for path in everything():
        relative = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.ImportFrom) and node.level]
        folders = [
            target
            for target, name, _ in imports_of(path)
            if target in MODULES and MODULES[target].stem == "__init__" and target != "vpipe_utils.video"
        ]
        if relative or folders:
            wrong.append(f"{path.relative_to(ROOT)}: {folders or 'relative'}")
    assert not wrong, "\n".join(wrong)


def test_every_name_has_one_home() -> None:
    """A name is taken from the module that makes it, not from one that imports it; `video` hands on those of its room.

    So nothing but `video` needs an `__all__`. Tests may patch a name where it is looked up.
    """
    imported = {module: {called for *_, called in imports_of(path)} for module, path in MODULES.items()}
    imported["vpipe_utils.video"] = set()
    used = [use for use in uses() if not use[0].startswith("tests")]
    handed_on = [f"{path}: {name} of {module}" for path, module, name in used if name in imported[module]]
    assert not handed_on, "\n".join(handed_on)
    declared = {m for m, path in MODULES.items() if re.search(r"(?m)^__all__", path.read_text(encoding="utf-8"))}
    assert declared == {"vpipe_utils.video"}


def test_what_is_used_is_there() -> None:
    """In notebooks and in code that few tests reach, a name that moved away is noticed only when it is called."""
    missing = [f"{path}: {name} of {module}" for path, module, name in uses() if name not in names_in(module)]
    assert not missing, "\n".join(missing)


def test_tests_mirror_the_package() -> None:
    strangers = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        place = path.relative_to(ROOT / "tests")
        if place.parts[0] in ("docs", "notebooks", "workflow") or path.relative_to(ROOT).as_posix() in SCENARIOS:
            continue
        if not (PACKAGE / place.with_name(place.name.removeprefix("test_"))).is_file():
            strangers.append(str(place))
    assert not strangers, "\n".join(strangers)
    assert [file for file in SCENARIOS if not (ROOT / file).is_file()] == []


def import_each(modules: list[str], between: str = "pass") -> list[str]:
    """Import modules in one new interpreter; a line for each that fails or after which HEAVY packages are there."""
    code = f"""
import sys, traceback
from importlib import import_module
for module in {modules!r}:
    {between}
    try:
        import_module(module)
    except Exception:
        print(module, traceback.format_exc().splitlines()[-1])
    if heavy := [name for name in {HEAVY!r} if name in sys.modules]:
        print(module, "with", *heavy)
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def test_light_modules_load_no_pytorch() -> None:
    light = tuple(f"vpipe_utils.{name}." for name in LIGHT)
    assert import_each([module for module in MODULES if f"{module}.".startswith(light)]) == []


def test_every_module_can_be_imported_alone() -> None:
    """Each with nothing of the package loaded before; other packages stay, or it would take two minutes."""
    forget = "[sys.modules.pop(name) for name in list(sys.modules) if name.split('.')[0] == 'vpipe_utils']"
    assert [line for line in import_each(list(MODULES), forget) if " with " not in line] == []
