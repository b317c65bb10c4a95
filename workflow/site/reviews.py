"""What the start page says of the reviews of a preset: the clips to look at first, with the second and its picture."""

from __future__ import annotations

import html
import os
from pathlib import Path
from urllib.parse import quote

import cv2
import pandas as pd

from vpipe_utils.review.proposals import Review, proposals, read_review
from vpipe_utils.user_files.user_text import many, one_line

FIRST = 8  # clips that the start page shows of a review
WIDTH = 224  # px of a picture, shown at half of it


def reviews_section(root: Path, source: Path) -> str:
    """Markdown for every review of ``root`` that has a page, newest first; "" where there is none.

    Small copies of the pictures go to ``source``. A review that cannot be read is said in a sentence: it must not stop
    the pages of the report.
    """
    pages = sorted((root / "review").glob("*/index.html"), key=os.path.getmtime, reverse=True)
    parts = []
    for number, page in enumerate(pages):
        try:
            parts.append(review_part(read_review(page.parent), source, number))
        except (OSError, ValueError) as error:
            parts.append(f"<p>The review {escaped(page.parent.name)} cannot be shown: {escaped(error)}</p>")
    return "\n\n".join(["## Clips to look at first", *parts]) if parts else ""


def review_part(review: Review, source: Path, number: int) -> str:
    """One review as HTML: how many clips to watch, a table of the first, the link to its page."""
    address = f"../review/{quote(review.folder.name)}/index.html"
    watch, clips = int(review.queue["watch"].sum()), len(review.calibrated)
    name = escaped(review.record.get("name") or review.folder.name)
    # what is promised, or that nothing is (clips from elsewhere), is the review's own sentence
    promise = (review.record.get("guarantee") or {}).get("sentence")
    words = promise.rstrip(".") if isinstance(promise, str) else f"{many(watch, 'clip')} of {clips:,} to watch"
    unreadable = len(review.clips) - clips
    words += f"; {many(unreadable, 'clip')} cannot be read" if unreadable else ""
    best = proposals(review).drop_duplicates("video").head(FIRST)
    rows = [
        _row(review, row, address, source, f"review-{number}-{k}.jpg") for k, row in enumerate(best.to_dict("records"))
    ]
    head = "".join(f"<th>{cell}</th>" for cell in ("picture", "clip", "class", "probability", "second"))
    table = f'<table class="table first-clips"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    shown = f'<div class="pst-scrollable-table-container">{table}</div>' if rows else "<p>Nothing is proposed.</p>"
    return f'<p><a href="{address}"><strong>Review {name}</strong></a>: {escaped(words)}.</p>\n{shown}'


def _row(review: Review, row: dict, address: str, source: Path, file: str) -> str:
    link = f"{address}#clip={quote(row['video'], safe='')}"
    has_time = row["second"] == row["second"]  # not NaN
    second = f"{row['second']:.1f} s" if has_time else "–"
    picture = "–"
    seen = review.evidence[(review.evidence["video"] == row["video"]) & (review.evidence["class"] == row["class"])]
    if len(seen) and _small_copy(review.folder, seen.iloc[0], source / "_static" / file):
        alt = f"{row['class']} at {second}"
        picture = f'<a href="{link}"><img src="_static/{file}" alt="{escaped(alt)}" loading="lazy"></a>'
    label = f"{row['class']} {row['name']}".strip()
    cells = [picture, f'<a href="{link}"><bdi>{escaped(row["video"])}</bdi></a>', escaped(label)]
    cells += [f"{row['probability']:.2f}", second]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _small_copy(folder: Path, seen: pd.Series, target: Path) -> bool:
    """The picture of an evidence with its box, small; False where there is no picture."""
    path = folder / seen["picture"]
    picture = cv2.imread(str(path)) if path.is_file() else None
    if picture is None:
        return False
    if seen[["x0", "y0", "x1", "y1"]].notna().all():
        corners = [(round(seen[x]), round(seen[y])) for x, y in (("x0", "y0"), ("x1", "y1"))]
        thick = max(1, round(2 * picture.shape[1] / WIDTH))
        cv2.rectangle(picture, *corners, (0, 0, 0), 2 * thick)
        cv2.rectangle(picture, *corners, (255, 255, 255), thick)
    height = max(1, round(picture.shape[0] * WIDTH / picture.shape[1]))
    return cv2.imwrite(str(target), cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA))


def escaped(text: object) -> str:
    """Text in one line as HTML; also `_`, `*`, `$` and the like, which Markdown around it may read."""
    safe = html.escape(one_line(text))
    return "".join(f"&#{ord(sign)};" if sign in "*_`$[]\\~|{}" else sign for sign in safe)
