"""Real clips, a table of defects as Excel saves it, clips without a defect: the notebooks take them as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vpipe_utils.labels import read_submission
from vpipe_utils.runs import Layout, read_table

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ["FS", "ROOTS", "CRACK"]
LAYERS = ["paper/data", "paper/{model}", "smoke/data", "smoke/{model}", "folds/fold_0"]
OWN = """\
source: files
classes: [FS, ROOTS, CRACK]
class_names: {FS: broken flange}
normal_class: null
n_folds: 2
frame_models: []
video_models: []
super_image_models: [convnext_base]
"""
ENSEMBLE = "ensemble_models: [super_image/convnext_base]\nensemble_weights: [1.0]\n"

pytestmark = pytest.mark.whole


def execute(notebook: str, model: str | None, own: Path, *words: str) -> None:
    """One notebook by papermill with its layers; the own values last."""
    names = [name for name in LAYERS if model or "{model}" not in name]
    names = [name for name in names if model not in (None, "ensemble") or "fold_" not in name]
    files = [word for name in names for word in ("-f", f"params/{name.format(model=model)}.yaml")]
    command = [sys.executable, "-m", "papermill", f"notebooks/{notebook}.ipynb", str(own.parent / f"{notebook}.ipynb")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    done = subprocess.run(
        [*command, *files, *words, "-k", "python3", "--no-progress-bar"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_six_real_clips_from_index_to_submission(clips: Path, tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    for clip in clips.iterdir():
        (videos / clip.name).symlink_to(clip)
    (videos / "broken.mp4").write_bytes(b"not a video")
    rows = "demo.MP4;x;;\ndemo_skeleton;;;\ntest.avi;;x;x\ntest.mp4;;;\nbroken.mp4;;;x\n;;;\n"
    (tmp_path / "labels.csv").write_text(f"sep=;\nVideo;fs;roots;crack\n{rows}", encoding="utf-16")
    own, ensemble = tmp_path / "own.yaml", tmp_path / "ensemble.yaml"
    data = f"videos_dir: {videos}\nannotations: {tmp_path / 'labels.csv'}\noutputs: {tmp_path / 'outputs'}\n"
    own.write_text(OWN + data)
    ensemble.write_text(ENSEMBLE)

    execute("01_data_preparation", None, own, "-f", str(own))
    execute("02_folds", None, own, "-f", str(own))
    execute("05_super_image", "convnext_base", own, "-f", str(own), "-p", "batch_size", "2")
    execute("06_ensemble", "ensemble", own, "-f", str(own), "-f", str(ensemble))
    execute("10_report", "ensemble", own, "-f", str(own), "-f", str(ensemble))

    layout = Layout(tmp_path / "outputs", "smoke")
    index = read_table(layout.videos_table).set_index("video")
    assert len(index) == 7
    labels = read_table(layout.labels_table).set_index("video")
    assert labels.loc[["demo_skeleton.mp4", "test.mp4"]].to_numpy().sum() == 0  # no defect, and yet training videos
    assert labels.loc["demo.mp4"].tolist() == [1, 0, 0] and set(read_table(layout.folds_table)["fold"]) == {0, 1}
    assert list(index.index[~index["readable"]]) == ["broken.mp4"] and index["why_not"]["broken.mp4"]
    assert set(index.index[index["split"] == "test"]) == {"demo_spatiotemporal_det.mp4", "test_video_structuralize.mp4"}
    words = (tmp_path / "01_data_preparation.ipynb").read_text(encoding="utf-8")
    assert "corrosion" not in words and "broken flange" in words
    submission = read_submission(layout.ensemble / "submission.json", CLASSES)
    assert set(submission["video"]) == set(index.index[index["split"] == "test"])
