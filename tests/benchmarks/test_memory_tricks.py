"""Checkpointing and mixed precision: what is measured is there, and the result is the same but for rounding."""

from __future__ import annotations

import pytest
import torch
from fakes import PLAYED_GPU, smoke_params

from vpipe_utils.benchmarks import memory_tricks
from vpipe_utils.benchmarks.memory_tricks import CHECKPOINTING, MIXED, NEITHER
from vpipe_utils.learning.device import Device


@pytest.mark.parametrize("model", ["convnext_base", "efficientnet_l2"])
def test_checkpointing_gives_the_same_gradients_from_less_memory(model: str) -> None:
    params = smoke_params(model, batch_size=8, input_tile=32)
    table = memory_tricks.measure(params, 1, Device("cpu")).set_index("way")
    assert list(table.index) == [NEITHER, CHECKPOINTING] and (table["seconds"] > 0).all()
    assert table.loc[NEITHER, ["output", "gradient"]].tolist() == [0, 0]
    assert table.loc[CHECKPOINTING, ["output", "gradient"]].max() < 1e-4
    assert table.loc[CHECKPOINTING, "peak_mib"] < table.loc[NEITHER, "peak_mib"]
    said = memory_tricks.lines(table.reset_index(), model, "CPU")
    assert "gradients apart" in said[0] and said[1].startswith("Mixed precision is not measured here")


def test_mixed_precision_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    table = memory_tricks.measure(smoke_params(batch_size=2, input_tile=16), 1, PLAYED_GPU)
    mixed = table.set_index("way").loc[MIXED]
    assert 0 < mixed["output"] < 0.1 and mixed["gradient"] > 0
    assert memory_tricks.lines(table, "m", "a GPU")[1].startswith("Mixed precision: ")


def test_memory_is_counted_while_it_is_held() -> None:
    def call() -> None:
        held = torch.empty(2**20, dtype=torch.uint8)
        del held
        torch.empty(3 * 2**20, dtype=torch.uint8)
        torch.empty(2**19, dtype=torch.uint8)

    assert memory_tricks.peak_memory(call, Device("cpu")) == pytest.approx(3, abs=0.01)
