from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vpipe_utils.project import paths

CLASSES = ("ZC", "CJ")


def table(**columns) -> pd.DataFrame:
    return pd.DataFrame({"video": ["a.mp4", "b.mp4"], "ZC": [0.1, 0.9], "CJ": [0.5, 0.0]} | columns)


def test_predictions_read_back_in_the_order_asked(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    paths.write_predictions(table(), path, ["b.mp4", "a.mp4"], CLASSES)
    back = paths.read_predictions(path, CLASSES, ["a.mp4", "b.mp4"])
    assert list(back["video"]) == ["a.mp4", "b.mp4"]
    assert back["ZC"].dtype == np.float32
    np.testing.assert_allclose(back["ZC"], [0.1, 0.9], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "videos", "message"),
    [
        ({"ZC": [0.1, 1.5]}, None, "video 'b.mp4', class ZC: 1.5 is no probability"),
        ({"CJ": [0.1, float("nan")]}, None, "video 'b.mp4', class CJ: nan is no probability"),
        ({"video": ["a.mp4", "a.mp4"]}, None, "video 'a.mp4' has more than one row"),
        ({}, ["a.mp4", "b.mp4", "c.mp4"], "1 of 3 videos are missing, first 'c.mp4'"),
        ({}, ["a.mp4"], "video 'b.mp4' is not one of the 1 expected"),
        ({"XX": [0, 0]}, None, "columns are"),
    ],
)
def test_wrong_predictions_are_never_written(tmp_path: Path, change: dict, videos: list | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        paths.write_predictions(table(**change), tmp_path / "p.parquet", videos, CLASSES)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    paths.write_json({"a": 1}, path)
    with pytest.raises(RuntimeError), paths.atomic_path(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert paths.read_json(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "site"
    for name in ("old", "new"):
        with paths.atomic_path(target) as part:
            part.mkdir()
            (part / name).touch()
    assert [p.name for p in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("name", ["a" * 255, "管" * 85, "é" * 100 + ".json"], ids=["255", "three bytes", "two bytes"])
def test_a_name_may_be_as_long_as_the_disk_allows(tmp_path: Path, name: str) -> None:
    with paths.atomic_path(tmp_path / name) as part, paths.atomic_path(tmp_path / (name[:-1] + "b")) as other:
        part.write_text("new")
        other.write_text("other")
        assert part != other and part.name.startswith(".") and part.name.endswith(".part"), "swept if this dies"
    assert (tmp_path / name).read_text() == "new" and len(list(tmp_path.iterdir())) == 2
    for kind in ("old", "new"):
        with paths.atomic_path(tmp_path / "folder" / name) as part:
            part.mkdir()
            (part / kind).touch()
    assert [path.name for path in (tmp_path / "folder" / name).iterdir()] == ["new"]


def test_json_takes_numpy_and_turns_nan_into_null(tmp_path: Path) -> None:
    paths.write_json({"a": np.float32(0.5), "b": np.array([1, 2]), "c": float("nan"), "d": Path("x")}, tmp_path / "x")
    assert paths.read_json(tmp_path / "x") == {"a": 0.5, "b": [1, 2], "c": None, "d": "x"}


def test_missing_artefact_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run the notebook that writes it first"):
        paths.read_table(tmp_path / "none.parquet")


def test_a_damaged_table_says_what_to_do(tmp_path: Path) -> None:
    paths.write_table(table(), path := tmp_path / "p.parquet")
    assert list(paths.read_table(path, ["CJ"]).columns) == ["CJ"]
    again = "p.parquet is damaged or of another version .*: delete it and run the notebook that writes it again"
    with pytest.raises(ValueError, match=again):
        paths.read_table(path, ["video", "why_not"])
    whole = path.read_bytes()
    for broken in (b"", whole[:100], whole[:4] + bytes(len(whole) - 8) + whole[-4:], bytes(len(whole))):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=again):
            paths.read_table(path)
    (tmp_path / "m.json").write_bytes(b'{"val_mAP": 0.\xff')
    with pytest.raises(ValueError, match="m.json is damaged .*: delete it and run the notebook"):
        paths.read_json(tmp_path / "m.json")


def test_layout_paths_and_unknown_approach(tmp_path: Path) -> None:
    layout = paths.Layout(tmp_path, "demo")
    assert layout.run("frame", "m", 3) == tmp_path / "demo" / "runs" / "frame" / "m" / "fold_3"
    with pytest.raises(ValueError, match="approach 'frames' is unknown; it is one of frame, video, super_image"):
        layout.run("frames", "m", 0)


def test_paths_may_begin_with_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.resolve("~/my videos") == tmp_path / "my videos"
    assert paths.resolve("a/~") == paths.project_root() / "a" / "~"
    with pytest.raises(ValueError, match="'~nobody-of-this-name/a' begins with '~', but there is no such home folder"):
        paths.resolve("~nobody-of-this-name/a")


def test_seeds_are_stable_and_distinct() -> None:
    assert paths.derive_seed(1, "a") == paths.derive_seed(1, "a") < 2**31
    assert len({paths.derive_seed(1, "a"), paths.derive_seed(2, "a"), paths.derive_seed(1, "b")}) == 3


def test_provenance_names_versions() -> None:
    record = paths.provenance()
    assert record["packages"]["torch"] and record["python"].startswith("3.")
