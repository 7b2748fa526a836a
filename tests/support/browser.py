"""A real Chromium, driven by Playwright: the system's own, nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Request

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "no Chromium is on PATH: `make browser` brings it or says what to install, CHROMIUM names one"
)


def find_chromium() -> str:
    """Give the path of the browser; fails with one line that says what to do."""
    names = filter(None, (os.environ.get("CHROMIUM"), *NAMES))
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.fail(MISSING, pytrace=False)
    return found


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start the browser; as root it has no sandbox."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """A page and everything that it should not have done."""

    def __init__(self, page: Page, address: str) -> None:
        """Go to the address; what the page asks for and complains of is written down."""
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self._complain(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        page.on("request", self._note)

    def go(self, path: str = "/", *, live: bool = True) -> Page:
        """Open a page, and wait until it is live."""
        self.page.goto(f"http://{self.address}{path}")
        if live:
            self.page.wait_for_selector("#live[data-state=on]")
        return self.page

    @property
    def strangers(self) -> set[str]:
        """Hosts that the page asked, besides ours."""
        return {urlsplit(url).netloc for url in self.asked} - {self.address}

    def _note(self, request: Request) -> None:
        self.asked.append(request.url)

    def _complain(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)


def barriers(page: Page) -> list[str]:
    """Let axe-core look at the page; give what keeps somebody from reading or using it."""
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text())
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


@contextmanager
def visiting(browser: Browser, address: str, **look: Any) -> Iterator[Visitor]:  # noqa: ANN401
    """Open a page of its own; `look` is a width, a colour scheme, …."""
    context = browser.new_context(**look)
    try:
        yield Visitor(context.new_page(), address)
    finally:
        context.close()
