"""The workflow of a preset as a picture, each job in the colour of its state. `make dag` calls it through status.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from plan import Plan
from status import DONE, FAILED, ORDER, RUNNING, STALE, STOPPED, WAITING, State

from vpipe_utils.report.figure_style import BLUE, GREEN, GREY, INK, ORANGE, PALE, SKY, VERMILION, new_figure, quiet
from vpipe_utils.storage.files import atomic_path

COLOURS = {DONE: GREEN, RUNNING: BLUE, FAILED: VERMILION, STALE: ORANGE, STOPPED: SKY, WAITING: PALE}
BEFORE, AFTER = ("01 data", "02 folds"), ("06 ensemble", "10 report", "HTML pages")
HIGH, GAP = 0.62, 0.16  # of a box, and between boxes, in inches of a row


def draw(states: Sequence[State], plan: Plan) -> Path:
    """Write outputs/<preset>/dag.svg; gives its path."""
    figure = picture(states, f"{plan.preset}: what make report does, and how far it is")
    path = plan.layout.root / "dag.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as part:
        figure.savefig(part, format="svg", metadata={"Date": None})
    return path.resolve()


@quiet
def picture(states: Sequence[State], title: str):
    """From left to right: data, folds, a row of cells a model and fold, ensemble, report, pages; below, what stands
    beside them. A cell that is trained and not predicted has a half of its own colour."""
    steps = {state.item.step: state for state in states if not state.item.recipe}
    runs = [state for state in states if state.item.recipe]
    recipes = list(dict.fromkeys((state.item.step, state.item.recipe) for state in runs[::2]))
    parts = sorted({state.item.part for state in runs})
    beside = [step for step in steps if step not in (*BEFORE, *AFTER)]
    rows = max(len(recipes), 3)
    figure = new_figure(0.3 * rows + 1.9, 10.5)
    axes = figure.add_subplot()
    axes.set(xlim=(0, 21), ylim=(-2.2, rows + 1.4))
    axes.set_title(title)
    axes.axis("off")

    middle = rows / 2
    left, cells, right = 4.7, 9.4, 13.6
    for place, step in enumerate(BEFORE):
        _box(axes, 0.1 + 2.3 * place, middle - 0.5, 1.9, step, steps.get(step))
    wide = min(0.8, (right - cells - 0.3) / max(1, len(parts)))
    for row, (step, recipe) in enumerate(recipes):
        y = rows - row - 1
        axes.text(cells - 0.15, y + 0.31, f"{step} · {recipe}", ha="right", va="center", fontsize=7.5)
        for column, part in enumerate(parts):
            of = [state for state in runs if (state.item.recipe, state.item.part) == (recipe, part)]
            of = [state for state in of if state.item.step.split()[0] == step]
            for half, state in enumerate(of):
                x = cells + column * wide + half * (wide - 0.1) / 2
                axes.add_patch(_cell(x, y, (wide - 0.1) / 2, state))
    for column, part in enumerate(parts):
        axes.text(cells + (column + 0.45) * wide, rows + 0.15, part.removeprefix("fold_"), ha="center", fontsize=7.5)
    axes.text(cells - 0.15, rows + 0.15, "training | predictions, fold", ha="right", fontsize=7.5, color=GREY)
    for place, step in enumerate(AFTER):
        _box(axes, right + 0.5 + 2.35 * place, middle - 0.5, 2.0, step, steps.get(step))
    for place, step in enumerate(beside):
        _box(axes, 0.1 + 4.1 * place, -1.9, 3.8, step, steps[step])
    axes.text(0.1, -0.75, "beside them:", fontsize=7.5, color=GREY)
    for begin, end in ((2.0, 2.4), (4.3, left), (right - 0.1, right + 0.5), (right + 2.5, right + 2.85),
                       (right + 4.85, right + 5.2)):  # fmt: skip
        axes.add_patch(FancyArrowPatch((begin, middle), (end, middle), arrowstyle="-|>", mutation_scale=9, color=INK))
    there = {state.state for state in states}
    axes.legend(
        handles=[Patch(facecolor=COLOURS[state], label=state) for state in ORDER if state in there],
        loc="upper left", bbox_to_anchor=(0, 1.0), ncols=6,
    )  # fmt: skip
    return figure


def _box(axes, x: float, y: float, wide: float, text: str, state: State | None) -> None:
    colour = COLOURS[state.state] if state else PALE
    axes.add_patch(
        FancyBboxPatch((x, y), wide, 1.0, boxstyle="round,pad=0,rounding_size=0.15", facecolor=colour, linewidth=0)
    )
    dark = colour in (BLUE, GREEN, VERMILION)
    axes.text(x + wide / 2, y + 0.5, text, ha="center", va="center", fontsize=7.5, color="white" if dark else INK)


def _cell(x: float, y: float, wide: float, state: State) -> FancyBboxPatch:
    shape = "round,pad=0,rounding_size=0.05"
    return FancyBboxPatch((x, y), wide - 0.03, HIGH, boxstyle=shape, facecolor=COLOURS[state.state], linewidth=0)
