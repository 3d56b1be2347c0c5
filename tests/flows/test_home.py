"""The Home: what is on it, and when it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.core.directory import Installation, Profile, UserKind
from bot.core.faults import Reason, Rejection
from bot.core.home import PAGE, ForeignHome, Home, OwnHome, is_undoable
from bot.core.model import Via
from bot.core.record import Record, State
from bot.core.undo import UNDO_SECONDS
from bot.flows.home import (
    HomeContext,
    RefusedUndos,
    open_home,
    refresh,
    refresh_linkers,
    turn_page,
)
from bot.flows.workspace import Workspace
from bot.store.database import Database
from bot.store.kv import ShownHome, ShownHomes
from bot.store.records import Records
from tests.conftest import Clock
from tests.flows.fakes import FakePlain, FakeSlack, profile, run
from tests.nouns import TEAM, TICKET
from tests.store.rows import a_request

NOW = 1_700_000_000.0
ADA, OLGA, PAM, GIL = "U0ADA", "U0OLGA", "U0PAM", "U0GIL"
WHOM: dict[str, Profile | None] = {
    OLGA: profile(OLGA, admin=True),
    PAM: profile(PAM, kind=UserKind.EXTERNAL),
    GIL: profile(GIL, kind=UserKind.GUEST),
    "U0HIDDEN": None,
}


def record(number: int = 1, **more: Any) -> Record:
    values: dict[str, Any] = {
        "id": number,
        "key": f"T:C:{number}",
        "state": State.CREATED,
        "via": Via.REACTION,
        "team": "T0001",
        "submitter": ADA,
        "created_at": NOW,
        "ticket": TICKET,
        "settled_at": NOW,
    }
    return Record(**(values | more))


class CountedHomes(ShownHomes):
    """Counts the writes."""

    writes = 0

    def keep(self, user: str, shown: ShownHome) -> None:
        self.writes += 1
        super().keep(user, shown)


@dataclass
class HomeBench:
    """A real ledger, and a Slack that keeps what it was shown."""

    database: Database
    shown: list[tuple[str, Home]] = field(default_factory=list)
    rows: int = 0

    def __post_init__(self) -> None:
        self.homes = CountedHomes(self.database)

    def add(
        self, submitter: str = ADA, state: str = "created", reason: Rejection | None = None
    ) -> None:
        """A request of this user gets its ticket, or another state."""
        self.rows += 1
        a_request(self.database, self.rows, state, reason=reason, submitter=submitter)

    def hold(self, user: str) -> None:
        """A request is on hold until somebody links this user."""
        nobody = Rejection(Reason.NO_CUSTOMER, requester=user, requester_name=user)
        self.add("U0BEN", "on_hold", nobody)

    async def show_home(self, user: str, home: Home, unless: str | None) -> str:
        digest = repr(home)
        if digest != unless:
            self.shown.append((user, home))
        return digest

    @property
    def context(self) -> HomeContext:
        return HomeContext(
            workspace=Workspace(
                Installation(TEAM, "https://example.slack.com/", "U0BOT"),
                FakeSlack(profiles=dict(WHOM)),
                FakePlain(),
            ),
            publisher=self,
            records=Records(self.database),
            homes=self.homes,
            run=run,
            clock=lambda: NOW,
        )

    @property
    def last(self) -> Home:
        return self.shown[-1][1]


@pytest.fixture
def bench(sqlite: Database) -> HomeBench:
    return HomeBench(sqlite)


async def test_what_did_not_change_is_shown_once(bench: HomeBench) -> None:
    bench.add()
    await open_home(ADA, bench.context)
    await open_home(ADA, bench.context)
    await refresh(ADA, bench.context)
    assert (len(bench.shown), bench.homes.writes) == (1, 1)
    bench.add()
    await refresh(ADA, bench.context)
    assert len(bench.shown) == 2


async def test_a_blank_home_is_shown_whatever_is_remembered(bench: HomeBench) -> None:
    await open_home(ADA, bench.context)
    await open_home(ADA, bench.context, is_blank=True)
    assert len(bench.shown) == 2


async def test_who_never_opened_it_is_shown_nothing(bench: HomeBench) -> None:
    bench.add()
    await refresh(ADA, bench.context)
    assert (bench.shown, bench.homes.writes) == ([], 0)


@pytest.mark.parametrize("user", [PAM, "U0HIDDEN"])
async def test_strangers_see_nothing_of_anybody(bench: HomeBench, user: str) -> None:
    bench.add(user)
    bench.hold("U1")
    await open_home(user, bench.context)
    assert bench.last == ForeignHome()


async def test_pages_of_twenty(bench: HomeBench) -> None:
    for _ in range(2 * PAGE + 1):
        bench.add()

    async def page(before: int | None) -> tuple[list[int], int | None, bool]:
        await turn_page(ADA, bench.context, before=before)
        home = bench.last
        assert isinstance(home, OwnHome)
        return [one.record.id for one in home.tickets], home.older, home.newer

    assert await page(None) == (list(range(41, 21, -1)), 22, False)
    assert await page(22) == (list(range(21, 1, -1)), 2, True)
    assert await page(2) == ([1], None, True)
    assert await page(1) == ([], None, True)


async def test_only_linkers_see_who_waits(bench: HomeBench) -> None:
    for number in range(PAGE + 1):
        bench.hold(f"U{number}")
    await open_home(ADA, bench.context)
    assert isinstance(bench.last, OwnHome)
    assert bench.last.waiting is None
    await open_home(OLGA, bench.context)
    _, shown = bench.shown[1]
    assert isinstance(shown, OwnHome)
    assert shown.waiting is not None
    assert [one.user for one in shown.waiting] == [f"U{number}" for number in range(PAGE, 0, -1)]
    assert shown.more_waiting
    assert bench.homes.linkers() == [OLGA]


async def test_who_waits_is_shown_to_all_linkers_that_opened_it(bench: HomeBench) -> None:
    await open_home(ADA, bench.context)
    await open_home(OLGA, bench.context)
    bench.hold("U1")
    await refresh_linkers(bench.context)
    assert [user for user, _ in bench.shown] == [ADA, OLGA, OLGA]


@pytest.mark.parametrize(("user", "may"), [(ADA, True), (GIL, False)])
async def test_who_may_ask(bench: HomeBench, user: str, may: bool) -> None:
    await open_home(user, bench.context)
    assert isinstance(bench.last, OwnHome)
    assert bench.last.may_ask is may


async def test_who_may_not_ask_any_more_is_not_shown_what_they_asked_for(bench: HomeBench) -> None:
    bench.add(GIL)
    await open_home(GIL, bench.context)
    assert isinstance(bench.last, OwnHome)
    assert bench.last.tickets == ()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (record(), True),
        (record(settled_at=NOW - 599), True),
        (record(settled_at=NOW - 600), False),
        (record(settled_at=None), False),
        (record(is_undoing=True), False),
        (record(state=State.ADDED), False),
        (record(state=State.JOINED), False),
        (record(state=State.GONE), False),
        (record(state=State.UNDONE, undone_at=NOW), False),
    ],
    ids=[
        "new",
        "almost over",
        "over",
        "unsettled",
        "being undone",
        "added",
        "joined",
        "gone",
        "undone",
    ],
)
def test_when_undo_is_offered(row: Record, expected: bool) -> None:
    assert is_undoable(row, NOW) is expected


def test_a_refused_undo_is_remembered_for_as_long_as_it_would_be_offered(clock: Clock) -> None:
    refused = RefusedUndos(clock)
    refused.add(1)
    clock.now += UNDO_SECONDS / 2
    refused.add(2)
    assert (1 in refused, 2 in refused, 3 in refused) == (True, True, False)
    clock.now += UNDO_SECONDS / 2 + 1
    refused.add(3)
    assert (1 in refused, 2 in refused, 3 in refused) == (False, True, True)
