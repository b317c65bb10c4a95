"""What a network trains and predicts on, asked in one place, so that a test can play a GPU on a CPU."""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from lightning.pytorch.plugins.precision import MixedPrecision, Precision

from vpipe_utils.learning.params import TrainParams

MIB = 2**20
DTYPES = {"32": torch.float32, "bf16": torch.bfloat16, "16": torch.float16}


@dataclass(frozen=True)
class Device:
    """A CPU or a GPU and the fast ways it has; `Device("cpu", bf16=True, fused=True)` takes a GPU's ways on a CPU."""

    type: str  # as PyTorch names it: "cpu" or "cuda"
    name: str = "CPU"
    bf16: bool = False  # multiplies bfloat16 in hardware
    fused: bool = False  # updates all weights in one kernel
    tuned: bool = False  # can try which convolution is fastest (cuDNN); figures then differ in their last digits

    def precision(self, asked: str) -> str:
        """ "32", "bf16" or "16" for `params.precision`: `auto` is mixed on a GPU (Table IV), 32 bit on a CPU."""
        if asked != "auto":
            return asked
        return "32" if self.type == "cpu" and not self.bf16 else "bf16" if self.bf16 else "16"

    def autocast(self, asked: str) -> torch.autocast:
        """The context in which networks run, the same in training, validation and prediction."""
        dtype = DTYPES[self.precision(asked)]
        return torch.autocast(self.type, dtype, enabled=dtype is not torch.float32, cache_enabled=False)

    def precision_plugin(self, asked: str) -> Precision:
        """The same for Lightning, which by itself would take bf16 on a CPU where fp16 is asked for."""
        precision = self.precision(asked)
        return Precision() if precision == "32" else MixedPrecision(f"{precision}-mixed", self.type)

    def synchronize(self) -> None:
        """Wait until the device has done what it was given: needed before a clock is read."""
        if self.type == "cuda":
            torch.cuda.synchronize()

    def forget_peak(self) -> None:
        """Start `peak_memory` anew, as far as the device knows how."""
        if self.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def held_memory(self) -> float:
        """MiB that a GPU holds for tensors now; 0 on a CPU, where nobody counts."""
        return torch.cuda.memory_allocated() / MIB if self.type == "cuda" else 0.0

    def peak_memory(self) -> dict[str, float | None]:
        """Most memory held so far, MiB: gpu_memory_mib (None without a GPU), memory_mib (this process, no loaders)."""
        unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux
        return {
            "gpu_memory_mib": torch.cuda.max_memory_allocated() / MIB if self.type == "cuda" else None,
            "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB,
        }


def this_device() -> Device:
    """The first GPU that PyTorch sees, else the CPU."""
    if not torch.cuda.is_available():
        return Device("cpu")
    bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return Device("cuda", torch.cuda.get_device_name(), bf16=bf16, fused=True, tuned=True)


def count_gpus() -> int:
    """GPUs that PyTorch sees."""
    return torch.cuda.device_count()


@contextlib.contextmanager
def sentence_for_lack_of_memory(params: TrainParams) -> Iterator[None]:
    """Say which parameters to turn when the GPU's or the machine's memory does not suffice."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch has a class of its own for GPUs alone
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        place = "the GPU" if isinstance(error, torch.OutOfMemoryError) else "this machine"
        turn = f"lower batch_size (now {params.batch_size}) and raise accumulate (now {params.accumulate}) by as much"
        more = "" if params.grad_checkpointing else ", or set grad_checkpointing to true"
        raise MemoryError(
            f"the memory of {place} does not hold '{params.model}': in training, {turn}, which gives the same updates "
            f"but for batch norm{more}; in validation and prediction, lower eval_batch_size (now "
            f"{params.eval_batch_size}); or lower input_tile (now {params.input_tile} px)"
        ) from error
