"""Changes gather before they are shown, one Home after the other, until the bridge stops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.core.directory import Installation
from bot.core.faults import TryLater
from bot.core.home import Home
from bot.flows.home import HomeContext
from bot.flows.workspace import Workspace
from bot.slack.background import BackgroundTasks
from bot.slack.listeners.home import HomeListeners
from bot.store.database import Database
from bot.store.kv import ShownHome, ShownHomes
from bot.store.records import Records
from tests.flows.fakes import FakePlain, FakeSlack, profile, run
from tests.nouns import TEAM


@dataclass
class Tab:
    """Shows Homes slowly, and keeps what it was shown."""

    shown: list[str] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    at_once: int = 0
    most: int = 0
    faults: int = 0
    fault: Exception = field(default_factory=lambda: TryLater("slack_ratelimited"))

    async def show_home(self, user: str, home: Home, unless: str | None) -> str:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        if self.faults:
            self.faults -= 1
            raise self.fault
        self.shown.append(user)
        return "x"


@pytest.fixture
def tab() -> Tab:
    return Tab()


@pytest.fixture
def homing(tab: Tab, sqlite_url: str) -> Iterator[HomeListeners]:
    database = Database(sqlite_url)
    homes = ShownHomes(database)
    for user in ("U0ADA", "U0BEN", "U0OLGA"):
        homes.keep(user, ShownHome("x", is_linker=user == "U0OLGA"))
    world = HomeContext(
        workspace=Workspace(
            Installation(TEAM, "https://example.slack.com/", "U0BOT"),
            FakeSlack(profiles={"U0OLGA": profile("U0OLGA", admin=True)}),
            FakePlain(),
        ),
        publisher=tab,
        records=Records(database),
        homes=homes,
        run=run,
        clock=lambda: 0.0,
    )
    yield HomeListeners(world, permalink=lambda _: None, background=BackgroundTasks(), pause=0.01)
    database.close()


async def settled(homing: HomeListeners) -> None:
    task = homing._refreshing
    assert task is not None
    await task


async def test_changes_gather(homing: HomeListeners, tab: Tab) -> None:
    for _ in range(100):
        homing.changed("U0ADA")
    homing.changed("U0BEN")
    homing.waiting_changed()
    await settled(homing)
    assert tab.shown == ["U0OLGA", "U0ADA", "U0BEN"]


async def test_what_changes_meanwhile_is_shown_too(homing: HomeListeners, tab: Tab) -> None:
    homing.changed("U0ADA")
    await asyncio.sleep(0.015)
    homing.changed("U0ADA")
    await settled(homing)
    assert tab.shown == ["U0ADA", "U0ADA"]
    homing.changed("U0BEN")
    await settled(homing)
    assert tab.shown[-1] == "U0BEN"


@pytest.mark.parametrize("fault", [TryLater("slack_ratelimited"), KeyError("a bug")])
async def test_a_fault_keeps_nobody_else_waiting(
    homing: HomeListeners, tab: Tab, fault: Exception
) -> None:
    tab.faults, tab.fault = 1, fault
    homing.changed("U0ADA")
    homing.changed("U0BEN")
    await settled(homing)
    assert tab.shown == ["U0BEN"]


async def test_nothing_is_shown_after_the_stop(homing: HomeListeners, tab: Tab) -> None:
    homing.changed("U0ADA")
    await homing.stop()
    homing.changed("U0ADA")
    await asyncio.sleep(0.05)
    assert tab.shown == []
    await homing.stop()


def opened(**event: Any) -> dict[str, Any]:
    return {"event": {"type": "app_home_opened", "user": "U0ADA", "tab": "home"} | event}


async def no_ack() -> None:
    pass


async def test_one_persons_homes_are_shown_in_turn(homing: HomeListeners, tab: Tab) -> None:
    for _ in range(3):
        await homing.on_opened(opened())
    await homing.background.drain()
    assert (tab.shown, tab.most) == (["U0ADA"] * 3, 1)


@pytest.mark.parametrize("value", ["7", "", "x", "9" * 30, "-1", "²"])
async def test_a_page_of_any_name(homing: HomeListeners, tab: Tab, value: str) -> None:
    click = {"user": {"id": "U0ADA"}, "actions": [{"action_id": "home_more", "value": value}]}
    await homing.on_turn(click, no_ack)  # type: ignore[arg-type]
    await homing.background.drain()
    assert tab.shown == ["U0ADA"]


@pytest.mark.parametrize("event", [{"tab": "messages"}, {"tab": "about"}])
async def test_other_tabs_are_not_ours(
    homing: HomeListeners, tab: Tab, event: dict[str, Any]
) -> None:
    await homing.on_opened(opened(**event))
    await homing.background.drain()
    assert tab.looked == []
