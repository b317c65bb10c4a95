"""The rehearsal: what it changes, what it makes of a run's figures; whole presets only in `make test-full`."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from fakes import smoke_params
from projects import copy_project

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow"))

import rehearse  # noqa: E402
import run  # noqa: E402

METRICS = {
    "resumed_after": 1, "device": "A card", "precision": "bf16", "gpu_memory_mib": 2048.0, "memory_mib": 1024.0,
}  # fmt: skip


def test_paper_rehearses_the_models_that_wait_in_its_folder_too() -> None:
    models = rehearse.models_of("paper")
    assert len(models) == 12 and list(models)[0] == "frame_tresnet"
    assert {"convnext_base_dinov3", "convnextv2_large", "eva02_base_tiles"} <= set(models)
    assert {of.approach for of in models.values()} == {"frame", "video", "super_image"}


def test_a_gpu_rehearses_at_real_size_a_cpu_at_a_small_one() -> None:
    models = rehearse.models_of("paper")
    real = rehearse.changes_for(models["efficientnet_l2"], gpu=True)
    assert real == {"epochs": 3, "validate_every": 1, "accumulate": 2}
    small = rehearse.changes_for(models["efficientnet_l2"], gpu=False)
    assert (small["input_tile"], small["batch_size"], small["eval_batch_size"]) == (32, 2, 2)
    tiles = rehearse.changes_for(models["eva02_base_tiles"], gpu=False)
    assert tiles["input_tile"] == 56 and tiles["backbone_args"]["img_size"] == 56, "it takes one size alone"


@pytest.mark.parametrize("gpu", [True, False])
def test_there_are_clips_for_one_update_of_every_model(gpu: bool) -> None:
    models = rehearse.models_of("paper")
    trained = rehearse.clips_needed(models, gpu) * 4 // 5 - 1
    for of in models.values():
        changed = of.model_copy(update=rehearse.changes_for(of, gpu))
        assert trained * getattr(changed, "frames_per_epoch", 1) >= changed.batch_size * changed.accumulate


def test_hours_follow_from_speed_on_a_gpu_alone() -> None:
    history = pd.DataFrame({"samples_per_s": [0.1, 1.0, 4.0], "validated_per_s": [0.1, 0.2, 2.0]})
    of = smoke_params(train_folds=[0, 1], pipesim_train=100, epochs=30)
    row = rehearse.figures(of, of, METRICS, history, True, 100)
    assert row["hours"] == pytest.approx(2 * 30 * (80 / 4 + 20 / 2) / 3600)
    assert (row["gpu_gib"], row["memory_gib"], row["train_per_s"]) == (2.0, 1.0, 4.0)
    assert pd.isna(rehearse.figures(of, of, METRICS | {"gpu_memory_mib": None}, history, False, 100)["hours"])
    frame = smoke_params("frame_tresnet", eval_frames=4)
    assert rehearse.figures(frame, frame, METRICS, history, True, 100)["predict_per_s"] == 8, "frames, as in training"


def test_labels_are_counted_as_training_reads_them_before_the_first_run(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "Nord_1.mp4").touch()
    of = smoke_params(source="files", classes=["OK", "CRACK"], normal_class="OK", videos_dir=str(tmp_path / "videos"))
    labels = tmp_path / "labels.csv"
    of = of.model_copy(update={"annotations": str(labels), "outputs": str(tmp_path)})
    labels.write_text("video,OK,CRACK\nNord_1,1,0\nNord_2.mp4,0,1\n")
    assert rehearse.labelled_videos(of) == 2
    labels.write_text("video,OK,CRACK\nNord_1,1,1\n")
    with pytest.raises(ValueError, match="'Nord_1' is normal .OK. and has CRACK at once"):
        rehearse.Rehearsal("smoke", tmp_path / "out", gpu=False, random_weights=True).prepare({"a": of})
    assert not (tmp_path / "out").exists()


def test_the_table_says_what_would_fail(tmp_path: Path) -> None:
    good = {"model": "a", "result": "ok", "weights": "loaded", "train_per_s": 3.0, "hours": 12.0}
    bad = {"model": "b", "result": "MemoryError: the GPU", "weights": "loaded"}
    bare = good | {"model": "c", "weights": "RuntimeError: pretrained weights of 'c' could not be loaded"}
    said = rehearse.describe(pd.DataFrame([good, bad, bare]), rehearse.Rehearsal("demo", tmp_path, True, False))
    assert "b would fail: MemoryError: the GPU" in said and "c has no weights here: RuntimeError" in said
    assert "2 of 3 models trained" in said and "24 GPU hours" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--preset", "nowhere"], "make rehearse: preset 'nowhere' has no params/nowhere/data.yaml"),
        (["--preset", "smoke", "--models", "resnet"], "preset 'smoke' has no model 'resnet'; it has frame_lite0"),
    ],
)
def test_a_slip_is_one_sentence(words: list[str], sentence: str) -> None:
    done = subprocess.run([sys.executable, "workflow/rehearse.py", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0 and sentence in done.stderr and "Traceback" not in done.stderr


def rehearsed(project: Path, *words: str) -> tuple[subprocess.CompletedProcess[str], pd.DataFrame]:
    command = [sys.executable, "workflow/rehearse.py", *words]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done, pd.read_csv(next((project / "outputs").glob("*/rehearsal/rehearsal.csv"))).set_index("model")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_paper_on_a_cpu_at_reduced_size(tmp_path: Path) -> None:
    """All 12 models at full width and depth through notebooks 03 to 05, each killed and resumed."""
    done, table = rehearsed(copy_project(tmp_path / "project"), "--preset", "paper", "--random-weights")
    assert done.returncode == 0, done.stdout
    assert len(table) == 12 and (table["result"] == "ok").all()
    assert (table["resumed_after"] >= 1).all() and (table["train_per_s"] > 0).all()
    assert "12 of 12 models trained, went on after a kill and predicted" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_model_that_would_fail_is_named_and_costs_the_others_nothing(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    file = project / "params" / "smoke" / "convnext_small.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "backbone": "no_such_net"}))
    done, table = rehearsed(project, "--preset", "smoke", "--models", "convnext_small", "lite0")
    assert done.returncode == 1
    assert table["result"]["lite0"] == "ok" and "'no_such_net' is not in timm" in table["result"]["convnext_small"]
    assert "convnext_small would fail: ValueError: backbone 'no_such_net'" in done.stdout


@pytest.mark.parametrize("made", ["runs/super_image/lite0/fold_0/weights.safetensors", "data/videos.parquet"])
def test_what_no_rehearsal_made_is_not_removed(tmp_path: Path, made: str) -> None:
    file = tmp_path / "smoke" / made
    file.parent.mkdir(parents=True)
    file.touch()
    rehearsal = rehearse.Rehearsal("smoke", tmp_path, gpu=False, random_weights=True)
    with pytest.raises(ValueError, match="holds what no rehearsal made: choose another folder by --outputs"):
        rehearsal.prepare(rehearse.models_of("smoke"))
    assert [path for path in (tmp_path / "smoke").rglob("*") if path.is_file()] == [file]


def test_a_rehearsal_that_runs_is_not_ended_by_another_nor_taken_for_a_run(tmp_path: Path) -> None:
    root = tmp_path / "smoke"
    (root / "runs").mkdir(parents=True)
    (root / run.REHEARSAL).touch()
    with open(root / ".lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        rehearsal = rehearse.Rehearsal("smoke", tmp_path, gpu=False, random_weights=True)
        with pytest.raises(ValueError, match="another run is writing to"):
            rehearsal.prepare(rehearse.models_of("smoke"))
    assert (root / "runs").is_dir()
    with pytest.raises(ValueError, match="is a rehearsal's, which the next one empties"):
        run.checked("smoke", str(tmp_path))


def test_a_rehearsal_that_is_stopped_says_so(tmp_path: Path) -> None:
    """Ctrl-C while notebook 01 runs: no traceback, and no process is left."""
    command = [sys.executable, "workflow/rehearse.py", "--preset", "smoke", "--outputs", str(tmp_path / "rehearsal")]
    heeding = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731 - ignored where tests run unattended
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heeding
    ) as process:
        assert "rehearsing 6 models of smoke on a CPU" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode != 0 and "make rehearse: stopped" in said and "Traceback" not in said
