"""Bars show where they are wanted and nowhere else."""

from __future__ import annotations

import pytest

from vpipe_utils.project.progress import progress_bar


@pytest.mark.parametrize(
    ("progress", "variable", "shows"),
    [(True, None, True), (True, "0", True), (True, "1", False), (False, None, False), (False, "0", False)],
)
def test_who_sees_a_bar(progress, variable, shows, monkeypatch, capsys):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    if variable is not None:
        monkeypatch.setenv("TQDM_DISABLE", variable)
    assert list(progress_bar([3, 1, 2], description="counting", progress=progress)) == [3, 1, 2]
    assert ("counting" in capsys.readouterr().err) == shows


def test_a_bar_to_update():
    bar = progress_bar(total=4, description="counting")
    with bar:
        bar.update(3)
    assert (bar.n, bar.total) == (3, 4)


@pytest.mark.parametrize("nothing", [{"items": []}, {"items": iter(()), "total": 0}, {"total": 0}])
def test_where_nothing_is_to_do_there_is_no_bar(nothing, monkeypatch, capsys):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    progress_bar(**nothing, description="counting").close()
    assert capsys.readouterr().err == ""
