"""What people do at the page, as they do it: by what they read, not by how it is built."""

from __future__ import annotations

import pytest

from bot.sandbox.page import Desk

pytest.importorskip(
    "playwright.async_api", reason="Playwright is not installed: the page is not tried in a browser"
)
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

__all__ = ["Browser", "Locator", "Page", "async_playwright", "expect"]

expect.set_options(timeout=30_000)


def user(desk: Desk, name: str) -> str:
    """The id of the person of this name."""
    return next(one.id for one in desk.slack.users.values() if one.name == name)


def channel(desk: Desk, name: str) -> str:
    return next(one.id for one in desk.slack.conversations.values() if one.name == name)


async def somebody_says(
    desk: Desk, text: str, *, by: str = "Ben Ortiz", where: str = "support"
) -> str:
    """A message of another person; its `ts`."""
    return await desk.slack.post(user(desk, by), channel(desk, where), text)


def message(window: Page, text: str) -> Locator:
    return window.locator("#messages > .said").filter(has_text=text).first


def whisper(window: Page, text: str) -> Locator:
    return window.locator("#messages > .whisper").filter(has_text=text).last


async def react(said: Locator, emoji: str = "ticket") -> None:
    await said.get_by_label("React to this message").click()
    await said.get_by_role("button", name=f"React with :{emoji}:").click()


async def use_shortcut(said: Locator, name: str) -> None:
    await said.get_by_label("More actions for this message").click()
    await said.get_by_role("button", name=name).click()


def in_plain(window: Page, title: str) -> Locator:
    """The threads of this title in Plain's list."""
    return (
        window.get_by_role("navigation", name="Threads").get_by_role("link").filter(has_text=title)
    )


async def ref(window: Page, title: str) -> str:
    """The name of the one thread of this title, once it is there: T-1."""
    link = in_plain(window, title)
    await expect(link).to_have_count(1)
    return (await link.locator(".ref").inner_text()).strip()


def switch(window: Page, label: str) -> Locator:
    return window.get_by_role("button", name=label, exact=True)


async def overflow(window: Page) -> int:
    """By how many pixels the page is wider than the window."""
    width: int = await window.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width
