"""Who is this? The story with a real ledger, and a Slack and a Plain in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from bot.core.directory import Installation, Profile, UserKind
from bot.core.faults import Fault, PlainError, Reason, Rejected, Rejection, SlackError, TryLater
from bot.core.identity import Hosts, Linkers, Others
from bot.core.model import Created, Customer, Outcome
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
from bot.flows.workspace import Policy, Workspace
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.records import Records
from tests.conftest import Clock
from tests.flows.fakes import FakePlain, FakeSlack, profile, run
from tests.flows.settling import settled
from tests.nouns import TEAM, TICKET, escalation


@pytest.fixture(autouse=True)
def a_write_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer for the first write than Slack waits."""
    monkeypatch.setattr(flow, "WRITE_SECONDS", 20.0)


ADA = profile("U0ADA", admin=True)
GUS = profile("U0GUS", kind=UserKind.GUEST, email=None, email_confirmed=False)
ON_HOLD = Rejection(Reason.NO_CUSTOMER, requester="U0GUS", requester_name="Gus")
ACME = Customer("c_acme", "Acme", "buy@acme.example")


@dataclass
class FakeCustomers(FakePlain):
    """A Plain with these customers; `fault` and `hangs` are for every call."""

    known: list[Customer] = field(default_factory=lambda: [ACME])
    searched: list[tuple[str, int]] = field(default_factory=list)
    fault: Fault | None = None
    hangs: bool = False

    async def search_customers(self, term: str, limit: int) -> Sequence[Customer]:
        await self._fail()
        self.searched.append((term, limit))
        return self.known

    async def find_customer(self, name: str) -> Customer | None:
        await self._fail()
        return next((one for one in self.known if one.id == name), None)

    async def upsert_customer(self, email: str, name: str, *, verified: bool) -> Customer:
        await self._fail()
        self.upserts.append((email, name, verified))
        return Customer("c_new", name, email)

    async def _fail(self) -> None:
        if self.hangs:
            await asyncio.sleep(60)
        if self.fault:
            raise self.fault


@dataclass
class FakeProfiles(FakeSlack):
    """A Slack that fails for the linker (`fault`) or for the user to link (`requester_fault`)."""

    fault: Fault | None = None
    requester_fault: Fault | None = None

    async def profile(self, user: str) -> Profile | None:
        if user == "U0GUS" and self.requester_fault:
            raise self.requester_fault
        return await super().profile(user)

    async def fresh_profile(self, user: str) -> Profile | None:
        if self.fault:
            raise self.fault
        return await super().profile(user)


@dataclass
class LinkBench:
    """A ledger with one request on hold, and everything that linking its requester uses."""

    database: Database
    plain: FakeCustomers = field(default_factory=FakeCustomers)
    slack: FakeProfiles = field(default_factory=FakeProfiles)
    woken: int = 0

    def __post_init__(self) -> None:
        self.people = CustomerLinks(self.database)
        self.slack.profiles |= {"U0ADA": ADA, "U0GUS": GUS}

    def hold(self, number: int = 1) -> None:
        """A request is on hold because nobody knows who Gus is."""
        settled(self.database, ON_HOLD, escalation(number))

    @property
    def lines(self) -> list[CustomerLink]:
        return self.people.all()

    @property
    def made(self) -> list[tuple[str, str, bool]]:
        return self.plain.upserts

    def wake(self) -> None:
        self.woken += 1

    def story(self, linkers: Linkers | None = None) -> Linking:
        return Linking(
            workspace=Workspace(
                Installation(TEAM, "https://example.slack.com/", "U0BOT"),
                self.slack,
                self.plain,
                Policy(linkers=linkers or Linkers()),
            ),
            records=Records(self.database),
            people=self.people,
            run=run,
            wake=self.wake,
        )


@pytest.fixture
def bench(sqlite: Database) -> LinkBench:
    bench = LinkBench(sqlite)
    bench.hold()
    return bench


# Asking


async def test_a_linker_is_asked(bench: LinkBench) -> None:
    assert await bench.story().ask("U0ADA", "PB-1") == LinkQuestion("PB-1", "U0GUS", GUS)


async def test_others_hear_whom_to_ask(bench: LinkBench) -> None:
    asked = await bench.story(Linkers(("U0ADA",))).ask("U0BEN", "PB-1")
    assert asked == MayNotLink(Others(("U0ADA",)), "U0GUS")


async def test_people_of_other_companies_do_not_even_hear_whom_it_is_about(
    bench: LinkBench,
) -> None:
    bench.slack.profiles["U0EVE"] = profile("U0EVE", kind=UserKind.EXTERNAL, admin=True)
    assert await bench.story().ask("U0EVE", "PB-1") == MayNotLink(Hosts())


@pytest.mark.parametrize(
    ("outcome", "asked"),
    [
        (None, NothingToLink()),
        (Rejection(Reason.EMPTY, requester="U0GUS"), NothingToLink("PB-1", "U0GUS")),
        (Created(TICKET), NothingToLink("PB-1", "U0GUS", TICKET)),
    ],
)
async def test_nothing_is_asked_that_needs_no_answer(
    sqlite: Database, outcome: Outcome | None, asked: NothingToLink
) -> None:
    bench = LinkBench(sqlite)
    if outcome is not None:
        settled(sqlite, outcome, requester="U0GUS")
    assert await bench.story().ask("U0ADA", "PB-1") == asked
    known, new = ExistingCustomer("c_acme", "Acme"), NewCustomer("gus@x.example", "Gus")
    assert await bench.story().submit("U0ADA", "PB-1", known) == asked
    assert await bench.story().submit("U0ADA", "PB-1", new) == asked
    assert (bench.lines, bench.made) == ([], [])


async def test_a_person_whom_slack_does_not_show_is_asked_about_by_id(bench: LinkBench) -> None:
    bench.slack.requester_fault = Rejected(
        Rejection(Reason.SLACK_REFUSED, slack_error=SlackError(code="x"))
    )
    asked = await bench.story().ask("U0ADA", "PB-1")
    assert isinstance(asked, LinkQuestion)
    assert (asked.profile, asked.name) == (None, "U0GUS")


@pytest.mark.parametrize(
    "fault", [TryLater("slack_503"), Rejected(Rejection(Reason.MISSING_SCOPE))]
)
async def test_a_right_that_cannot_be_checked_is_none(bench: LinkBench, fault: Fault) -> None:
    bench.slack.fault = fault
    with pytest.raises(type(fault)):
        await bench.story().ask("U0ADA", "PB-1")
    with pytest.raises(type(fault)):
        await bench.story().submit("U0ADA", "PB-1", ExistingCustomer("c_acme", "Acme"))
    assert bench.lines == []


# Searching


async def test_a_linker_finds_customers(bench: LinkBench) -> None:
    assert await bench.story().search("U0ADA", "  Ac  me ") == [ACME]
    assert bench.plain.searched == [("Ac me", 10)]


@pytest.mark.parametrize("term", ["", "ab", " a b ".strip()[:2], "  ab  "])
async def test_short_terms_are_not_searched(bench: LinkBench, term: str) -> None:
    assert await bench.story().search("U0ADA", term) == ()
    assert bench.plain.searched == []


async def test_others_find_nobody(bench: LinkBench) -> None:
    assert await bench.story().search("U0BEN", "acme") == ()
    assert bench.plain.searched == []


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(FakeCustomers(fault=TryLater("plain_http_503")), id="down"),
        pytest.param(FakeCustomers(fault=Rejected(Rejection(Reason.PLAIN_KEY))), id="refused"),
        pytest.param(FakeCustomers(hangs=True), id="hangs"),
        pytest.param(FakeCustomers(known=[Customer("no id of Plain's", "X")]), id="junk"),
    ],
)
async def test_a_search_that_fails_finds_nobody(
    bench: LinkBench, plain: FakeCustomers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "SEARCH_SECONDS", 0.05)
    bench.plain = plain
    assert list(await bench.story().search("U0ADA", "acme")) == []


# Linking


async def test_a_known_customer_is_linked_and_the_worker_woken(bench: LinkBench) -> None:
    bench.hold(2)
    came = await bench.story().submit(
        "U0ADA", "PB-1", ExistingCustomer("c_acme", "Acme (buy@acme…")
    )
    assert came == Linked("Gus", "U0GUS", ACME, 2)
    assert bench.lines == [CustomerLink(TEAM, "U0GUS", "c_acme", name="Acme")]
    assert [change.by for change in bench.people.changes("U0GUS")] == ["U0ADA"]
    assert bench.woken == 1


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(FakeCustomers(fault=TryLater("plain_http_503")), id="down"),
        pytest.param(FakeCustomers(hangs=True), id="hangs"),
        pytest.param(
            FakeCustomers(fault=Rejected(Rejection(Reason.PLAIN_FORBIDDEN))), id="forbidden"
        ),
        pytest.param(FakeCustomers(known=[]), id="gone"),
    ],
)
async def test_a_known_customer_is_linked_even_if_plain_does_not_name_it(
    bench: LinkBench, plain: FakeCustomers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "CREATE_SECONDS", 0.05)
    bench.plain = plain
    await bench.story().submit("U0ADA", "PB-1", ExistingCustomer("c_acme", "Acme (buy@acme…"))
    assert bench.lines == [CustomerLink(TEAM, "U0GUS", "c_acme", name="Acme (buy@acme…")]


async def test_nobody_is_woken_for_nothing(bench: LinkBench) -> None:
    class Faster(FakeCustomers):
        """Somebody else links the user while Plain is asked for the customer's name."""

        async def find_customer(self, name: str) -> Customer | None:
            bench.people.link([CustomerLink(TEAM, "U0GUS", "c_other")])
            return None

    bench.plain = Faster()
    await bench.story().submit("U0ADA", "PB-1", ExistingCustomer("c_acme", "Acme"))
    assert bench.woken == 0


async def test_a_new_customer_is_made_unverified(bench: LinkBench) -> None:
    came = await bench.story().submit("U0ADA", "PB-1", NewCustomer("gus@x.example", "Gus G"))
    assert came == Linked("Gus", "U0GUS", Customer("c_new", "Gus G", "gus@x.example"), 1)
    assert bench.made == [("gus@x.example", "Gus G", False)]
    assert bench.lines[0].customer == "c_new"


@pytest.mark.parametrize(
    ("plain", "came"),
    [
        pytest.param(
            FakeCustomers(fault=TryLater("plain_http_503")), CustomerNotCreated(), id="down"
        ),
        pytest.param(FakeCustomers(hangs=True), CustomerNotCreated(), id="hangs"),
        pytest.param(
            FakeCustomers(
                fault=Rejected(
                    Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(message="no"))
                )
            ),
            CustomerNotCreated(
                Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(message="no"))
            ),
            id="refused",
        ),
    ],
)
async def test_what_plain_does_not_make_links_nobody(
    bench: LinkBench,
    plain: FakeCustomers,
    came: CustomerNotCreated,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flow, "CREATE_SECONDS", 0.05)
    bench.plain = plain
    assert await bench.story().submit("U0ADA", "PB-1", NewCustomer("gus@x.example", "Gus")) == came
    assert (bench.lines, bench.woken) == ([], 0)


async def test_who_lost_the_right_makes_no_customer(bench: LinkBench) -> None:
    bench.slack.profiles["U0ADA"] = replace(ADA, admin=False)
    came = await bench.story().submit("U0ADA", "PB-1", NewCustomer("gus@x.example", "Gus"))
    assert came == MayNotLink(Others(), "U0GUS")
    assert (bench.made, bench.lines) == ([], [])


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
    sqlite: Database, clock: Clock, team: str | None, standing_in: str | None, written_to: str
) -> None:
    bench = LinkBench(sqlite)
    bench.slack.profiles["U0GUS"] = replace(GUS, team=team) if team else None
    if standing_in:
        bench.people.link([CustomerLink(standing_in, "U0GUS", "c_old")])
    clock.move(1.0)
    bench.hold()
    await bench.story().submit("U0ADA", "PB-1", ExistingCustomer("c_acme", "Acme"))
    assert (bench.lines[0].team, bench.lines[0].customer) == (written_to, "c_acme")
    teams = [team or TEAM, TEAM]
    found = bench.people.find("U0GUS", teams)
    assert found is not None
    assert found.customer == "c_acme"
