"""This checkout's package first on the path, where several share one environment; and how the scripts of `make` end.

Whoever imports this before `vpipe_utils`, as the order of imports has it, needs no more.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


@contextmanager
def faults_told(command: str, *more: type[Exception]) -> Iterator[None]:
    """End with the sentence of an error, behind the command's name, where something cannot be used; ``more`` kinds."""
    try:
        yield
    except (ValueError, OSError, *more) as error:
        sys.exit(f"{command}: {error}")
