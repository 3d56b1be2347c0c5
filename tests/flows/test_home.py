"""The Home: what is on it, and when it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.core.directory import Profile, UserKind
from bot.core.home import PAGE, ForeignHome, Home, OwnHome, WaitingPerson, is_undoable
from bot.core.identity import Linkers
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
from bot.store.kv import ShownHome
from tests.conftest import Clock
from tests.flows.fakes import profile, run
from tests.nouns import TICKET

NOW = 1_700_000_000.0
ADA, OLGA, PAM, GIL = "U0ADA", "U0OLGA", "U0PAM", "U0GIL"
WHOM: dict[str, Profile | None] = {
    OLGA: profile(OLGA, admin=True),
    PAM: profile(PAM, standing=UserKind.EXTERNAL),
    GIL: profile(GIL, standing=UserKind.GUEST),
    "U0HIDDEN": None,
}


def record(number: int = 1, **more: Any) -> Record:
    values: dict[str, Any] = {
        "id": number,
        "reference": f"PB-{number}",
        "key": f"T:C:{number}",
        "generation": 1,
        "state": State.CREATED,
        "via": Via.REACTION,
        "submitter": ADA,
        "created_at": NOW,
        "asked_at": NOW,
        "ticket": TICKET,
        "settled_at": NOW,
    }
    return Record(**(values | more))


@dataclass
class Bench:
    """A Slack that keeps what it was shown; everything that is remembered."""

    records: list[Record] = field(default_factory=list)
    waits: list[WaitingPerson] = field(default_factory=list)
    kept: dict[str, ShownHome] = field(default_factory=dict)
    shown: list[tuple[str, Home]] = field(default_factory=list)
    writes: int = 0

    async def profile(self, user: str) -> Profile | None:
        return WHOM.get(user, profile(user))

    async def show_home(self, user: str, home: Home, unless: str | None) -> str:
        digest = repr(home)
        if digest != unless:
            self.shown.append((user, home))
        return digest

    def tickets_of(
        self, submitter: str, before: int | None = None, limit: int = 20
    ) -> list[Record]:
        own = [one for one in self.records if one.submitter == submitter]
        older = [one for one in own if before is None or one.id < before]
        return sorted(older, key=lambda one: -one.id)[:limit]

    def opened(self, user: str) -> ShownHome | None:
        return self.kept.get(user)

    def keep(self, user: str, opened: ShownHome) -> None:
        self.writes += 1
        self.kept[user] = opened

    def linkers(self) -> Sequence[str]:
        return [user for user, opened in self.kept.items() if opened.is_linker]

    @property
    def world(self) -> HomeContext:
        return HomeContext(
            slack=self,
            tickets=self,
            homes=self,
            waiting=lambda limit: self.waits[:limit],
            linkers=Linkers(),
            who=frozenset({UserKind.MEMBER}),
            run=run,
            clock=lambda: NOW,
        )

    @property
    def last(self) -> Home:
        return self.shown[-1][1]


async def test_what_did_not_change_is_shown_once() -> None:
    bench = Bench([record()])
    await open_home(ADA, bench.world)
    await open_home(ADA, bench.world)
    await refresh(ADA, bench.world)
    assert (len(bench.shown), bench.writes) == (1, 1)
    bench.records.append(record(2))
    await refresh(ADA, bench.world)
    assert len(bench.shown) == 2


async def test_a_blank_home_is_shown_whatever_is_remembered() -> None:
    bench = Bench()
    await open_home(ADA, bench.world)
    await open_home(ADA, bench.world, is_blank=True)
    assert len(bench.shown) == 2


async def test_who_never_opened_it_is_shown_nothing() -> None:
    bench = Bench([record()])
    await refresh(ADA, bench.world)
    assert (bench.shown, bench.kept) == ([], {})


@pytest.mark.parametrize("user", [PAM, "U0HIDDEN"])
async def test_strangers_see_nothing_of_anybody(user: str) -> None:
    bench = Bench([record(submitter=user)], [WaitingPerson("U1", NOW, "PB-1")])
    await open_home(user, bench.world)
    assert bench.last == ForeignHome()


async def test_pages_of_twenty() -> None:
    bench = Bench([record(number) for number in range(1, 2 * PAGE + 2)])

    async def page(before: int | None) -> tuple[list[int], int | None, bool]:
        await turn_page(ADA, bench.world, before=before)
        home = bench.last
        assert isinstance(home, OwnHome)
        return [one.record.id for one in home.tickets], home.older, home.newer

    assert await page(None) == (list(range(41, 21, -1)), 22, False)
    assert await page(22) == (list(range(21, 1, -1)), 2, True)
    assert await page(2) == ([1], None, True)
    assert await page(1) == ([], None, True)


async def test_only_linkers_see_who_waits() -> None:
    bench = Bench(waits=[WaitingPerson(f"U{n}", NOW, f"PB-{n}") for n in range(PAGE + 1)])
    await open_home(ADA, bench.world)
    assert isinstance(bench.last, OwnHome)
    assert bench.last.waiting is None
    await open_home(OLGA, bench.world)
    _, shown = bench.shown[1]
    assert isinstance(shown, OwnHome)
    assert shown.waiting == tuple(bench.waits[:PAGE])
    assert shown.more_waiting
    assert bench.linkers() == [OLGA]


async def test_who_waits_is_shown_to_all_linkers_that_opened_it() -> None:
    bench = Bench()
    await open_home(ADA, bench.world)
    await open_home(OLGA, bench.world)
    bench.waits.append(WaitingPerson("U1", NOW, "PB-1"))
    await refresh_linkers(bench.world)
    assert [user for user, _ in bench.shown] == [ADA, OLGA, OLGA]


@pytest.mark.parametrize(("user", "may"), [(ADA, True), (GIL, False)])
async def test_who_may_ask(user: str, may: bool) -> None:
    bench = Bench()
    await open_home(user, bench.world)
    assert isinstance(bench.last, OwnHome)
    assert bench.last.may_ask is may


async def test_who_may_not_ask_any_more_is_not_shown_what_they_asked_for() -> None:
    bench = Bench()
    bench.records = [record(1, submitter=GIL)]
    await open_home(GIL, bench.world)
    assert isinstance(bench.last, OwnHome)
    assert bench.last.tickets == ()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (record(), True),
        (record(settled_at=NOW - 599), True),
        (record(settled_at=NOW - 600), False),
        (record(settled_at=None), False),
        (record(undone_at=NOW), False),
        (record(state=State.ADDED), False),
        (record(state=State.UNDONE, undone_at=NOW), False),
    ],
    ids=["new", "almost over", "over", "unsettled", "being undone", "added", "undone"],
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
