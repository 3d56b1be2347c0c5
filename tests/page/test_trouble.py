"""The switches: whatever goes wrong, one thread comes of one message, and the ledger shows why."""

from __future__ import annotations

import pytest

from bot.sandbox.page import Desk
from tests.page import doing
from tests.page.conftest import Windows
from tests.page.doing import Page, expect

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def asks(windows: Windows, desk: Desk, text: str, *, label: str = "") -> Page:
    """Ada reacts to what Ben said, after she pressed a switch."""
    await doing.somebody_says(desk, text)
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    if label:
        await turn(window, label, "true")
    await doing.react(doing.message(window, text))
    return window


async def turn(window: Page, label: str, pressed: str) -> None:
    button = doing.switch(window, label)
    await expect(button).not_to_have_attribute("aria-pressed", pressed)
    await button.click()
    await expect(button).to_have_attribute("aria-pressed", pressed)


async def test_while_plain_is_down_it_waits_and_then_it_comes(windows: Windows, desk: Desk) -> None:
    window = await asks(windows, desk, "Nobody can upload", label="Plain is down")
    row = window.locator(".ledger > li").first
    await expect(row).to_contain_text("waiting")
    await expect(row).to_contain_text("Plain couldn't be reached")
    await expect(row).to_contain_text("tried")
    await expect(doing.in_plain(window, "Nobody can upload")).to_have_count(0)
    await turn(window, "Plain is down", "false")
    await expect(doing.in_plain(window, "Nobody can upload")).to_have_count(1)
    await expect(row).to_contain_text("created")


async def test_a_commit_that_is_answered_502_is_one_thread(windows: Windows, desk: Desk) -> None:
    label = "Plain commits and answers 502"
    window = await asks(windows, desk, "The search finds too much", label=label)
    ref = await doing.ref(window, "The search finds too much")
    proof = window.locator(".ledger > li").first.locator(".proof")
    await expect(proof).to_have_text(f"502 · looked up · found {ref}")
    await turn(window, label, "false")
    await expect(doing.in_plain(window, "The search finds too much")).to_have_count(1)


async def test_an_event_that_comes_twice_is_one_thread(windows: Windows, desk: Desk) -> None:
    label = "Slack sends everything twice"
    window = await asks(windows, desk, "The map is upside down", label=label)
    row = window.locator(".ledger > li").first
    await expect(row).to_contain_text("created")
    await expect(row.locator(".proof")).to_have_text("received 2×, one request")
    await turn(window, label, "false")
    await expect(doing.in_plain(window, "The map is upside down")).to_have_count(1)


async def test_slow_is_only_slow(windows: Windows, desk: Desk) -> None:
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    await turn(window, "Plain is slow", "true")
    assert desk.troubles.on == {"slow"}
    await turn(window, "Plain is slow", "false")
    assert desk.troubles.on == set()


async def test_a_killed_bridge_comes_back_and_goes_on(windows: Windows, desk: Desk) -> None:
    before = desk.bridge.pid
    await doing.somebody_says(desk, "The lift is stuck")
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    await window.get_by_role("button", name="Kill the bridge").click()
    await expect(window.locator("#bridge-state")).not_to_contain_text("running")
    dead = await window.locator("#bridge").inner_text()
    assert "running" in dead or "restarted" not in dead  # both of the same moment
    await doing.react(doing.message(window, "lift is stuck"))
    await expect(window.locator("#bridge-state")).to_contain_text("running")
    assert desk.bridge.pid != before
    await expect(window.locator("#bridge")).to_contain_text("restarted automatically")
    await expect(doing.in_plain(window, "The lift is stuck")).to_have_count(1)
