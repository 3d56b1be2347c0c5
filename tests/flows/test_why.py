"""Explanations: what is read, what is said of what cannot be read, and whose customer it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bot.core.directory import Channel, Installation, Profile, UserKind
from bot.core.faults import Fault, Reason, Rejected, Rejection, SlackError, TryLater
from bot.core.identity import IdentityPolicy
from bot.core.model import Escalation, Rule, Ticket
from bot.core.reactions import PostedMessage, Reaction, identity
from bot.core.record import Evidence, Record, State
from bot.core.refs import MessageRef, message_key
from bot.core.why import Outlook, RuleDecision, Unread, Why
from bot.flows.why import WhyContext, explain
from bot.flows.workspace import Policy
from bot.slack.views import why as words
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.kv import FirstLoaded, FirstSeen
from bot.store.records import Records
from bot.store.requests import Requests
from bot.store.rows import request_columns
from tests.conftest import Clock
from tests.flows.fakes import FakeSlack, profile, run
from tests.nouns import TEAM, TICKET, trigger
from tests.store.rows import a_request, a_ticket, change_ticket, ticket_of

REF = MessageRef("C1", "1700000000.000100")
NOW = 1_700_000_100.0
TICKETS = Rule(("ticket",))
BOT = "U0BRIDGE"


@dataclass
class WhyBench:
    """A real ledger, a Slack in memory, and what an explanation reads."""

    database: Database
    clock: Clock
    rules: tuple[Rule, ...] = (TICKETS,)
    slack: FakeSlack = field(default_factory=FakeSlack)
    post: PostedMessage | None = field(default_factory=lambda: PostedMessage(REF))
    fault: Fault | None = None
    fallback: str | None = None
    per_message: bool = False

    def __post_init__(self) -> None:
        self.records = Records(self.database)
        self.people = CustomerLinks(self.database)

    def load_rules(self) -> None:
        """The rules were first loaded long ago."""
        self.clock.now = 1.0
        FirstLoaded(self.database).load([identity(rule) for rule in self.rules])
        self.clock.now = NOW

    def add(
        self,
        ref: MessageRef = REF,
        state: str = "created",
        rules: tuple[Rule, ...] = (TICKETS,),
        evidence: Evidence | None = None,
        submitter: str = "U0ADA",
        **more: Any,
    ) -> int:
        """A request about this message, for Ben."""
        asked = Escalation(message_key(TEAM, ref), trigger(ref=ref, channel=ref.channel), rules)
        columns = {
            "key": asked.key,
            "trigger": request_columns(asked)["trigger"],
            "requester": "U0BEN" if state == "created" else None,
        }
        of: dict[str, Any] = {"ref": ref, "channel": ref.channel, "submitter": submitter}
        row_id = a_request(self.database, state=state, columns=columns, **of, **more)
        if evidence is not None:
            change_ticket(self.database, row_id, evidence=evidence.value)
        return row_id

    @property
    def context(self) -> WhyContext:
        async def posted(_: MessageRef) -> PostedMessage | None:
            if self.fault:
                raise self.fault
            return self.post

        return WhyContext(
            slack=self.slack,
            posted=posted,
            records=self.records,
            requests=Requests(self.database),
            people=self.people,
            first_loaded=FirstLoaded(self.database),
            first_seen=FirstSeen(self.database),
            run=run,
            rules=self.rules,
            policy=Policy(
                one_thread_per="message" if self.per_message else "slack_thread",
                identity=IdentityPolicy(fallback_customer=self.fallback),
            ),
            installation=Installation(TEAM, "https://example.slack.com/", BOT),
            clock=lambda: NOW,
        )


@pytest.fixture
def bench(sqlite: Database, clock: Clock) -> WhyBench:
    return WhyBench(sqlite, clock)


def reacted(emoji: str = "ticket", *users: str) -> PostedMessage:
    return PostedMessage(REF, (Reaction(emoji, users or ("U0ADA",), len(users) or 1),))


@pytest.mark.parametrize(
    ("fault", "unread"),
    [
        (
            Rejected(
                Rejection(Reason.SLACK_REFUSED, slack_error=SlackError(code="not_in_channel"))
            ),
            Unread.NOT_IN_CHANNEL,
        ),
        (
            Rejected(
                Rejection(Reason.SLACK_REFUSED, slack_error=SlackError(code="channel_not_found"))
            ),
            Unread.NOT_IN_CHANNEL,
        ),
        (Rejected(Rejection(Reason.CHANNEL_NOT_FOUND, channel="C1")), Unread.NOT_IN_CHANNEL),
        (
            Rejected(
                Rejection(Reason.MISSING_SCOPE, slack_error=SlackError(scope="reactions:read"))
            ),
            Unread.NO_PERMISSION,
        ),
        (TryLater("slack_ratelimited", after=30), Unread.AWAY),
    ],
)
async def test_reactions_that_cannot_be_read(bench: WhyBench, fault: Fault, unread: Unread) -> None:
    bench.fault = fault
    found = await explain(REF, None, bench.context)
    assert (found.reactions, found.unread, found.why) == (None, unread, Why.UNREAD)
    assert found.rules[0].decision is RuleDecision.WOULD_TAKE


async def test_a_message_that_is_gone(bench: WhyBench) -> None:
    bench.post = None
    found = await explain(REF, None, bench.context)
    assert (found.reactions, found.unread) == (None, Unread.GONE)


async def test_a_ledger_that_is_away_is_said(bench: WhyBench) -> None:
    class Away(Records):
        def of_message(self, key: str) -> list[Record]:
            raise TryLater("database")

    bench.post, bench.records = reacted(), Away(bench.database)
    found = await explain(REF, None, bench.context)
    assert (found.known, found.why) == (None, Why.LEDGER_AWAY)
    assert found.reactions is not None
    assert found.reactions[0].outlook is None  # whether an event came, nobody knows


async def test_a_reaction_without_a_row(bench: WhyBench) -> None:
    bench.post = reacted("ticket::skin-tone-2", BOT, "U0GIL", "U0ADA")
    bench.slack.profiles["U0GIL"] = profile("U0GIL", kind=UserKind.GUEST)
    bench.load_rules()
    found = await explain(REF, None, bench.context)
    assert found.reactions is not None
    (look,) = found.reactions
    assert (look.rule, look.outlook, look.since) == (1, Outlook.COMING, 1.0)
    assert [(one.user, one.may) for one in look.submitters] == [("U0GIL", False), ("U0ADA", True)]
    assert found.why is Why.NO_EVENT


async def test_a_message_from_before_the_bot_joined(bench: WhyBench) -> None:
    bench.post = reacted()
    bench.load_rules()
    FirstSeen(bench.database).note(TEAM, [])
    found = await explain(REF, None, bench.context)
    assert found.missed is not None
    assert (found.missed.outlook, found.missed.here) == (Outlook.BEFORE_CHANNEL, None)
    FirstSeen(bench.database).note(TEAM, ["C1"])
    found = await explain(REF, None, bench.context)
    assert found.missed is not None
    assert (found.missed.outlook, found.missed.here) == (Outlook.BEFORE_CHANNEL, NOW)
    assert (
        "The bridge won't create the ticket later either: the message was posted before the "
        "bridge first checked this channel, which was on "
    ) in words.sentences(found).first


async def test_whom_slack_does_not_show_is_a_stranger(bench: WhyBench) -> None:
    bench.post = reacted("ticket", "U0PAM")
    bench.slack.profiles["U0PAM"] = None
    found = await explain(REF, None, bench.context)
    assert found.reactions is not None
    assert found.reactions[0].submitters[0].kind is UserKind.EXTERNAL
    assert found.why is Why.NOT_ALLOWED


async def test_a_deactivated_account_may_not_ask(bench: WhyBench) -> None:
    bench.post = reacted("ticket", "U0ADA")
    bench.slack.profiles["U0ADA"] = profile("U0ADA", deactivated=True)
    found = await explain(REF, None, bench.context)
    assert found.why is Why.NOT_ALLOWED
    told = words.sentences(found)
    assert "only deactivated accounts reacted" in told.first
    assert "<@U0ADA> can't create tickets: a deactivated account." in str(told.lists)


async def test_a_reaction_with_a_row_missed_no_event(bench: WhyBench) -> None:
    bench.post = reacted()
    bench.add()
    found = await explain(REF, None, bench.context)
    assert found.reactions is not None
    assert (found.reactions[0].rule, found.reactions[0].outlook) == (1, None)


async def test_at_most_ten_people_of_a_reaction_are_looked_up(bench: WhyBench) -> None:
    asked: list[str] = []

    class Counting(FakeSlack):
        async def profile(self, user: str) -> Profile | None:
            asked.append(user)
            return profile(user)

    users = [f"U{n}" for n in range(500)]
    bench.slack, bench.post = Counting(), reacted("ticket", *users)
    await explain(REF, None, bench.context)
    assert asked == users[:10]
    asked.clear()
    bench.post = reacted("eyes", *users)
    await explain(REF, None, bench.context)
    assert asked == []


async def test_each_request_is_told_in_order(bench: WhyBench) -> None:
    """By several people; the customer stands with the one that opened the ticket."""
    guest = Rejection(Reason.NOT_ALLOWED, user_kind="guest")
    bench.add(state="rejected", reason=guest, submitter="U0GIL")
    created = bench.add()
    (ticket,) = {one.ticket for one in bench.records.find(f"PB-{created}")}
    ticket_id = ticket_of(bench.database, created)
    bench.add(state="joined", ticket_id=ticket_id, submitter="U0CARL")
    found = await explain(REF, None, bench.context)
    assert found.known is not None
    told = [(one.record.submitter, one.record.state, one.customer) for one in found.known]
    assert told == [
        ("U0GIL", State.REJECTED, None),
        ("U0ADA", State.CREATED, "c_1"),
        ("U0CARL", State.JOINED, None),
    ]
    assert (found.why, found.main.ticket, found.conversation) == (Why.HAS_TICKET, ticket, None)


# The conversation


@pytest.mark.parametrize(
    ("per_message", "row", "expected"),
    [(False, False, TICKET), (True, False, None), (False, True, None)],
    ids=["a reply", "one ticket a message", "has its own"],
)
async def test_the_ticket_of_the_slack_thread(
    bench: WhyBench, per_message: bool, row: bool, expected: Ticket | None
) -> None:
    bench.per_message = per_message
    bench.add(MessageRef("C1", "1600000000.000100"))
    if row:
        bench.add(ticket_id=a_ticket(bench.database, 2))
    found = await explain(REF, "1600000000.000100", bench.context)
    assert found.conversation == expected


async def test_who_was_rejected_is_told_of_the_ticket_of_the_slack_thread(bench: WhyBench) -> None:
    bench.add(MessageRef("C1", "1600000000.000100"))
    bench.add(state="rejected", reason=Rejection(Reason.EMPTY))
    found = await explain(REF, "1600000000.000100", bench.context)
    assert (found.why, found.conversation) == (Why.REJECTED, TICKET)


async def test_slack_tells_the_thread_where_the_caller_does_not(bench: WhyBench) -> None:
    bench.post = PostedMessage(REF, thread_ts="1600000000.000100")
    bench.add(MessageRef("C1", "1600000000.000100"))
    assert (await explain(REF, None, bench.context)).conversation == TICKET


async def test_a_reply_in_an_old_thread_is_not_looked_for(bench: WhyBench) -> None:
    old = f"{NOW - 9 * 86400:.6f}"
    post = PostedMessage(REF, (Reaction("ticket", ("U0ADA",), 1),), thread_ts=old)
    bench.post = post
    bench.load_rules()
    found = await explain(REF, None, bench.context)
    assert found.missed is not None
    assert found.missed.outlook is Outlook.TOO_OLD


# Whose customer


def line(customer: str = "c_1", source: str = "link") -> CustomerLink:
    return CustomerLink(TEAM, "U0BEN", customer, "ben@example.com", "Ben Ortiz", source)


LINKS_ALL = Rule(("ticket",), customer="c_1")


@pytest.mark.parametrize(
    ("row", "of", "fallback", "expected"),
    [
        ({}, line(source="email"), None, (Evidence.EMAIL, True, "Ben Ortiz")),
        ({}, line("ben@example.com"), None, (Evidence.LINK, True, "Ben Ortiz")),
        ({}, line("c_other"), None, (None, False, "c_1")),
        ({}, None, "c_1", (Evidence.FALLBACK, True, "c_1")),
        ({"rules": (LINKS_ALL,)}, line(), None, (Evidence.RULE, False, "c_1")),
        ({"evidence": Evidence.IMPORT}, None, None, (Evidence.IMPORT, False, "c_1")),
        (
            {"state": "rejected", "reason": Rejection(Reason.EMPTY)},
            line(),
            None,
            (None, False, None),
        ),
    ],
    ids=["learnt", "linked by address", "linked anew", "fallback", "rule", "noted", "none"],
)
async def test_what_named_the_customer(
    bench: WhyBench,
    row: dict[str, Any],
    of: CustomerLink | None,
    fallback: str | None,
    expected: tuple[Evidence | None, bool, str | None],
) -> None:
    bench.fallback = fallback
    bench.add(**row)
    bench.people.link([of] if of else [])
    found = await explain(REF, None, bench.context)
    assert found.known is not None
    (known,) = found.known
    assert (known.evidence, known.guessed, known.customer) == expected


async def test_a_person_of_another_team_is_looked_up_there_first(bench: WhyBench) -> None:
    bench.slack.profiles["U0BEN"] = profile("U0BEN", team="T0OTHER")
    bench.add()
    here, there = line(), replace(line(), team="T0OTHER", name="Ben of the other team")
    bench.people.link([here, there])
    found = await explain(REF, None, bench.context)
    assert found.known is not None
    assert found.known[0].customer == "Ben of the other team"


@pytest.mark.parametrize(
    ("rules", "number"),
    [((TICKETS,), 1), ((Rule(("bug",)), TICKETS), 2), ((Rule(("bug",)),), None)],
    ids=["the same", "moved", "gone"],
)
async def test_which_rule_of_today_it_followed(
    bench: WhyBench, rules: tuple[Rule, ...], number: int | None
) -> None:
    bench.rules = rules
    bench.add()
    found = await explain(REF, None, bench.context)
    assert found.known is not None
    assert found.known[0].rule == number


async def test_a_channel_that_slack_does_not_tell_about(bench: WhyBench) -> None:
    class Away(FakeSlack):
        async def channel(self, channel: str) -> Channel:
            raise TryLater("slack_timeout")

    bench.slack = Away()
    found = await explain(MessageRef("D1", REF.ts), None, bench.context)
    assert found.channel == Channel("D1", direct=True)
