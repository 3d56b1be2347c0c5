"""What is known beside the form at once, and what a look at Slack and Plain adds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from bot.core.directory import Names, Profile, UserKind
from bot.core.faults import TryLater
from bot.core.identity import IdentityPolicy
from bot.core.model import Customer, File, FormDraft, LabelType, Message, Tenant, Via
from bot.core.refs import MessageRef
from bot.flows import form as flows_beside
from bot.flows.form import (
    Broken,
    CustomerStatus,
    FormContext,
    FormContexts,
    Known,
    New,
    NotAllowed,
    Preset,
    Unlinked,
    UnreadableParts,
)
from bot.store.customer_links import CustomerLink
from tests.flows.fakes import FakeSlack, profile, run
from tests.nouns import TEAM, form, message, trigger, ts


@dataclass
class Slack(FakeSlack):
    """`joined`: which conversations may be read; those that are missing are not known yet."""

    joined: dict[str, bool] = field(default_factory=dict)
    hangs: bool = False

    def readable_at_hand(self, channel: str) -> bool | None:
        return self.joined.get(channel)

    async def readable(self, channel: str) -> bool:
        if self.hangs:
            await asyncio.Event().wait()
        return self.joined.get(channel, True)

    def names_at_hand(self, mentions: object) -> Names:
        return Names()


@dataclass
class Plain:
    customers: dict[str, Customer] = field(default_factory=dict)
    labels: Sequence[LabelType] = ()
    tenants: Sequence[Tenant] | None = ()
    away: bool = False

    async def find_customer(self, name: str) -> Customer | None:
        if self.away:
            raise TryLater("plain_unreachable")
        return self.customers.get(name)

    async def recent_label_types(self) -> Sequence[LabelType]:
        return self.labels

    async def recent_tenants(self) -> Sequence[Tenant] | None:
        return self.tenants

    def label_types_at_hand(self) -> Sequence[LabelType]:
        return self.labels

    def tenants_at_hand(self) -> Sequence[Tenant] | None:
        return self.tenants


@dataclass
class People:
    lines: dict[str, CustomerLink] = field(default_factory=dict)

    def find(self, slack_user: str, teams: Sequence[str]) -> CustomerLink | None:
        return self.lines.get(slack_user)

    def forget(self, person: CustomerLink) -> None:
        raise NotImplementedError


def surroundings(
    slack: Slack | None = None, plain: Plain | None = None, people: People | None = None
) -> FormContexts:
    return FormContexts(
        slack=slack or Slack(),
        plain=plain or Plain(),
        people=people or People(),
        run=run,
        identity=IdentityPolicy(),
        who=frozenset({UserKind.MEMBER}),
        team=TEAM,
    )


def draft(about: Message | None, **prefill: object) -> FormDraft:
    asked = trigger(via=Via.SHORTCUT, emoji=None, message=about)
    return FormDraft("d1", asked, form(**prefill))


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
    about: Message | None, joined: dict[str, bool], offers: bool, closed: UnreadableParts | None
) -> None:
    found = surroundings(Slack(joined=joined)).at_hand(draft(about))
    assert (found.offers_thread, found.closed) == (offers, closed)


def test_what_was_chosen_is_named_where_names_are_at_hand() -> None:
    plain = Plain(
        labels=[LabelType("lt_1", "Bug"), LabelType("lt_9", "Not chosen")],
        tenants=[Tenant("te_1", "Acme", "acme"), Tenant("te_2", "Zen", "zen")],
    )
    chosen = draft(message(), labels=("lt_1", "lt_2"), tenant="acme")
    found = surroundings(plain=plain).at_hand(chosen)
    assert (found.labels, found.tenants) == ({"lt_1": "Bug"}, {"acme": "Acme"})
    assert found.quote == "The export fails"
    assert found.offers_tenants
    hidden = replace(plain, tenants=None)
    assert not surroundings(plain=hidden).at_hand(chosen).offers_tenants


LINE = CustomerLink(TEAM, "U0AUTHOR", "c_7")
ACME = Customer("c_7", "Acme")


@pytest.mark.parametrize(
    ("who", "people", "customers", "found"),
    [
        pytest.param({}, {"U0AUTHOR": LINE}, {"c_7": ACME}, Known("Acme"), id="linked"),
        pytest.param({}, {"U0AUTHOR": LINE}, {}, Broken(), id="linked to nobody"),
        pytest.param({}, {}, {"u0author@example.com": ACME}, Known("Acme"), id="by address"),
        pytest.param({}, {}, {}, New(), id="by an address that Plain does not know"),
        pytest.param({"email": None}, {}, {}, Unlinked(), id="without an address"),
        pytest.param(
            {"email_confirmed": False}, {}, {}, Unlinked(unconfirmed=True), id="not confirmed"
        ),
    ],
)
async def test_who_the_requester_is(
    who: dict[str, object],
    people: dict[str, CustomerLink],
    customers: dict[str, Customer],
    found: CustomerStatus,
) -> None:
    slack = Slack(profiles={"U0AUTHOR": profile("U0AUTHOR", **who)})
    around = surroundings(slack, Plain(customers=customers), People(people))
    seen = await around.look(draft(message()), FormContext(quote="x"), "U0AUTHOR")
    assert seen == FormContext(quote="x", requester="U0AUTHOR", customer=found)


@pytest.mark.parametrize(
    ("submitter", "standing"),
    [
        pytest.param(profile("U0ASKER", standing=UserKind.GUEST), UserKind.GUEST, id="a guest"),
        pytest.param(None, UserKind.EXTERNAL, id="a stranger"),
    ],
)
async def test_who_may_not_ask_is_told_that_and_nothing_else(
    submitter: Profile | None, standing: UserKind
) -> None:
    around = surroundings(
        Slack(profiles={"U0ASKER": submitter}), Plain({"c_7": ACME}), People({"U0AUTHOR": LINE})
    )
    seen = await around.look(draft(message()), FormContext(), "U0AUTHOR")
    assert seen.customer == NotAllowed(standing)


@pytest.mark.parametrize("at_hand", [True, False])
@pytest.mark.parametrize("requester", ["U0AUTHOR", "U0VICTOR"])
async def test_a_guest_who_may_ask_is_told_of_nobody_and_offered_no_tenants(
    at_hand: bool, requester: str
) -> None:
    gus = profile("U0ASKER", standing=UserKind.GUEST)
    around = surroundings(
        Slack(profiles={"U0ASKER": gus}),
        Plain({"c_7": ACME}, tenants=[Tenant("te_1", "Beta", "beta")]),
        People({"U0AUTHOR": LINE, "U0VICTOR": LINE}),
    )
    around = replace(around, who=frozenset({UserKind.GUEST}))
    form = draft(message(), tenant="beta")
    seen = around.at_hand(form, gus)
    if not at_hand:
        seen = await around.look(form, around.at_hand(form), requester)
    assert (seen.requester, seen.customer) == ("U0AUTHOR", Preset())
    assert (seen.offers_requester, seen.offers_tenants, seen.tenants) == (False, False, {})


async def test_a_look_that_fails_or_hangs_tells_nothing_and_takes_nothing_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flows_beside, "LOOK_SECONDS", 0.01)
    before = FormContext(closed=UnreadableParts(False, True, False))
    around = surroundings(Slack(hangs=True), Plain(away=True))
    seen = await around.look(draft(REPLY), before, "U0AUTHOR")
    assert (seen.closed, seen.customer) == (before.closed, None)


@pytest.mark.parametrize(
    ("joined", "closed"), [(True, None), (False, UnreadableParts(False, True, False))]
)
async def test_a_look_tells_whether_the_bot_may_read_there(
    joined: bool, closed: UnreadableParts | None
) -> None:
    slack = Slack(joined={"C0001": joined})
    seen = await surroundings(slack).look(draft(REPLY), FormContext(), "U0AUTHOR")
    assert seen.closed == closed
