"""A reaction, a form or a command becomes one thread, for those who may ask."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core import quote
from bot.core.directory import Channel, UserKind
from bot.core.faults import Fault, Reason, Rejected, Rejection, TryLater
from bot.core.model import Created, Ignored, LabelType, Priority, Rule, Via
from bot.core.refs import command_key
from bot.flows.workspace import Policy
from bot.store.rejections import to_data
from tests.flows.delivering import Bench, bench
from tests.flows.fakes import profile
from tests.nouns import CHANNEL, TEAM, escalation, message

__all__ = ["bench"]


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


@pytest.mark.parametrize(
    ("who", "standing", "reason"),
    [
        (frozenset({UserKind.MEMBER}), UserKind.GUEST, Reason.NOT_ALLOWED),
        (frozenset({UserKind.MEMBER}), UserKind.EXTERNAL, Reason.NOT_ALLOWED),
        (frozenset({UserKind.GUEST}), UserKind.MEMBER, Reason.NOT_ALLOWED),
        (frozenset(UserKind), UserKind.EXTERNAL, None),
    ],
)
async def test_who_may_ask(
    bench: Bench, who: frozenset[UserKind], standing: UserKind, reason: Reason | None
) -> None:
    bench.post()
    bench.policy = Policy(who=who)
    bench.slack.profiles["U0ASKER"] = profile("U0ASKER", kind=standing)
    if reason is None:
        assert isinstance(await bench.deliver(bench.react()), Created)
        return
    with pytest.raises(Rejected) as refusal:
        await bench.deliver(bench.react())
    assert refusal.value.reason is reason
    assert bench.plain.sent == 0


async def test_a_user_whom_slack_hides_counts_as_external(bench: Bench) -> None:
    bench.slack.profiles["U0ASKER"] = None
    with pytest.raises(Rejected) as refusal:
        await bench.deliver(bench.react())
    assert to_data(refusal.value.rejection) == {"standing": "external"}


async def test_bots_ask_for_nothing(bench: Bench) -> None:
    bench.slack.profiles["U0ASKER"] = profile("U0ASKER", kind=UserKind.BOT)
    assert await bench.deliver(bench.react()) == Ignored("asked_by_a_bot")


async def test_a_rule_that_names_another_channel_wants_nothing(bench: Bench) -> None:
    asked = replace(escalation(), rules=(Rule(emoji=("ticket",), channels=("#billing",)),))
    bench.ledger.record(asked)
    assert await bench.deliver(bench.claim()) == Ignored("no_rule")


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
    with pytest.raises(Rejected) as refusal:
        await bench.deliver(bench.claim())
    assert (refusal.value.reason, to_data(refusal.value.rejection)) == (reason, data)
    assert bench.plain.sent == 0


async def test_a_command_is_its_callers_and_has_no_conversation(bench: Bench) -> None:
    asked = escalation(via=Via.COMMAND, ref=None, message=message(ref=None, author="U0ASKER"))
    key = command_key(TEAM, "1.2")
    bench.ledger.record(replace(asked, key=key, rules=()))
    await bench.settle(bench.claim())
    assert bench.read == [key]
    assert bench.plain.threads[0].external_id == key


# Answers that are lost


@pytest.mark.parametrize(
    "fault",
    [
        Rejected(Rejection(Reason.NOT_IN_CHANNEL, channel=CHANNEL)),
        TryLater("slack_ratelimited", after=30.0),
    ],
)
async def test_a_message_that_cannot_be_read_stops_the_delivery(bench: Bench, fault: Fault) -> None:
    bench.slack.faults = [fault]
    with pytest.raises(type(fault)):
        await bench.deliver(bench.react())
    assert bench.plain.sent == 0


async def test_the_quote_names_people_and_place(bench: Bench) -> None:
    bench.post()
    bench.slack.channels[CHANNEL] = Channel(CHANNEL, "support")
    await bench.settle(bench.react())
    context = quote.QuoteContext(
        author="Author",
        submitter="Asker",
        via=Via.REACTION,
        channel=Channel(CHANNEL, "support"),
        permalink=f"https://example.slack.com/archives/{CHANNEL}/p1700000001000100",
        emoji="ticket",
        on_behalf_of="Author",
    )
    expected = quote.thread(
        external_id=escalation().key,
        customer="c_u0author",
        message=message(),
        form=None,
        context=context,
        options=quote.ThreadOptions(),
        rendered=quote.render(message(), context),
    )
    assert bench.plain.threads == [expected]
