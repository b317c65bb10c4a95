"""A data set prepared in parts, by jobs that know nothing of each other, is the one that notebook 01 would make."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from make_videos import make_video
from projects import copy_project, run

from vpipe_utils import video
from vpipe_utils.data.video_table import index_videos
from vpipe_utils.tiles.tile_writer import build_tile_cache

VIDEOS = 300  # more than a shard holds
OWN = """\
preset: own
extends: smoke
source: files
videos_dir: {folder}
annotations: {folder}/labels.csv
classes: [OK, ROOTS]
normal_class: OK
data_jobs: 2
workers: 1
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    videos = folder / "videos"
    videos.mkdir()
    one = make_video(videos / "0.mp4", 12)
    for number in range(1, VIDEOS - 1):
        shutil.copy(one, videos / f"{number}.mp4")
    (videos / "broken.mp4").write_text("no video")
    labels = pd.DataFrame({"video": [f"{n}.mp4" for n in range(VIDEOS - 1)], "OK": 1, "ROOTS": 0})
    labels.to_csv(videos / "labels.csv", index=False)
    project = copy_project(folder / "project")
    (project / "params" / "own").mkdir()
    (project / "params" / "own" / "data.yaml").write_text(OWN.format(folder=videos))
    return project


def prepare(project: Path, part: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "workflow/prepare.py", "--preset", "own", "--part", part]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)


def test_parts_join_into_the_whole(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = [prepare(project, part) for part in ("1/2", "2/2")]
    assert not any(done.returncode for done in said), said[0].stderr
    numbers = [int(done.stdout.split(":")[1].split()[0]) for done in said]
    assert sum(numbers) == VIDEOS - 1 and min(numbers) > VIDEOS / 4
    outputs, videos = project / "outputs" / "own", project.parent / "videos"
    monkeypatch.setattr(video, "probe", lambda path: pytest.fail(f"{path} was probed by a part"))
    names = [f"{number}.mp4" for number in range(VIDEOS - 1)]
    (videos / "broken.mp4").unlink()
    joined = index_videos(videos, names, progress=False, journal=outputs / "data" / "probes")
    monkeypatch.setattr(video, "iter_frames", lambda *_: pytest.fail("a part has cached it"))
    (videos / "broken.mp4").write_text("no video")
    assert joined["readable"].all() and joined["n_shards"].eq(2).all()
    cache = build_tile_cache(joined, outputs / "tiles", 9, 32, progress=False, cache_run=9)
    assert len(cache.videos) == VIDEOS - 1 and len(list((outputs / "tiles").glob("*.bin"))) == 2
    for name in cache.videos:
        cache.tiles(name, range(18))  # compares all checksums


def test_the_workflow_runs_the_parts_first(project: Path) -> None:
    done = run(project, "--dry-run", preset="own")
    assert done.returncode == 0, done.stderr
    assert "01 data · part 1 of 2" in done.stderr and "01 data · part 2 of 2" in done.stderr
    done = run(project, "outputs/own/data/parts/1-of-2.json", "outputs/own/data/parts/2-of-2.json", preset="own")
    assert done.returncode == 0, done.stderr
    assert (project / "outputs" / "own" / "data" / "parts" / "2-of-2.json").is_file()


@pytest.mark.parametrize(
    ("preset", "part", "says"),
    [
        ("own", "3/2", "prepare 3/2: part '3/2' does not exist; parts are named 1/8 to 8/8"),
        ("own", "two", "part 'two' does not exist"),
        ("smoke", "1/2", "parts are for source: files"),
    ],
)
def test_impossible_parts(project: Path, preset: str, part: str, says: str) -> None:
    command = [sys.executable, "workflow/prepare.py", "--preset", preset, "--part", part]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and says in done.stderr and "Traceback" not in done.stderr


def test_pipesim_has_no_parts(project: Path) -> None:
    (project / "params" / "split").mkdir()
    (project / "params" / "split" / "data.yaml").write_text("preset: split\nextends: smoke\ndata_jobs: 2\n")
    done = run(project, "--dry-run", preset="split")
    assert done.returncode == 1 and "data_jobs is for source 'files'" in done.stderr
