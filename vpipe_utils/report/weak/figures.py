"""Figures of notebook 09: what the self-supervised networks see, how they learn, and where the runs stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from vpipe_utils.learning.weak.mae import MaskedAutoencoder
from vpipe_utils.report.data_figures import sample_frames
from vpipe_utils.report.figure_style import BLUE, GREEN, GREY, ORANGE, SKY, VERMILION, new_figure, quiet, row_figure
from vpipe_utils.report.weak.results import FEATURES, HEADS, PAPER, Results, called

BINS = 40  # points of a curve of losses, at most
COLOURS = dict(zip(HEADS, (BLUE, ORANGE, GREY), strict=True))


def view_pairs(views: Tensor, pairs: int = 4) -> Figure:
    """Two views of each of some frames, one above the other; ``views``: uint8 (B, 2, 3, s, s)."""
    shown = views[:pairs].permute(1, 0, 3, 4, 2).flatten(0, 1).numpy()
    titles = [f"frame {k + 1}, view {view}" for view in (1, 2) for k in range(min(pairs, len(views)))]
    return sample_frames(list(shown), titles, columns=min(pairs, len(views)))


def masked_frames(method: MaskedAutoencoder, frames: Tensor, count: int = 4) -> Figure:
    """Frames, what MAE sees of them, and what it paints; ``frames``: uint8 (B, 1, 3, s, s). The same mask each time."""
    frames = frames[:count]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        seen, painted = method.reconstruct(frames)
    rows = {"frame": frames[:, 0] / 255, "seen": seen, "painted": painted}
    pictures = [picture.permute(1, 2, 0).numpy() for row in rows.values() for picture in row]
    titles = [name for name in rows for _ in frames]
    return sample_frames(pictures, titles, columns=len(frames))


@quiet
def losses(curves: Mapping[str, Sequence[float]]) -> Figure:
    """The loss of each pretraining by update, averaged over neighbours; kind of features -> losses."""
    figure = new_figure(height=2.3)
    panels = figure.subplots(1, len(curves), squeeze=False)[0]
    for axes, (kind, values) in zip(panels, curves.items(), strict=True):
        parts = np.array_split(np.arange(len(values)), min(BINS, len(values)))
        x, y = zip(*((part.mean() + 1, np.mean([values[k] for k in part])) for part in parts), strict=True)
        axes.plot(x, y, color=SKY, marker="o" if len(x) < 4 else None)
        axes.set(title=f"{FEATURES[kind]}, loss", xlabel="update")
        axes.grid(axis="y")
    return figure


@quiet
def curves(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Validation mAP by epoch, a panel for each kind of features, a line a head; run -> its history.csv."""
    kinds = [kind for kind in FEATURES if any(name.startswith(f"{kind}_") for name in histories)]
    figure = new_figure(height=2.5)
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for axes, kind in zip(panels, kinds, strict=True):
        for head, colour in COLOURS.items():
            if (history := histories.get(f"{kind}_{head}")) is not None:
                axes.plot(history["epoch"], history["val_mAP"], color=colour, marker="o", ms=4, label=HEADS[head])
        axes.set(title=f"{FEATURES[kind]} features", xlabel="epoch")
        axes.grid(axis="y")
    panels[0].set(ylabel="validation mAP", ylim=(0, None))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(COLOURS))
    return figure


@quiet
def gaps(results: Results) -> Figure:
    """Points of mAP to the super-image with 95 % intervals, and the paper's (Table V) as diamonds."""
    names = [name for name in results.predictions if name != results.reference]
    leads = {name: results.lead(name, results.reference) for name in names}
    leads = {name: lead for name, lead in leads.items() if lead is not None}
    if not leads:
        figure = new_figure(height=1.1)
        figure.text(0.01, 0.5, f"No picture: {results.reference} is not there to compare with.")
        return figure
    names = [called(name) for name in leads]
    figure, axes = row_figure(names, "points of mAP to the super-image", row=0.26, fontsize=8.5)
    for y, (name, lead) in enumerate(leads.items()):
        colour = GREEN if "/" in name else BLUE
        axes.hlines(y, 100 * lead.low, 100 * lead.high, color=colour, lw=1.4)
        axes.plot(100 * lead.difference, y, "o", color=colour, ms=5, label="measured" if not y else None)
    if printed := {y: PAPER[name] for y, name in enumerate(leads) if name in PAPER}:
        style = {"mfc": "white", "mec": VERMILION, "ms": 5}
        axes.plot(list(printed.values()), list(printed), "D", label="paper, on QV-Pipe", **style)
    axes.grid(axis="x")
    figure.legend(loc="outside upper center", ncols=2)
    return figure
