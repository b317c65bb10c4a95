"""What a person decided on the page of a review becomes the data of the next training: labels old and new, all clips.

Nothing of the user's own is changed: the joint table and links to the clips lie in the review's folder, and a preset of
its own names them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import yaml

from vpipe_utils.data.annotations import LabelFile, read_label_file
from vpipe_utils.data.label_checks import read_own_labels
from vpipe_utils.data.params import DataParams
from vpipe_utils.project.names import require_preset_name
from vpipe_utils.project.paths import project_root
from vpipe_utils.review.tables import CLIPS, read_review_table
from vpipe_utils.storage.files import atomic_path
from vpipe_utils.user_files.name_matching import FileNames

MARK = "# Written by make corrections; it is written again by the same command."


class Joined(NamedTuple):
    """What was made."""

    parameters: Path  # params/<next>/data.yaml
    labels: Path  # the joint table
    corrected: int  # clips of the CSV
    changed: int  # of them, clips whose earlier labels were others
    kept: int  # clips with earlier labels alone


def join_corrections(params: DataParams, review: Path, exported: Path, name: str) -> Joined:
    """Join the labels of a preset with those that the page of ``review`` exported, as the data of preset ``name``.

    A decision on a clip wins over its earlier labels. Raises ValueError, in a sentence, where two clips have one name,
    and for a name of another preset; FileNotFoundError for files that are not there.
    """
    target = project_root() / "params" / require_preset_name(name) / "data.yaml"
    if target.is_file() and not target.read_text(encoding="utf-8").startswith(MARK):
        raise ValueError(f"{target} is a preset of your own: take another name, as in NEXT={name}_2")
    clips = _clips(params, read_review_table(Path(review), CLIPS))
    old = _earlier(params)
    new = read_label_file(exported, params.class_codes, params.normal_class, FileNames(clips)).table
    strange = sorted(set(new["video"]) - set(clips))
    if strange:
        raise ValueError(f"{exported}: {strange[0]!r} is no clip of {review}; is it another review's?")
    both = old.merge(new, on="video", suffixes=("", " new"))
    codes = list(params.class_codes)
    differs = (both[codes].to_numpy() != both[[f"{code} new" for code in codes]].to_numpy()).any(axis=1)
    kept = old[~old["video"].isin(new["video"])]
    folder = Path(review).resolve() / "corrections" / name
    labels = folder / "labels.csv"
    with atomic_path(labels) as part:
        pd.concat([kept, new]).to_csv(part, index=False, encoding="utf-8-sig")
    values = {"preset": name, "extends": params.preset, "source": "files", "test_annotations": None}
    values |= {"videos_dir": str(_one_folder(clips, folder / "clips")), "annotations": str(labels)}
    with atomic_path(target) as part:
        text = yaml.safe_dump(values, allow_unicode=True, sort_keys=False, width=1000)
        part.write_text(f"{MARK}\n{text}", encoding="utf-8")
    return Joined(target, labels, len(new), int(differs.sum()), len(kept))


def _earlier(params: DataParams) -> pd.DataFrame:
    """The labels that the preset has; held-out ones stay out, they must never train."""
    if params.source == "files":
        return read_own_labels(params)[0].table
    file: LabelFile = read_label_file(params.annotations_path, params.class_codes, params.normal_class)
    return file.table


def _clips(params: DataParams, table: pd.DataFrame) -> dict[str, Path]:
    """Name → file of all clips: the preset's folder, and the review's."""
    clips = {path.name: path for path in sorted(params.videos_path.iterdir()) if path.is_file()}
    for row in table.itertuples():
        earlier = clips.get(row.video)
        if earlier is not None and earlier.resolve() != Path(row.path).resolve():
            raise ValueError(
                f"{earlier} and {row.path} have one name: rename one of them, predict again, and export anew"
            )
        clips[row.video] = Path(row.path)
    return clips


def _one_folder(clips: dict[str, Path], links: Path) -> Path:
    """The folder in which all clips lie; where they lie in several, one of links to them."""
    folders = {path.parent for path in clips.values()}
    if len(folders) == 1:
        return folders.pop()
    with atomic_path(links) as part:
        part.mkdir()
        for name, path in clips.items():
            os.symlink(path.resolve(), part / name)
    return links
