"""What stays of a run of the bench, in git: its predictions, parameters and origin, some 25 KB.

So every interval can be computed again in seconds by anybody, and the bench goes on on another machine without the runs
that are done. Probabilities are kept as logits in steps of 1/2000 of 16 bits, from -16.38 to 16.38: mAP moves by less
than 0.0001.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vpipe_utils.data.annotations import class_columns
from vpipe_utils.evaluation.predictions import as_table
from vpipe_utils.project.paths import RunName
from vpipe_utils.storage.files import atomic_path

STEPS = 2000  # of a logit's unit
LABELS = "labels.csv"  # of the clips, beside the records
PLAIN = "plain"  # the variant without test-time augmentation
_ABOUT = b"vpipe"


@dataclass(frozen=True)
class RunRecord:
    """One run: predictions by variant, `plain` always among them, of its validation and of the held-out clips.

    ``figures``: val_mAP, held_out_mAP, train_seconds, ...; ``values``: effective parameters; ``provenance``: commit,
    versions, machine.
    """

    name: RunName
    val: Mapping[str, pd.DataFrame]
    held_out: Mapping[str, pd.DataFrame]
    figures: Mapping[str, object]
    values: Mapping[str, object]
    provenance: Mapping[str, object]


def record_path(folder: Path, name: RunName) -> Path:
    """The file of a run's record in a folder of records."""
    return folder / f"{name.recipe}.{name.part}.parquet"


def write_record(folder: Path, record: RunRecord) -> Path:
    """Write a run's record; the same record gives the same bytes."""
    tables = [
        _packed(table).assign(part=part, variant=variant)
        for part, variants in (("val", record.val), ("held_out", record.held_out))
        for variant, table in variants.items()
    ]
    about = {key: getattr(record, key) for key in ("figures", "values", "provenance")}
    packed = pa.Table.from_pandas(pd.concat(tables, ignore_index=True), preserve_index=False)
    packed = packed.replace_schema_metadata({_ABOUT: json.dumps(about, sort_keys=True, ensure_ascii=False)})
    path = record_path(folder, record.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    words = ["video", "part", "variant"]
    # Parquet has no numbers of 16 bits: apart from the others, the empty bytes of 32 compress to nothing.
    encoding = {name: "BYTE_STREAM_SPLIT" for name in packed.column_names if name not in words}
    with atomic_path(path) as part:
        pq.write_table(
            packed, part, use_dictionary=words, compression="zstd", compression_level=19, column_encoding=encoding
        )
    return path


def read_record(path: Path) -> RunRecord:
    """Read what `write_record` wrote. Raises ValueError where the file is none."""
    try:
        packed = pq.read_table(path)
        about = json.loads(packed.schema.metadata[_ABOUT])
        table = packed.to_pandas()
        parts = {
            part: {str(variant): _unpacked(rows) for variant, rows in of_part.groupby("variant", sort=False)}
            for part, of_part in table.groupby("part", sort=False)
        }
        recipe, part = path.stem.rsplit(".", 1)
        return RunRecord(RunName.of_folders(recipe, part), parts["val"], parts["held_out"], **about)
    except (pa.ArrowInvalid, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no record of a run ({error}): delete it, make bench makes it again") from None


def read_records(folders: Iterable[Path]) -> dict[RunName, RunRecord]:
    """All records of some folders by name, in alphabetical order of their files; an earlier folder wins."""
    found: dict[RunName, RunRecord] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.parquet")):
            record = read_record(path)
            found.setdefault(record.name, record)
    return found


def known_labels(folder: Path, labels: pd.DataFrame | None = None) -> pd.DataFrame:
    """The labels of all clips that the records predict, `video` and a column a class, kept once beside them.

    With ``labels`` they are written first; other labels than those that lie there are an error (ValueError).
    """
    path = folder / LABELS
    if labels is not None:
        if path.is_file() and not pd.read_csv(path).astype(str).equals(labels.reset_index(drop=True).astype(str)):
            raise ValueError(f"{path} has other clips or labels than the data: move the records of {folder} away")
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as part:
            labels.to_csv(part, index=False)
    return pd.read_csv(path)


def _packed(table: pd.DataFrame) -> pd.DataFrame:
    codes = class_columns(table)
    p = table[codes].to_numpy(np.float64).clip(1e-9, 1 - 1e-9)
    whole = np.rint(np.log(p / (1 - p)) * STEPS).clip(-32768, 32767).astype(np.int16)
    return pd.DataFrame(whole, columns=codes).assign(video=table["video"].to_numpy())


def _unpacked(rows: pd.DataFrame) -> pd.DataFrame:
    codes: Sequence[str] = [name for name in rows.columns if name not in ("video", "part", "variant")]
    logits: NDArray[np.float64] = rows[codes].to_numpy(np.float64) / STEPS
    return as_table(rows["video"].reset_index(drop=True), (1 / (1 + np.exp(-logits))).astype(np.float32), codes)
