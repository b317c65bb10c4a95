"""What figures and tables share: colours, fonts, forms of figures; and that a picture never stops a result.

Nothing here touches pyplot: a figure belongs to its caller, shows itself in a notebook, works without
a display, and leaves no global state behind.
"""

from __future__ import annotations

import base64
import io
import logging
import os
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vpipe_utils.user_files.user_text import font_families, in_markdown, one_line

# Okabe and Ito's palette: told apart with every common colour-vision deficiency, and in print.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"
INK, GREY, PALE = "#333333", "#8C8C8C", "#D9D9D9"
DIFFERENCE = ["difference", "low", "high"]  # columns of a difference of mAP and its interval
WIDTH = 8.0  # inches; the width of a page of the HTML report
DPI = 130
STYLE = {
    "font.size": 9,
    "text.parse_math": False,  # a `$` in a name is a character, no formula
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": "#E8E8E8",
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
}
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # not that a font has no bold letters
STRICT = "VPIPE_FIGURES"  # environment variable: `strict` lets a figure that fails stop its notebook, as tests want it


class NotebookFigure(Figure):
    """A Figure that a notebook shows as the value of a cell, without pyplot having been imported."""

    sentence = ""  # why it could not be drawn: a notebook shows the sentence, a file is a picture of it

    def draw(self, renderer: Any) -> None:
        with matplotlib.rc_context(_style()):  # matplotlib makes the texts of an axis only when it draws them
            super().draw(renderer)

    def png(self) -> bytes:
        buffer = io.BytesIO()
        try:
            self.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.06)
        except Exception as error:
            if is_strict() or self.sentence:
                raise
            return _missing("a figure", error, self).png()
        return buffer.getvalue()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        picture = b"" if self.sentence else self.png()
        if self.sentence:
            return {"text/markdown": self.sentence}
        return {"image/png": base64.b64encode(picture).decode()}


P = ParamSpec("P")


def quiet(function: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw with the style of this report, and leave matplotlib's global settings as they were.

    A figure that fails becomes one that says which one and why: a picture must never stop a result.
    """

    @wraps(function)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(_style()):
            try:
                return function(*args, **kwargs)
            except Exception as error:
                if is_strict():
                    raise
                return _missing(function.__name__.replace("_", " "), error, new_figure(1.2))

    return styled


@contextmanager
def drawing(what: str) -> Iterator[None]:
    """For the cells of a notebook that only show something: where they fail, a sentence stands in their place.

    Nothing that a later cell needs may be computed inside.
    """
    from IPython.display import Markdown, display

    try:
        yield
    except Exception as error:
        if is_strict():
            raise
        display(Markdown(_sentence(what, error)))


def is_strict() -> bool:
    """Whether a figure that fails raises its error."""
    return os.environ.get(STRICT) == "strict"


def new_figure(height: float, width: float = WIDTH) -> NotebookFigure:
    """An empty figure, sizes in inches."""
    return NotebookFigure(figsize=(width, height), layout="constrained", facecolor="white")


def row_figure(
    names: Sequence[str], xlabel: str, head: float = 1.1, row: float = 0.28, width: float = WIDTH, **text: object
) -> tuple[NotebookFigure, Axes]:
    """A figure with a row a name, the first at the top, and a line at 0: for effects with their intervals.

    Its height is ``head`` and a ``row`` for each name, in inches; ``text``: of the names.
    """
    figure = new_figure(head + row * len(names), width)
    axes = figure.subplots()
    axes.axvline(0, color=GREY, lw=1)
    axes.set_yticks(range(len(names)), names, **text)
    axes.set(ylim=(len(names) - 0.5, -0.5), xlabel=xlabel)
    axes.tick_params(axis="y", length=0)
    return figure, axes


def _style() -> dict[str, Any]:
    return {**STYLE, "font.family": font_families()}


def _sentence(what: str, error: Exception) -> str:
    reason = f"{type(error).__name__}: {in_markdown(error)}"
    return f"*No picture here: {in_markdown(what)} could not be drawn ({reason}). The results do not depend on it.*"


def _missing(what: str, error: Exception, figure: NotebookFigure) -> NotebookFigure:
    """`figure`, emptied, as the picture of a sentence that says what could not be drawn and why."""
    figure.clear()
    figure.set_size_inches(WIDTH, 1.2)
    figure.sentence = _sentence(what, error)
    words = one_line(f"No picture: {what} could not be drawn ({type(error).__name__}: {error})")
    with matplotlib.rc_context(_style()):
        figure.text(0.01, 0.5, textwrap.fill(words[:600], 120), va="center")
    return figure


def dashes(table: pd.DataFrame, digits: int = 3) -> pd.DataFrame:
    """A table to be shown: numbers with that many decimals, '–' where there is none."""

    def shown(value: object) -> object:
        if pd.isna(value):
            return "–"
        return f"{value:,.{digits}f}" if isinstance(value, float) else value

    return table.astype(object).map(shown)


def in_rows(words: Callable[..., str | None], rows: pd.DataFrame, *columns: str) -> list[str | None]:
    """What ``words``, one of the functions below, makes of these columns, row by row."""
    return [words(*values) for values in rows[list(columns)].itertuples(index=False)]


def with_interval(value: float, low: float, high: float, form: str = ".3f") -> str | None:
    """'0.433 [0.391, 0.478]', '0.433' without an interval, None without a figure; ``form``: as of `format`."""
    if not np.isfinite(value):
        return None
    return f"{value:{form}} [{low:{form}}, {high:{form}}]" if np.isfinite(low) else f"{value:{form}}"


def signed(difference: float, low: float, high: float) -> str | None:
    """'+0.052 [+0.021, +0.083]'; None without a figure."""
    return with_interval(difference, low, high, "+.3f")


def in_points(difference: float, low: float, high: float) -> str | None:
    """'+5.2 [+2.1, +8.3]', in points of mAP, of a difference in [-1, 1]; None without a figure."""
    return with_interval(100 * difference, 100 * low, 100 * high, "+.1f")
