"""What the pictures of the docs show: each a small scene, played in the page by the real bridge.

A new picture is one more entry of SCENES and the function that plays it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from bot.sandbox.page import Desk
from tests.page import doing
from tests.page.doing import Locator, Page, expect

EXPORT, INVOICE, EUROS = "export", "total is cut off", "invoices in euros"


@dataclass(frozen=True)
class Scene:
    """`play` gives the part of the page that the picture shows; None: all of it."""

    file: str
    play: Callable[[Page, Desk], Awaitable[Locator | None]]
    width: int = 1280
    height: int = 800
    scale: int = 2
    scheme: Literal["light", "dark"] = "light"
    user: str = "Ada Nowak"
    channel: str = "support"
    pane: str = "slack"


async def the_page(window: Page, desk: Desk) -> None:
    """Two tickets, one of them of the form."""
    await a_ticket_by_form(window, desk)
    await doing.react(doing.message(window, EXPORT), "bug")
    await expect(doing.whisper(window, "T-2")).to_be_visible()
    await expect(window.locator(".ledger > li").first).to_contain_text("created")
    await window.locator("#open-T-2").click()


async def the_phone(window: Page, desk: Desk) -> None:
    await doing.react(doing.message(window, EXPORT), "bug")
    await expect(doing.whisper(window, "T-1")).to_be_visible()


async def trouble(window: Page, desk: Desk) -> Locator:
    """A 502 and an event that came twice were one ticket; now Plain is down, and one waits."""
    faults = ("Plain commits and answers 502", "Slack sends everything twice")
    for label in faults:
        await doing.switch(window, label).click()
    await doing.react(doing.message(window, EXPORT), "bug")
    await expect(doing.whisper(window, "T-1")).to_be_visible()
    await expect(window.locator(".ledger .proof")).to_have_count(2)
    for label in (*faults, "Plain is down"):
        await doing.switch(window, label).click()
    await doing.react(doing.message(window, INVOICE))
    row = window.locator(".ledger > li").first
    await expect(row).to_contain_text("retry in")
    return window.locator("#bridge")


async def the_form(window: Page, desk: Desk) -> Locator:
    await doing.use_shortcut(doing.message(window, EXPORT), "Create Plain ticket")
    form = window.get_by_role("dialog")
    await form.get_by_label("Description").fill("Three customers asked today.")
    await expect(form).to_contain_text("isn't in Plain yet")
    return form


async def a_ticket_by_form(window: Page, desk: Desk) -> None:
    await doing.use_shortcut(doing.message(window, INVOICE), "Create Plain ticket")
    form = window.get_by_role("dialog")
    await form.get_by_label("Title").fill("Total of the new invoice is cut off")
    await form.get_by_label("Priority").select_option(label="Urgent")
    await form.get_by_role("button", name="Create").click()
    await expect(doing.whisper(window, "T-1")).to_be_visible()


async def the_answer(window: Page, desk: Desk) -> Locator:
    await doing.react(doing.message(window, INVOICE))
    told = doing.whisper(window, "T-1")
    await expect(told).to_be_visible()
    return told


async def undone(window: Page, desk: Desk) -> Locator:
    told = await the_answer(window, desk)
    await told.get_by_role("button", name="Undo").click()
    await window.get_by_role("dialog").get_by_role("button", name="Undo").click()
    told = doing.whisper(window, "Undone")
    await expect(told).to_be_visible()
    return told


async def the_refusal(window: Page, desk: Desk) -> Locator:
    """Nobody knows which customer a guest is."""
    await doing.react(doing.message(window, EUROS))
    told = window.locator("#messages > .whisper").last
    await expect(told).to_be_visible()
    return told


async def who_is_this(window: Page, desk: Desk) -> Locator:
    told = await the_refusal(window, desk)
    await told.get_by_role("button", name="Choose customer").click()
    form = window.get_by_role("dialog")
    await form.get_by_role("searchbox").first.fill("nora")
    await expect(form.locator(".box").first).to_be_visible()
    await form.locator(".box").first.click()
    return form


async def why(window: Page, desk: Desk) -> Locator:
    await doing.react(doing.message(window, EXPORT), "bug")
    await expect(doing.whisper(window, "T-1")).to_be_visible()
    await doing.use_shortcut(doing.message(window, EXPORT), "Why no Plain ticket?")
    told = window.get_by_role("dialog")
    await expect(told.locator(".block")).not_to_have_count(1)
    return told


async def app_home(window: Page, desk: Desk) -> Locator:
    await the_page(window, desk)
    await doing.react(doing.message(window, EUROS))
    await expect(window.locator(".ledger > li").first).to_contain_text("on hold")
    await window.get_by_role("button", name="Plain Bridge").click()
    home = window.locator("#home")
    await expect(home).to_contain_text("T-1")
    return window.locator("#slack")


async def the_thread(window: Page, desk: Desk) -> Locator:
    """A thread with a file, as an agent sees it."""
    await a_ticket_by_form(window, desk)
    await expect(window.get_by_role("article")).to_contain_text("Urgent")
    return window.locator("#plain")


SCENES = (
    Scene("page.png", the_page, scale=1),
    Scene("page-dark.png", the_page, scheme="dark", scale=1),
    Scene("page-phone.png", the_phone, width=390, height=844),
    Scene("trouble.png", trouble),
    Scene("form.png", the_form, height=1100),
    Scene("answer.png", the_answer),
    Scene("undone.png", undone),
    Scene("refusal.png", the_refusal),
    Scene("who-is-this.png", who_is_this, height=1000),
    Scene("why.png", why, height=1000),
    Scene("app-home.png", app_home, height=1000),
    Scene("thread.png", the_thread),
)
