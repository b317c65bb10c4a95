"""Headless Chromium for tests of pages, by Playwright; skipped with a reason where there is no browser."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")  # as systems call it


class Tab(NamedTuple):
    """A page in the browser, with what it must not do."""

    page: object  # playwright.sync_api.Page
    errors: list[str]  # of the console, and exceptions
    requests: list[str]  # addresses that are not on this disk


@contextlib.contextmanager
def browser() -> Iterator[object]:
    """A playwright.sync_api.Browser. For one module at most: while it is open, no notebook can be run beside it."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    installed = next(filter(None, map(shutil.which, NAMES)), None)
    with sync_api.sync_playwright() as playwright:
        if not installed and not Path(playwright.chromium.executable_path).is_file():
            pytest.skip(f"there is no browser here: none of {', '.join(NAMES)}, and no Chromium of Playwright's own")
        opened = playwright.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        try:
            yield opened
        finally:
            opened.close()


@contextlib.contextmanager
def browser_tab(width: int = 1300, height: int = 900, dark: bool = False, within: object = None) -> Iterator[Tab]:
    """A tab of a fresh browser or ``within`` an open one; either way nothing is remembered from earlier tabs."""
    with contextlib.nullcontext(within) if within else browser() as opened:
        scheme = "dark" if dark else "light"
        context = opened.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        try:
            tab = Tab(context.new_page(), [], [])
            tab.page.set_default_timeout(20_000)
            tab.page.on(
                "console", lambda said: tab.errors.append(said.text) if said.type in ("error", "warning") else None
            )
            tab.page.on("pageerror", lambda error: tab.errors.append(str(error)))
            tab.page.on("dialog", lambda dialog: (tab.errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))
            context.on("request", lambda asked: None if _local(asked.url) else tab.requests.append(asked.url))
            yield tab
        finally:
            context.close()


def until(page: object, expression: str, seconds: float = 15) -> None:
    """Wait until a JavaScript expression is true. (Playwright's own way needs eval, which the pages forbid.)"""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"not within {seconds} s: {expression}"
        page.wait_for_timeout(50)


def _local(url: str) -> bool:
    return url.startswith(("file:", "data:", "blob:", "about:"))
