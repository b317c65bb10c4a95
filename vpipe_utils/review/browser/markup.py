"""The parts of the browser that are HTML. Names are the user's own, so every text goes through `text`."""

from __future__ import annotations

import base64
import html
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd

from vpipe_utils.data.annotations import recording_of
from vpipe_utils.review.browser.clips import RIGHT, SAID, Clips, judge

ROOT_CLASS = "vpipe-clips"  # of the widget that holds all others
STYLE = f"<style>{(Path(__file__).with_name('browser.css')).read_text(encoding='utf-8')}</style>"


def shown(name: object) -> str:
    """A name as characters: signs that turn or hide the text around them by their number, as on the page of a review.

    One that is written from right to left is isolated, so that the words around it keep their order.
    """
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp")
    said = "".join(f"⟨{ord(c):04X}⟩" if unicodedata.category(c) in hidden else c for c in str(name))
    return f"\u2068{said}\u2069" if any(unicodedata.bidirectional(c) in ("R", "AL") for c in said) else said


def text(name: object) -> str:
    """A name as HTML that shows it letter by letter."""
    return html.escape(shown(name))


def head(clips: Clips, place: int) -> str:
    """Name, labels, length, size and recording of a clip, and damage where there is any."""
    name, facts = clips.facts.index[place], clips.facts.iloc[place]
    known = [f"recording {text(recording_of(name))}"]
    if not pd.isna(facts["duration_s"]):
        known = [f"{facts['duration_s']:.1f} s", f"{facts['width']:.0f} × {facts['height']:.0f}", *known]
    damage = facts["damage"] if isinstance(facts["damage"], str) else ""
    said = f'<p class="warning">{text(damage)}</p>' if damage else ""
    codes = ", ".join(text(code) for code in clips.labels_of(place)) or "no class"
    labels = f"<p>Labels: {codes}</p>" if clips.models else ""  # else the classes beside the picture are the labels
    return f"<h4><bdi>{text(name)}</bdi></h4>{labels}<p class='dim'>{' · '.join(known)}</p>{said}"


def classes(clips: Clips, place: int, model: str = "", focus: str = "") -> str:
    """The classes of a clip: with ``model`` a bar each, the likely ones first; without it those in its labels.

    ``focus``: the class on whose account the clip is looked at.
    """
    there = clips.there[place]
    if not model:
        rows = [_label(clips, k) for k in np.flatnonzero(there)]
        return f"<p class='dim'>Labels</p>{''.join(rows) or '<p>no class</p>'}"
    values = clips.models[model][place]
    kinds = judge(there, values)
    order = np.argsort(-values, kind="stable")
    rows = [_bar(clips, k, values[k], bool(there[k]), str(kinds[k]), focus) for k in order]
    legend = f"Bars are the probabilities of {text(model)}; the tick is {SAID}. ● and blue: the class is in the labels."
    return f"{''.join(rows)}<p class='dim'>{legend}</p>"


def class_name(clips: Clips, code: str) -> str:
    """Code and long name of a class, as plain text."""
    return f"{code} {clips.names.get(code, '')}".strip()


def _name(clips: Clips, k: int) -> str:
    code = clips.classes[k]
    return f"<b>{text(code)}</b> {text(clips.names.get(code, ''))}"


def _label(clips: Clips, k: int) -> str:
    return f"<p>● {_name(clips, k)}</p>"


def _bar(clips: Clips, k: int, value: float, there: bool, kind: str, focus: str) -> str:
    marks = " ".join(["class-row", *["there"] * there, *["focus"] * (clips.classes[k] == focus)])
    full = text(class_name(clips, clips.classes[k]))
    return (
        f'<div class="{marks}"><span>{"●" if there else ""}</span>'
        f'<span class="name" title="{full}">{_name(clips, k)}</span>'
        f'<span class="bar"><span class="fill" style="width:{100 * value:.1f}%"></span>'
        f'<span class="tick" style="left:{100 * SAID:.0f}%"></span></span>'
        f'<span class="value">{value:.2f}</span><span class="kind">{"" if kind == RIGHT else kind}</span></div>'
    )


def picture(name: str, jpeg: bytes) -> str:
    """Nine frames, as a picture with a text for those who do not see it."""
    data = base64.b64encode(jpeg).decode()
    said = f"Nine frames of {text(name)}, evenly spread, row by row"
    return f'<img src="data:image/jpeg;base64,{data}" alt="{said}">'


def sentence(words: object) -> str:
    """In the place of a picture."""
    return f'<p class="empty">{text(" ".join(str(words).split()))}</p>'
