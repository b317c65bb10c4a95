"""One run, for notebooks 03 to 05: its videos, its recipe, its curve while it trains, its score and its classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from IPython.display import Markdown, display
from matplotlib.figure import Figure

from vpipe_utils.data.annotations import recording_of
from vpipe_utils.learning.params import TrainParams
from vpipe_utils.report import paper_tables
from vpipe_utils.report.data_figures import class_labels
from vpipe_utils.report.figure_style import BLUE, GREY, INK, ORANGE, SKY, VERMILION, new_figure, quiet

if TYPE_CHECKING:  # notebook 10 draws AP by class too, and need not wait for Lightning
    from vpipe_utils.learning.fold_run import FoldData

RECIPE = (
    "backbone", "head", "pretrained", "input_tile", "epochs", "batch_size", "accumulate", "lr", "schedule", "warmup",
    "loss", "asl_gamma_negative", "asl_gamma_positive", "asl_clip", "ema", "ema_decay", "weight_decay", "hflip",
)  # fmt: skip


def parts(data: FoldData) -> pd.DataFrame:
    """What a run learns from and what it is validated on: videos, recordings, labels a video, the rarest class."""
    rows = {}
    for part, videos in (("training", data.train_videos), ("validation", data.val_videos)):
        counts = data.labels.loc[videos].sum()
        rows[part] = {
            "videos": len(videos),
            "recordings": len({recording_of(video) for video in videos}),
            "labels a video": round(counts.sum() / len(videos), 2),
            "videos of its rarest class": int(counts.min()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(f"fold {data.params.fold} of {data.params.n_folds}")


def recipe(params: TrainParams) -> pd.DataFrame:
    """The parameters that a reader asks for first; meaning and source of each are in its file."""
    return pd.Series({name: getattr(params, name) for name in RECIPE}, name="value").to_frame()


def live_curve() -> Callable[[pd.DataFrame], None]:
    """A learning curve in the notebook, drawn anew with each history that it is called with."""
    shown = display(Markdown("*The curve appears here with the first validation.*"), display_id=True)
    return lambda history: shown.update(learning_curve(history))


def training_line(figures: Mapping[str, object]) -> str:
    """What `train_fold` says of the training, for people."""
    seconds = f"{figures['train_seconds']:.0f} s on {figures['device']}, precision {figures['precision']}"
    return f"trained for {seconds}; started from: {figures['weights']}"


def score_line(result: Mapping[str, object]) -> str:
    """What metrics.json says of the kept weights, for people."""
    size = f"{result['parameters'] / 1e6:.1f} M parameters"
    return (
        f"validation mAP {result['val_mAP']:.3f} (best epoch: {result['best_epoch']}), {size}, "
        f"{result['validated_per_s']:.1f} videos a second"
    )


def classes(data: FoldData, result: Mapping[str, object]) -> Figure:
    """AP of every class of a run, beside guessing and what the paper's folds span (Table VI; other splits than ours).

    For the paper's own network these are its folds, else those of all models of the approach.
    """
    params = data.params
    chance = pd.Series(data.targets(data.val_videos).mean(axis=0), index=params.class_codes)
    printed = None if params.classes else papers_range(params.approach, params.model, params.model_dump())
    return per_class_ap(result["val_AP"], printed, chance, params.long_names)


def papers_range(approach: str, model: str, values: Mapping[str, object]) -> pd.DataFrame | None:
    """What `paper_tables.class_ap_range` has for a run with these parameters."""
    own = model if paper_tables.is_papers_network(model, values) else None
    return paper_tables.class_ap_range(approach, own)


@quiet
def learning_curve(history: pd.DataFrame) -> Figure:
    """Losses, validation mAP and speed by epoch. ``history``: the columns of history.csv."""
    figure = new_figure(height=2.4)
    losses, scores, speed = figure.subplots(1, 3)
    marker = "o" if len(history) < 4 else None  # a line needs points
    for name, colour in (("train_loss", SKY), ("val_loss", ORANGE)):
        losses.plot(history["epoch"], history[name], color=colour, marker=marker, label=name.split("_")[0])
    losses.set(title="Loss", xlabel="epoch", ylim=(0, None))
    losses.legend(labels=["training", "validation"])
    scores.plot(history["epoch"], history["val_mAP"], color=ORANGE, marker=marker)
    best = history.loc[history["val_mAP"].idxmax()]
    scores.plot(best["epoch"], best["val_mAP"], "o", color=INK, ms=5)
    title = f"mAP, best {best['val_mAP']:.3f} (epoch {best['epoch']:.0f})"
    scores.set(title=title, xlabel="epoch", ylim=(0, None))
    speed.plot(history["epoch"], history["samples_per_s"], color=GREY, marker=marker)
    speed.set(title="Samples a second", xlabel="epoch", ylim=(0, None))
    for axes in (losses, scores, speed):
        axes.grid(axis="y")
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


@quiet
def per_class_ap(
    measured: pd.Series | Mapping[str, float | None],
    reference: pd.DataFrame | None = None,
    chance: pd.Series | None = None,
    names: Mapping[str, str] | None = None,
) -> Figure:
    """AP of every class in [0, 1]: dots, and the paper's mean and range as diamonds and lines where given.

    ``measured``, ``chance``: one value a class; ``reference``: mean, lowest, highest of a class. A class without
    positives has no dot. ``names``: long names.
    """
    ap = pd.Series(measured, dtype=float)
    codes = list(ap.index)
    y = np.arange(len(codes))[::-1]
    figure = new_figure(height=max(1.8, 0.9 + 0.24 * len(codes)))
    axes = figure.subplots()
    axes.plot(ap, y, "o", color=BLUE, label="measured")
    if chance is not None:
        axes.plot(chance.reindex(codes), y, "|", color=GREY, ms=9, mew=1.5, label="chance")
    if reference is not None and reference.reindex(codes).notna().any(axis=None):
        printed = reference.reindex(codes)
        style = {"marker": "D", "ls": "", "mfc": "white", "mec": VERMILION, "ms": 5}
        axes.hlines(y, printed["lowest"], printed["highest"], color=VERMILION, lw=1.2, alpha=0.5, zorder=1)
        axes.plot(printed["mean"], y, label="paper, on QV-Pipe: mean and range", **style)
    axes.set_yticks(y, class_labels(codes, names))
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel="average precision", xlim=(-0.02, 1.02), ylim=(-0.7, len(codes) - 0.3))
    axes.grid(axis="both")
    figure.legend(loc="outside upper center", ncols=3)
    return figure
