"""A data set is whole, repeatable for any number of workers, and finishes what a killed run began."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pandas as pd
import pytest

from vpipe_utils.data.annotations import read_annotations
from vpipe_utils.data.classes import CLASSES
from vpipe_utils.pipesim import dataset
from vpipe_utils.pipesim.dataset import generate

SMALL = dict(n_train=5, n_test=2, seed=4, width=64, height=48, frames=10, progress=False)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pipesim") / "data"
    generate(folder, **SMALL)
    return folder


def test_what_is_written(finished):
    top = {path.name for path in finished.iterdir()}
    assert top == {"videos", "annotations.json", "test_annotations.json", "evidence.parquet", "pipesim.json"}
    train = json.loads((finished / "annotations.json").read_text())
    test = json.loads((finished / "test_annotations.json").read_text())
    assert len(train) == 5 and len(test) == 2 and not set(train) & set(test)
    assert {path.name for path in (finished / "videos").iterdir()} == set(train) | set(test)
    assert list(read_annotations(finished / "annotations.json").columns) == ["video", *CLASSES]
    arguments = json.loads((finished / "pipesim.json").read_text())
    assert arguments["seed"] == 4 and arguments["temper"] == 0.5 and arguments["version"] == dataset.VERSION


def test_evidence_agrees_with_labels_and_videos(finished):
    labels = {}
    for name in ("annotations.json", "test_annotations.json"):
        labels |= json.loads((finished / name).read_text())
    evidence = pd.read_parquet(finished / "evidence.parquet")
    assert list(evidence.columns) == ["video", "class", "frame", "x0", "y0", "x1", "y1", "share"]
    for video, indices in labels.items():
        seen = set(evidence.loc[evidence["video"] == video, "class"])
        assert seen == {CLASSES[index] for index in indices} - {"ZC"}
        with av.open(str(finished / "videos" / video)) as container:
            n_frames = sum(1 for _ in container.decode(video=0))
        assert n_frames >= 9
        assert (evidence.loc[evidence["video"] == video, "frame"] < n_frames).all()


def test_two_workers_give_the_same_bytes(finished, tmp_path):
    generate(tmp_path / "two", **SMALL, workers=2)
    assert contents(tmp_path / "two") == contents(finished)


def test_a_complete_folder_is_left_alone(finished, monkeypatch):
    monkeypatch.setattr(dataset, "plan", lambda *_: pytest.fail("nothing is to be made"))
    generate(finished, **SMALL)


def test_other_arguments_start_afresh(tmp_path):
    generate(tmp_path / "data", **{**SMALL, "n_train": 2, "n_test": 1})
    generate(tmp_path / "data", **{**SMALL, "n_train": 1, "n_test": 1, "seed": 5})
    generate(tmp_path / "fresh", **{**SMALL, "n_train": 1, "n_test": 1, "seed": 5})
    assert contents(tmp_path / "data") == contents(tmp_path / "fresh")


def test_a_killed_run_is_finished(finished, tmp_path):
    folder = tmp_path / "data"
    code = f"from vpipe_utils.pipesim.dataset import generate; generate({str(folder)!r}, **{SMALL!r})"
    run = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while len(list(folder.glob("videos/*.mp4"))) < 2 and time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("videos/*.mp4")}
    assert kept and not (folder / "pipesim.json").exists()
    left = folder / "videos" / ".half.mp4.0123abcd-1-1.part"  # another machine's, long ago
    left.write_bytes(b"left over")
    os.utime(left, (0, 0))
    generate(folder, **SMALL)
    assert contents(folder) == contents(finished)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "holiday.mp4").write_bytes(b"mine")
    with pytest.raises(ValueError, match="holds files that PipeSim did not make"):
        generate(tmp_path, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.mp4"]
