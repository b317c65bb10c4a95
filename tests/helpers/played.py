"""The project with jobs that are played, so that its workflow runs for real in seconds.

A job writes what its rule declares, and lines into began.txt (with the GPUs it was given) and ran.txt. play.json says
which of them fail, or wait for a file go.txt: {"fails": ["05 convnext_small 0"], "waits": [...]}.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from projects import copy_project

PLAYED = r"""
import argparse
import json
import os
import sys
import time
from pathlib import Path
parser = argparse.ArgumentParser()
parser.add_argument("words", nargs="*", type=Path)
parser.add_argument("--root", type=Path, required=True)
for option in ("preset", "outputs", "model", "fold", "kept", "log", "threads", "gpus"):
    parser.add_argument("--" + option)
given = parser.parse_intermixed_args()
own = Path("videos"), Path("labels.json").read_text()
if not given.words[0].suffix == ".ipynb":
    made, name = dict.fromkeys(given.words, "all clips"), "predict"
else:
    notebook, executed = given.words
    name, root = notebook.stem, given.root
    made = {executed: "", **{
        "01_data_preparation": {
            root / "data" / "videos.parquet": str(sorted(own[0].iterdir())), root / "data" / "labels.parquet": own[1],
            root / "tiles" / "index.parquet": str(sorted(own[0].iterdir())),
        },
        "02_folds": {root / "data" / "folds.parquet": own[1], root / "data" / "training_clips.json": own[1]},
        "06_ensemble": {root / "ensemble" / name: "{}" for name in (
            "metrics.json", "test_predictions.parquet", "submission.json", "scores.parquet", "per_class.parquet")},
        "11_predict": {},
        "10_report": {root / "headline" / "headline.json": "{}"},
        "07_boosting_tricks": {},
        "08_lowering_tricks": {},
        "13_when_super_images_pay": {},
    }.get(notebook.stem, {executed.with_name(name): "{}" for name in (
        "metrics.json", "history.csv", "val_predictions.parquet", "weights.safetensors")})}
    if given.fold:
        sys.path.insert(0, ".")
        from vpipe_utils.project.dependencies import deciding_versions
        from vpipe_utils.learning.params import read_model
        values = read_model(given.preset, given.model, int(given.fold)).model_dump()
        made[executed.with_name("params.yaml")] = json.dumps(values)
        made[executed.with_name("provenance.json")] = json.dumps({"packages": deciding_versions()})
play = json.loads(Path("play.json").read_text()) if Path("play.json").is_file() else {}
of = f"{name[:2]} {given.model or ''} {given.fold or ''}".strip()
with Path("began.txt").open("a") as file:
    file.write(f"{of} {os.environ.get('CUDA_VISIBLE_DEVICES', '')}\n")
if of in play.get("fails", ()):
    sys.exit(f"{of} fails, as it was told to")
if of in play.get("waits", ()):
    while not Path("go.txt").is_file():
        time.sleep(0.2)
for path, text in made.items():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
with Path("ran.txt").open("a") as file:
    file.write(name[:2] + "\n")
"""


def played_project(folder: Path, folds: int = 1) -> Path:
    """A copy of the project with a preset `own`: 20 videos in name only, one model on so many folds."""
    project = copy_project(folder)
    for script in ("job.py", "predict.py"):
        (project / "workflow" / script.replace("job", "really_job")).write_text(PLAYED)
    (project / "workflow" / "Snakefile").write_text(
        (project / "workflow" / "Snakefile").read_text().replace('command("job.py")', 'command("really_job.py")')
    )
    (project / "workflow" / "site" / "build.py").write_text(
        "import sys, pathlib\npage = pathlib.Path(sys.argv[1], 'report', 'index.html')\n"
        "page.parent.mkdir(exist_ok=True)\npage.touch()"
    )
    (project / "videos").mkdir()
    for name in range(20):
        (project / "videos" / f"{name}.mp4").touch()
    labels = {f"{name}.mp4": [name % 3] for name in range(20)}
    (project / "labels.json").write_text(json.dumps(labels))
    own = project / "params" / "own"
    own.mkdir()
    data = "preset: own\nextends: smoke\nsource: files\nvideos_dir: videos\nannotations: labels.json\n"
    (own / "data.yaml").write_text(data + "frame_models: []\nvideo_models: []\nsuper_image_models: [convnext_small]\n"
                                   f"train_folds: {list(range(folds))}\n")  # fmt: skip
    (own / "ensemble.yaml").write_text("ensemble_models: [super_image/convnext_small]\nensemble_weights: null\n")
    return project


def wait_for(what: Callable[[], object], seconds: float = 120) -> None:
    """Until something holds; AssertionError where it does not come."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.2)


def lines(file: Path) -> list[str]:
    """Of a file that may not be there yet."""
    return file.read_text().splitlines() if file.is_file() else []
