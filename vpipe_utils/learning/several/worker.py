"""One of the processes of a run on several GPUs: `several.launch` starts it by PyTorch's launcher.

    python -m torch.distributed.run --nproc-per-node 2 -m vpipe_utils.learning.several.worker FOLDER PARENT
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from vpipe_utils.learning.datasets import eval_loader, train_loader
from vpipe_utils.learning.device import this_device
from vpipe_utils.learning.fold_run import kept_params, load_fold
from vpipe_utils.learning.several.launch import ERROR, FIGURES, RAISED
from vpipe_utils.learning.training import fit
from vpipe_utils.storage.tables import write_json


def main() -> None:
    folder, parent = Path(sys.argv[1]), int(sys.argv[2])
    end_with(parent)
    rank = int(os.environ["RANK"])
    try:
        params = kept_params(folder, place_of_today=False)
        data = load_fold(params, params.approach)
        place = (rank, params.devices)
        train = train_loader(params, data.cache, data.train_videos, data.targets(data.train_videos), place)
        mine = data.val_videos[rank :: params.devices]
        if not mine:
            raise ValueError(f"devices is {params.devices}, but fold {params.fold} has {len(data.val_videos)} videos")
        validation = eval_loader(params, data.cache, mine, data.targets(mine))
        _, figures = fit(params, data.seed, train, validation, folder, progress=False, processes=params.devices)
    except tuple(RAISED.values()) as error:
        kind = next(name for name, of in RAISED.items() if isinstance(error, of))
        write_json({"kind": kind, "text": str(error)}, folder / ERROR)
        os._exit(1)  # without waiting for the others, which wait for this one
    if rank == 0:
        write_json(figures | this_device().peak_memory(), folder / FIGURES)


def end_with(process: int) -> None:
    """End this process when another is gone: the notebook's kernel, which may be killed without a word."""

    def look() -> None:
        while True:
            try:
                os.kill(process, 0)
            except ProcessLookupError:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(1)

    threading.Thread(target=look, daemon=True).start()


if __name__ == "__main__":
    main()
