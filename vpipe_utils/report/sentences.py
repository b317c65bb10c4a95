"""The closing sentences of notebooks 01 to 05 and 12: Markdown, computed from what was measured, names as text.

Those of notebooks 06 and 10, which compare models, are in `conclusions`. Here too: what is said in
between, but does not hold for all data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from vpipe_utils.data import video_table
from vpipe_utils.data.annotations import class_columns, class_counts
from vpipe_utils.data.classes import CLASSES
from vpipe_utils.data.params import DataParams
from vpipe_utils.evaluation.metrics import chance_map
from vpipe_utils.learning.params import FrameParams, SuperImageParams, TrainParams, VideoParams
from vpipe_utils.report import paper_tables
from vpipe_utils.user_files.user_text import in_markdown, many

EVIDENCE = (
    "PipeSim knows where it has put each defect. The boxes below are what it recorded; no model sees them, they serve "
    "to check later where a prediction comes from."
)
SIGHT = (
    "Below, each held-out label is ranked among the videos without its class, by single frames and by super-images of "
    "one and the same network, and the labels are put into four groups from briefly to long in sight. Classes differ "
    "in how long they stay in sight too, so this is a hint at the cause, not a proof."
)


def data_name(params: DataParams, labels: pd.DataFrame) -> str:
    """'PipeSim', 'QV-Pipe' (told by its class counts) or 'own data'."""
    if params.source == "pipesim":
        return "PipeSim"
    if tuple(class_columns(labels)) != CLASSES:
        return "own data"
    # a few videos may be unreadable and so be missing from the table
    gap = np.abs(np.subtract(class_counts(labels).to_numpy(), paper_tables.QV_PIPE_COUNTS)).max()
    return "QV-Pipe" if gap <= 20 else "own data"


def describe_data(params: DataParams, labels: pd.DataFrame, n_test: int) -> str:
    """Plain words on what the figures were measured on."""
    sizes = f"{many(len(labels), 'labelled video')} for training and validation and {many(n_test, 'test video')}"
    name = data_name(params, labels)
    if name == "PipeSim":
        return (
            f"Measured on PipeSim (preset {in_markdown(params.preset)}): {sizes} of "
            f"{params.pipesim_width}x{params.pipesim_height} pixels. "
            "PipeSim clips are drawn by a program, they are not sewer video. "
            "The paper's figures are of QV-Pipe, with full-size pretrained networks: they stand beside the approaches "
            "for their order, not for their level."
        )
    if name == "QV-Pipe":
        return f"Measured on QV-Pipe, the data of the challenge (preset {in_markdown(params.preset)}): {sizes}."
    folder = in_markdown(Path(params.videos_dir or "").name)
    return (
        f"Measured on own data, folder '{folder}' (preset {in_markdown(params.preset)}): {sizes}, "
        f"{len(class_columns(labels))} classes. The paper's figures are of QV-Pipe."
    )


def normal_rule(normal_class: str | None) -> str:
    """Notebook 01: whether a class excludes the others."""
    if normal_class is None:
        return "There is no normal class here: any classes may come together, and a video may have none."
    return f"The normal class, {in_markdown(normal_class)}, excludes all others."


def data_summary(
    videos: pd.DataFrame, labels: pd.DataFrame, names: Mapping[str, str], jpeg_bytes: int, cache_bytes: int
) -> str:
    """Notebook 01. ``videos``: the videos table; ``labels``: of the readable ones; ``names``: long names of classes."""
    size, qv_pipe = video_table.describe(videos, labels), video_table.QV_PIPE
    lines = [
        f"{size['videos']:,} of {len(videos):,} videos can be read, {duration(size['hours'])} "
        f"(QV-Pipe: {qv_pipe['videos']:,} videos, {qv_pipe['hours']:.0f} hours).",
        f"A video has {size['labels per video']:.2f} labels on average (QV-Pipe: "
        f"{qv_pipe['labels per video']:.2f}). {_most_and_least(labels, names)}",
        disk_sentence(jpeg_bytes, cache_bytes),
    ]
    return as_list(lines)


def duration(hours: float) -> str:
    """'4.2 minutes', '55.0 hours'; NaN where a video does not tell its length."""
    if np.isnan(hours):
        return "of a length that not all of them tell"
    return f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes"


def _most_and_least(labels: pd.DataFrame, names: Mapping[str, str]) -> str:
    counts = class_counts(labels)
    empty = [in_markdown(code) for code in counts.index[counts == 0]]
    counts = counts[counts > 0]
    missing = f" No video has {', '.join(empty)}." if empty else ""
    if counts.empty:
        return f"No class has a single video.{missing}"
    most, least = (in_markdown(names.get(code, code)) for code in (counts.idxmax(), counts.idxmin()))
    if counts.max() == counts.min():
        return f"All classes that occur have {many(counts.max(), 'video')} each (QV-Pipe: from 1,690 to 98).{missing}"
    return (
        f"The most frequent class, {most}, has {counts.max() / counts.min():.1f} times as many videos as the rarest, "
        f"{least} (QV-Pipe: 17.2 times).{missing}"
    )


def disk_sentence(jpeg_bytes: int, cache_bytes: int) -> str:
    """What all frames as JPEG files take against the tile cache, also where the cache is no smaller."""
    jpeg, cache = (f"{size / 1e6:,.1f} MB" for size in (jpeg_bytes, cache_bytes))
    if jpeg_bytes > cache_bytes:
        return f"All frames as JPEG would take {jpeg_bytes / max(cache_bytes, 1):.1f} times the disk of the tile cache."
    return (
        f"The tile cache takes more disk here ({cache}) than all frames as JPEG would ({jpeg}): these clips are short "
        "and small. What it saves is that no frame is decoded again in training; with QV-Pipe it also saves disk, "
        "about 31 GB against 0.9 to 1.9 TB."
    )


def folds_summary(
    by_recording: bool, counts: pd.DataFrame, recordings: int, torn: int, whole_spread: int, whole_torn: int
) -> str:
    """Notebook 02. ``counts``: `folds.fold_table` of the folds that are written.

    ``recordings``: those with several files, of which the paper's folds tear ``torn`` apart and whole ones
    ``whole_torn``, at the price of ``whole_spread`` (the largest spread of a class).
    """
    used = "recordings kept whole" if by_recording else "the paper's folds"
    lines = [
        f"Written: **{used}**. In every class the fullest and the emptiest fold differ by at most "
        f"{many(counts['spread'].max(), 'video')}."
    ]
    if recordings:
        lines.append(
            f"The paper's folds tear {torn:,} of {recordings:,} recordings that have several files apart; keeping "
            f"them whole tears {whole_torn} and leaves a spread of at most {whole_spread}."
        )
    else:
        lines.append("No recording has several files here, so no fold is validated on a pipe that it has seen.")
    by_class = counts.drop(columns="spread")
    never = [in_markdown(code) for code in by_class.index[(by_class == 0).all(axis=1)]]
    empty = [in_markdown(code) for code in by_class.index[(by_class == 0).any(axis=1) & (by_class > 0).any(axis=1)]]
    if empty:
        lines.append(f"Without a single video in some fold: {', '.join(empty)}. There these classes count 0.")
    if never:
        lines.append(f"Without a single labelled video: {', '.join(never)}. These classes count 0 everywhere.")
    return as_list(lines)


def run_summary(params: TrainParams, result: Mapping[str, object], targets: np.ndarray) -> str:
    """Notebooks 03 to 05: one run. ``result``: its metrics.json; ``targets``: 0/1 of its validation videos, (V, C)."""
    size = f"{result['parameters'] / 1e6:.1f} M parameters"
    origin = "random weights" if str(result.get("weights", "")).startswith("random") else "pretrained weights"
    input_px = f"{params.tile_px} px"
    if isinstance(params, FrameParams):
        way, unit = f"single frames of {input_px}, {params.pooling} pooling", "frames"
    elif isinstance(params, VideoParams):
        way, unit = f"clips of {params.clip_frames} frames of {input_px}", "clips"
    elif isinstance(params, SuperImageParams):
        way, unit = f"super-images of {params.grid * params.tile_px} px", "super-images"
    else:
        raise TypeError(f"no words for {type(params).__name__}")
    lines = [
        f"{in_markdown(params.model)} ({in_markdown(params.backbone)}, {size}, from {origin}; {way}) reaches a "
        f"validation mAP of **{result['val_mAP']:.3f}** on fold {params.fold}; {against_guessing(result, targets)}."
    ]
    if isinstance(params, FrameParams):
        lines.append(pooling_sentence(result["pooling"]))
    lines += paper_figure(params)
    lines.append(
        f"The best epoch was {result['best_epoch']} of {result['epochs']}; {result['samples_per_s']:,.0f} {unit} a "
        "second in training."
    )
    return as_list(lines)


def against_guessing(result: Mapping[str, object], targets: np.ndarray) -> str:
    """'guessing gives 0.173', and how much that is worth: few videos make the best of several epochs look good."""
    guessing = chance_map(targets)
    if not guessing:
        return "none of its validation videos has a label, so there is nothing to find"
    ratio = result["val_mAP"] / guessing
    little = ", which is better" if ratio < 1 else ", which this hardly beats"
    against = little if ratio < 1.2 else f" ({ratio:.1f} times as much)"
    of_few = f". With {many(len(targets), 'validation video')} this is a rough figure" if len(targets) < 100 else ""
    return f"guessing gives {guessing:.3f}{against}{of_few}"


def pooling_sentence(pooling: Mapping[str, float]) -> str:
    """Which of the poolings of frame scores is best on this fold."""
    all_of_them = {2: "two", 3: "three", 4: "four"}.get(len(pooling), len(pooling))
    ordered = sorted(pooling, key=pooling.get, reverse=True)
    best, *others = ordered
    ties = [name for name in others if pooling[name] == pooling[best]]
    if len(ties) == len(others):
        return f"The {all_of_them} poolings are equal on this fold ({pooling[best]:.3f})."
    rest = ", ".join(f"{name} {pooling[name]:.3f}" for name in others)
    return f"Of the {all_of_them} poolings {best} is best on this fold ({pooling[best]:.3f}; {rest})."


def paper_figure(params: TrainParams) -> list[str]:
    """A sentence with the paper's figure: of this model where it is the paper's own network, else of the approach."""
    if paper_tables.is_papers_network(params.model, params.model_dump()):
        spread, name = paper_tables.folds_spread(), in_markdown(paper_tables.PAPER_NAMES[params.model])
        if params.model in spread.index:
            folds, *figures = spread.loc[params.model]
            mean, lowest, highest = (f"{figure:.3f}" for figure in figures)
            return [f"The paper's {name} has {mean} ({lowest} to {highest}) over its {folds:.0f} folds (Table VI)."]
        score = paper_tables.headline().loc[params.model, "lb_mAP"] / 100
        return [f"The paper's {name} has {score:.3f} on the leaderboard."]
    name = {"frame": "frame baseline has", "video": "Video Swin has", "super_image": "super-image models have"}
    return [
        f"The paper's {name[params.approach]} {paper_tables.of_approach(params.approach)} on the leaderboard, of "
        "QV-Pipe and with full-size pretrained networks. Notebook 10 compares the approaches here."
    ]


def cost_lines(counted: pd.DataFrame, measured: pd.DataFrame, preset: str, device: str, steps: int) -> list[str]:
    """Notebook 12, the models: what was counted beside Tables I and II, what was measured beside a plain step.

    ``counted``: parameters_m, paper_m (NaN where not printed) and gflops; ``measured``: train_ratio, predict_ratio,
    first and last loss; both indexed by model.
    """
    heaviest, lightest = counted["gflops"].idxmax(), counted["gflops"].idxmin()
    times = counted["gflops"].max() / counted["gflops"].min()
    gap = (counted["parameters_m"] / counted["paper_m"] - 1).abs().dropna()
    lines = [
        f"Of the {len(gap)} models whose parameters the paper prints, {(gap < 0.03).sum()} agree with it within 3 %; "
        f"furthest off is `{gap.idxmax()}` with {gap.max():.1%}.",
        f"At the paper's size a sample of `{heaviest}` costs {counted['gflops'].max():,.0f} GFLOPs, "
        f"{times:.0f} times one of `{lightest}`.",
    ]
    if len(measured):
        falling = (measured["last"] < measured["first"]).sum()
        lines += [
            f"Our step against the plain one, preset {in_markdown(preset)} on {in_markdown(device)}: training "
            f"x {measured['train_ratio'].median():.2f}, prediction x {measured['predict_ratio'].median():.2f} "
            f"(medians over {many(len(measured), 'model')}).",
            f"The loss on the repeated batch fell for {falling} of {len(measured)} models in {steps} steps.",
        ]
    return lines


def as_list(lines: Sequence[str]) -> str:
    """Sentences as a Markdown list."""
    return "\n".join(f"- {line}" for line in lines)
