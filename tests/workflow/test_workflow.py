"""The graph of notebooks: which jobs there are, and which of them a change runs again. Nothing is trained here.

Every test works on a copy of the project, so that parameter files can be changed.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from played import played_project
from projects import copy_project, run

from vpipe_utils.learning.params import read_model
from vpipe_utils.project.dependencies import deciding_versions

ROOT = Path(__file__).resolve().parents[2]
ENDS = ["06 ensemble", "10 report", "11 predict", "HTML pages"]
COSTS = "12 benchmarks"
SIGHT = "13 when super-images pay"
WEAK = "09 weak supervision"
TRICKS = ["07 boosting tricks", "08 lowering tricks"]
MODELS = ["lite0", "lite0_tiles", "lite0_decoder", "convnext_small"]
NAMED = ["03 frame · frame_lite0", "04 video · video_swin_small", *(f"05 super-image · {model}" for model in MODELS)]
ALL = {f"{name} · fold 0" for name in NAMED}


def runs(*folds: int) -> list[str]:
    return [f"{name} · fold {fold}" for name in NAMED for fold in folds]


def predictions(*names: str, fold: int = 0) -> list[str]:
    return [f"{name} · fold {fold} · predictions" for name in names or NAMED]


def jobs(project: Path) -> list[str]:
    """Names of the jobs a dry run lists, sorted."""
    return sorted(name for name, _ in listed(project))


def listed(project: Path) -> list[tuple[str, str]]:
    """Name and reason of the jobs that a dry run lists."""
    done = run(project, "--dry-run")
    assert done.returncode == 0, done.stderr
    if "Nothing to do" in done.stderr:
        return []
    return re.findall(r"^\[ *\d+/\d+\] (.+?)  (.*)", done.stderr, flags=re.MULTILINE)


def triggered(project: Path) -> set[str]:
    """The jobs that run for something of their own; Snakemake looks no further at those that wait for one of these."""
    return {name for name, reason in listed(project) if "by another job" not in reason and "only if" not in reason}


@pytest.fixture(scope="module")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_project(tmp_path_factory.mktemp("finished") / "project")
    summary = run(project, "--summary").stdout.splitlines()
    files = [line.split("\t")[0] for line in summary if line.startswith("outputs/")]
    assert len(files) > 40
    for file in files:
        (project / file).parent.mkdir(parents=True, exist_ok=True)
        (project / file).write_text("{}" if file.endswith(".json") else file)
        if file.endswith("params.yaml"):
            model, fold = Path(file).parts[-3], int(Path(file).parts[-2][-1])
            (project / file).write_text(yaml.safe_dump(read_model("smoke", model, fold).model_dump()))
            record = {"packages": deciding_versions()}
            (project / file).with_name("provenance.json").write_text(json.dumps(record))
    done = run(project, "--touch", "--forceall")  # Snakemake notes with which values each was made
    assert done.returncode == 0, done.stderr
    return project


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path) -> Path:
    """A project whose smoke run is finished as far as Snakemake can see: every declared file is there."""
    return shutil.copytree(finished_once, tmp_path / "project")  # keeps the dates


def test_smoke_has_a_job_for_every_notebook_model_and_fold(tmp_path):
    project = copy_project(tmp_path / "project")
    pages = [COSTS, SIGHT, WEAK, *TRICKS, *ENDS]
    assert jobs(project) == sorted(["01 data", "02 folds", *runs(0), *predictions(), *pages])


def change(file: Path, **values: object) -> None:
    old = yaml.safe_load(file.read_text()) if file.is_file() else None
    file.write_text(yaml.safe_dump({**(old or {}), **values}))


@pytest.mark.parametrize(
    ("module", "steps"),
    [
        ("report/data_figures", {COSTS, WEAK, "06 ensemble"}),
        ("data/folds", {"02 folds", SIGHT}),
        ("learning/inputs", ALL | {COSTS}),
    ],
)
def test_what_a_change_of_a_module_runs_again(finished, module, steps):
    """The whole table is in tests/project/test_dependencies.py; here it is seen in the plan."""
    file = finished / "vpipe_utils" / f"{module}.py"
    file.write_text(file.read_text() + "\n# changed\n")
    assert triggered(finished) == steps


def test_text_and_comments_train_nothing(finished):
    parameters, notebook = finished / "params" / "smoke" / "data.yaml", finished / "notebooks" / "05_super_image.ipynb"
    parameters.write_text(parameters.read_text() + "\n# only a comment\n")
    cells = json.loads(notebook.read_text())
    next(cell for cell in cells["cells"] if cell["cell_type"] == "markdown")["source"] = ["# Another title"]
    code = [cell for cell in cells["cells"] if cell["cell_type"] == "code"]
    next(cell for cell in code if "fold_run." not in "".join(cell["source"]))["source"] = ["columns = 4"]
    notebook.write_text(json.dumps(cells))
    assert jobs(finished) == []
    next(cell for cell in code if "fold_run.train_fold" in "".join(cell["source"]))["source"] = ["# fold_run.nothing"]
    notebook.write_text(json.dumps(cells))
    assert triggered(finished) == {name for name in ALL if name.startswith("05")}


def test_a_changed_parameter_runs_its_model_and_what_depends_on_it(finished):
    change(finished / "params" / "smoke" / "convnext_small.yaml", lr=0.123)
    again = dict(listed(finished))
    name = "05 super-image · convnext_small"
    assert sorted(again) == sorted([f"{name} · fold 0", *predictions(name), COSTS, *ENDS])
    assert re.fullmatch(r"lr \S+ → 0.123", again[f"{name} · fold 0"])


def test_a_variant_of_a_model_is_a_short_file_and_runs_alone(finished):
    """What a trick will be: a file of its own, whose change plans its runs and no others."""
    variant = finished / "params" / "smoke" / "no_flip.yaml"
    variant.write_text("extends: convnext_small\nmodel: no_flip\nhflip: false\n")
    change(finished / "params" / "smoke" / "data.yaml", super_image_models=[*MODELS, "no_flip"])
    new = "05 super-image · no_flip"
    assert jobs(finished) == sorted([f"{new} · fold 0", *predictions(new), COSTS, *ENDS])


def test_new_versions_of_what_trains_train_again(finished, monkeypatch):
    """Of torch, timm and Lightning; the version is played by a package of that name that comes first."""
    package = finished / "workflow" / "torch-0.0.1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 0.0.1\n")
    monkeypatch.setenv("PYTHONPATH", str(finished / "workflow"))
    assert triggered(finished) == ALL


def test_without_snakemakes_notes_runs_are_compared_by_what_they_kept(finished):
    """A copied outputs folder comes without .snakemake."""
    shutil.rmtree(finished / ".snakemake")
    done = run(finished, "--dry-run")
    assert "Nothing to do" in done.stderr and "There are no notes on how outputs/smoke was made" in done.stderr
    change(finished / "params" / "smoke" / "convnext_small.yaml", lr=0.123)
    assert triggered(finished) == {"05 super-image · convnext_small · fold 0"}


def test_a_run_made_by_hand_with_other_values_is_made_again(finished):
    change(finished / "outputs/smoke/runs/super_image/convnext_small/fold_0/params.yaml", hflip=7)
    assert triggered(finished) == {"05 super-image · convnext_small · fold 0"}


def test_all_profiles_compare_values(finished):
    triggers = {
        file.parent.name: yaml.safe_load(file.read_text())["rerun-triggers"]
        for file in (finished / "workflow" / "profiles").glob("*/config.yaml")
    }
    assert triggers == dict.fromkeys(("default", "slurm"), ["mtime", "input", "params"])


def test_new_names_of_classes_train_nothing(finished):
    change(finished / "params" / "smoke" / "data.yaml", class_names={"FS": "rust"})
    assert jobs(finished) == sorted(ENDS)


def test_a_new_fold_leaves_the_finished_runs_alone(finished):
    change(finished / "params" / "smoke" / "data.yaml", train_folds=[0, 3])
    assert jobs(finished) == sorted([*runs(3), *predictions(fold=3), *ENDS])


def test_what_was_deleted_is_made_again(finished):
    shutil.rmtree(finished / "outputs" / "smoke" / "runs" / "video")
    name = "04 video · video_swin_small"
    assert jobs(finished) == sorted([f"{name} · fold 0", *predictions(name), *ENDS])


def test_training_waits_for_notebook_02_to_say_whether_its_clips_have_changed(finished):
    change(finished / "params" / "smoke" / "data.yaml", pipesim_test=33)
    again = dict(listed(finished))
    assert again["01 data"] == "pipesim_test 10 → 33" or again["01 data"].startswith("pipesim_test ")
    assert all(again[name].startswith("only if its training clips have changed") for name in ALL)


@pytest.mark.parametrize(
    ("preset", "file", "text", "sentence"),
    [
        ("nowhere", None, None, "preset 'nowhere' has no params/nowhere/data.yaml; presets are"),
        ("smoke", "smoke/convnext_small.yaml", "learning_rate: 1", "'learning_rate' is no parameter here"),
        ("smoke", "smoke/data.yaml", "seed: [", "not readable as YAML"),
        ("own", "own/data.yaml", "preset: own\nextends: smoke\nclasses: [FS]\nnormal_class: null", "are own ones"),
        ("own", "own/data.yaml", "extends: smoke", "preset is 'smoke', but the folder is 'own'"),
        ("own", "own/data.yaml", "preset: own\nvideos_dir: none\nannotations: none.json", "videos_dir '"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_one_sentence_before_anything_runs(tmp_path, preset, file, text, sentence):
    project = copy_project(tmp_path / "project")
    if file:
        path = project / "params" / file
        path.parent.mkdir(exist_ok=True)
        path.write_text((path.read_text() if path.exists() else "") + "\n" + text + "\n")
    done = run(project, preset=preset)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not (project / "outputs").exists()


def test_how_labels_and_files_fit_is_said_before_anything_runs(tmp_path):
    project = copy_project(tmp_path / "project")
    (project / "videos").mkdir()
    for name in ("a.MP4", "b.mp4", "c.mp4", "d.mp4", "e_1.mp4", "f.mp4"):
        (project / "videos" / name).touch()
    rows = "".join(f"{name};1;0\n" for name in ("a.mp4", "b.mp4", "c.mp4", "d.mp4")) + "f.mp4;;1\ne_01.mp4;;1\n"
    (project / "labels.csv").write_text(f"sep=;\nVideo;OK;Ri\u00df\n{rows}", encoding="cp1252")
    (project / "params" / "own").mkdir()
    own = "preset: own\nextends: smoke\nsource: files\nvideos_dir: videos\nannotations: labels.csv\n"
    own += "classes: [OK, Ri\u00df]\nnormal_class: OK\n"
    (project / "params" / "own" / "data.yaml").write_text(own, encoding="utf-8")
    done = run(project, "--dry-run", preset="own")
    assert done.returncode == 0, done.stderr
    first = "labels.csv: 6 labelled videos; read as ANSI (Windows-1252), columns separated by semicolons; 2 blank cells"
    assert done.stderr.startswith(first)
    near = "'e_01.mp4' (is it 'e_1.mp4'?)"
    for said in ("'a.mp4' is 'a.MP4'", near, "will be predicted: 'e_1.mp4'", "'Ri\u00df' (1)"):
        assert said in done.stderr, said


def test_own_data_of_a_few_videos_is_told_at_once_and_runs_no_benchmarks(tmp_path):
    project = copy_project(tmp_path / "project")
    own = project / "params" / "own"
    own.mkdir()
    (project / "videos").mkdir()
    labels = {f"{k}.mp4": [k % 3] for k in range(12)}
    (project / "labels.json").write_text(json.dumps(labels))
    for video in labels:
        (project / "videos" / video).touch()
    data = "preset: own\nextends: smoke\nsource: files\nvideos_dir: videos\nannotations: labels.json\n"
    (own / "data.yaml").write_text(data)
    (own / "training.yaml").write_text("batch_size: 10\n")
    said = run(project, "--dry-run", preset="own").stderr
    assert COSTS not in said and "[ 1/21]" in said
    assert "A fold trains on about 9 videos" in said and "convnext_small 9 (not 10)" in said
    assert "params/own/training.yaml" in said and "frame_lite0" not in said.split("To choose")[0]
    (own / "benchmarks.yaml").write_text("measured_steps: 1\n")
    (own / "training.yaml").write_text("batch_size: 3\n")
    said = run(project, "--dry-run", preset="own").stderr
    assert COSTS in said and "A fold trains" not in said
    (project / "labels.json").write_text(json.dumps({f"{k}.mp4": [k] for k in range(3)}))
    done = run(project, "--dry-run", preset="own")
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "3 recordings cannot make n_folds 5" in done.stderr


def test_a_failing_notebook_is_kept_and_named(tmp_path):
    project = copy_project(tmp_path / "project")
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    parameters = nbformat.v4.new_code_cell("seed = 0", metadata={"tags": ["parameters"]})
    notebook.cells = [parameters, nbformat.v4.new_code_cell('raise ValueError(f"no pipe\\n in sight: {seed}")')]
    nbformat.write(notebook, project / "notebooks" / "01_data_preparation.ipynb")

    done = run(project)
    kept = project / "outputs" / "smoke" / "logs" / "01_data_preparation.ipynb"
    assert done.returncode != 0
    assert "01_data_preparation failed: ValueError: no pipe in sight: 2022" in done.stderr
    assert str(kept.relative_to(project)) in done.stderr
    assert "Traceback" not in done.stderr
    cells = json.loads(kept.read_text())["cells"]
    assert any(output.get("ename") == "ValueError" for cell in cells for output in cell.get("outputs", []))
    assert not (project / "outputs" / "smoke" / "notebooks" / "01_data_preparation.ipynb").exists()


def test_jobs_share_the_memory_of_the_machine(tmp_path):
    """Each training job says how much it takes; one that wants more than there is gets all of it, alone."""
    project = copy_project(tmp_path / "project")
    (project / "params" / "smoke" / "convnext_small.yaml").write_text("memory_gb: 100000\n")
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--nolock", "--config", "preset=smoke", "memory_mb=9000"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    taken = re.findall(r"resources: .*?mem_mb=(\d+)", done.stdout + done.stderr)
    assert sorted(map(int, taken)) == [2000] * 11 + [9000] * 3, "benchmarks build the largest network too"


def test_two_runs_of_one_preset_at_a_time_are_refused(tmp_path):
    project = copy_project(tmp_path / "project")
    root = project / "outputs" / "smoke"
    root.mkdir(parents=True)
    with open(root / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run(project, "--dry-run")
    assert done.returncode != 0 and "another run is writing to" in done.stderr


def test_clips_without_labels_that_come_later_train_nothing(tmp_path):
    """Run for real, with jobs that are played: notebook 02 finds the clips of training unchanged, and they stay."""
    project = played_project(tmp_path / "project")
    own = project / "params" / "own"

    def ran() -> list[str]:
        done = run(project, preset="own")
        assert done.returncode == 0, done.stderr
        notes = project / "ran.txt"
        names = sorted(notes.read_text().split()) if notes.is_file() else []
        notes.unlink(missing_ok=True)
        return names

    assert ran() == ["01", "02", "05", "06", "07", "08", "10", "11", "13", "pr"]
    assert ran() == []
    (project / "videos" / "new.mp4").touch()
    assert ran() == ["01", "02", "06", "10", "11", "pr"], "no 05"
    labels = json.loads((project / "labels.json").read_text())
    (project / "labels.json").write_text(json.dumps(labels | {"new.mp4": [1]}))
    assert ran() == ["01", "02", "05", "06", "10", "11", "pr"]
    shutil.rmtree(project / ".snakemake")
    (own / "training.yaml").write_text("epochs: 3\n")
    assert ran() == ["05", "06", "10", "11", "pr"], "the notes are lost, and a parameter has changed"
    (own / "training.yaml").write_text('epochs: "3"\n')
    assert ran() == ["05", "06", "10", "11", "pr"] and ran() == [], "written otherwise, and then not again"
