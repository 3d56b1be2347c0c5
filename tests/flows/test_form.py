"""What the form shows at once, what a look at Slack and Plain adds, and what its selects offer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import pytest

from bot.core.directory import Profile, UserKind
from bot.core.faults import Fault, TryLater
from bot.core.model import Customer, File, FormDraft, LabelType, Message, Tenant, Via
from bot.core.refs import MessageRef
from bot.flows import form as flows_form
from bot.flows.form import (
    Broken,
    Choice,
    Choices,
    CustomerStatus,
    FormContext,
    FormContexts,
    Known,
    New,
    NotAllowed,
    Preset,
    Unlinked,
    UnreadableParts,
    matching,
)
from bot.flows.workspace import Policy, Runtime
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.tickets import Ledger
from tests.flows import fakes
from tests.flows.fakes import FakePlain, FakeSlack, profile
from tests.nouns import TEAM, form, message, trigger, ts


@dataclass
class Slack(FakeSlack):
    hangs: bool = False

    async def readable(self, channel: str) -> bool:
        if self.hangs:
            await asyncio.Event().wait()
        return await super().readable(channel)


@dataclass
class Plain(FakePlain):
    """`fault` in place of every answer."""

    fault: Fault | None = None
    hangs: bool = False

    async def find_customer(self, name: str) -> Customer | None:
        await self._wait()
        return await super().find_customer(name)

    async def recent_label_types(self) -> Sequence[LabelType]:
        await self._wait()
        return await super().recent_label_types()

    async def recent_tenants(self) -> Sequence[Tenant] | None:
        await self._wait()
        return await super().recent_tenants()

    async def _wait(self) -> None:
        if self.fault:
            raise self.fault
        if self.hangs:
            await asyncio.Event().wait()


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    database = Database(sqlite_url)
    yield database
    database.close()


MEMBERS = frozenset({UserKind.MEMBER})
GUESTS = frozenset({UserKind.GUEST})


def contexts(
    database: Database,
    slack: Slack | None = None,
    plain: Plain | None = None,
    links: Iterable[CustomerLink] = (),
    who: frozenset[UserKind] = MEMBERS,
) -> FormContexts:
    CustomerLinks(database).link(links)
    workspace = fakes.workspace(slack or Slack(), plain or Plain(), policy=Policy(who=who))
    return FormContexts(workspace, Runtime(database, Ledger(database)))


def draft(about: Message | None, **prefill: object) -> FormDraft:
    return FormDraft("d1", trigger(via=Via.SHORTCUT, emoji=None, message=about), form(**prefill))


REPLY = message(thread_ts=ts(0))
WITH_FILE = message(files=(File("F1", "log.txt"),))
IN_A_DM = message(ref=MessageRef("D0001", ts(1)), thread_ts=ts(0), files=(File("F1"),))


@pytest.mark.parametrize(
    ("about", "joined", "offers", "closed"),
    [
        pytest.param(None, {}, False, None, id="no message"),
        pytest.param(message(), {"C0001": False}, False, None, id="nothing more to read"),
        pytest.param(REPLY, {}, True, None, id="not known yet"),
        pytest.param(REPLY, {"C0001": True}, True, None, id="a member"),
        pytest.param(
            REPLY, {"C0001": False}, False, UnreadableParts(False, True, False), id="no member"
        ),
        pytest.param(
            WITH_FILE, {"C0001": False}, False, UnreadableParts(False, False, True), id="files"
        ),
        pytest.param(
            IN_A_DM, {"D0001": False}, False, UnreadableParts(True, True, True), id="direct"
        ),
    ],
)
def test_whether_the_whole_thread_is_offered(
    database: Database,
    about: Message | None,
    joined: dict[str, bool],
    offers: bool,
    closed: UnreadableParts | None,
) -> None:
    found = contexts(database, Slack(joined=joined)).cached(draft(about))
    assert (found.offers_thread, found.closed) == (offers, closed)


def test_what_was_chosen_is_named_where_names_are_cached(database: Database) -> None:
    plain = Plain(
        labels=[LabelType("lt_1", "Bug"), LabelType("lt_9", "Not chosen")],
        tenants=[Tenant("te_1", "Acme", "acme"), Tenant("te_2", "Zen", "zen")],
    )
    chosen = draft(message(), labels=("lt_1", "lt_2"), tenant="acme")
    found = contexts(database, plain=plain).cached(chosen)
    assert (found.labels, found.tenants) == ({"lt_1": "Bug"}, {"acme": "Acme"})
    assert found.quote == "The export fails"
    assert found.offers_tenants
    hidden = replace(plain, tenants=None)
    assert not contexts(database, plain=hidden).cached(chosen).offers_tenants


LINE = CustomerLink(TEAM, "U0AUTHOR", "c_7")
ACME = Customer("c_7", "Acme")


@pytest.mark.parametrize(
    ("who", "links", "customers", "found"),
    [
        pytest.param({}, [LINE], {"c_7": ACME}, Known("Acme"), id="linked"),
        pytest.param({}, [LINE], {}, Broken(), id="linked to nobody"),
        pytest.param({}, [], {"u0author@example.com": ACME}, Known("Acme"), id="by address"),
        pytest.param({}, [], {}, New(), id="by an address that Plain does not know"),
        pytest.param({"email": None}, [], {}, Unlinked(), id="without an address"),
        pytest.param(
            {"email_confirmed": False}, [], {}, Unlinked(unconfirmed=True), id="not confirmed"
        ),
    ],
)
async def test_who_the_requester_is(
    database: Database,
    who: dict[str, object],
    links: list[CustomerLink],
    customers: dict[str, Customer],
    found: CustomerStatus,
) -> None:
    slack = Slack(profiles={"U0AUTHOR": profile("U0AUTHOR", **who)})
    around = contexts(database, slack, Plain(customers=customers), links)
    context = await around.look(draft(message()), FormContext(quote="x"), "U0AUTHOR")
    assert context == FormContext(quote="x", requester="U0AUTHOR", customer=found)


@pytest.mark.parametrize(
    ("submitter", "standing"),
    [
        pytest.param(profile("U0ASKER", kind=UserKind.GUEST), UserKind.GUEST, id="a guest"),
        pytest.param(None, UserKind.EXTERNAL, id="a stranger"),
    ],
)
async def test_who_may_not_ask_is_told_that_and_nothing_else(
    database: Database, submitter: Profile | None, standing: UserKind
) -> None:
    slack = Slack(profiles={"U0ASKER": submitter})
    around = contexts(database, slack, Plain({"c_7": ACME}), [LINE])
    context = await around.look(draft(message()), FormContext(), "U0AUTHOR")
    assert context.customer == NotAllowed(standing)


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("requester", ["U0AUTHOR", "U0VICTOR"])
async def test_a_guest_who_may_ask_is_told_of_nobody_and_offered_no_tenants(
    database: Database, cached: bool, requester: str
) -> None:
    gus = profile("U0ASKER", kind=UserKind.GUEST)
    around = contexts(
        database,
        Slack(profiles={"U0ASKER": gus}),
        Plain({"c_7": ACME}, tenants=[Tenant("te_1", "Beta", "beta")]),
        [LINE, replace(LINE, slack_user="U0VICTOR")],
        GUESTS,
    )
    form = draft(message(), tenant="beta")
    context = around.cached(form, gus)
    if not cached:
        context = await around.look(form, around.cached(form), requester)
    assert (context.requester, context.customer) == ("U0AUTHOR", Preset())
    assert (context.offers_requester, context.offers_tenants, context.tenants) == (False, False, {})


async def test_a_look_that_fails_or_hangs_tells_nothing_and_takes_nothing_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows_form, "LOOK_SECONDS", 0.01)
    before = FormContext(closed=UnreadableParts(False, True, False))
    around = contexts(database, Slack(hangs=True), Plain(fault=TryLater("plain_unreachable")))
    context = await around.look(draft(REPLY), before, "U0AUTHOR")
    assert (context.closed, context.customer) == (before.closed, None)


@pytest.mark.parametrize(
    ("joined", "closed"), [(True, None), (False, UnreadableParts(False, True, False))]
)
async def test_a_look_tells_whether_the_bot_may_read_there(
    database: Database, joined: bool, closed: UnreadableParts | None
) -> None:
    slack = Slack(joined={"C0001": joined})
    context = await contexts(database, slack).look(draft(REPLY), FormContext(), "U0AUTHOR")
    assert context.closed == closed


# What its selects offer: which, in which order, to whom, and how soon.

SOMETHING = Plain(
    labels=(LabelType("lt_1", "Bug"), LabelType("lt_2", "Idea")),
    tenants=(Tenant("te_1", "Acme", "acme-1"),),
)


def choices(plain: Plain, submitter: Profile | None, who: frozenset[UserKind] = MEMBERS) -> Choices:
    slack = Slack(profiles=dict.fromkeys(("U0ADA", "U0GIL"), submitter))
    return Choices(fakes.workspace(slack, plain, policy=Policy(who=who)))


ADA = profile("U0ADA")


async def test_members_are_offered_what_plain_has() -> None:
    offers = choices(SOMETHING, ADA)
    assert await offers.labels("U0ADA", "") == (Choice("lt_1", "Bug"), Choice("lt_2", "Idea"))
    assert await offers.tenants("U0ADA", "") == (Choice("acme-1", "Acme"),)


@pytest.mark.parametrize(
    "submitter",
    [
        pytest.param(profile("U0GIL", kind=UserKind.GUEST), id="a guest"),
        pytest.param(None, id="whom Slack does not show"),
    ],
)
async def test_who_may_not_ask_is_offered_nothing(submitter: Profile | None) -> None:
    offers = choices(SOMETHING, submitter)
    assert await offers.labels("U0GIL", "") == ()
    assert await offers.tenants("U0GIL", "") == ()


async def test_a_guest_who_may_ask_is_offered_no_tenants() -> None:
    """They are other companies."""
    gil = profile("U0GIL", kind=UserKind.GUEST)
    offers = choices(SOMETHING, gil, GUESTS)
    assert [one.text for one in await offers.labels("U0GIL", "")] == ["Bug", "Idea"]
    assert await offers.tenants("U0GIL", "") == ()


async def test_a_deactivated_account_is_offered_nothing() -> None:
    offers = choices(SOMETHING, profile("U0GIL", deactivated=True))
    assert await offers.labels("U0GIL", "") == await offers.tenants("U0GIL", "") == ()


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(Plain(fault=TryLater("plain_unreachable")), id="Plain is away"),
        pytest.param(Plain(hangs=True), id="Plain hangs"),
        pytest.param(Plain(tenants=None), id="the key may not read"),
    ],
)
async def test_what_does_not_come_in_time_is_not_waited_for(
    plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows_form, "WAIT_SECONDS", 0.01)
    async with asyncio.timeout(10):
        assert await choices(plain, ADA).labels("U0ADA", "") == ()
        assert await choices(plain, ADA).tenants("U0ADA", "") == ()


SOME = [
    Choice("3", "beta"),
    Choice("1", "Alpha"),
    Choice("4", "Zeta be"),
    Choice("2", "Twin"),
    Choice("5", "Twin"),
    Choice("6", " "),
]


@pytest.mark.parametrize(
    ("typed", "by_value", "found"),
    [
        pytest.param("", False, "6 Alpha beta Twin·2 Twin·5 Zeta~be", id="all by name"),
        pytest.param("BE", False, "beta Zeta~be", id="beginnings first"),
        pytest.param("  be ", False, "beta Zeta~be", id="blanks around"),
        pytest.param("x", False, "", id="nothing"),
        pytest.param("5", False, "", id="values are not looked at"),
        pytest.param("5", True, "Twin·5", id="but where they are known to people"),
    ],
)
def test_matching(typed: str, by_value: bool, found: str) -> None:
    shown = [choice.text for choice in matching(SOME, typed, by_value=by_value)]
    assert " ".join(text.replace(" · ", "·").replace(" ", "~") for text in shown) == found


def test_a_value_is_offered_once() -> None:
    assert matching([Choice("1", "Old"), Choice("1", "New")], "") == (Choice("1", "New"),)
