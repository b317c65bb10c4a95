"""Other rooms see the public calls of `video` and nothing of its inside."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vpipe_utils import video

ROOT = Path(__file__).resolve().parents[2]
INSIDE = {path.stem for path in (ROOT / "vpipe_utils" / "video").glob("*.py")} - {"__init__"}


def python_files() -> Iterator[Path]:
    """All code outside the room and its tests."""
    own = (ROOT / "vpipe_utils" / "video", ROOT / "tests" / "video")
    for folder in ("vpipe_utils", "workflow", "tests", "notebooks"):
        for path in [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.ipynb")]:
            if not any(part in path.parents for part in own):
                yield path


def code_of(path: Path) -> str:
    if path.suffix != ".ipynb":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def reaches_inside(code: str) -> list[str]:
    """What a piece of code imports from `video`, or takes from it by a dot, that is not a public call."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name.startswith("vpipe_utils.video.")]
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("vpipe_utils.video"):
            public = node.module == "vpipe_utils.video"
            found += [name.name for name in node.names if not (public and name.name in video.__all__)]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "video":
            found += [node.attr] if node.attr in INSIDE else []
    return found


@pytest.mark.parametrize(
    "code",
    [
        "from vpipe_utils.video.errors import VideoError",
        "from vpipe_utils.video import jump",
        "import vpipe_utils.video.streams",
        "from vpipe_utils import video\nvideo.errors.NO_FILE",
    ],
)
def test_a_reach_inside_is_seen(code: str) -> None:
    assert reaches_inside(code)
    assert not reaches_inside("from vpipe_utils import video\nfrom vpipe_utils.video import probe\nvideo.read_frames")


def test_nobody_outside_reaches_inside() -> None:
    uses = 0
    for path in python_files():
        code = code_of(path)
        uses += "vpipe_utils import video" in code or "vpipe_utils.video" in code
        assert not reaches_inside(code), f"{path.relative_to(ROOT)}: take it from vpipe_utils.video itself"
    assert uses > 10, "the files were found"
    snakefiles = [path for path in (ROOT / "workflow").rglob("*") if path.name == "Snakefile" or path.suffix == ".smk"]
    assert snakefiles and not any("vpipe_utils.video." in path.read_text() for path in snakefiles)


def test_the_room_can_be_used_alone() -> None:
    """Without torch and pandas, so that workers which only read start fast; without any other room."""
    code = "import sys, vpipe_utils.video; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    names = loaded.stdout.split()
    assert not {"torch", "pandas", "pyarrow", "matplotlib"} & set(names)
    ours = {name.split(".")[1] for name in names if name.startswith("vpipe_utils.")}
    assert ours == {"video"}
