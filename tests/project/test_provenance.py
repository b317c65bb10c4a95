"""Where a run came from."""

from __future__ import annotations

from vpipe_utils.project import provenance


def test_provenance_names_versions() -> None:
    record = provenance.provenance()
    assert record["packages"]["torch"] and record["python"].startswith("3.")
