"""Tables IV and V of the paper, its boosting and lowering tricks, as data; and what stands for each row here.

From J. Dong, S. Wang: Technical Report of Challenge on VideoPipe Track on Video Defect Classification, section V. The
effects are points of mAP on QV-Pipe, and by the paper's own words hold for some of its models only and are partly
estimates. Two rows are one comparison: uniform sampling in Table IV, sequence sampling in Table V.

A row has one effect but may name several things: three ways to a larger batch, two grids, two flips, two ensembles.
Each is a `StandIn`: a trick file `params/tricks/<trick>.yaml` that a run is trained with, or a function by its name.
The paper's recipe has all boosting tricks. So for those the trick file takes one *away*, and its measured effect has
the other sign than the row: `StandIn.sign` is -1, and sign times the effect of the file is the effect of the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

MEASURED = ("effects", "untrained", "weak", "screening")  # tables that have an effect a trick, the best first
PAIRS, SCREENING = "pairs", "screening"  # what an effect is measured by
TRAINED, NO_TRAINING, WEAK, COST = "trained", "no training", "weak supervision", "cost only"


class StandIn(NamedTuple):
    """What stands for a row of the paper: `trick` lays on the recipe (sign 1) or takes away (-1) what the row names.

    `kind`: TRAINED, a file of params/tricks; NO_TRAINING, a function on stored predictions; WEAK, a run of notebook
    09; COST, a file of params/tricks that changes memory and speed, and the result only by rounding.
    """

    trick: str
    kind: str
    sign: int


class PaperTrick(NamedTuple):
    """A row of Table IV or V, its cells as printed (`points`: of mAP on QV-Pipe); our name; what stands for it."""

    row: str
    name: str
    table: str
    level: str
    type: str
    description: str
    points: float
    stands: tuple[StandIn, ...]


# row | our name | level | type | description | points
_TABLE_IV = """
size | larger tiles | Data | Size | Large input size(448) | 1
flip | horizontal flip | Data | Augment | Horizonal flip | 0.6
shuffle | tile shuffle | Data | Augment | Tiles shuffle | 1
uniform | uniform sampling | Data | Sample | Uniform sample | 2.2
warmup | longer warm-up | Model | Learning Strategy | Long warmup epoch | 0.9
rate | larger learning rate | Model | Learning Strategy | Big learning rate | 1.8
onecycle | OneCycle schedule | Model | Learning Strategy | Onecycle scheduler | 0.5
batch | larger batch (three ways) | Model | Batch Strategy | Accumulate gradients, Mixed precision, Gradient checkpoint | 2
ema | EMA of the weights | Model | Other | Ema models | 5
folds | mean and mix of folds | Ensemble | | 5 folders ensemble, mix folder ensemble | 1.8
zc | ZC rule | Postprocess | | For each prediction, if prob of 'ZC' above 0.9, set prob of 'ZC' to 1, set other prob of classes to 0. | 0.12
"""  # noqa: E501  (the rows as printed)
_TABLE_V = """
randaug | RandAugment | Data | Augment | Randaug | -1
autoaug | AutoAugment | Data | Augment | Autoaug | -0.6
heavy | rotation, vertical flip, colour jitter | Data | Augment | Rotate, vertical flip, color jitter | -1.6
sequence | consecutive frames | Data | Sample | Sequence sample | -2.2
grid | larger grid (4 × 4, 5 × 5) | Data | Sample | Larger super-image grid(4x4, 5x5) | -1
simclr_transmil | SimCLR, TransMIL | Model | Weakly Supervised Model | SimCLR + TransMIL | -19.4
simclr_ml_decoder | SimCLR, ML-Decoder | Model | Weakly Supervised Model | SimCLR + MLDecoder | -19.7
mae_transmil | MAE, TransMIL | Model | Weakly Supervised Model | MAE + TransMIL | -22
mae_ml_decoder | MAE, ML-Decoder | Model | Weakly Supervised Model | MAE + MLDecoder | -25
tta_flips | test-time flips | TTA | | Horizontal flip, Vertical flip | -3
tta_resample | test-time resampling | TTA | | Resample video | -0.3
tta_shuffle | test-time grid shuffle | TTA | | Grid shuffle | -0.5
best_model | best model of each class | Ensemble | | Ensemble by max mAP of each class | -1.6
thresholds | a threshold a class | Postprocess | | Set threshold for each class | -1.3
"""
# row: kind, sign, tricks
_STANDS = {
    "size": ((TRAINED, -1, "small_tiles"),),
    "flip": ((TRAINED, -1, "no_flip"),),
    "shuffle": ((TRAINED, -1, "no_tile_shuffle"),),
    "uniform": ((TRAINED, -1, "consecutive"),),
    "warmup": ((TRAINED, -1, "short_warmup"),),
    "rate": ((TRAINED, -1, "small_lr"),),
    "onecycle": ((TRAINED, -1, "constant_lr"),),
    "batch": ((TRAINED, -1, "no_accumulation"), (COST, -1, "full_precision no_checkpointing")),
    "ema": ((TRAINED, -1, "no_ema"),),
    "folds": ((NO_TRAINING, 1, "fold_mean fold_mix"),),
    "zc": ((NO_TRAINING, 1, "zc_rule"),),
    "randaug": ((TRAINED, 1, "randaug"),),
    "autoaug": ((TRAINED, 1, "autoaug"),),
    "heavy": ((TRAINED, 1, "heavy_augment"),),
    "sequence": ((TRAINED, 1, "consecutive"),),
    "grid": ((TRAINED, 1, "grid_4 grid_5 grid_4_same_input grid_5_same_input"),),
    "simclr_transmil": ((WEAK, 1, "simclr_transmil"),),
    "simclr_ml_decoder": ((WEAK, 1, "simclr_ml_decoder"),),
    "mae_transmil": ((WEAK, 1, "mae_transmil"),),
    "mae_ml_decoder": ((WEAK, 1, "mae_ml_decoder"),),
    "tta_flips": ((NO_TRAINING, 1, "tta_hflip tta_vflip"),),
    "tta_resample": ((NO_TRAINING, 1, "tta_resample"),),
    "tta_shuffle": ((NO_TRAINING, 1, "tta_grid_shuffle"),),
    "best_model": ((NO_TRAINING, 1, "best_model_per_class"),),
    "thresholds": ((NO_TRAINING, 1, "class_thresholds"),),
}


def _rows(table: str, text: str) -> tuple[PaperTrick, ...]:
    rows = []
    for line in text.strip().splitlines():
        row, name, level, kind, description, points = (cell.strip() for cell in line.split("|"))
        stands = tuple(StandIn(trick, way, sign) for way, sign, names in _STANDS[row] for trick in names.split())
        rows.append(PaperTrick(row, name, table, level, kind, description, float(points), stands))
    return tuple(rows)


ROWS = (*_rows("IV", _TABLE_IV), *_rows("V", _TABLE_V))
# The effects that are asked for, each corrected for the others: a row's flips, ensembles and grids (4 and 5) apart,
# the three ways to a larger batch as one, since only accumulation changes what is learned.
COMPARISONS = len(ROWS) + 3


def printed_tables() -> pd.DataFrame:
    """Tables IV and V in their order: row (index), name, table, level, type, description, points of mAP, local.

    `name` is ours. `local`: the four rows of weak supervision are printed as "Local Val"; the others do not say what
    they were measured on.
    """
    table = pd.DataFrame(ROWS, columns=PaperTrick._fields).set_index("row")
    return table.drop(columns="stands").assign(local=table["type"] == "Weakly Supervised Model")


def printed_points(row: str) -> float:
    """What the paper prints for a row, in points of mAP; negative: it lowers. ValueError for a row it does not have."""
    for each in ROWS:
        if each.row == row:
            return each.points
    raise ValueError(f"Tables IV and V have no row {row!r}; the rows are {', '.join(each.row for each in ROWS)}.")


def stand_ins() -> pd.DataFrame:
    """What stands for every row, a line each: row, trick, kind, sign, points (the row's, as the paper prints it).

    Joined with measured effects by `trick`: sign × effect of the trick (with minus without the file) is what the row
    claims to be `points`. `consecutive` stands for two rows, with the sign of each.
    """
    lines = [(each.row, *stand, each.points) for each in ROWS for stand in each.stands]
    return pd.DataFrame(lines, columns=["row", *StandIn._fields, "points"])


def beside_the_paper(tables: Mapping[str, pd.DataFrame], table: str) -> pd.DataFrame:
    """Measured effects beside the rows of a table ('IV' or 'V'), a line each: row, name, trick, points, difference,
    low, high (in points of mAP, as `points`), runs, verdict, by. Tricks that were not measured are left out.

    ``tables``: those of the bench (`evaluation.tricks.gather`), of which `effects` and `untrained` have the columns
    trick, difference, low, high (mAP with the trick minus without it, -1 to 1), runs, verdict, and `weak`, of the runs
    of notebook 09 to the super-image. They are turned round for tricks that take away what their row names. A trick of
    `screening` that has no pairs yet is there by its main effect (`by` is SCREENING): the mean over the other tricks,
    each of which half of the runs have.
    """
    figures = ["difference", "low", "high", "runs", "verdict", "by"]
    parts = [tables[name].assign(by=PAIRS) for name in MEASURED[:-1] if name in tables]
    if "screening" in tables:
        main = tables["screening"].query("kind == 'main'").rename(columns={"term": "trick"})
        parts.append(main.assign(by=SCREENING))
    measured = [part[["trick", *figures]].dropna(subset="low") for part in parts]
    measured = measured or [pd.DataFrame(columns=["trick", *figures])]
    best = pd.concat(measured).drop_duplicates("trick")  # what pairs have confirmed needs no screening
    rows = stand_ins().merge(printed_tables()[["name", "table"]], left_on="row", right_index=True)
    rows = rows[rows["table"] == table].merge(best, on="trick")
    turned = rows["sign"] < 0
    rows.loc[turned, ["difference", "low", "high"]] = -rows.loc[turned, ["difference", "high", "low"]].to_numpy()
    rows.loc[turned, "verdict"] = rows.loc[turned, "verdict"].replace({"helps": "hurts", "hurts": "helps"})
    rows[["difference", "low", "high"]] *= 100
    return rows[["row", "name", "trick", "points", *figures]].reset_index(drop=True)


def every_row(tables: Mapping[str, pd.DataFrame], table: str) -> pd.DataFrame:
    """As `beside_the_paper`, with a line for everything that stands for a row, also where it was not measured (NaN);
    and its kind. A row of the paper is there at least once."""
    stands = stand_ins().merge(printed_tables()[["name", "table"]], left_on="row", right_index=True)
    stands = stands.loc[stands["table"] == table, ["row", "name", "trick", "kind", "points"]]
    found = beside_the_paper(tables, table).drop(columns=["name", "points"])
    return stands.merge(found, on=["row", "trick"], how="left")
