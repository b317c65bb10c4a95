"""`make leakage`: what it trains, whose records count, that clips are not made twice. Nothing is trained here."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pandas as pd
import pytest
from made_up_leakage import made_up_sides

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow"))

import leakage  # noqa: E402

from vpipe_utils.evaluation.tricks.records import RunRecord, known_labels, write_record  # noqa: E402


@pytest.fixture
def sides(tmp_path: Path) -> tuple[leakage.Bench, leakage.Bench]:
    plain, whole = leakage.sides("leakage", str(tmp_path), 2, [])
    for bench in (plain, whole):
        bench.kept = tmp_path / "git" / bench.preset
    whole.others = [tmp_path / "bench" / "tricks" / "runs"]
    return plain, whole


def test_runs_of_the_bench_that_a_cpu_made_count_before_the_same_ones_of_a_gpu() -> None:
    """All other runs of this measurement are made on a CPU: sides must not differ in that, too."""
    _, whole = leakage.sides("leakage", None, 2, [])
    kept = leakage.ROOT / "outputs" / "reference" / "bench"
    assert whole.others == [kept / "cpu", whole.data.layout.tricks / "runs", kept / "runs"]


def test_both_sides_are_the_same_but_for_their_folds(sides: tuple) -> None:
    plain, whole = sides
    assert (plain.preset, whole.preset) == ("leakage", "bench")
    names = plain.plan.confirmation({})
    assert len(names) == 10 and {name.fold for name in names} == set(range(5))
    for name in names:
        one, other = plain.values(name), whole.values(name)
        assert {key for key in one if one[key] != other[key]} == {"preset", "by_recording"}
    assert not plain.augmented and plain.folder != whole.folder


def test_records_of_the_bench_count_and_further_ones_lie_apart(sides: tuple, tmp_path: Path) -> None:
    plain, whole = sides
    made_plain, made_whole, labels = made_up_sides(1.0)
    wanted: list = []
    whole.train = plain.train = lambda names: wanted.extend(names)
    plain.record = whole.record = lambda names: None
    of_bench = [record for name, record in made_whole.items() if name.fold < 3]
    for record in of_bench:
        write_record(whole.others[0], with_values(record, whole.values(record.name)))
    known_labels(whole.others[0], labels)
    whole.make("whole", plain.plan.confirmation({}))
    assert {(name.fold, name.repetition) for name in wanted} == {(fold, k) for fold in (3, 4) for k in (0, 1)}
    for record in made_whole.values():
        if record.name.fold > 2:
            write_record(whole.folder, with_values(record, whole.values(record.name)))
    for record in made_plain.values():
        write_record(plain.folder, with_values(record, plain.values(record.name)))
    known_labels(plain.folder, labels.iloc[::-1])
    plain.draws = lambda: (50, 1)
    folder = leakage.gather(plain, whole)
    assert folder == tmp_path / "leakage" / "tricks"
    assert sorted(file.stem for file in folder.glob("*.csv")) == ["clips", "scores"]
    assert set(pd.read_csv(folder / "scores.csv")["runs"]) == {10}
    known_labels(whole.folder, labels.assign(ZC=0))
    with pytest.raises(ValueError, match="are of other clips: move the older ones away"):
        leakage.gather(plain, whole)


def with_values(record: RunRecord, values: dict) -> RunRecord:
    return dataclasses.replace(record, values=values)


def test_finished_clips_are_copied_and_unfinished_ones_are_not(sides: tuple, tmp_path: Path) -> None:
    plain, whole = sides
    made = tmp_path / "bench" / "pipesim"
    (made / "videos").mkdir(parents=True)
    (made / "videos" / "a.mp4").write_bytes(b"clip")
    leakage.share_clips(whole, plain)
    assert not (tmp_path / "leakage" / "pipesim").exists()
    (made / leakage.DONE).write_text("{}")
    leakage.share_clips(whole, plain)
    assert (tmp_path / "leakage" / "pipesim" / "videos" / "a.mp4").read_bytes() == b"clip"


def test_a_preset_that_changes_more_than_the_folds_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leakage, "read_yaml", lambda path: {"extends": "smoke"})
    with pytest.raises(ValueError, match="change nothing else of 'smoke'.*by_recording, cache_frames"):
        leakage.sides("leakage", None, 2, [])
