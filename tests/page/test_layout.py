"""What happens is seen: answers below the fold, roles at every width, nothing cut off."""

from __future__ import annotations

import re

import pytest

from bot.sandbox.page import Desk
from tests.page import doing
from tests.page.conftest import Windows
from tests.page.doing import Page, expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDTHS = (1280, 1024, 800, 390)

TOO_WIDE = """
[...document.querySelectorAll("#page *")]
  .filter((one) => one.clientWidth && getComputedStyle(one).display !== "inline")
  .filter((one) => getComputedStyle(one).textOverflow !== "ellipsis" && one.id !== "news")
  .filter((one) => one.scrollWidth > one.clientWidth + 1 && !one.closest(".unseen, #news"))
  .map((one) => `${one.nodeName}.${one.className}#${one.id}`)
"""
"""The elements whose content is wider than they are, but for those that say so with an ellipsis."""


async def up(window: Page) -> None:
    """Scroll the messages to their beginning."""
    await window.locator("#messages").evaluate("one => { one.scrollTop = 0 }")


async def test_an_answer_below_what_is_seen_is_pointed_at(windows: Windows, desk: Desk) -> None:
    for number in range(12):
        await doing.somebody_says(desk, f"Filling the list, {number}")
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    unseen = window.locator("#unseen")
    await expect(unseen).to_be_hidden()
    await up(window)
    await doing.somebody_says(desk, "Said below")
    await expect(unseen).to_have_text("New message ↓")
    await doing.react(doing.message(window, "Release 2026.11"))
    await expect(unseen).to_have_text("New answer ↓")
    await unseen.click()
    await expect(window.locator("#messages > .whisper").last).to_be_in_viewport()
    await expect(unseen).to_be_hidden()


async def test_another_channel_begins_at_its_end(windows: Windows, desk: Desk) -> None:
    for number in range(12):
        await doing.somebody_says(desk, f"Filling this list too, {number}", where="lunch")
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    await up(window)
    await window.locator("#slack").get_by_role("link", name="lunch").click()
    await expect(doing.message(window, "Filling this list too, 11")).to_be_in_viewport()
    await expect(window.locator("#unseen")).to_be_hidden()


async def test_what_is_whispered_in_a_thread_is_seen_there_only(
    windows: Windows, desk: Desk
) -> None:
    """As in Slack: https://docs.slack.dev/reference/methods/chat.postEphemeral"""
    root = await doing.somebody_says(desk, "Whispers about this")
    support = doing.channel(desk, "support")
    ben = doing.user(desk, "Ben Ortiz")
    await desk.slack.post(ben, support, "A reply to react to", thread_ts=root)
    ada = doing.user(desk, "Ada Nowak")
    window = await windows.open(f"?user={ada}&channel={support}&thread={root}")
    await doing.react(doing.message(window, "Whispers about this"))
    ref = await doing.ref(window, "Whispers about this")
    await expect(window.locator("#back-new")).to_have_text(re.compile(r"\d new"))
    await expect(window.locator("#messages > .whisper")).to_have_count(0)
    await doing.react(doing.message(window, "A reply to react to"))
    await expect(doing.whisper(window, f"Added to {ref}")).to_be_visible()
    await window.get_by_role("link", name="Back to #support").click()
    await expect(doing.whisper(window, f"Created ticket {ref}")).to_be_visible()
    await expect(doing.whisper(window, f"Added to {ref}")).to_have_count(0)


async def test_what_is_undone_is_said_where_the_ticket_was(windows: Windows, desk: Desk) -> None:
    await doing.somebody_says(desk, "To be undone in its place")
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    await doing.react(doing.message(window, "To be undone in its place"))
    ref = await doing.ref(window, "To be undone in its place")
    told = doing.whisper(window, f"Created ticket {ref}")
    place = await told.get_attribute("id")
    await doing.somebody_says(desk, "Said after the ticket")
    await told.get_by_role("button", name="Undo").click()
    await window.get_by_role("dialog").get_by_role("button", name="Undo").click()
    undone = doing.whisper(window, f"Undone: {ref}")
    await expect(undone).to_be_visible()
    assert await undone.get_attribute("id") == place
    last = window.locator("#messages > .said").last
    await expect(last).to_contain_text("Said after the ticket")


async def test_a_page_whose_server_is_away_says_so(windows: Windows) -> None:
    window = await windows.open()
    ended = window.get_by_role("alert").filter(has_text="The sandbox has stopped")
    await expect(ended).to_have_count(0)
    await window.evaluate("source.close(); source.onerror()")
    await expect(ended).to_be_visible()
    await window.evaluate("listen()")
    await expect(ended).to_have_count(0)


async def test_a_switch_says_what_it_does_while_it_is_on(windows: Windows) -> None:
    window = await windows.open()
    switch = doing.switch(window, "Plain is slow")
    await expect(switch).not_to_contain_text("3 seconds")
    await switch.click()
    await expect(switch).to_contain_text("Every answer takes 3 seconds.")
    await switch.click()
    await expect(switch).not_to_contain_text("3 seconds")


async def test_nobody_writes_to_the_app(windows: Windows, desk: Desk) -> None:
    """Its manifest makes the Messages tab read-only."""
    ada = doing.user(desk, "Ada Nowak")
    window = await windows.open(f"?user={ada}&channel=app&tab=messages")
    await expect(window.locator(".composer")).to_have_text(
        "Sending messages to this app has been turned off."
    )
    await expect(window.locator("textarea")).to_have_count(0)
    with pytest.raises(ValueError, match="does not accept messages"):
        await desk.say(ada, desk.room(ada, "app"), "hello bot", None)


async def test_a_guest_gets_a_window_and_no_form(windows: Windows, desk: Desk) -> None:
    window = await windows.open(f"?user={doing.user(desk, 'Gwen Hall')}")
    await doing.use_shortcut(doing.message(window, "invoices in euros"), "Create Plain ticket")
    told = window.get_by_role("dialog")
    await expect(told).to_contain_text("Guests can't create tickets here.")
    await expect(told.get_by_role("textbox")).to_have_count(0)
    await told.get_by_role("button", name="Close", exact=True).click()
    await expect(told).to_have_count(0)


@pytest.mark.parametrize("width", WIDTHS)
async def test_who_everybody_is_and_where_they_talk_stands_at_every_width(
    windows: Windows, desk: Desk, width: int
) -> None:
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}", width=width)
    people = window.locator("#top .people li")
    for number, (name, role) in enumerate(
        [("Ada", "owner"), ("Ben", "member"), ("Gwen", "guest"), ("Emil", "external")]
    ):
        for words in (name, role):
            await expect(people.nth(number).get_by_text(words)).to_be_visible()
    for room in ("northwind", "Plain Bridge"):
        named = window.locator("#slack .room", has_text=room)
        assert await named.evaluate("one => one.scrollWidth <= one.clientWidth + 1")
    assert await window.locator("#slack nav .tag").evaluate(
        "tag => { const at = tag.getBoundingClientRect(),"
        " by = tag.previousElementSibling.getBoundingClientRect();"
        " return at.left >= by.right || at.top >= by.bottom }"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
async def test_nothing_is_wider_than_its_place(
    windows: Windows, desk: Desk, width: int, scheme: str
) -> None:
    said = f"Of a bot at {width} in {scheme}, {'w' * 80}"
    robot = doing.user(desk, "Deploys")
    ts = await desk.slack.post(robot, doing.channel(desk, "support"), said)
    await desk.react(robot, doing.channel(desk, "support"), ts, "ticket")
    query = f"?user={doing.user(desk, 'Ada Nowak')}"
    panes = ("slack",) if width > 900 else ("slack", "bridge", "plain")
    for pane in panes:
        window = await windows.open(f"{query}&pane={pane}", width=width)
        await window.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        if pane == "bridge":
            await expect(window.locator(".ledger")).to_contain_text("ignored")
        assert await window.evaluate(TOO_WIDE) == []


async def test_a_ref_does_not_break(windows: Windows, desk: Desk) -> None:
    await doing.somebody_says(desk, "Its ref stays whole")
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}", width=390)
    await doing.react(doing.message(window, "Its ref stays whole"))
    ref = doing.whisper(window, "Created ticket").locator(".text .ref").first
    assert await ref.evaluate("one => getComputedStyle(one).whiteSpace") == "nowrap"
