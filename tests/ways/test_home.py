"""The app's Home: one's own tickets, how to ask for one, and the people who wait to be linked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from bot.core.undo import UNDO_SECONDS
from bot.slack.views import home as words
from bot.slack.views.formatting import flat
from bot.store.schema import request
from tests.ways.stage import Stage, stage, until
from tests.ways.undoing import QUICK, grow_older


@pytest.fixture
def on(on_stage: Stage) -> Stage:
    on_stage.bridge.listeners.home.pause = 0.01
    return on_stage


async def opened(on: Stage, user: str) -> str:
    """What the Home shows to this person when they open it."""
    await on.slack.open_home(user)
    await on.bridge.background.drain()
    return shown(on, user)


def shown(on: Stage, user: str) -> str:
    home = on.slack.home(user)
    assert home is not None
    return flat("\n".join(_texts(home["blocks"])))


def _texts(blocks: list[dict[str, Any]]) -> list[str]:
    found = []
    for block in blocks:
        if "text" in block:
            found.append(block["text"]["text"])
        for one in [*block.get("elements", []), block.get("accessory", {})]:
            text = one.get("text", "")
            found.append(text if isinstance(text, str) else f"[{text['text']}]")
    return [text for text in found if text]


def published(on: Stage) -> int:
    return [call.method for call in on.slack.calls].count("views.publish")


async def test_before_the_first_ticket_it_tells_how_to_ask(on: Stage) -> None:
    said = await opened(on, on.ada)
    assert said.startswith(f"My tickets\n{words.NONE}\nHow to create a Plain ticket\n• From a")
    assert "Agents' replies in Plain go to the customer by e-mail" in said
    assert "1. :ticket: in every channel" in said
    assert "People to link" not in said


async def test_ones_own_tickets_each_with_its_state_and_ways(on: Stage) -> None:
    await on.ask()
    await on.settled()
    nobody = on.slack.add_user("Nemo")
    ts = await on.slack.post(nobody, on.support, "Help")
    await on.slack.react(on.ada, on.support, ts, "ticket")
    await on.slack.command(on.ben, on.support, "/plain-ticket", "Of somebody else")
    await on.settled()
    said = await opened(on, on.ada)
    first, second = [line for line in said.splitlines() if "PB-" in line]
    assert first.startswith("On hold: we don't know which Plain customer ")
    assert f"message ({on.slack.url}archives/{on.support}/p" in first
    assert second.startswith("Created: T-1 · Open in Plain (https://app.plain.com/workspace/")
    assert "[Undo]" in said
    assert "PB-3" not in said


async def test_it_is_published_on_opening_and_on_change_only(on: Stage) -> None:
    await on.ask("Before it was opened")
    await on.settled()
    # What this changed is looked at before the next ticket is under way, or that shows twice.
    await until(lambda: not on.bridge.listeners.home.is_refreshing)
    assert published(on) == 0
    await opened(on, on.ada)
    await opened(on, on.ada)
    assert published(on) == 1
    await on.ask("And now")
    await on.settled()
    await until(lambda: "T-2" in shown(on, on.ada))
    assert published(on) == 2
    await on.slack.command(on.ben, on.support, "/plain-ticket", "Of who never opened it")
    await on.settled()
    assert published(on) == 2
    assert on.slack.home(on.ben) is None


async def test_a_home_that_slack_lost_is_published_again(on: Stage) -> None:
    await opened(on, on.ada)
    on.slack.homes.clear()
    assert "My tickets" in await opened(on, on.ada)


async def test_a_home_that_could_not_be_published_is_nobodys_loss(on: Stage) -> None:
    on.slack.fail("views.publish", error="internal_error")
    await on.slack.open_home(on.ada)
    await on.bridge.background.drain()
    assert on.slack.home(on.ada) is None
    assert "My tickets" in await opened(on, on.ada)
    on.slack.fail("views.publish", status=500)
    await on.ask()
    (entry,) = await on.settled()
    assert entry.state == "created"


async def test_undo_is_offered_while_it_lasts(on: Stage) -> None:
    await on.ask()
    await on.settled()
    assert "[Undo]" in await opened(on, on.ada)
    (block,) = [b for b in (on.slack.home(on.ada) or {})["blocks"] if "accessory" in b]
    button = block["accessory"]
    assert (button["action_id"], button["value"]) == ("undo_ticket", "PB-1")
    assert button["accessibility_label"] == "Undo ticket T-1"
    with on.database.writing() as connection:
        connection.execute(update(request).values(settled_at=request.c.settled_at - UNDO_SECONDS))
    assert "[Undo]" not in await opened(on, on.ada)


async def test_the_button_goes_when_its_time_is_over(database_url: str, tmp_path: Path) -> None:
    """Though nobody opens the Home again, and nothing else changes."""
    async with stage(database_url, tmp_path, windows=QUICK) as on:
        on.bridge.listeners.home.pause = 0.01
        await on.ask()
        await on.settled()
        assert on.bridge.listeners.home._refreshing is not None
        await on.bridge.listeners.home._refreshing  # what the new ticket changed is shown by now
        assert "[Undo]" in await opened(on, on.ada)
        grow_older(on, UNDO_SECONDS)
        await until(lambda: "[Undo]" not in shown(on, on.ada))
        assert "Created: T-1" in shown(on, on.ada)
        await asyncio.sleep(0.2)
        assert published(on) == 2
        assert on.slack.home(on.ben) is None


async def test_older_tickets_come_by_a_button(on: Stage) -> None:
    for number in range(45):
        await on.slack.command(on.ada, on.support, "/plain-ticket", f"Number {number}")
    await on.settled()
    await opened(on, on.ada)

    def page() -> list[int]:
        lines = shown(on, on.ada).splitlines()
        return [int(line.rpartition("PB-")[2]) for line in lines if "PB-" in line]

    assert page() == list(range(45, 25, -1))
    assert "[Newest tickets]" not in shown(on, on.ada)
    for expected in (range(25, 5, -1), range(5, 0, -1)):
        await on.slack.click(on.ada, "home_more")
        await on.bridge.background.drain()
        assert page() == list(expected)
    assert "[Older tickets]" not in shown(on, on.ada)
    await on.slack.click(on.ada, "home_newest")
    await on.bridge.background.drain()
    assert page() == list(range(45, 25, -1))


async def test_linkers_see_who_waits(on: Stage) -> None:
    olga = on.slack.add_user("Olga", email="olga@acme.example", admin=True)
    assert "No requests are on hold." in await opened(on, olga)
    nobody = on.slack.add_user("Nemo")
    ts = await on.slack.post(nobody, on.support, "Help")
    await on.slack.react(on.ada, on.support, ts, "ticket")
    await on.settled()
    await until(lambda: nobody in shown(on, olga))
    assert f"{nobody} ({nobody}) · 2" in shown(on, olga)
    assert "[Choose customer]" in shown(on, olga)
    assert nobody not in await opened(on, on.ada)
    clicked = await on.slack.click(olga, "link_person", value="PB-1")
    assert clicked.view is not None
    assert clicked.view["callback_id"] == "plain_link_form"
    await on.slack.submit(olga, clicked.view["id"], {"name": "Nemo", "email": "nemo@acme.example"})
    await until(lambda: "No requests are on hold." in shown(on, olga))


async def test_people_of_other_companies_see_a_short_text(on: Stage) -> None:
    stranger = on.slack.add_user("Pam", team="T0OTHER")
    assert await opened(on, stranger) == words.FOREIGN


async def test_who_may_not_ask_is_told_so(on: Stage) -> None:
    guest = on.slack.add_user("Gil", guest=True)
    said = await opened(on, guest)
    assert words.NOT_ALLOWED in said
    assert "react with" not in said


async def test_other_tabs_show_nothing(on: Stage) -> None:
    event = {"type": "app_home_opened", "user": on.ada, "tab": "messages", "channel": "D1"}
    delivery = await on.slack.send_event(event)
    await on.bridge.background.drain()
    assert (delivery.status, published(on)) == (200, 0)


async def test_named_linkers_and_no_others_see_who_waits(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path, toml='[identity]\nlinkers = ["U00000002"]\n') as on:
        olga = on.slack.add_user("Olga", admin=True)
        assert "People to link" in await opened(on, on.ada)
        assert "People to link" not in await opened(on, olga)


async def test_undo_works_from_the_home_and_shows_there(on: Stage) -> None:
    await on.ask()
    await on.settled()
    await opened(on, on.ada)
    await on.slack.click(on.ada, "undo_ticket", value="PB-1")
    await on.bridge.background.drain()
    await until(lambda: "Undone: T-1" in shown(on, on.ada))
    assert "[Undo]" not in shown(on, on.ada)
    assert on.entries()[0].state == "undone"
