"""Who is this? The story with a Slack, a Plain and tables in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from bot.core.directory import Profile, UserKind
from bot.core.faults import Fault, Reason, Refused, TryLater
from bot.core.identity import Hosts, Linkers, Others
from bot.core.model import Customer
from bot.flows import link as flow
from bot.flows.link import (
    CustomerNotCreated,
    ExistingCustomer,
    Linked,
    Linking,
    LinkQuestion,
    MayNotLink,
    NewCustomer,
    NothingToLink,
)
from bot.store.customer_links import CustomerLink
from bot.store.records import Unlinked
from tests.flows.fakes import profile, run
from tests.nouns import TEAM, TICKET

ADA = profile("U0ADA", admin=True)
GUS = profile("U0GUS", standing=UserKind.GUEST, email=None, email_confirmed=False)
ROW = Unlinked("PB-1", "U0GUS", waits=True)
ACME = Customer("c_acme", "Acme", "buy@acme.example")


@dataclass
class World:
    """All that the story touches."""

    profiles: dict[str, Profile | None] = field(
        default_factory=lambda: {"U0ADA": ADA, "U0BEN": profile("U0BEN"), "U0GUS": GUS}
    )
    rows: dict[str, Unlinked] = field(default_factory=lambda: {"PB-1": ROW})
    lines: list[CustomerLink] = field(default_factory=list)
    by: list[str] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=lambda: [ACME])
    made: list[tuple[str, str, bool]] = field(default_factory=list)
    searched: list[tuple[str, int]] = field(default_factory=list)
    woken: int = 0
    opens: int = 1
    slack_fault: Fault | None = None
    requester_fault: Fault | None = None
    plain_fault: Fault | None = None
    plain_hangs: bool = False

    async def profile(self, user: str) -> Profile | None:
        if user == "U0GUS" and self.requester_fault:
            raise self.requester_fault
        return self.profiles[user]

    async def profile_now(self, user: str) -> Profile | None:
        if self.slack_fault:
            raise self.slack_fault
        return self.profiles[user]

    def unlinked(self, name: str) -> Unlinked | None:
        return self.rows.get(name)

    def find(self, slack_user: str, teams: Sequence[str]) -> CustomerLink | None:
        mine = {one.team: one for one in self.lines if one.slack_user == slack_user}
        return next((mine[team] for team in teams if team in mine), None)

    def link(self, people: Sequence[CustomerLink], *, by: str, within: float | None = None) -> int:
        written = {(one.team, one.slack_user) for one in people}
        rest = [one for one in self.lines if (one.team, one.slack_user) not in written]
        self.lines = [*people, *rest]
        self.by.append(by)
        return self.opens

    async def search_customers(self, term: str, limit: int) -> Sequence[Customer]:
        await self._plain()
        self.searched.append((term, limit))
        return self.customers

    async def find_customer(self, name: str) -> Customer | None:
        await self._plain()
        return next((one for one in self.customers if one.id == name), None)

    async def upsert_customer(self, email: str, name: str, *, verified: bool) -> Customer:
        await self._plain()
        self.made.append((email, name, verified))
        return Customer("c_new", name, email)

    async def _plain(self) -> None:
        if self.plain_hangs:
            await asyncio.sleep(60)
        if self.plain_fault:
            raise self.plain_fault

    def wake(self) -> None:
        self.woken += 1

    def story(self, linkers: Linkers | None = None) -> Linking:
        return Linking(linkers or Linkers(), self, self, self, self, run, self.wake, TEAM)


# Asking


async def test_a_linker_is_asked() -> None:
    assert await World().story().ask("U0ADA", "PB-1") == LinkQuestion("PB-1", "U0GUS", GUS)


async def test_others_hear_whom_to_ask() -> None:
    asked = await World().story(Linkers(("U0ADA",))).ask("U0BEN", "PB-1")
    assert asked == MayNotLink(Others(("U0ADA",)), "U0GUS")


async def test_people_of_other_companies_do_not_even_hear_whom_it_is_about() -> None:
    world = World()
    world.profiles["U0EVE"] = profile("U0EVE", standing=UserKind.EXTERNAL, admin=True)
    assert await world.story().ask("U0EVE", "PB-1") == MayNotLink(Hosts())


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        (None, NothingToLink()),
        (replace(ROW, waits=False), NothingToLink("PB-1", "U0GUS")),
        (replace(ROW, waits=False, ticket=TICKET), NothingToLink("PB-1", "U0GUS", TICKET)),
    ],
)
async def test_nothing_is_asked_that_needs_no_answer(
    row: Unlinked | None, asked: NothingToLink
) -> None:
    world = World(rows={"PB-1": row} if row else {})
    assert await world.story().ask("U0ADA", "PB-1") == asked
    assert await world.story().submit("U0ADA", "PB-1", ExistingCustomer("c_acme", "Acme")) == asked
    assert await world.story().submit("U0ADA", "PB-1", NewCustomer("gus@x.example", "Gus")) == asked
    assert (world.lines, world.made) == ([], [])


async def test_a_person_whom_slack_does_not_show_is_asked_about_by_id() -> None:
    world = World(requester_fault=Refused(Reason.SLACK_REFUSED, code="x"))
    asked = await world.story().ask("U0ADA", "PB-1")
    assert isinstance(asked, LinkQuestion)
    assert (asked.profile, asked.name) == (None, "U0GUS")


@pytest.mark.parametrize("fault", [TryLater("slack_503"), Refused(Reason.MISSING_SCOPE)])
async def test_a_right_that_cannot_be_checked_is_none(fault: Fault) -> None:
    world = World(slack_fault=fault)
    with pytest.raises(type(fault)):
        await world.story().ask("U0ADA", "PB-1")
    with pytest.raises(type(fault)):
        await world.story().submit("U0ADA", "PB-1", ExistingCustomer("c_acme", "Acme"))
    assert world.lines == []


# Searching


async def test_a_linker_finds_customers() -> None:
    world = World()
    assert await world.story().search("U0ADA", "  Ac  me ") == [ACME]
    assert world.searched == [("Ac me", 10)]


@pytest.mark.parametrize("term", ["", "ab", " a b ".strip()[:2], "  ab  "])
async def test_short_terms_are_not_searched(term: str) -> None:
    world = World()
    assert await world.story().search("U0ADA", term) == ()
    assert world.searched == []


async def test_others_find_nobody() -> None:
    world = World()
    assert await world.story().search("U0BEN", "acme") == ()
    assert world.searched == []


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(World(plain_fault=TryLater("plain_http_503")), id="down"),
        pytest.param(World(plain_fault=Refused(Reason.PLAIN_KEY)), id="refused"),
        pytest.param(World(plain_hangs=True), id="hangs"),
        pytest.param(World(customers=[Customer("no id of Plain's", "X")]), id="junk"),
    ],
)
async def test_a_search_that_fails_finds_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "SEARCH_SECONDS", 0.05)
    assert list(await world.story().search("U0ADA", "acme")) == []


# Linking


async def test_a_known_customer_is_linked_and_the_worker_woken() -> None:
    world = World(opens=2)
    came = await world.story().submit(
        "U0ADA", "PB-1", ExistingCustomer("c_acme", "Acme (buy@acme…")
    )
    assert came == Linked("Gus", "U0GUS", ACME, 2)
    assert world.lines == [CustomerLink(TEAM, "U0GUS", "c_acme", name="Acme")]
    assert (world.by, world.woken) == (["U0ADA"], 1)


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(World(plain_fault=TryLater("plain_http_503")), id="down"),
        pytest.param(World(plain_hangs=True), id="hangs"),
        pytest.param(World(plain_fault=Refused(Reason.PLAIN_FORBIDDEN)), id="forbidden"),
        pytest.param(World(customers=[]), id="gone"),
    ],
)
async def test_a_known_customer_is_linked_even_if_plain_does_not_name_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "CREATE_SECONDS", 0.05)
    await world.story().submit("U0ADA", "PB-1", ExistingCustomer("c_acme", "Acme (buy@acme…"))
    assert world.lines == [CustomerLink(TEAM, "U0GUS", "c_acme", name="Acme (buy@acme…")]


async def test_nobody_is_woken_for_nothing() -> None:
    world = World(opens=0)
    await world.story().submit("U0ADA", "PB-1", ExistingCustomer("c_acme", "Acme"))
    assert world.woken == 0


async def test_a_new_customer_is_made_unverified() -> None:
    world = World()
    came = await world.story().submit("U0ADA", "PB-1", NewCustomer("gus@x.example", "Gus G"))
    assert came == Linked("Gus", "U0GUS", Customer("c_new", "Gus G", "gus@x.example"), 1)
    assert world.made == [("gus@x.example", "Gus G", False)]
    assert world.lines[0].customer == "c_new"


@pytest.mark.parametrize(
    ("world", "came"),
    [
        pytest.param(
            World(plain_fault=TryLater("plain_http_503")), CustomerNotCreated(), id="down"
        ),
        pytest.param(World(plain_hangs=True), CustomerNotCreated(), id="hangs"),
        pytest.param(
            World(plain_fault=Refused(Reason.PLAIN_REFUSED, message="no")),
            CustomerNotCreated(Reason.PLAIN_REFUSED, {"message": "no"}),
            id="refused",
        ),
    ],
)
async def test_what_plain_does_not_make_links_nobody(
    world: World, came: CustomerNotCreated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "CREATE_SECONDS", 0.05)
    assert await world.story().submit("U0ADA", "PB-1", NewCustomer("gus@x.example", "Gus")) == came
    assert (world.lines, world.woken) == ([], 0)


async def test_who_lost_the_right_makes_no_customer() -> None:
    world = World()
    world.profiles["U0ADA"] = replace(ADA, admin=False)
    came = await world.story().submit("U0ADA", "PB-1", NewCustomer("gus@x.example", "Gus"))
    assert came == MayNotLink(Others(), "U0GUS")
    assert (world.made, world.lines) == ([], [])


@pytest.mark.parametrize(
    ("team", "standing_in", "written_to"),
    [
        pytest.param("T9", None, "T9", id="the person's own team"),
        pytest.param("T9", "T9", "T9", id="where the line stands"),
        pytest.param("T9", TEAM, TEAM, id="where the line stands, at home"),
        pytest.param(None, None, TEAM, id="at home for whom Slack hides"),
        pytest.param(None, "T9", TEAM, id="where a delivery looks"),
    ],
)
async def test_the_line_stands_where_a_delivery_finds_it(
    team: str | None, standing_in: str | None, written_to: str
) -> None:
    world = World()
    world.profiles["U0GUS"] = replace(GUS, team=team) if team else None
    if standing_in:
        world.lines = [CustomerLink(standing_in, "U0GUS", "c_old")]
    await world.story().submit("U0ADA", "PB-1", ExistingCustomer("c_acme", "Acme"))
    assert (world.lines[0].team, world.lines[0].customer) == (written_to, "c_acme")
    teams = [team or TEAM, TEAM]
    found = world.find("U0GUS", teams)
    assert found is not None
    assert found.customer == "c_acme"
