"""Anybody can use it: without a mouse, on a narrow screen, without script, with hostile texts."""

from __future__ import annotations

import pytest

from bot.sandbox.page import Desk
from tests.page import doing
from tests.page.conftest import Windows
from tests.page.doing import Page, expect

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def tab_to(window: Page, id_: str) -> None:
    """Press Tab until the focus is there; it has to show."""
    for _ in range(150):
        await window.keyboard.press("Tab")
        if await window.evaluate("document.activeElement.id") == id_:
            break
    focused = window.locator(":focus-visible")
    await expect(focused).to_have_id(id_)
    assert await focused.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"


async def test_without_a_mouse(windows: Windows, desk: Desk) -> None:
    ts = await doing.somebody_says(desk, "The keyboard is all that I have")
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    key = f"m-{ts.replace('.', '-')}"
    await tab_to(window, f"{key}-more-open")
    for _ in ("open it", "Reply in thread", "Create Plain ticket"):
        await window.keyboard.press("Enter" if _ == "open it" else "Tab")
    await window.keyboard.press("Enter")
    form = window.get_by_role("dialog")
    await expect(form.get_by_label("Title")).to_be_focused()
    await window.keyboard.press("Escape")
    await expect(window.get_by_role("dialog")).to_have_count(0)
    await expect(window.locator(f"#{key}-more-open")).to_be_focused()
    await window.keyboard.press("Shift+Tab")
    await window.keyboard.press("Enter")
    await window.keyboard.press("Escape")
    await expect(window.locator(f"#{key}-emoji-open")).to_be_focused()
    await expect(window.locator(f"#{key}-emoji")).not_to_have_attribute("open", "")
    for press in ("Enter", "Tab", "Enter"):
        await window.keyboard.press(press)
    await expect(doing.in_plain(window, "The keyboard is all that I have")).to_have_count(1)
    await expect(window.get_by_role("status").first).to_contain_text("T-")


async def test_what_is_typed_stays_while_others_write(windows: Windows, desk: Desk) -> None:
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    composer = window.get_by_label("Message #support")
    await composer.fill("half a sen")
    await doing.somebody_says(desk, "Somebody else was faster")
    await expect(doing.message(window, "Somebody else was faster")).to_be_in_viewport()
    await expect(composer).to_have_value("half a sen")
    await expect(composer).to_be_focused()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
async def test_nothing_is_wider_than_the_window(
    windows: Windows, desk: Desk, width: int, height: int
) -> None:
    await doing.somebody_says(desk, f"Wide at {width}: {'w' * 300} https://example.com/{'x' * 300}")
    ada = doing.user(desk, "Ada Nowak")
    for query in ("", "&pane=bridge", "&pane=plain", "&channel=app"):
        window = await windows.open(f"?user={ada}{query}", width=width, height=height)
        assert await doing.overflow(window) == 0, query
        if not query:
            said = doing.message(window, f"Wide at {width}")
            await doing.react(said)
            await expect(doing.whisper(window, "ticket T-")).to_be_visible()
            await doing.use_shortcut(said, "Why no Plain ticket?")
            await expect(window.locator("#modal dialog, #messages > .whisper").last).to_be_visible()
            assert await doing.overflow(window) == 0
    window = await windows.open(f"?user={ada}&pane=plain", width=width, height=height)
    await expect(window.get_by_role("article")).to_be_visible()
    assert await doing.overflow(window) == 0


async def test_the_panes_of_a_narrow_screen(windows: Windows) -> None:
    window = await windows.open(width=390, height=844)
    parts = window.get_by_role("navigation", name="Parts of the page")
    for pane in ("Bridge", "Plain", "Slack"):
        await parts.get_by_role("link", name=pane).click()
        await expect(window.locator(f"#{pane.lower()}")).to_be_visible()
        await expect(window.locator(".pane:visible")).to_have_count(1)


async def test_hostile_texts_are_only_texts(windows: Windows, desk: Desk) -> None:
    hostile = (
        "<script>alert(1)</script><img src=x onerror=alert(2)> *<b>bold</b>* "
        'https://example.com/"onmouseover=alert(3) <javascript:alert(4)|press> `</code><u>`'
    )
    await doing.somebody_says(desk, f"Hostile {hostile}")
    window = await windows.open(f"?user={doing.user(desk, 'Ada Nowak')}")
    said = doing.message(window, "Hostile")
    await doing.react(said)
    await expect(doing.in_plain(window, "Hostile")).to_have_count(1)
    await expect(window.get_by_role("article")).to_contain_text("<script>alert(1)</script>")
    await expect(said).to_contain_text("<script>alert(1)</script>")
    for part in (said, window.get_by_role("article")):
        await expect(part.locator("script, img, u, b:not(.by b)")).to_have_count(0)
        await expect(part.locator("a[href^=javascript], [onmouseover], [onerror]")).to_have_count(0)


async def test_it_works_without_script_too(windows: Windows, desk: Desk) -> None:
    await doing.somebody_says(desk, "No script here")
    query = f"?user={doing.user(desk, 'Ada Nowak')}"
    window = await windows.open(query, script=False)
    await doing.react(doing.message(window, "No script here"))
    await expect(doing.message(window, "No script here").locator(".reactions")).to_be_visible()
    await expect(window.get_by_role("navigation", name="Channels")).to_be_visible()
