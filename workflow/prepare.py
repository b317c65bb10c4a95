"""One of several jobs that prepare a large data set: looks at its part of the videos and caches their tiles.

    python workflow/prepare.py --preset paper --part 3/8

Parts need not know of each other and may run on several machines; where these share no disk, bring together
`outputs/<preset>/data/probes/` and `outputs/<preset>/tiles/` of all of them. Notebook 01, run last, finds what the
parts have done and joins it. With `data_jobs` in data.yaml the workflow does all of this by itself.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from here import ROOT, faults_told

from vpipe_utils.data.label_checks import read_own_labels
from vpipe_utils.data.params import DataParams
from vpipe_utils.data.video_table import index_videos
from vpipe_utils.storage.tables import write_json
from vpipe_utils.tiles.tile_writer import Settings, build_shards


def main() -> None:
    parser = argparse.ArgumentParser(description="prepare one part of a data set")
    parser.add_argument("--preset", required=True, help="a folder of params/ with source: files")
    parser.add_argument("--part", required=True, help="which part of how many: 1/8 to 8/8")
    parser.add_argument("--outputs", help="another folder for everything that is written")
    parser.add_argument("--done", type=Path, help="a file to write when all is done")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    with faults_told(f"prepare {arguments.part}"):
        done = prepare(arguments.preset, arguments.part, arguments.outputs)
        if arguments.done:
            write_json(done, arguments.done)
    print(f"part {arguments.part}: {done['readable']} of {done['videos']} videos can be read, {done['shards']} shards")


def prepare(preset: str, which: str, outputs: str | None = None) -> dict[str, int]:
    """Index and cache one part, "1/8" to "8/8"; gives the numbers of its videos, readable ones and shards."""
    params = DataParams.from_preset(preset, outputs)
    if params.source != "files":
        raise ValueError("parts are for source: files; notebook 01 makes the clips of PipeSim where it uses them")
    part = number_of(which)
    train, held_out = (file.table["video"].tolist() if file else [] for file in read_own_labels(params))
    videos = index_videos(
        params.videos_path, train, params.workers, held_out=held_out, journal=params.layout.probes, part=part
    )
    settings = Settings(params.cache_frames, params.cache_run, params.tile_size, params.tile_format)
    shards = build_shards(videos, params.layout.tiles, settings, params.workers, part=part)
    return {"videos": len(videos), "readable": int(videos["readable"].sum()), "shards": len(shards)}


def number_of(which: str) -> tuple[int, int]:
    """"3/8" or "3-of-8" as (2, 8)."""
    k, _, n = which.replace("-of-", "/").partition("/")  # as Snakemake writes it
    if not (k.isdigit() and n.isdigit() and 1 <= int(k) <= int(n)):
        raise ValueError(f"part '{which}' does not exist; parts are named 1/8 to 8/8")
    return int(k) - 1, int(n)


if __name__ == "__main__":
    main()
