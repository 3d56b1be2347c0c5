"""What can be done with the bridge's answers: undo, say who somebody is, look at one's tickets."""

from __future__ import annotations

import pytest

from bot.sandbox.page import Desk
from tests.page import doing
from tests.page.conftest import Windows
from tests.page.doing import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_undo_asks_once_more_and_then_plain_shows_it(windows: Windows, desk: Desk) -> None:
    await doing.somebody_says(desk, "Nothing but a test")
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    await doing.react(doing.message(window, "Nothing but a test"))
    ref = await doing.ref(window, "Nothing but a test")
    undo = doing.whisper(window, ref).get_by_role("button", name="Undo")
    await undo.click()
    sure = window.get_by_role("dialog")
    await expect(sure).to_contain_text(f"{ref} will be marked as ignored")
    await window.keyboard.press("Escape")
    await expect(sure).to_have_count(0)
    await expect(doing.whisper(window, f"Created ticket {ref}")).to_be_visible()
    await undo.click()
    await sure.get_by_role("button", name="Undo").click()
    await expect(doing.whisper(window, f"Undone: {ref}")).to_be_visible()
    await expect(doing.whisper(window, f"Created ticket {ref}")).to_have_count(0)
    await expect(doing.in_plain(window, "Nothing but a test")).to_contain_text("ignored")


async def test_undo_is_too_late_once_an_agent_has_answered(windows: Windows, desk: Desk) -> None:
    await doing.somebody_says(desk, "An agent was faster")
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    await doing.react(doing.message(window, "An agent was faster"))
    ref = await doing.ref(window, "An agent was faster")
    thread = window.get_by_role("article")
    await thread.get_by_label("Reply to Ben Ortiz").fill("We are on it.")
    await thread.get_by_role("button", name="Send").click()
    await expect(thread.get_by_role("list", name="Timeline")).to_contain_text("We are on it.")
    await doing.whisper(window, ref).get_by_role("button", name="Undo").click()
    await window.get_by_role("dialog").get_by_role("button", name="Undo").click()
    await expect(doing.whisper(window, ref)).to_contain_text("Not undone")


async def test_an_unknown_person_is_linked_and_the_ticket_comes(
    windows: Windows, desk: Desk
) -> None:
    await doing.somebody_says(desk, "Our login is broken", by="Emil Berg", where="northwind")
    place = f"?user={doing.user(desk, 'Ada Nowak')}&channel={doing.channel(desk, 'northwind')}"
    window = await windows.open(place)
    await doing.react(doing.message(window, "Our login is broken"))
    told = window.locator("#messages > .whisper").last
    await told.get_by_role("button").filter(has_text="Choose customer").click()
    form = window.get_by_role("dialog")
    await form.get_by_label("New customer's name").fill("Emil Berg")
    email = form.get_by_label("New customer's e-mail address")
    await email.fill("nonsense")
    await form.locator("footer .primary").click()
    await expect(email).to_have_attribute("aria-invalid", "true")
    await expect(email).to_have_value("nonsense")
    await expect(email).to_be_focused()
    await email.fill("")
    await form.get_by_role("searchbox").fill("emil")
    await form.get_by_role("radio", name="Emil Berg").check()
    await form.locator("footer .primary").click()
    await expect(form).not_to_contain_text("Customer in Plain")
    await window.keyboard.press("Escape")
    await expect(doing.in_plain(window, "Our login is broken")).to_contain_text("Emil Berg")


async def test_labels_are_searched_while_one_types(windows: Windows, desk: Desk) -> None:
    await doing.somebody_says(desk, "A dark mode would be nice")
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    await doing.use_shortcut(doing.message(window, "A dark mode"), "Create Plain ticket")
    form = window.get_by_role("dialog")
    labels = form.get_by_role("group", name="Labels")
    await form.get_by_role("searchbox", name="Labels").fill("fea")
    await expect(labels.get_by_role("checkbox")).to_have_count(1)
    await labels.get_by_role("checkbox", name="Feature request").check()
    await form.get_by_role("searchbox", name="Labels").fill("bil")
    await labels.get_by_role("checkbox", name="Billing").check()
    await form.get_by_role("button", name="Create").click()
    await expect(doing.in_plain(window, "A dark mode")).to_contain_text("Feature request")
    await expect(doing.in_plain(window, "A dark mode")).to_contain_text("Billing")


async def test_home_lists_ones_own_tickets(windows: Windows, desk: Desk) -> None:
    await doing.somebody_says(desk, "The home shows this one")
    window = await windows.open(f"?user={doing.user(desk, 'Ben Ortiz')}")
    await doing.react(doing.message(window, "The home shows this one"))
    ref = await doing.ref(window, "The home shows this one")
    await window.get_by_role("button", name="Plain Bridge").click()
    home = window.get_by_label("Home of Plain Bridge")
    await expect(home).to_contain_text(ref)
    await home.get_by_role("link", name="Open in Plain").first.click()
    await expect(window.get_by_role("article")).to_contain_text("The home shows this one")
