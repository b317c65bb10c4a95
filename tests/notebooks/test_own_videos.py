"""Real clips, a table of defects as Excel saves it, clips without a defect: the notebooks take them as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from make_videos import make_video
from projects import predict_others

from vpipe_utils.evaluation.predictions import read_submission
from vpipe_utils.project.parameter_files import layer_files
from vpipe_utils.project.paths import Layout
from vpipe_utils.storage.tables import read_table

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ["FS", "$ROOTS|1$", "<b>CRACK</b>"]  # read as text in figures, tables and sentences
OWN = """\
source: files
classes: [FS, $ROOTS|1$, <b>CRACK</b>]
class_names: {FS: broken flange}
normal_class: null
n_folds: 2
frame_models: []
video_models: []
super_image_models: [convnext_small]
"""
ENSEMBLE = "ensemble_models: [super_image/convnext_small]\nensemble_weights: [1.0]\n"

pytestmark = pytest.mark.whole


def execute(notebook: str, model: str | None, own: Path, *words: str) -> None:
    """One notebook by papermill with its layers; the own values last."""
    fold = None if model in (None, "ensemble") else 0
    files = [word for file in layer_files("smoke", model, fold) for word in ("-f", str(file))]
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
    head = "sep=;\nVideo;fs;$roots|1$;<B>crack</b>\n"
    (tmp_path / "labels.csv").write_text(head + rows, encoding="utf-16")
    own, ensemble = tmp_path / "own.yaml", tmp_path / "ensemble.yaml"
    data = f"videos_dir: {videos}\nannotations: {tmp_path / 'labels.csv'}\noutputs: {tmp_path / 'outputs'}\n"
    own.write_text(OWN + data)
    ensemble.write_text(ENSEMBLE)

    execute("01_data_preparation", None, own, "-f", str(own))
    execute("02_folds", None, own, "-f", str(own))
    one = ["-p", "batch_size", "1", "-p", "eval_batch_size", "1"]  # what a sentence on lack of memory advises
    execute("05_super_image", "convnext_small", own, "-f", str(own), *one, "-p", "epochs", "2")
    predict_others(tmp_path / "outputs" / "smoke")
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
    for name in ("01_data_preparation", "02_folds"):
        shown = markdown(tmp_path / f"{name}.ipynb")[-1]
        assert "<b>" not in shown and "$" not in shown
    assert "&#60;b&#62;CRACK&#60;/b&#62;" in shown and "ROOTS&#124;1" in shown, "each has no video in some fold"


def markdown(notebook: Path) -> list[str]:
    """The sentences that a notebook shows."""
    outputs = [output for cell in nbformat.read(notebook, 4).cells for output in cell.get("outputs", [])]
    return [output["data"]["text/markdown"] for output in outputs if "text/markdown" in output.get("data", {})]


@pytest.mark.slow
def test_three_videos_of_one_kind_from_index_to_report(tmp_path: Path) -> None:
    """Every notebook but the benchmarks, with next to nothing to learn from, and a label that all videos share."""
    for k in range(3):
        make_video(tmp_path / "videos" / f"pipe ${k} <i>.mp4", 12, first=7 * k)
    table = pd.DataFrame([[0, 1, 0]] * 3, columns=CLASSES)
    table.insert(0, "video", [f"pipe ${k} <i>.mp4" for k in range(3)])
    table.to_csv(tmp_path / "labels.csv", index=False)
    own, ensemble = tmp_path / "own.yaml", tmp_path / "ensemble.yaml"
    places = {"videos_dir": "videos", "annotations": "labels.csv", "outputs": "outputs"}
    data = "".join(f"{key}: {tmp_path / name}\n" for key, name in places.items())
    own.write_text(OWN.replace("frame_models: []", "frame_models: [frame_lite0]") + data)
    ensemble.write_text(ENSEMBLE)
    execute("01_data_preparation", None, own, "-f", str(own))
    execute("02_folds", None, own, "-f", str(own))
    few = ["-p", "epochs", "2"]
    execute("03_frame_baseline", "frame_lite0", own, "-f", str(own), *few)
    execute("05_super_image", "convnext_small", own, "-f", str(own), "-p", "eval_batch_size", "1", *few)
    predict_others(tmp_path / "outputs" / "smoke")
    execute("06_ensemble", "ensemble", own, "-f", str(own), "-f", str(ensemble))
    execute("10_report", "ensemble", own, "-f", str(own), "-f", str(ensemble))
    shown = "\n".join(markdown(tmp_path / "06_ensemble.ipynb"))
    assert "has one member, super_image/convnext_small, and so is this model" in shown
    assert (tmp_path / "outputs" / "smoke" / "headline" / "super_image.png").is_file()
    start = (tmp_path / "outputs" / "smoke" / "headline" / "headline.json").read_text()
    shown = "\n".join(markdown(tmp_path / "10_report.ipynb")) + start
    assert "no model is called the best" in shown and "Highest" not in shown and "beats" not in shown
    assert "weighted ensemble" in start and "weighted ensemble, ZC rule" not in start  # there is no normal class
    assert "Below, each held-out label" not in shown and "boxes below" not in shown
    first = "\n".join(markdown(tmp_path / "01_data_preparation.ipynb"))
    assert "There is no normal class here" in first and "PipeSim knows" not in first
