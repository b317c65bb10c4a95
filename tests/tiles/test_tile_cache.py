"""The tile cache is opened where it is of this data and these parameters; the rest is in `test_tile_writer`."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import MemoryCache, smoke_params

from vpipe_utils.tiles import tile_cache

VIDEOS = [f"{k}.mp4" for k in range(6)]


def test_a_tile_cache_of_older_data_or_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    params = smoke_params()
    cache = MemoryCache(np.zeros((6, 17)), params.cache_frames, params.tile_size, run=params.cache_run)
    monkeypatch.setattr(tile_cache, "TileCache", lambda folder: cache)
    assert tile_cache.open_tiles(params, VIDEOS) is cache
    with pytest.raises(ValueError, match="1 of 2 videos are not in it, first 'new.mp4': run notebook 01 again"):
        tile_cache.open_tiles(params, ["new.mp4", "1.mp4"])
    with pytest.raises(ValueError, match="built with tile_size .*, now it is 64: run notebook 01 again"):
        tile_cache.open_tiles(params.model_copy(update={"tile_size": 64}), VIDEOS)
