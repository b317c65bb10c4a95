"""The parts of the workflow's scripts that need no notebook: errors and GPUs."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow"))

import job  # noqa: E402
import progress  # noqa: E402
import run  # noqa: E402


def test_an_error_is_one_line_without_colours(tmp_path):
    error = {"output_type": "error", "ename": "ValueError", "evalue": "\x1b[31mno\n   pipe\x1b[0m"}
    cells = [{"outputs": []}, {"outputs": [{"output_type": "stream"}, error]}, {"source": "text"}]
    path = tmp_path / "kept.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert job.cell_error(path) == "ValueError: no pipe"
    path.write_text(json.dumps({"cells": cells[:1]}))
    assert job.cell_error(path) is None
    assert job.cell_error(tmp_path / "absent.ipynb") is None


def test_a_notebook_runs_the_package_of_its_own_checkout(tmp_path, monkeypatch):
    """Where two checkouts share an environment, the one that is installed there would be taken."""
    (tmp_path / "vpipe_utils").mkdir()
    (tmp_path / "vpipe_utils" / "__init__.py").touch()
    monkeypatch.setattr(job, "ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", "of/the/user")
    environment = job.job_environment(1, "")
    code = "import vpipe_utils, sys; print(vpipe_utils.__file__, 'of/the/user' in ' '.join(sys.path))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT / "notebooks", env=environment, capture_output=True, text=True)
    assert done.stdout.split() == [str(tmp_path / "vpipe_utils" / "__init__.py"), "True"]


def test_each_job_takes_a_gpu_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = {"CUDA_VISIBLE_DEVICES": "3,5"}
    assert job.claim_gpus(environment) == ["3"]
    code = f"import job, tempfile; tempfile.tempdir = {str(tmp_path)!r}; print(*job.claim_gpus({environment}))"
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "workflow", capture_output=True, text=True)
    assert other.stdout.strip() == "5", "the first is taken"
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "workflow", capture_output=True, text=True)
    assert other.stdout.strip() == "5", "and the second free again when its job has ended"


def test_jobs_of_one_slurm_allocation_share_its_gpus_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert job.claim_gpus({"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "0,1"}) == ["0"]
    assert job.claim_gpus({"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "0,1"}) == ["1"]
    assert job.claim_gpus({"SLURM_JOB_ID": "8", "CUDA_VISIBLE_DEVICES": "0"}) == ["0"], "another card, numbered anew"


def test_a_job_takes_several_gpus_or_none(tmp_path, monkeypatch):
    """Two that each hold one and wait for another would wait for ever."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    three = {"CUDA_VISIBLE_DEVICES": "0,1,2"}
    assert job.claim_gpus(three, 2) == ["0", "1"]
    monkeypatch.setattr(job.time, "sleep", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        job.claim_gpus(three, 2)
    assert job.claim_gpus(three) == ["2"], "what it could not use it has given back"
    assert job.claim_gpus(three, 0) == []
    with pytest.raises(ValueError, match="devices is 4, but this job sees 3 GPUs: lower devices"):
        job.claim_gpus(three, 4)


@pytest.mark.parametrize("chosen", ["", "-1", "NoDevFiles", "none"])
def test_no_gpu_is_claimed_where_there_is_none(chosen):
    assert job.claim_gpus({"CUDA_VISIBLE_DEVICES": chosen}) == []


def test_gpus_are_counted_as_pytorch_counts_them(tmp_path, monkeypatch):
    known = {"2": ["2"], "0, 3": ["0", "3"], "0,-1,1": ["0"], "GPU-8a,MIG-1/2": ["GPU-8a", "MIG-1/2"]}
    for words, seen in known.items():
        assert job.visible_gpus({"CUDA_VISIBLE_DEVICES": words}) == seen
    program = tmp_path / "nvidia-smi"
    listed = "GPU 0: A card (UUID: GPU-1)\\n  MIG 1g: GPU x\\nGPU 1: A card (UUID: GPU-2)\\n"
    program.write_text(f"#!/bin/sh\nprintf '{listed}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert job.visible_gpus({}) == ["0", "1"]
    program.write_text("#!/bin/sh\necho 'GPU 0: driver and library do not fit'; exit 18\n")
    assert job.visible_gpus({}) == []
    program.unlink()
    assert job.visible_gpus({}) == []


def test_gpus_that_pytorch_cannot_use_are_an_error_and_not_a_run_on_the_cpu(tmp_path, monkeypatch):
    """A driver that is too old, or PyTorch's wheel for CPUs; PyTorch is played."""
    program, torch = tmp_path / "nvidia-smi", tmp_path / "torch.py"
    program.write_text("#!/bin/sh\necho 'GPU 0: A card (UUID: GPU-1)'\n")
    program.chmod(0o755)
    fake = "class cuda:\n    is_available = lambda: {}\ndef zeros(*_, **__):\n    raise RuntimeError('too old')\n"
    torch.write_text(fake.format(False))
    monkeypatch.setenv("PATH", str(tmp_path))
    environment = {"PYTHONPATH": str(tmp_path)}
    with pytest.raises(ValueError, match=r"is a GPU \(0\), but .* \(RuntimeError: too old\).*CUDA_VISIBLE_DEVICES= "):
        job.require_usable_gpus(environment)
    job.require_usable_gpus(environment | {"CUDA_VISIBLE_DEVICES": ""})
    torch.write_text(fake.format(True))
    job.require_usable_gpus(environment)
    program.unlink()
    torch.write_text(fake.format(False))
    job.require_usable_gpus(environment | {"CUDA_VISIBLE_DEVICES": "0"})


def test_a_job_that_waits_for_a_gpu_says_so_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert job.claim_gpus({"CUDA_VISIBLE_DEVICES": "0"}) == ["0"]
    waits = iter([None, None, KeyboardInterrupt])
    monkeypatch.setattr(job.time, "sleep", lambda _: (wait := next(waits)) and (_ for _ in ()).throw(wait))
    with pytest.raises(KeyboardInterrupt):
        job.claim_gpus({"CUDA_VISIBLE_DEVICES": "0"})
    assert capsys.readouterr().err == "GPU 0 is held by another notebook; waiting\n"


@pytest.mark.parametrize(
    ("limits", "own", "megabytes"),
    [
        ({"slurm/job_7": 32 * 10**9, "slurm": "max"}, "/slurm/job_7/step_0", 32_000),
        ({"": 4 * 10**9}, "/", 4000),  # a container's root
        ({"": 4 * 10**9}, "/not/mounted/here", 4000),
        ({"user": 10**18}, "/user", 10**9),  # more than any machine has
    ],
)
def test_the_memory_of_a_slurm_job_or_container_counts(tmp_path, limits, own, megabytes):
    for folder, limit in limits.items():
        (tmp_path / "groups" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / folder / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "own").write_text(f"12:memory:/old\n0::{own}\n")
    assert run.machine_memory_mb(tmp_path / "own", tmp_path / "groups") == min(megabytes, all_memory())


def all_memory():
    return run.machine_memory_mb(Path("/nowhere"), Path("/nowhere"))


def test_a_job_ends_with_the_process_that_started_it():
    """What starts a job is killed; the job, which would sleep for a minute, is gone at once."""
    sleeper = "import job, time; job.die_with_parent(); print('up', flush=True); time.sleep(60)"
    starter = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {sleeper!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", starter], cwd=ROOT / "workflow", stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout.readline() == "up\n"
        parent.kill()
        assert parent.stdout.read() == "", "the pipe closes when the last process that holds it has ended"


def test_durations_and_scores_are_readable(tmp_path):
    assert [progress.duration(seconds) for seconds in (0.4, 99, 125)] == ["0 s", "99 s", "2 min 5 s"]
    (tmp_path / "metrics.json").write_text('{"val_mAP": 0.41}')
    assert progress.score([str(tmp_path / "metrics.json")]) == "   val mAP 0.410"
    (tmp_path / "metrics.json").write_text('{"ensemble_mAP": null}')
    assert progress.score([str(tmp_path / "metrics.json")]) == ""
