"""What a cluster needs of the workflow: resources that grow with attempts, pages without what failed, GPUs apart. Jobs
are played: nothing is trained here. A real Slurm is in test_slurm.py."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from played import lines, played_project, wait_for
from projects import run

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow"))

from plan import Plan  # noqa: E402

CLAIMS = """
import job, sys, tempfile, time
tempfile.tempdir = sys.argv[1]
job.GPU_WAIT_SECONDS = 0.02
devices = job.claim_gpus({"CUDA_VISIBLE_DEVICES": "0,1"}, int(sys.argv[2]))
log = open(sys.argv[1] + "/log.txt", "a", buffering=1)
print(*[f"{time.monotonic()} takes {device}" for device in devices], sep="\\n", file=log)
time.sleep(0.3)
print(*[f"{time.monotonic()} gives {device}" for device in devices], sep="\\n", file=log)
"""


def play(project: Path, **what: list[str]) -> None:
    (project / "play.json").write_text(json.dumps(what))


def test_resources_of_the_papers_runs() -> None:
    plan = Plan("paper")
    assert plan.threads("nfnet_f6", "fold_0") == 9, "one and its loaders"
    assert plan.most_threads() == 9 and Plan("smoke").most_threads() == 1, "no more than a small node has"
    assert plan.memory("nfnet_f6", "fold_0") == 14_000 and plan.memory("nfnet_f6", "fold_0", attempt=3) == 28_000
    assert plan.minutes("nfnet_f6", "fold_0") == 24 * 60 and plan.minutes("nfnet_f6", "fold_0", attempt=2) == 48 * 60
    assert Plan("paper", memory_mb=10_000).memory("nfnet_f6", "fold_0", attempt=3) == 10_000, "of one machine"


def test_no_two_jobs_hold_the_same_gpu_also_through_a_kill(tmp_path: Path) -> None:
    """Six jobs of one GPU and two of both, on two GPUs; one of them is killed and started again."""
    command = [sys.executable, "-c", CLAIMS, str(tmp_path)]
    jobs = [subprocess.Popen([*command, str(1 + (k in (2, 5)))], cwd=ROOT / "workflow") for k in range(8)]
    log = tmp_path / "log.txt"
    wait_for(lambda: len(lines(log)) > 2)
    running = [process for process in jobs if process.poll() is None]
    running[0].send_signal(signal.SIGKILL)
    jobs.append(subprocess.Popen([*command, "1"], cwd=ROOT / "workflow"))
    assert sorted(process.wait(60) for process in jobs) == [-signal.SIGKILL, *[0] * 8]
    events = sorted((float(when), what, device) for when, what, device in map(str.split, lines(log)))
    held: dict[str, float] = {}
    for when, what, device in events:
        if what == "gives":
            held.pop(device, None)
        else:
            since = held.get(device)
            assert since is None or when - since < 0.3, "taken while held; a killed job gives back before its time"
            held[device] = when
    assert len(events) >= 2 * 10 - 2


def test_what_fails_does_not_stop_the_others_and_the_pages_say_so(tmp_path: Path) -> None:
    project = played_project(tmp_path / "project", folds=3)
    play(project, fails=["05 convnext_small 1"])
    done = run(project, "--keep-going", preset="own")
    assert done.returncode == 1
    assert "made without super_image/convnext_small/fold_1" in done.stderr, done.stderr
    root = project / "outputs" / "own"
    assert (root / "report" / "index.html").is_file()
    assert (root / "runs/super_image/convnext_small/fold_2/test_predictions.parquet").is_file()
    assert not (root / "runs/super_image/convnext_small/fold_1/metrics.json").exists()
    (project / "play.json").unlink()
    before = len(lines(project / "ran.txt"))
    done = run(project, preset="own")
    assert done.returncode == 0, done.stderr
    assert sorted(lines(project / "ran.txt")[before:]) == ["05", "06", "10", "11", "pr"], "the one run, and the results"


def test_where_targets_are_named_a_failure_makes_no_pages(tmp_path: Path) -> None:
    """So the bench, which names its runs, is told of its failure and of nothing else."""
    project = played_project(tmp_path / "project", folds=2)
    play(project, fails=["05 convnext_small 1"])
    runs = [f"outputs/own/runs/super_image/convnext_small/fold_{fold}/metrics.json" for fold in (0, 1)]
    done = run(project, *runs, "--keep-going", preset="own")
    assert done.returncode == 1 and "pages" not in done.stderr, done.stderr
    assert not (project / "outputs" / "own" / "report").exists()


def test_without_keep_going_a_failure_makes_no_pages(tmp_path: Path) -> None:
    project = played_project(tmp_path / "project")
    play(project, fails=["05 convnext_small 0"])
    done = run(project, preset="own")
    assert done.returncode == 1 and not (project / "outputs" / "own" / "report").exists()


def test_a_profile_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "workflow/run.py", "--preset", "smoke", "--profile", "slurp"], cwd=ROOT, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "profile 'slurp' has no workflow/profiles/slurp/config.yaml; profiles are default, slurm" in done.stderr
