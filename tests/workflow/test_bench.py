"""`make bench`: what it trains, that recorded runs are done, that a stopped bench goes on. Nothing is trained here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow"))

import bench  # noqa: E402

from vpipe_utils.evaluation.tricks.records import RunRecord, write_record  # noqa: E402
from vpipe_utils.project.paths import RunName  # noqa: E402
from vpipe_utils.storage.locks import lock  # noqa: E402

RUNS = [RunName("lite0", 0, trick, k) for k in (0, 1) for trick in (None, "no_ema")]


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[RunName]]:
    """The rounds of training that were asked for; a round leaves empty records. The bench is that of smoke."""
    rounds: list[list[RunName]] = []

    def record(self: bench.Bench, names: list[RunName]) -> None:
        for name in names:
            write_record(self.folder, RunRecord(name, NOTHING, NOTHING, {}, self.values(name), {}))

    monkeypatch.setattr(bench.Bench, "train", lambda self, names: rounds.append(list(names)))
    monkeypatch.setattr(bench.Bench, "record", record)
    monkeypatch.setattr(bench, "A_TIME", 1)
    return rounds


NOTHING = {"plain": bench.pd.DataFrame({"video": ["a.mp4"], "ZC": [0.5]})}


def smoke(outputs: Path) -> bench.Bench:
    found = bench.Bench("smoke", str(outputs), 2, [])
    found.kept = outputs / "git"
    return found


def test_rounds_of_some_runs_until_all_are_recorded(tmp_path: Path, played: list) -> None:
    ours = smoke(tmp_path)
    ours.make("smoke", ours.plan.confirmation({}))
    assert played == [RUNS[:2], RUNS[2:]]
    ours.make("smoke", ours.plan.confirmation({}))
    assert len(played) == 2, "what is recorded is done"


def test_a_stopped_bench_trains_what_has_no_record(tmp_path: Path, played: list) -> None:
    ours = smoke(tmp_path)
    ours.make("smoke", RUNS[:3])
    played.clear()
    ours.make("smoke", ours.plan.confirmation({}))
    assert played == [RUNS[3:]]


def test_records_of_git_count_and_those_of_other_parameters_do_not(tmp_path: Path, played: list) -> None:
    ours = smoke(tmp_path)
    write_record(ours.kept, RunRecord(RUNS[0], NOTHING, NOTHING, {}, ours.values(RUNS[0]), {}))
    write_record(ours.kept, RunRecord(RUNS[1], NOTHING, NOTHING, {}, {**ours.values(RUNS[1]), "lr": 7.0}, {}))
    ours.make("smoke", RUNS)
    assert [name for names in played for name in names] == RUNS[1:]


def test_tables_are_written_between_only_where_there_is_something_to_tell(
    tmp_path: Path, played: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan without screening and tuning, as smoke's, has no record before its pairs."""
    told: list[int] = []
    monkeypatch.setattr(bench.Bench, "tables", lambda self: told.append(len(self.records())) or {})
    monkeypatch.setattr(sys, "argv", ["bench.py", "--preset", "smoke", "--outputs", str(tmp_path), "--jobs", "2"])
    bench.main()
    assert told == [len(RUNS)]
    monkeypatch.setattr(bench.Plan, "screening", lambda self: RUNS[:1])
    bench.main()
    assert told == [len(RUNS)] * 3


def test_together_every_run_is_trained_and_recorded_in_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is trained really: test_bench_kill.py."""
    done: list[tuple[str, RunName]] = []
    monkeypatch.setattr(bench, "train_run", lambda name, preset, root: done.append((preset, name)))
    monkeypatch.setattr(
        bench, "record_run", lambda run, before, **more: (before(run[0]), done.append(("record", run[0])))
    )
    monkeypatch.setattr(bench, "known_labels", lambda *given: None)
    monkeypatch.setattr(bench, "read_labels", lambda *given: bench.pd.DataFrame())
    monkeypatch.setattr(bench, "read_held_out", lambda *given: bench.pd.DataFrame())
    started: list[list[str]] = []
    monkeypatch.setattr(bench.where, "run", lambda *given: started.append(given[-1]))
    ours = smoke(tmp_path)
    ours.share_this_machine(1)
    ours.make("smoke", RUNS[:2])
    assert done == [(kind, name) for name in RUNS[:2] for kind in ("smoke", "record")]
    ours.make("smoke", RUNS[2:3])
    assert started == [["--until", "folds"]], "the data, once, by the workflow"
    assert lock(tmp_path / "smoke" / ".lock") is None, "nobody else may write there meanwhile"

    def fails(name: RunName, **more: object) -> None:
        raise MemoryError("the memory of the GPU does not hold 'lite0'")

    monkeypatch.setattr(bench, "train_run", fails)
    with pytest.raises(ValueError, match=r"does not hold 'lite0'; or lower --together \(TOGETHER, now 1\)"):
        ours.make("smoke", RUNS[3:])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--together", "2", "--", "-n"], "--together trains on this machine, without Snakemake: leave -n out"),
        (["--together", "2", "--profile", "slurm"], "without Snakemake: leave --profile slurm out"),
        (["--together", "0"], "--together is 0: say how many"),
    ],
)
def test_what_together_cannot_do_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, words: list[str], sentence: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench.py", "--preset", "smoke", *words])
    with pytest.raises(SystemExit, match=f"make bench: .*{sentence}"):
        bench.main()


def test_a_preset_without_a_plan_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bench.py", "--preset", "demo"])
    with pytest.raises(SystemExit, match="make bench: parameter file .*params/demo/plan.yaml is not there"):
        bench.main()


def test_tricks_that_cannot_be_trained_together_are_told_before_any_run(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [RunName("lite0", 0, "consecutive+grid_5")]  # 25 neighbours, of which no tile cache of smoke has so many
    monkeypatch.setattr(bench.Plan, "screening", lambda self: names)
    with pytest.raises(ValueError, match="a sample takes 25 frames of a video, but cache_run keeps"):
        bench.Bench("smoke", None, 2, [])


@pytest.mark.parametrize("preset", ["bench", "smoke"])
def test_every_run_of_the_plans_in_this_project_can_be_trained(preset: str) -> None:
    bench.Bench(preset, None, 2, [])
