"""Where everything lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from vpipe_utils.project import paths


def test_layout_paths_and_unknown_approach(tmp_path: Path) -> None:
    layout = paths.Layout(tmp_path, "demo")
    assert layout.run("frame", "m", 3) == tmp_path / "demo" / "runs" / "frame" / "m" / "fold_3"
    assert layout.run("video", "m", 3, "a+b", 2) == tmp_path / "demo" / "runs" / "video" / "m+a+b" / "fold_3_2"
    with pytest.raises(ValueError, match="approach 'frames' is unknown; it is one of frame, video, super_image"):
        layout.run("frames", "m", 0)
    assert layout.weak("mae", 1) == tmp_path / "demo" / "weak" / "mae" / "fold_1"
    assert layout.weak("mae_transmil", 1, 2) == tmp_path / "demo" / "weak" / "mae_transmil" / "fold_1_2"


@pytest.mark.parametrize("run", [("m", 3), ("m", 0, "a"), ("m-1", 12, "a_b+c"), ("m", 1, None, 4), ("m", 0, "a", 10)])
def test_the_folders_of_a_run_say_which_it_is(run: tuple) -> None:
    name = paths.RunName(*run)
    assert paths.RunName.of_folders(name.recipe, name.part) == name
    assert paths.RunName.of_folders(name.recipe, name.part.removeprefix("fold_")) == name


def test_paths_may_begin_with_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.resolve("~/my videos") == tmp_path / "my videos"
    assert paths.resolve("a/~") == paths.project_root() / "a" / "~"
    with pytest.raises(ValueError, match="'~nobody-of-this-name/a' begins with '~', but there is no such home folder"):
        paths.resolve("~nobody-of-this-name/a")
