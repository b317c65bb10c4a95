"""Writes the page of a review: index.html in its folder, and page/ with scripts, style and data beside it.

The page asks nothing of the network and no server: it is opened from the disk. Its own files are in assets/.
"""

from __future__ import annotations

import html
import shutil
from pathlib import Path

from vpipe_utils.review.page.data import as_script, page_data
from vpipe_utils.review.proposals import read_review
from vpipe_utils.storage.files import atomic_path

ASSETS = Path(__file__).resolve().parent / "assets"
PAGE = "page"  # folder of what index.html loads
TITLE = "{{title}}"  # in index.html


def write_page(folder: str | Path) -> Path:
    """Write the page of the review in ``folder`` and return index.html.

    Raises FileNotFoundError or ValueError, with the path, for a folder that is no review.
    """
    review = read_review(folder)
    data = page_data(review)
    with atomic_path(review.folder / PAGE) as part:
        shutil.copytree(ASSETS, part, ignore=shutil.ignore_patterns("*.html"))
        (part / "data.js").write_text(as_script(data), encoding="ascii")
    text = (ASSETS / "index.html").read_text(encoding="utf-8")
    index = review.folder / "index.html"
    with atomic_path(index) as part:
        part.write_text(text.replace(TITLE, html.escape(str(data["name"]))), encoding="utf-8", errors="replace")
    return index
