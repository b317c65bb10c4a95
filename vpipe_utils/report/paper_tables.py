"""The paper's own figures, Tables I-III and VI, as data. All mAP and AP in percent, measured on QV-Pipe.

From J. Dong, S. Wang: Technical Report of Challenge on VideoPipe Track on Video Defect Classification.

LB is the challenge's leaderboard (3,202 test videos), CV the mean over the five folds' best validation
mAP. Where the printed table is wrong or silent:

- Table II prints the input size 448*3 as 1334; it is 1344.
- Table VI: the last row has no model name. It is EfficientNet L2, fold 4: with it the mean of its five
  rows is 70.95, the CV mAP of Table II. The other models' fold 4 is not printed; their ``best_mAP`` there
  is derived from Table II (five times the CV mAP less the four printed) and marked ``derived``.
- Table VI's "Best mAP" is the mean of the row's 17 AP to 0.01 in every row.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.project.parameter_files import layer_files, read_layers

FRAME_LB = 54.71  # section III.A.4, TResNet on frames
ENSEMBLE_LB = 72.181  # Table III: six models, weighted, with the ZC rule

# Runs of this project and what the paper calls their models.
PAPER_NAMES = {
    "frame_tresnet": "TResNet (frames)",
    "video_swin_k400": "Video Swin-B, Kinetics-400",
    "video_swin_k600": "Video Swin-B, Kinetics-600",
    "video_swin_ssv2": "Video Swin-B, Something-Something v2",
    "tresnet_xl": "TResNet-XL + MLDecoder",
    "convnext_base": "ConvNeXt Base",
    "nfnet_f3": "NFNet F3",
    "nfnet_f6": "NFNet F6",
    "efficientnet_l2": "EfficientNet L2",
}
# Positives of every class among the 6,399 labelled videos, in class order: tells QV-Pipe from other data.
QV_PIPE_COUNTS = (1690, 1502, 1128, 770, 646, 270, 492, 521, 374, 243, 340, 223, 164, 100, 98, 228, 133)

_TABLE_VI = """
tresnet_xl      0 66.98 100.00 82.19 70.56 60.60 83.80 81.48 56.83 71.71 63.60 67.72 75.89 76.84 54.70 12.53 53.91 48.25 78.00
tresnet_xl      1 65.02  99.86 79.76 64.84 57.31 83.27 80.74 52.01 81.73 63.81 58.11 76.57 70.22 60.47 35.90 36.58 43.55 60.66
tresnet_xl      2 69.84  99.99 80.09 74.37 60.37 84.59 86.27 57.78 74.92 61.29 71.01 67.13 76.07 65.94 51.20 53.15 38.87 84.31
tresnet_xl      3 67.97 100.00 78.37 69.58 57.40 82.08 77.91 57.03 75.88 59.23 73.23 64.80 85.37 66.79 48.60 42.83 46.45 69.95
convnext_base   0 69.48  99.98 81.58 72.17 61.15 81.00 78.06 62.89 78.53 72.74 69.68 68.55 89.75 63.06 18.59 57.64 44.06 81.63
convnext_base   1 67.80  99.97 80.18 64.82 63.03 80.54 91.67 58.94 84.57 76.43 55.97 70.96 75.13 69.38 38.25 42.36 37.28 63.15
convnext_base   2 72.19  99.99 81.72 74.12 65.18 84.93 85.40 65.41 82.68 70.19 70.50 63.63 73.64 77.24 55.13 51.32 40.02 86.11
convnext_base   3 71.58  99.98 80.87 70.23 61.50 80.65 82.88 64.85 80.64 67.61 74.56 61.99 84.81 68.83 43.29 61.24 53.88 78.98
nfnet_f3        0 71.09  99.95 83.59 74.61 62.32 80.77 81.48 71.11 80.44 78.35 72.78 71.80 90.28 71.13 20.86 38.48 49.11 81.56
nfnet_f3        1 69.93  99.99 81.96 66.74 66.77 83.40 92.06 67.11 85.27 74.33 58.04 77.93 75.75 72.32 33.27 48.39 43.24 62.17
nfnet_f3        2 74.95  99.99 84.53 75.69 68.22 86.92 88.12 65.78 81.15 75.54 73.33 68.82 83.07 85.82 47.26 63.17 41.16 85.50
nfnet_f3        3 71.79 100.00 80.17 71.19 59.30 82.53 83.57 65.33 83.31 70.29 79.16 61.84 82.09 69.25 53.03 59.81 46.46 73.11
nfnet_f6        0 69.51  99.98 82.65 74.47 63.57 81.89 78.18 65.60 79.79 77.31 71.72 67.78 90.10 65.23 16.38 40.80 47.57 78.68
nfnet_f6        1 69.00  99.91 81.59 65.47 65.41 82.82 91.10 59.38 85.78 76.25 58.62 77.92 77.47 71.32 36.71 39.78 42.57 60.92
nfnet_f6        2 72.06  99.95 81.38 75.64 63.10 86.91 86.92 66.76 82.23 72.13 71.93 67.27 76.99 71.86 46.52 51.55 36.21 87.65
nfnet_f6        3 71.55  99.94 81.42 71.30 62.41 83.17 82.59 65.12 83.86 72.37 73.77 59.99 84.25 75.55 46.46 52.07 48.77 73.33
video_swin      0 68.82 100.00 83.24 69.63 60.53 82.50 82.44 63.93 78.46 76.07 71.36 69.94 87.09 62.63 19.90 35.57 43.69 83.02
video_swin      1 67.55  99.99 80.72 61.48 63.10 79.14 92.24 52.02 83.34 79.24 61.37 73.64 70.41 66.29 40.42 40.08 39.59 65.23
video_swin      2 71.31  99.94 82.32 73.99 63.30 84.15 88.66 59.03 79.66 72.40 70.19 68.78 74.00 73.34 40.29 54.63 39.83 87.83
video_swin      3 70.57  99.99 79.45 69.49 58.39 83.61 81.61 59.95 79.31 68.00 76.70 69.48 80.30 69.74 48.07 49.51 55.80 70.21
efficientnet_l2 0 70.62  99.92 83.05 72.25 61.17 79.90 80.23 61.92 77.21 77.87 76.09 69.36 93.55 64.55 32.06 41.52 51.03 78.82
efficientnet_l2 1 69.76 100.00 81.07 67.45 63.45 80.53 89.51 65.84 87.65 79.04 61.33 76.40 74.15 72.48 39.68 39.28 45.76 62.30
efficientnet_l2 2 73.68  99.98 82.84 76.72 62.30 84.87 90.52 67.48 83.07 73.12 70.73 69.06 80.81 76.16 49.23 58.23 39.12 88.37
efficientnet_l2 3 70.50  99.88 79.56 70.76 58.05 79.71 79.86 66.21 82.50 67.72 74.80 59.68 84.82 65.90 55.81 46.60 53.07 73.58
efficientnet_l2 4 70.17 100.00 83.28 70.83 70.93 81.85 81.85 68.98 85.05 74.90 59.53 60.85 69.75 86.44 49.71 39.49 44.80 64.59
"""  # noqa: E501  (the rows as printed)


def table_i() -> pd.DataFrame:
    """Table I (section III.B), Video Swin Transformer (Swin-B) by pretraining: model (our run), lb_mAP, ..."""
    rows = [
        ("video_swin_k600", "Kinetics 600", 64.512),
        ("video_swin_k400", "Kinetics 400", 64.798),
        ("video_swin_ssv2", "Something-Something v2", 64.714),
    ]
    return pd.DataFrame(rows, columns=["model", "pretrain", "lb_mAP"]).assign(parameters_m=88)


def table_ii() -> pd.DataFrame:
    """Table II (section III.C), the super-image models: pretraining, parameters, input size, CV and LB mAP."""
    rows = [
        ("tresnet_xl", "ImageNet-21k (input 640)", 78, 448, 67.19, 68.299),
        ("convnext_base", "ImageNet-22k, then 1k (input 384)", 88, 448, 69.89, 70.287),
        ("nfnet_f3", "ImageNet-1k (input 416)", 254, 448, 71.41, 71.109),
        ("nfnet_f6", "ImageNet-1k (input 576)", 438, 384, 70.45, 70.769),
        ("efficientnet_l2", "ImageNet-1k (input 800)", 480, 448, 70.95, 70.853),
    ]
    table = pd.DataFrame(rows, columns=["model", "pretrain", "parameters_m", "tile", "cv_mAP", "lb_mAP"])
    return table.assign(input_size=3 * table["tile"])  # printed as 1334 where it is 448 * 3 = 1344


def table_iii() -> pd.DataFrame:
    """Table III (section IV), the ensemble's members with their leaderboard mAP and weight; see ENSEMBLE_LB."""
    rows = [
        ("tresnet_xl", 68.299, 0.10),
        ("convnext_base", 70.287, 0.15),
        ("nfnet_f3", 71.109, 0.25),
        ("nfnet_f6", 70.769, 0.20),
        ("efficientnet_l2", 70.853, 0.20),
        ("video_swin", 68.251, 0.10),  # with EMA
    ]
    return pd.DataFrame(rows, columns=["model", "lb_mAP", "weight"])


def table_vi() -> pd.DataFrame:
    """Table VI (appendix A), AP of every model, fold and class: model, fold, best_mAP, 17 AP, derived."""
    rows = [line.split() for line in _TABLE_VI.strip().splitlines()]
    table = pd.DataFrame(rows, columns=["model", "fold", "best_mAP", *CLASSES])
    kinds = {"fold": int, "best_mAP": float, **dict.fromkeys(CLASSES, float)}
    table = table.astype(kinds).assign(derived=False)
    cv = table_ii().set_index("model")["cv_mAP"]
    printed = table.groupby("model")["best_mAP"].agg(["sum", "size"])
    for model in cv.index[printed.loc[cv.index, "size"] == 4]:
        fold_4 = round(5 * cv[model] - printed.loc[model, "sum"], 2)
        table.loc[len(table)] = {"model": model, "fold": 4, "best_mAP": fold_4, "derived": True}
    order = {model: k for k, model in enumerate(table["model"].unique())}
    table = table.sort_values(["model", "fold"], key=lambda c: c.map(order) if c.name == "model" else c)
    return table.reset_index(drop=True)


def folds_spread() -> pd.DataFrame:
    """Table VI in short, for folds that are not ours: model (index), folds, mean, lowest, highest mAP in [0, 1].

    The paper's fold k and ours hold other videos, so only the mean and the range can stand beside ours.
    """
    best = table_vi().groupby("model", sort=False)["best_mAP"].agg(["size", "mean", "min", "max"])
    best[["mean", "min", "max"]] /= 100
    return best.set_axis(["folds", "mean", "lowest", "highest"], axis=1)


def class_ap() -> pd.DataFrame:
    """Mean AP over the printed folds of Table VI: one row a model, one column a class, percent."""
    return table_vi().groupby("model", sort=False)[list(CLASSES)].mean()


def class_ap_range(approach: str, model: str | None = None) -> pd.DataFrame | None:
    """AP of every class over the printed folds of an approach's models, or of one: mean, lowest, highest in [0, 1].

    None where the paper prints none (frames).
    """
    rows = table_vi()
    of_video = rows["model"] == "video_swin"
    chosen = {"video": of_video, "super_image": ~of_video}.get(approach)
    if chosen is None:
        return None
    if approach == "super_image" and model is not None:
        chosen &= rows["model"] == model
    ap = rows.loc[chosen & ~rows["derived"], list(CLASSES)] / 100
    return pd.DataFrame({"mean": ap.mean(), "lowest": ap.min(), "highest": ap.max()}) if len(ap) else None


def headline() -> pd.DataFrame:
    """Every model of the paper, indexed by our run's name: paper_name, lb_mAP, lb_mAP_ema.

    ``lb_mAP_ema``: Video Swin with EMA (Table III). The paper does not say its pretraining; it stands
    with K400, the best of Table I, which is also our member of the ensemble.
    """
    table = pd.DataFrame({"paper_name": PAPER_NAMES})
    table["lb_mAP"] = pd.concat([table_i(), table_ii()]).set_index("model")["lb_mAP"]
    table.loc["frame_tresnet", "lb_mAP"] = FRAME_LB
    with_ema = table_iii().set_index("model").loc["video_swin", "lb_mAP"]
    return table.assign(lb_mAP_ema=pd.Series({"video_swin_k400": with_ema}))


def of_approach(approach: str) -> str | None:
    """The paper's leaderboard figures of an approach in [0, 1], as text: the mean and the range of its models."""
    if approach == "frame":
        return f"{FRAME_LB / 100:.3f}"
    if approach == "ensemble":
        return f"{ENSEMBLE_LB / 100:.3f} with the ZC rule"
    if approach == "super_image":
        return _mean_and_range(table_ii()["lb_mAP"])
    if approach == "video":
        with_ema = table_iii().set_index("model").loc["video_swin", "lb_mAP"]
        return f"{_mean_and_range(table_i()['lb_mAP'])}, with EMA {with_ema / 100:.3f}"
    return None


def _mean_and_range(percent: pd.Series) -> str:
    return f"{percent.mean() / 100:.3f} ({percent.min() / 100:.3f} to {percent.max() / 100:.3f})"


def is_papers_network(model: str, values: Mapping[str, object]) -> bool:
    """Whether a run with these parameters is of the paper's own network: its model, backbone and head.

    Only then does the paper's figure of that model belong beside it; elsewhere its approach's does.
    """
    if model not in PAPER_NAMES:
        return False
    papers = read_layers(layer_files("paper", model))
    return all(values.get(key) == papers[key] for key in ("backbone", "backbone_args", "head"))
