"""One page and one browser for all of these tests; a window of its own for each."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from bot.sandbox.page import Desk, page

if TYPE_CHECKING:  # without Playwright the tests that need it are skipped
    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 30_000
"""Milliseconds that a busy machine is given; what is waited for is mostly there at once."""


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[str, Desk]]:
    """The page's address and the desk behind it, with the real bridge as a process."""
    async with page(tmp_path_factory.mktemp("page"), port=0) as (url, desk):
        yield url, desk


@pytest.fixture(scope="session")
def address(served: tuple[str, Desk]) -> str:
    return served[0]


@pytest.fixture(scope="session")
def desk(served: tuple[str, Desk]) -> Desk:
    return served[1]


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium; without one these tests are skipped."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip(f"no browser here (looked for {', '.join(BROWSERS)})")
    from playwright.async_api import Error, async_playwright

    async with async_playwright() as driver:
        try:
            launched = await driver.chromium.launch(
                executable_path=Path(executable), args=["--no-sandbox"]
            )
        except Error as error:
            pytest.skip(f"{executable} does not start: {str(error).splitlines()[0]}")
        yield launched
        await launched.close()


class Windows:
    """Opens windows, and notes what went wrong in them."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.complaints: list[str] = []
        self._browser = browser
        self._address = address
        self._contexts: list[BrowserContext] = []

    async def open(
        self, query: str = "", *, width: int = 1280, height: int = 800, script: bool = True
    ) -> Page:
        """A window that hears of changes already."""
        context = await self._browser.new_context(
            viewport={"width": width, "height": height}, java_script_enabled=script
        )
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        context.on("request", self._on_request)
        window = await context.new_page()
        window.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        window.on("console", self._on_console)
        window.on("dialog", self._on_dialog)
        await window.goto(self._address + query)
        if script:
            await window.wait_for_selector("html[data-live]")
        return window

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme != "data" and parts.hostname != "127.0.0.1":
            self.complaints.append(f"left the machine: {request.url}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text}")

    async def _on_dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        await dialog.dismiss()


@pytest_asyncio.fixture(loop_scope="session")
async def windows(browser: Browser, address: str, desk: Desk) -> AsyncIterator[Windows]:
    """Whatever a test does: no console error, no dialog, no request that leaves the machine."""
    opened = Windows(browser, address)
    yield opened
    await opened.close()
    for name in tuple(desk.troubles.on):  # what a test that failed has left behind
        await desk.turn(name)
    desk.slack.views.clear()
    assert opened.complaints == []
