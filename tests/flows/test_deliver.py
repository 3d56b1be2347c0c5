"""A delivery against a real ledger: one thread each, whatever Slack and Plain answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Any

import pytest

from bot.core import quote
from bot.core.faults import Fault, LeaseLost, Reason, Refused, TryLater, Wait
from bot.core.identity import IdentityPolicy
from bot.core.model import (
    Added,
    Channel,
    Created,
    Customer,
    Installation,
    LabelType,
    Message,
    Outcome,
    Priority,
    Rule,
    Standing,
    Turned,
    Unwanted,
    Via,
)
from bot.core.refs import command_key
from bot.flows.deliver import Policy, World, deliver
from bot.flows.ports import Claim, Person
from bot.store.engine import Database
from bot.store.ledger import LEASE_SECONDS, Ledger
from bot.store.people import People
from tests.conftest import Clock
from tests.flows.fakes import FakePlain, FakeSlack, profile, run
from tests.nouns import CHANNEL, TEAM, TICKET, escalation, form, message, ts

UNKNOWN = TryLater("plain_timeout", unknown=True)
SURE = TryLater("plain_429", after=2.0)


@dataclass
class Bench:
    """A world, and the way through it that the worker takes."""

    ledger: Ledger
    people: People
    clock: Clock
    slack: FakeSlack = field(default_factory=FakeSlack)
    plain: FakePlain = field(default_factory=FakePlain)
    policy: Policy = field(default_factory=Policy)
    read: list[str] = field(default_factory=list)
    moments: Iterator[float] = field(default_factory=lambda: repeat(0.0))
    """What the process's own clock says, in turn."""

    def post(self, number: int = 1, text: str = "The export fails", **more: Any) -> Message:
        posted = message(number, text, **more)
        assert posted.ref is not None
        self.slack.messages[posted.ref] = posted
        return posted

    def claim(self) -> Claim:
        (claim,) = self.ledger.claim("one", 1)
        return claim

    def react(self, number: int = 1, **more: Any) -> Claim:
        self.ledger.record(escalation(number, **more))
        return self.claim()

    async def deliver(self, claim: Claim) -> Outcome:
        world = World(
            slack=self.slack,
            plain=self.plain,
            ledger=self.ledger,
            people=self.people,
            run=run,
            policy=self.policy,
            installation=Installation(TEAM, "https://example.slack.com/", "U0BOT"),
            clock=lambda: next(self.moments),
        )
        bench = self

        class Progress:
            async def read(self, message: Message | None, conversation_key: str) -> None:
                bench.read.append(conversation_key)

        return await deliver(claim, world, Progress())

    async def settle(self, claim: Claim) -> Outcome:
        outcome = await self.deliver(claim)
        self.ledger.settle(claim, outcome)
        return outcome

    async def fail(self, claim: Claim, seconds: float = 0.0) -> TryLater:
        """Deliver, expecting a fault; obey it as the worker does."""
        with pytest.raises(TryLater) as raised:
            await self.deliver(claim)
        fault = raised.value
        self.ledger.retry_later(
            claim,
            seconds,
            fault.cause,
            failed=not isinstance(fault, Wait),
            unknown=fault.unknown,
        )
        self.clock.move(seconds)
        return fault


@pytest.fixture
def bench(sqlite_url: str, clock: Clock) -> Iterator[Bench]:
    database = Database(sqlite_url, clock)
    yield Bench(Ledger(database), People(database), clock)
    database.close()


async def test_a_reaction_becomes_one_thread_of_its_author(bench: Bench) -> None:
    posted = bench.post(text="The export fails\nsince today")
    outcome = await bench.settle(bench.react())
    assert isinstance(outcome, Created)
    assert outcome.ticket.ref == "T-1"
    assert outcome.ticket.url == "https://app.plain.com/workspace/w_1/thread/th_1/"
    (draft,) = bench.plain.threads
    assert draft.external_id == escalation().key
    assert draft.customer == "c_u0author"
    assert draft.title == "The export fails"
    assert bench.plain.upserts == [("u0author@example.com", "Author", True)]
    assert posted.ref is not None
    assert bench.read == [f"{TEAM}:{CHANNEL}:{posted.ref.ts}"]


async def test_the_customer_found_by_address_is_learnt(bench: Bench) -> None:
    bench.post()
    await bench.settle(bench.react())
    assert bench.people.all() == [
        Person(TEAM, "U0AUTHOR", "c_u0author", "u0author@example.com", "Author", "email")
    ]
    bench.post(2)
    await bench.settle(bench.react(2))
    assert len(bench.plain.upserts) == 1


@pytest.mark.parametrize(
    ("who", "standing", "reason"),
    [
        (frozenset({Standing.MEMBER}), Standing.GUEST, Reason.NOT_ALLOWED),
        (frozenset({Standing.MEMBER}), Standing.EXTERNAL, Reason.NOT_ALLOWED),
        (frozenset({Standing.GUEST}), Standing.MEMBER, Reason.NOT_ALLOWED),
        (frozenset(Standing), Standing.EXTERNAL, None),
    ],
)
async def test_who_may_ask(
    bench: Bench, who: frozenset[Standing], standing: Standing, reason: Reason | None
) -> None:
    bench.post()
    bench.policy = Policy(who=who)
    bench.slack.profiles["U0ASKER"] = profile("U0ASKER", standing=standing)
    if reason is None:
        assert isinstance(await bench.deliver(bench.react()), Created)
        return
    with pytest.raises(Refused) as refusal:
        await bench.deliver(bench.react())
    assert refusal.value.reason is reason
    assert bench.plain.sent == 0


async def test_a_user_whom_slack_hides_counts_as_external(bench: Bench) -> None:
    bench.slack.profiles["U0ASKER"] = None
    with pytest.raises(Refused) as refusal:
        await bench.deliver(bench.react())
    assert refusal.value.data == {"standing": "external"}


async def test_bots_ask_for_nothing(bench: Bench) -> None:
    bench.slack.profiles["U0ASKER"] = profile("U0ASKER", standing=Standing.BOT)
    assert await bench.deliver(bench.react()) == Unwanted("asked_by_a_bot")


async def test_a_rule_that_names_another_channel_wants_nothing(bench: Bench) -> None:
    asked = replace(escalation(), rules=(Rule(emoji=("ticket",), channels=("#billing",)),))
    bench.ledger.record(asked)
    assert await bench.deliver(bench.claim()) == Unwanted("no_rule")


async def test_the_first_rule_that_fits_the_channels_name_decides(bench: Bench) -> None:
    bench.post()
    bench.slack.channels[CHANNEL] = Channel(CHANNEL, "support")
    bench.plain.labels = [LabelType("lt_1", "Bug"), LabelType("lt_2", "bugs")]
    bench.plain.users["lee@example.com"] = "u_1"
    rules = (
        Rule(emoji=("ticket",), channels=("#billing",), priority=Priority.LOW),
        Rule(
            emoji=("ticket",),
            channels=("#support",),
            labels=("bug", "lt_9"),
            priority=Priority.URGENT,
            tenant="acme",
            assignee="lee@example.com",
            customer="c_rule",
        ),
    )
    bench.ledger.record(replace(escalation(), rules=rules))
    await bench.settle(bench.claim())
    (draft,) = bench.plain.threads
    assert draft.label_types == ("lt_1", "lt_9")
    assert (draft.priority, draft.tenant, draft.assignee, draft.customer) == (
        Priority.URGENT,
        "acme",
        "u_1",
        "c_rule",
    )


@pytest.mark.parametrize(
    ("rule", "reason", "data"),
    [
        (Rule(("ticket",), labels=("none",)), Reason.UNKNOWN_LABEL, {"label": "none"}),
        (Rule(("ticket",), labels=("Twice",)), Reason.AMBIGUOUS_LABEL, {"label": "Twice"}),
        (
            Rule(("ticket",), assignee="x@example.com"),
            Reason.UNKNOWN_ASSIGNEE,
            {"assignee": "x@example.com"},
        ),
    ],
)
async def test_names_that_plain_does_not_know_are_refused(
    bench: Bench, rule: Rule, reason: Reason, data: dict[str, str]
) -> None:
    bench.post()
    bench.plain.labels = [LabelType("lt_1", "Twice"), LabelType("lt_2", "twice")]
    bench.ledger.record(replace(escalation(), rules=(rule,)))
    with pytest.raises(Refused) as refusal:
        await bench.deliver(bench.claim())
    assert (refusal.value.reason, refusal.value.data) == (reason, data)
    assert bench.plain.sent == 0


@pytest.mark.parametrize(
    ("name", "customer"),
    [("c_link", "c_link"), ("ada@example.com", "c_7"), ("external:crm 7", "c_8")],
)
async def test_a_link_names_the_customer_in_three_ways(
    bench: Bench, name: str, customer: str
) -> None:
    bench.post()
    bench.plain.customers = {
        "ada@example.com": Customer("c_7", "Ada"),
        "external:crm 7": Customer("c_8", "Bob"),
    }
    bench.people.link([Person(TEAM, "U0AUTHOR", name)])
    await bench.settle(bench.react())
    assert bench.plain.threads[0].customer == customer
    assert bench.plain.upserts == []


async def test_a_link_to_nobody_is_refused(bench: Bench) -> None:
    bench.post()
    bench.people.link([Person(TEAM, "U0AUTHOR", "gone@example.com")])
    with pytest.raises(Refused) as refusal:
        await bench.deliver(bench.react())
    assert refusal.value.reason is Reason.BROKEN_LINK
    assert refusal.value.data == {"requester": "U0AUTHOR", "customer": "gone@example.com"}


async def test_what_was_learnt_is_forgotten_when_plain_no_longer_knows_the_customer(
    bench: Bench,
) -> None:
    bench.post()
    bench.people.link([Person(TEAM, "U0AUTHOR", "c_deleted", source="email")])
    bench.plain.before = [Refused(Reason.BROKEN_LINK, customer="c_deleted")]
    await bench.fail(bench.react())
    assert isinstance(await bench.settle(bench.claim()), Created)
    assert bench.plain.threads[0].customer == "c_u0author"


async def test_a_customer_whom_a_person_linked_and_plain_lost_is_a_broken_link(
    bench: Bench,
) -> None:
    bench.post()
    bench.people.link([Person(TEAM, "U0AUTHOR", "c_deleted")])
    bench.plain.before = [Refused(Reason.BROKEN_LINK, customer="c_deleted")]
    with pytest.raises(Refused):
        await bench.deliver(bench.react())
    assert len(bench.people.all()) == 1


async def test_without_a_customer_the_requester_is_named(bench: Bench) -> None:
    bench.post()
    bench.slack.profiles["U0AUTHOR"] = profile("U0AUTHOR", email=None)
    with pytest.raises(Refused) as refusal:
        await bench.deliver(bench.react())
    assert refusal.value.reason is Reason.NO_CUSTOMER
    assert refusal.value.data == {"requester": "U0AUTHOR", "name": "Author"}


@pytest.mark.parametrize(
    ("posted", "requester"),
    [
        (message(), "U0AUTHOR"),
        (message(bot="Zap", author=None), "U0ASKER"),
        (message(bot="Zap", author="U0BOTUSER"), "U0ASKER"),
        (message(author=None), "U0ASKER"),
    ],
    ids=["author", "bot", "bot with a user", "nobody"],
)
async def test_whose_ticket_it_is(bench: Bench, posted: Message, requester: str) -> None:
    assert posted.ref is not None
    bench.slack.messages[posted.ref] = posted
    await bench.settle(bench.react())
    assert bench.plain.threads[0].customer == f"c_{requester.lower()}"


async def test_a_form_decides_whose_ticket_it_is_and_its_title(bench: Bench) -> None:
    asked = escalation(
        via=Via.SHORTCUT,
        message=message(),
        form=form(title="Mine", requester="U0CHOSEN", priority=Priority.HIGH),
    )
    bench.ledger.record(replace(asked, rules=()))
    await bench.settle(bench.claim())
    (draft,) = bench.plain.threads
    assert (draft.title, draft.customer, draft.priority) == ("Mine", "c_u0chosen", Priority.HIGH)


async def test_a_command_is_its_callers_and_has_no_conversation(bench: Bench) -> None:
    asked = escalation(via=Via.COMMAND, ref=None, message=message(ref=None, author="U0ASKER"))
    key = command_key(TEAM, "1.2")
    bench.ledger.record(replace(asked, key=key, rules=()))
    await bench.settle(bench.claim())
    assert bench.read == [key]
    assert bench.plain.threads[0].external_id == key


# The Slack thread that has its ticket


async def test_a_reply_of_a_slack_thread_that_has_its_ticket_is_added_to_it(bench: Bench) -> None:
    bench.post(1)
    bench.post(2, "Me too", thread_ts=ts(1), author="U0SECOND")
    await bench.settle(bench.react(1))
    assert await bench.settle(bench.react(2)) == Added(TICKET)
    assert len(bench.plain.threads) == 1
    (event,) = bench.plain.events
    assert (event.thread, event.external_id) == ("th_1", escalation(2).key)


async def test_one_thread_per_message_where_that_is_wanted(bench: Bench) -> None:
    bench.policy = Policy(one_thread_per="message")
    bench.post(1)
    bench.post(2, thread_ts=ts(1))
    await bench.settle(bench.react(1))
    await bench.settle(bench.react(2))
    assert len(bench.plain.threads) == 2


async def test_a_sibling_waits_while_the_thread_may_come_about(bench: Bench) -> None:
    bench.post(1)
    bench.post(2, thread_ts=ts(1))
    first = bench.react(1)
    bench.plain.before = [UNKNOWN]
    await bench.fail(first, 1)
    bench.ledger.record(escalation(2))
    claims = bench.ledger.claim("one", 8)
    second = next(c for c in claims if c.escalation.key == escalation(2).key)
    assert (await bench.fail(second)).cause == "conversation_held"
    assert bench.plain.sent == 1


async def test_an_addition_whose_answer_is_lost_is_there_once(bench: Bench) -> None:
    bench.post(1)
    bench.post(2, thread_ts=ts(1))
    await bench.settle(bench.react(1))
    bench.plain.after = [UNKNOWN]
    assert isinstance(await bench.settle(bench.react(2)), Added)
    assert len(bench.plain.events) == 1


@pytest.mark.parametrize("committed", [True, False])
async def test_an_addition_that_cannot_be_seen_is_sent_again_after_the_window_only(
    bench: Bench, committed: bool
) -> None:
    bench.post(1)
    bench.post(2, thread_ts=ts(1))
    await bench.settle(bench.react(1))
    (bench.plain.after if committed else bench.plain.before).append(UNKNOWN)
    bench.plain.hidden = True
    await bench.fail(bench.react(2), 1)
    assert (await bench.fail(bench.claim(), 40)).cause == "settling"
    bench.plain.hidden = not committed
    outcome = await bench.settle(bench.claim())
    assert isinstance(outcome, Added)
    assert len(bench.plain.events) == 1


async def test_a_refused_addition_that_is_there_counts(bench: Bench) -> None:
    bench.post(1)
    bench.post(2, thread_ts=ts(1))
    await bench.settle(bench.react(1))
    bench.plain.after = [Refused(Reason.PLAIN_REFUSED, code="duplicate")]
    assert isinstance(await bench.settle(bench.react(2)), Added)
    bench.post(3, thread_ts=ts(1))
    bench.plain.before = [Refused(Reason.PLAIN_REFUSED, code="input_validation")]
    with pytest.raises(Refused):
        await bench.deliver(bench.react(3))


# Answers that are lost


async def test_a_thread_whose_answer_is_lost_is_found_at_once(bench: Bench) -> None:
    bench.post()
    bench.plain.after = [UNKNOWN]
    assert isinstance(await bench.settle(bench.react()), Created)
    assert (len(bench.plain.threads), bench.plain.sent) == (1, 1)


@pytest.mark.parametrize("refuses", [True, False], ids=["refuses a second", "allows a second"])
async def test_a_thread_that_comes_about_late_is_found_within_the_window(
    bench: Bench, refuses: bool
) -> None:
    bench.post()
    bench.plain.refuse_duplicates = refuses
    bench.plain.after = [UNKNOWN]
    bench.plain.hidden = True
    await bench.fail(bench.react(), 2)
    for _ in range(3):
        fault = await bench.fail(bench.claim(), 5)
        assert isinstance(fault, Wait)
    bench.plain.hidden = False
    assert isinstance(await bench.settle(bench.claim()), Created)
    assert (len(bench.plain.threads), bench.plain.sent) == (1, 1)


async def test_a_thread_that_never_came_about_is_created_after_the_window(bench: Bench) -> None:
    bench.post()
    bench.plain.before = [UNKNOWN]
    await bench.fail(bench.react(), 34)
    fault = await bench.fail(bench.claim(), 1)
    assert (fault.cause, fault.after) == ("settling", 1.0)
    assert bench.plain.sent == 1
    assert isinstance(await bench.settle(bench.claim()), Created)
    assert (len(bench.plain.threads), bench.plain.sent) == (1, 2)


async def test_what_was_surely_not_processed_needs_no_window(bench: Bench) -> None:
    bench.post()
    bench.plain.before = [SURE]
    await bench.fail(bench.react(), 2)
    assert isinstance(await bench.settle(bench.claim()), Created)


async def test_the_customer_stays_frozen_when_the_link_changes_between_two_attempts(
    bench: Bench,
) -> None:
    bench.post()
    bench.people.link([Person(TEAM, "U0AUTHOR", "c_before")])
    bench.plain.after = [UNKNOWN]
    bench.plain.hidden = True
    await bench.fail(bench.react(), 3)
    bench.people.link([Person(TEAM, "U0AUTHOR", "c_after")])
    bench.plain.hidden = False
    await bench.settle(bench.claim())
    assert [thread.customer for thread in bench.plain.threads] == ["c_before"]


async def test_a_refused_create_is_looked_up_once_more_before_it_is_believed(
    bench: Bench,
) -> None:
    bench.post()
    bench.plain.after = [Refused(Reason.PLAIN_REFUSED, code="duplicate")]
    assert isinstance(await bench.settle(bench.react()), Created)
    bench.post(2)
    bench.plain.before = [Refused(Reason.PLAIN_REFUSED, code="input_validation")]
    with pytest.raises(Refused):
        await bench.deliver(bench.react(2))
    bench.post(3)
    bench.plain.before = [Refused(Reason.PLAIN_REFUSED, code="input_validation")]
    bench.plain.look_ups = [TryLater("plain_502")]
    fault = await bench.fail(_only(bench, 3))
    assert fault.unknown


def _only(bench: Bench, number: int) -> Claim:
    bench.ledger.record(escalation(number))
    claims = bench.ledger.claim("one", 8)
    return next(claim for claim in claims if claim.escalation.key == escalation(number).key)


async def test_a_create_whose_refusal_and_look_up_are_both_refused_is_looked_for_when_asked_again(
    bench: Bench,
) -> None:
    """Plain may create a thread and refuse to show it for want of a permission."""
    bench.post()
    bench.plain.after = [Refused(Reason.PLAIN_FORBIDDEN)]
    bench.plain.look_ups = [Refused(Reason.PLAIN_FORBIDDEN)]
    claim = bench.react()
    with pytest.raises(Refused) as refusal:
        await bench.deliver(claim)
    bench.ledger.settle(claim, Turned(refusal.value.reason, {}, refusal.value.unsure))
    bench.ledger.answered(claim, said=True)
    bench.ledger.record(escalation(request="Ev9"))
    assert isinstance(await bench.settle(bench.claim()), Created)
    assert bench.plain.sent == 1


async def test_a_look_up_that_fails_changes_nothing(bench: Bench) -> None:
    bench.post()
    bench.plain.after = [UNKNOWN]
    bench.plain.look_ups = [TryLater("plain_502"), TryLater("plain_502")]
    await bench.fail(bench.react(), 40)
    assert not (await bench.fail(bench.claim(), 1)).unknown
    assert isinstance(await bench.settle(bench.claim()), Created)
    assert bench.plain.sent == 1


async def test_who_lost_the_lease_sends_no_create(bench: Bench) -> None:
    bench.post()
    claim = bench.react()
    bench.clock.move(LEASE_SECONDS + 1)
    with pytest.raises(LeaseLost):
        await bench.deliver(claim)
    assert bench.plain.sent == 0


@pytest.mark.parametrize(
    "fault",
    [
        Refused(Reason.NOT_IN_CHANNEL, channel=CHANNEL),
        TryLater("slack_ratelimited", after=30.0),
    ],
)
async def test_a_message_that_cannot_be_read_stops_the_delivery(bench: Bench, fault: Fault) -> None:
    bench.slack.faults = [fault]
    with pytest.raises(type(fault)):
        await bench.deliver(bench.react())
    assert bench.plain.sent == 0


async def test_the_scene_names_people_and_place(bench: Bench) -> None:
    bench.post()
    bench.slack.channels[CHANNEL] = Channel(CHANNEL, "support")
    await bench.settle(bench.react())
    expected = quote.thread(
        external_id=escalation().key,
        customer="c_u0author",
        message=message(),
        form=None,
        scene=quote.Scene(
            author="Author",
            asker="Asker",
            via=Via.REACTION,
            channel=Channel(CHANNEL, "support"),
            permalink=f"https://example.slack.com/archives/{CHANNEL}/p1700000001000100",
            emoji="ticket",
        ),
        wishes=quote.Wishes(),
    )
    assert bench.plain.threads == [expected]


@pytest.mark.parametrize("named_by", ["rule", "fallback"])
async def test_an_unknown_customer_whom_the_settings_name_is_not_the_requesters_fault(
    bench: Bench, named_by: str
) -> None:
    """The person was told to link the author, which mends nothing."""
    bench.post()
    nobody = "nobody@example.com"
    asked = escalation()
    if named_by == "rule":
        asked = replace(asked, rules=(Rule(emoji=("ticket",), customer=nobody),))
    else:
        identity = IdentityPolicy(without_email="fallback", fallback_customer=nobody)
        bench.policy = Policy(identity=identity)
        bench.slack.profiles["U0AUTHOR"] = profile("U0AUTHOR", email=None)
    bench.ledger.record(asked)
    with pytest.raises(Refused) as refusal:
        await bench.deliver(bench.claim())
    assert refusal.value.reason is Reason.BROKEN_LINK
    assert refusal.value.data == {"customer": nobody}


async def test_a_link_to_a_customer_id_that_plain_lost_is_the_requesters(bench: Bench) -> None:
    bench.post()
    bench.people.link([Person(TEAM, "U0AUTHOR", "c_deleted")])
    bench.plain.before = [Refused(Reason.BROKEN_LINK, customer="c_deleted")]
    with pytest.raises(Refused) as refusal:
        await bench.deliver(bench.react())
    assert refusal.value.data == {"requester": "U0AUTHOR", "customer": "c_deleted"}


async def test_a_customer_that_stays_unknown_is_not_found_out_anew_without_end(
    bench: Bench,
) -> None:
    bench.post()
    gone = [Refused(Reason.BROKEN_LINK, customer="c_u0author") for _ in range(10)]
    bench.plain.before = list(gone)
    with pytest.raises(Refused):
        await bench.deliver(bench.react())
    assert len(bench.plain.upserts) == 1
