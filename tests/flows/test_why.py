"""Explanations: what is read, what is said of what cannot be read, and whose customer it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.core.directory import Channel, Installation, Profile, UserKind
from bot.core.faults import Fault, Reason, Refused, TryLater
from bot.core.model import Rule, Ticket, Via
from bot.core.reactions import PostedMessage, Reaction, identity
from bot.core.record import Evidence, Record, State
from bot.core.refs import MessageRef
from bot.core.why import Decision, Outlook, Unread, Why
from bot.flows.why import WhyContext, explain
from bot.slack.views import why as words
from bot.store.customer_links import CustomerLink
from tests.flows.fakes import FakeSlack, profile, run
from tests.nouns import TEAM, TICKET

REF = MessageRef("C1", "1700000000.000100")
NOW = 1_700_000_100.0
TICKETS = Rule(("ticket",))
BOT = "U0BRIDGE"


@dataclass
class Shelf:
    """The ledger, the lookup table and the rules' moments in one."""

    records: list[Record] = field(default_factory=list)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    lines: dict[str, CustomerLink] = field(default_factory=dict)
    moments: dict[str, float] = field(default_factory=dict)
    fault: Fault | None = None
    teams: list[Sequence[str]] = field(default_factory=list)

    def generations(self, key: str) -> list[Record]:
        if self.fault:
            raise self.fault
        return [one for one in self.records if one.key == key]

    def of_conversation(self, conversation_key: str) -> Ticket | None:
        return self.tickets.get(conversation_key)

    def find(self, slack_user: str, teams: Sequence[str]) -> CustomerLink | None:
        self.teams.append(teams)
        return self.lines.get(slack_user)

    def known(self) -> dict[str, float]:
        return self.moments

    def note(self, rules: Sequence[str]) -> dict[str, float]:
        raise AssertionError("an explanation writes nothing")


@dataclass
class Bench:
    rules: tuple[Rule, ...] = (TICKETS,)
    slack: FakeSlack = field(default_factory=FakeSlack)
    shelf: Shelf = field(default_factory=Shelf)
    post: PostedMessage | None = field(default_factory=lambda: PostedMessage(REF))
    fault: Fault | None = None
    fallback: str | None = None
    per_message: bool = False

    @property
    def world(self) -> WhyContext:
        async def posted(_: MessageRef) -> PostedMessage | None:
            if self.fault:
                raise self.fault
            return self.post

        return WhyContext(
            slack=self.slack,
            posted=posted,
            ledger=self.shelf,
            people=self.shelf,
            first_loaded=self.shelf,
            run=run,
            rules=self.rules,
            who=frozenset({UserKind.MEMBER}),
            installation=Installation(TEAM, "https://example.slack.com/", BOT),
            clock=lambda: NOW,
            fallback=self.fallback,
            one_thread_per_message=self.per_message,
        )


def reacted(emoji: str = "ticket", *users: str) -> PostedMessage:
    return PostedMessage(REF, (Reaction(emoji, users or ("U0ADA",), len(users) or 1),))


def record(**more: Any) -> Record:
    values: dict[str, Any] = {
        "id": 7,
        "reference": "PB-7",
        "key": f"{TEAM}:C1:{REF.ts}",
        "generation": 1,
        "state": State.CREATED,
        "via": Via.REACTION,
        "submitter": "U0ADA",
        "created_at": NOW,
        "asked_at": NOW,
        "ref": REF,
        "rules": (TICKETS,),
        "customer": "c_1",
        "requester": "U0BEN",
        "ticket": TICKET,
    }
    return Record(**(values | more))


@pytest.mark.parametrize(
    ("fault", "unread"),
    [
        (Refused(Reason.SLACK_REFUSED, code="not_in_channel"), Unread.NOT_IN_CHANNEL),
        (Refused(Reason.SLACK_REFUSED, code="channel_not_found"), Unread.NOT_IN_CHANNEL),
        (Refused(Reason.CHANNEL_NOT_FOUND, channel="C1"), Unread.NOT_IN_CHANNEL),
        (Refused(Reason.MISSING_SCOPE, needed="reactions:read"), Unread.NO_PERMISSION),
        (TryLater("slack_ratelimited", after=30), Unread.AWAY),
    ],
)
async def test_reactions_that_cannot_be_read(fault: Fault, unread: Unread) -> None:
    found = await explain(REF, None, Bench(fault=fault).world)
    assert (found.reactions, found.unread, found.why) == (None, unread, Why.UNREAD)
    assert found.rules[0].decision is Decision.WOULD_TAKE


async def test_a_message_that_is_gone() -> None:
    found = await explain(REF, None, Bench(post=None).world)
    assert (found.reactions, found.unread) == (None, Unread.GONE)


async def test_a_ledger_that_is_away_is_said() -> None:
    bench = Bench(post=reacted())
    bench.shelf.fault = TryLater("database")
    found = await explain(REF, None, bench.world)
    assert (found.known, found.why) == (None, Why.LEDGER_AWAY)
    assert found.reactions is not None
    assert found.reactions[0].outlook is None  # whether an event came, nobody knows


async def test_a_reaction_without_a_row() -> None:
    bench = Bench(post=reacted("ticket::skin-tone-2", BOT, "U0GIL", "U0ADA"))
    bench.slack.profiles["U0GIL"] = profile("U0GIL", standing=UserKind.GUEST)
    bench.shelf.moments[identity(TICKETS)] = 1.0
    found = await explain(REF, None, bench.world)
    assert found.reactions is not None
    (look,) = found.reactions
    assert (look.rule, look.outlook, look.since) == (1, Outlook.COMING, 1.0)
    assert [(one.user, one.may) for one in look.submitters] == [("U0GIL", False), ("U0ADA", True)]
    assert found.why is Why.NO_EVENT


async def test_whom_slack_does_not_show_is_a_stranger() -> None:
    bench = Bench(post=reacted("ticket", "U0PAM"))
    bench.slack.profiles["U0PAM"] = None
    found = await explain(REF, None, bench.world)
    assert found.reactions is not None
    assert found.reactions[0].submitters[0].standing is UserKind.EXTERNAL
    assert found.why is Why.NOT_ALLOWED


async def test_a_deactivated_account_may_not_ask() -> None:
    bench = Bench(post=reacted("ticket", "U0ADA"))
    bench.slack.profiles["U0ADA"] = profile("U0ADA", deactivated=True)
    found = await explain(REF, None, bench.world)
    assert found.why is Why.NOT_ALLOWED
    told = words.sentences(found)
    assert "because only deactivated accounts reacted" in told.first
    assert "<@U0ADA> may not ask: a deactivated account." in str(told.lists)


async def test_a_reaction_with_a_row_missed_no_event() -> None:
    bench = Bench(post=reacted())
    bench.shelf.records = [record()]
    found = await explain(REF, None, bench.world)
    assert found.reactions is not None
    assert (found.reactions[0].rule, found.reactions[0].outlook) == (1, None)


async def test_at_most_ten_people_of_a_reaction_are_looked_up() -> None:
    asked: list[str] = []

    class Counting(FakeSlack):
        async def profile(self, user: str) -> Profile | None:
            asked.append(user)
            return profile(user)

    users = [f"U{n}" for n in range(500)]
    bench = Bench(slack=Counting(), post=reacted("ticket", *users))
    await explain(REF, None, bench.world)
    assert asked == users[:10]
    asked.clear()
    bench.post = reacted("eyes", *users)
    await explain(REF, None, bench.world)
    assert asked == []


# The conversation


@pytest.mark.parametrize(
    ("per_message", "row", "expected"),
    [(False, False, TICKET), (True, False, None), (False, True, None)],
    ids=["a reply", "one ticket a message", "has its own"],
)
async def test_the_ticket_of_the_slack_thread(
    per_message: bool, row: bool, expected: Ticket | None
) -> None:
    bench = Bench(per_message=per_message)
    bench.shelf.tickets[f"{TEAM}:C1:1600000000.000100"] = TICKET
    bench.shelf.records = [record()] if row else []
    found = await explain(REF, "1600000000.000100", bench.world)
    assert found.conversation == expected


async def test_slack_tells_the_thread_where_the_caller_does_not() -> None:
    bench = Bench(post=PostedMessage(REF, thread_ts="1600000000.000100"))
    bench.shelf.tickets[f"{TEAM}:C1:1600000000.000100"] = TICKET
    assert (await explain(REF, None, bench.world)).conversation == TICKET


async def test_a_reply_in_an_old_thread_is_not_looked_for() -> None:
    old = f"{NOW - 9 * 86400:.6f}"
    post = PostedMessage(REF, (Reaction("ticket", ("U0ADA",), 1),), thread_ts=old)
    bench = Bench(post=post)
    bench.shelf.moments[identity(TICKETS)] = 1.0
    found = await explain(REF, None, bench.world)
    assert found.missed is not None
    assert found.missed.outlook is Outlook.TOO_OLD


# Whose customer


def line(customer: str = "c_1", source: str = "link") -> CustomerLink:
    return CustomerLink(TEAM, "U0BEN", customer, "ben@example.com", "Ben Ortiz", source)


@pytest.mark.parametrize(
    ("row", "of", "fallback", "expected"),
    [
        (record(), line(source="email"), None, (Evidence.EMAIL, True, "Ben Ortiz")),
        (record(), line("ben@example.com"), None, (Evidence.LINK, True, "Ben Ortiz")),
        (record(), line("c_other"), None, (None, False, "c_1")),
        (record(), None, "c_1", (Evidence.FALLBACK, True, "c_1")),
        (
            record(rules=(Rule(("ticket",), customer="c_1"),)),
            line(),
            None,
            (Evidence.RULE, False, "c_1"),
        ),
        (record(evidence=Evidence.IMPORT), None, None, (Evidence.IMPORT, False, "c_1")),
        (record(customer=None), line(), None, (None, False, None)),
    ],
    ids=["learnt", "linked by address", "linked anew", "fallback", "rule", "noted", "none"],
)
async def test_what_named_the_customer(
    row: Record,
    of: CustomerLink | None,
    fallback: str | None,
    expected: tuple[Evidence | None, bool, str | None],
) -> None:
    bench = Bench(fallback=fallback)
    bench.shelf.records = [row]
    bench.shelf.lines = {"U0BEN": of} if of else {}
    found = await explain(REF, None, bench.world)
    assert found.known is not None
    (known,) = found.known
    assert (known.evidence, known.guessed, known.customer) == expected


async def test_a_person_of_another_team_is_looked_up_there_first() -> None:
    bench = Bench()
    bench.slack.profiles["U0BEN"] = profile("U0BEN", team="T0OTHER")
    bench.shelf.records = [record()]
    await explain(REF, None, bench.world)
    assert bench.shelf.teams == [["T0OTHER", TEAM]]


@pytest.mark.parametrize(
    ("rules", "number"),
    [((TICKETS,), 1), ((Rule(("bug",)), TICKETS), 2), ((Rule(("bug",)),), None)],
    ids=["the same", "moved", "gone"],
)
async def test_which_rule_of_today_it_followed(rules: tuple[Rule, ...], number: int | None) -> None:
    bench = Bench(rules=rules)
    bench.shelf.records = [record()]
    found = await explain(REF, None, bench.world)
    assert found.known is not None
    assert found.known[0].rule == number


async def test_a_channel_that_slack_does_not_tell_about() -> None:
    class Away(FakeSlack):
        async def channel(self, channel: str) -> Channel:
            raise TryLater("slack_timeout")

    found = await explain(MessageRef("D1", REF.ts), None, Bench(slack=Away()).world)
    assert found.channel == Channel("D1", direct=True)
