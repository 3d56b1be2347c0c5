"""A small Slack to ask in: reaction, form and command, and the thread that comes of each."""

from __future__ import annotations

import pytest

from bot.sandbox.page import Desk
from tests.page import doing
from tests.page.conftest import Windows
from tests.page.doing import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_reaction_becomes_a_thread_and_only_who_asked_is_told(
    windows: Windows, desk: Desk
) -> None:
    await doing.somebody_says(desk, "The *charts* are empty since Monday")
    ada = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    ben = await windows.open(f"?user={doing.user(desk, 'Ben Ortiz')}")
    await doing.react(doing.message(ada, "charts"), "bug")
    for window in (ada, ben):
        await expect(doing.in_plain(window, "The charts are empty since Monday")).to_have_count(1)
    thread = ada.get_by_role("article")
    await expect(thread.get_by_role("definition").filter(has_text="Ben Ortiz")).to_be_visible()
    await expect(thread.get_by_text("Bug", exact=True)).to_be_visible()
    await expect(thread.get_by_text("High", exact=True)).to_be_visible()
    await expect(thread.locator(".timeline strong")).to_have_text("charts")
    ref = await doing.ref(ada, "The charts are empty since Monday")
    await expect(doing.whisper(ada, ref)).to_contain_text("Only visible to you")
    await expect(doing.message(ben, "charts").locator(".reactions")).to_be_visible()
    await expect(ben.locator("#messages > .whisper").filter(has_text=ref)).to_have_count(0)


async def test_the_answer_leads_to_the_thread_and_can_be_dismissed(
    windows: Windows, desk: Desk
) -> None:
    await doing.somebody_says(desk, "The seats are counted twice", by="Ada Nowak")
    window = await windows.open(f"?user={doing.user(desk, 'Ben Ortiz')}")
    await doing.react(doing.message(window, "seats are"))
    told = doing.whisper(window, await doing.ref(window, "The seats are counted twice"))
    await told.get_by_text("Open in Plain").click()
    await expect(window.get_by_role("article")).to_contain_text("The seats are counted twice")
    await window.get_by_role("link", name="Open in Slack").click()
    await expect(doing.message(window, "seats are")).to_be_in_viewport()
    whispers = await window.locator("#messages > .whisper").count()
    await told.get_by_role("button", name="Dismiss").click()
    await expect(window.locator("#messages > .whisper")).to_have_count(whispers - 1)


async def test_the_form_of_the_message_menu_is_filled_in_and_sent(
    windows: Windows, desk: Desk
) -> None:
    await doing.somebody_says(desk, "Receipts in pounds, please")
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    await doing.use_shortcut(doing.message(window, "Receipts in pounds"), "Create Plain ticket")
    form = window.get_by_role("dialog")
    await expect(form.get_by_label("Title")).to_have_value("Receipts in pounds, please")
    await form.get_by_label("Description").fill("Asked for by **three** customers.")
    await form.get_by_label("Priority").select_option(label="Urgent")
    await form.get_by_role("button", name="Create").click()
    await expect(window.get_by_role("dialog")).to_have_count(0)
    await expect(doing.in_plain(window, "Receipts in pounds")).to_have_count(1)
    thread = window.get_by_role("article")
    await expect(thread.get_by_text("Urgent", exact=True)).to_be_visible()
    await expect(thread).to_contain_text("Asked for by **three** customers.")


async def test_what_was_typed_stays_when_a_button_in_the_form_changes_it(
    windows: Windows, desk: Desk
) -> None:
    """The button goes to the app with what was typed, and the form stays open."""
    ben, support = doing.user(desk, "Ben Ortiz"), doing.channel(desk, "support")
    root = await doing.somebody_says(desk, "The weekly report comes twice")
    await desk.slack.post(ben, support, "The monthly one doesn't come", thread_ts=root)
    await desk.slack.react(ben, support, root, "bug")
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    ref = await doing.ref(window, "The weekly report comes twice")
    await doing.message(window, "The weekly report").get_by_role("link", name="1 reply").click()
    await doing.use_shortcut(doing.message(window, "The monthly one"), "Create Plain ticket")
    form = window.get_by_role("dialog")
    adding, separate = (
        form.get_by_role("button", name=name)
        for name in ("Create a separate ticket", f"Add to {ref} instead")
    )
    title, description = form.get_by_label("Title"), form.get_by_label("Description")
    box = form.get_by_label("Quote the whole Slack thread")
    await title.fill("Reports")
    await description.fill("Two of them")
    await box.check()
    for button, other in ((adding, separate), (separate, adding)):
        await button.click()
        await expect(other).to_be_visible()
        (view,) = desk.slack.views.values()
        state = view.state
        assert state["title"]["value"]["value"] == "Reports"
        assert state["description"]["value"]["value"] == "Two of them"
        assert len(state["whole_thread"]["value"]["selected_options"]) == 1
        await expect(title).to_have_value("Reports")
        await expect(description).to_have_value("Two of them")
        await expect(box).to_be_checked()
    await form.get_by_role("button", name=f"Add to {ref}").click()
    await expect(doing.whisper(window, f"Added to {ref}")).to_be_visible()


async def test_a_required_field_that_is_empty_is_not_sent(windows: Windows, desk: Desk) -> None:
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    await window.get_by_label("Shortcuts", exact=True).click()
    await window.get_by_role("button", name="New Plain ticket").click()
    form = window.get_by_role("dialog")
    await form.get_by_role("button", name="Create").click()
    title = form.get_by_label("Title")
    await expect(title).to_be_focused()
    assert await title.evaluate("input => input.validity.valueMissing")
    await form.get_by_role("button", name="Cancel").click()
    await expect(window.get_by_role("dialog")).to_have_count(0)


async def test_a_command_is_a_message_that_begins_with_a_slash(
    windows: Windows, desk: Desk
) -> None:
    window = await windows.open(f"?user={doing.user(desk, 'Ben Ortiz')}")
    composer = window.get_by_label("Message #support")
    await composer.fill("/plain-ticket Two more seats for @ada")
    await composer.press("Enter")
    await expect(doing.in_plain(window, "Two more seats for @Ada Nowak")).to_have_count(1)
    await expect(composer).to_have_value("")
    await composer.fill("/remind me")
    await composer.press("Enter")
    await expect(doing.whisper(window, "/remind is not a valid command")).to_be_visible()


async def test_everybody_sees_the_own_channels_only(windows: Windows, desk: Desk) -> None:
    window = await windows.open()
    for name, count in (("Ada Nowak", 5), ("Gwen Hall", 2), ("Emil Berg", 1), ("Deploys", 2)):
        await window.locator("#top").get_by_role("link", name=name).click()
        rooms = window.get_by_role("navigation", name="Channels")
        await expect(rooms.get_by_role("link")).to_have_count(count)
    said = window.locator("#messages > .said").first
    await said.get_by_label("More actions for this message").click()
    await expect(said.get_by_role("button", name="Create Plain ticket")).to_have_count(0)


async def test_the_bridge_hears_nothing_until_it_is_invited(windows: Windows, desk: Desk) -> None:
    await doing.somebody_says(desk, "The oven is cold", where="lunch")
    place = f"?user={doing.user(desk, 'Ada Nowak')}&channel={doing.channel(desk, 'lunch')}"
    window = await windows.open(place)
    said = doing.message(window, "The oven is cold")
    await doing.react(said)
    await expect(said.locator(".reactions")).to_be_visible()
    await expect(window.get_by_text("bridge not invited", exact=False).first).to_be_visible()
    composer = window.get_by_label("Message #lunch")
    await composer.fill("/invite @plain-bridge")
    await composer.press("Enter")
    await expect(doing.whisper(window, "@plain-bridge was added to this channel")).to_be_visible()
    await expect(doing.in_plain(window, "The oven is cold")).to_have_count(0)
    await said.get_by_role("button", name="ticket 1").click()
    await expect(said.locator(".reactions")).to_have_count(0)
    await doing.react(said)
    await expect(doing.in_plain(window, "The oven is cold")).to_have_count(1)


async def test_a_thread_is_read_and_answered(windows: Windows, desk: Desk) -> None:
    ts = await doing.somebody_says(desk, "The root of a thread")
    await desk.slack.post(
        doing.user(desk, "Gwen Hall"), doing.channel(desk, "support"), "First", thread_ts=ts
    )
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    await doing.message(window, "The root of a thread").get_by_role("link", name="1 reply").click()
    await expect(window.locator("#messages > .said")).to_have_count(2)
    await window.get_by_label("Message #support").fill("Second")
    await window.get_by_label("Message #support").press("Enter")
    await expect(window.locator("#messages > .said")).to_have_count(3)
    await window.get_by_role("link", name="Back to #support").click()
    await expect(window.get_by_role("link", name="2 replies").last).to_be_visible()
    await expect(doing.message(window, "Second")).to_have_count(0)
