"""What a pass over the channels escalates, by whom it was asked, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.faults import Reason, Rejection
from bot.core.model import Created, Ignored, Outcome, Rule, Via
from bot.core.reconcile import DAY, FindingVerdict, Scope
from bot.flows.reconcile import reconcile
from bot.store.database import Database
from bot.store.kv import FirstLoaded
from bot.store.records import Records
from tests.conftest import Clock
from tests.flows.reconciling import (
    ADA,
    ALERTS,
    BEN,
    BOT,
    BUGS,
    GIL,
    GONE,
    NOW,
    PAM,
    TICKETS,
    Bench,
    bench,
)
from tests.nouns import TEAM, TICKET

__all__ = ["bench"]


# What is escalated


async def test_a_reaction_whose_event_never_came_is_escalated_as_if_it_had(bench: Bench) -> None:
    ref = bench.slack.react(bench.post(), "ticket", ADA)
    bench.post(30)
    assert await bench.find() == [ref]
    escalation = bench.claim().escalation
    trigger = escalation.trigger
    assert escalation.key == f"{TEAM}:C1:{ref.ts}"
    assert escalation.rules == (TICKETS,)
    assert (trigger.via, trigger.team, trigger.submitter) == (Via.REACTION, TEAM, ADA)
    assert (trigger.ref, trigger.channel, trigger.emoji) == (ref, "C1", "ticket")
    assert trigger.request == f"reconcile:C1:{ref.ts}:ticket:{ADA}"
    assert (trigger.reply_to.user, trigger.reply_to.channel) == (ADA, "C1")
    assert trigger.reply_to.asked_at == NOW


async def test_a_second_pass_finds_nothing(bench: Bench) -> None:
    bench.mark()
    bench.mark(90, "C2")
    root = bench.post(120)
    bench.slack.react(bench.post(100, thread=root), "ticket", BEN)
    assert len(await bench.find()) == 3
    assert await bench.find() == []


@pytest.mark.parametrize(
    ("channel", "emoji", "is_found"),
    [
        ("C1", "bug", True),
        ("C2", "bug", False),
        ("C2", "ticket", True),
        ("C1", "ticket::skin-tone-2", True),
        ("C1", "eyes", False),
    ],
)
async def test_the_rules_decide(bench: Bench, channel: str, emoji: str, is_found: bool) -> None:
    ref = bench.mark(60, channel, emoji)
    assert await bench.find() == ([ref] if is_found else [])


async def test_a_message_with_two_rules_emoji_is_one_escalation(bench: Bench) -> None:
    ref = bench.mark(emoji="bug")
    bench.slack.react(ref, "ticket", BEN)
    (found,) = (await bench.look()).findings
    assert (found.posted.ref, found.emoji, found.rule, found.submitter) == (ref, "bug", 0, ADA)


async def test_replies_of_a_thread_whose_root_is_at_most_seven_days_old(bench: Bench) -> None:
    young, old = bench.post(6.9 * DAY), bench.post(7.1 * DAY)
    reply = bench.slack.react(bench.post(60, thread=young), "ticket", ADA)
    bench.slack.react(bench.post(61, thread=old), "ticket", ADA)
    assert await bench.find() == [reply]


async def test_older_threads_stay_closed_however_far_back_it_looks(bench: Bench) -> None:
    old = bench.post(8 * DAY)
    bench.slack.react(bench.post(60, thread=old), "ticket", ADA)
    assert await bench.find(messages=30 * DAY, replies=30 * DAY) == []
    assert ("replies", old.ts) not in bench.slack.calls


async def test_a_thread_without_recent_replies_costs_no_call(bench: Bench) -> None:
    root = bench.post(3 * DAY)
    bench.slack.react(bench.post(2 * DAY, thread=root), "ticket", ADA)
    assert await bench.find() == []
    assert ("replies", root.ts) not in bench.slack.calls
    assert len(await bench.find(replies=3 * DAY)) == 1


@pytest.mark.parametrize(("since", "count"), [(3600.0, 1), (DAY, 2), (5 * DAY, 3)])
async def test_how_far_back(bench: Bench, since: float, count: int) -> None:
    for ago in (60.0, 0.9 * DAY, 4 * DAY):
        bench.mark(ago)
    assert len(await bench.find(messages=since, replies=since)) == count


@pytest.mark.parametrize(
    ("channels", "unknown"), [(("C2",), ()), (("#SALES",), ()), (("sales", "#lobby"), ("#lobby",))]
)
async def test_only_these_channels(
    bench: Bench, channels: tuple[str, ...], unknown: tuple[str, ...]
) -> None:
    bench.mark()
    ref = bench.mark(60, "C2")
    report = await bench.look(channels=channels)
    assert [one.posted.ref for one in report.findings] == [ref]
    assert report.unknown == unknown


async def test_channels_in_which_no_rule_counts_are_not_read(bench: Bench) -> None:
    bench.rules = (BUGS,)
    await bench.look()
    assert bench.slack.calls == [("channels", ""), ("messages", "C1")]


# Who asked


@pytest.mark.parametrize(
    ("users", "submitter"),
    [
        ((ADA, BEN), ADA),
        ((BOT, ALERTS, BEN), BEN),
        ((PAM, BEN), BEN),
        ((PAM, GIL), PAM),
        ((BOT,), None),
        ((ALERTS, BOT), None),
    ],
    ids=[
        "the first",
        "no bot",
        "one who may ask",
        "nobody may: the worker refuses the first",
        "the bridge itself",
        "bots only",
    ],
)
async def test_who_counts_as_having_asked(
    bench: Bench, users: tuple[str, ...], submitter: str | None
) -> None:
    bench.slack.react(bench.post(), "ticket", *users)
    assert [one.submitter for one in (await bench.look()).findings] == (
        [submitter] if submitter else []
    )
    assert len(bench.keys()) == (1 if submitter else 0)


async def test_the_bridge_knows_itself_without_asking(bench: Bench) -> None:
    bench.slack.react(bench.post(), "ticket", BOT, ADA)
    await bench.look()
    assert bench.asked == [ADA]


async def test_a_reaction_by_bots_does_not_hide_anothers(bench: Bench) -> None:
    ref = bench.slack.react(bench.post(), "bug", ALERTS)
    bench.slack.react(ref, "ticket", BEN)
    (found,) = (await bench.look()).findings
    assert (found.emoji, found.submitter) == ("ticket", BEN)


async def test_a_deactivated_account_did_not_ask(bench: Bench) -> None:
    """Slack may have forgotten that it was a guest's."""
    bench.slack.react(bench.post(), "ticket", GONE, BEN)
    assert [one.submitter for one in (await bench.look()).findings] == [BEN]


async def test_a_partial_list_of_people_is_asked_for_whole(bench: Bench) -> None:
    bench.slack.shown = 1
    ref = bench.slack.react(bench.post(), "ticket", ALERTS, PAM, BEN)
    (found,) = (await bench.look()).findings
    assert found.submitter == BEN
    assert ("reactions", ref.ts) in bench.slack.calls


async def test_a_list_that_names_nobody_is_asked_for_whole(bench: Bench) -> None:
    bench.slack.shown = 0
    bench.slack.react(bench.post(), "ticket", BEN)
    assert [one.submitter for one in (await bench.look()).findings] == [BEN]


async def test_a_partial_list_with_one_who_may_ask_is_enough(bench: Bench) -> None:
    bench.slack.shown = 1
    bench.slack.react(bench.post(), "ticket", ADA, BEN)
    assert [one.submitter for one in (await bench.look()).findings] == [ADA]
    assert "reactions" not in dict(bench.slack.calls)


async def test_a_person_is_looked_up_once_in_a_pass(bench: Bench) -> None:
    for ago in range(60, 65):
        bench.mark(ago)
    report = await bench.look()
    assert bench.asked == [ADA]
    assert report.calls == len(bench.slack.calls) + 1


# What is left alone


@pytest.mark.parametrize(
    "outcome",
    [
        Created(TICKET),
        Rejection(Reason.NO_CUSTOMER, requester="U0AUTHOR"),
        Rejection(Reason.GAVE_UP),
        Ignored("forgotten"),
        None,
    ],
    ids=["created", "on hold", "parked", "forgotten", "waiting"],
)
async def test_whatever_was_requested_is_left_alone(bench: Bench, outcome: object) -> None:
    bench.mark()
    await bench.find()
    if outcome is not None:
        bench.ledger.settle(bench.claim(), outcome)  # type: ignore[arg-type]
    before = [entry.as_dict() for entry in Records(bench.database).export()]
    assert await bench.find() == []
    assert [entry.as_dict() for entry in Records(bench.database).export()] == before


@pytest.mark.parametrize(
    "outcome",
    [
        Rejection(Reason.NOT_ALLOWED, user_kind="guest"),
        Ignored("no_rule"),
        Ignored("asked_by_a_bot"),
    ],
)
async def test_one_who_may_not_ask_hides_nobody_elses_lost_reaction(
    bench: Bench, outcome: Outcome
) -> None:
    ref = bench.mark()
    await bench.find()
    bench.ledger.settle(bench.claim(), outcome)
    assert await bench.find() == []  # the same act
    bench.slack.react(ref, "bug", BEN)
    report = await bench.look()
    assert [one.posted.ref for one in report.of(FindingVerdict.ESCALATED)] == [ref]


async def test_a_first_start_escalates_no_old_emoji(sqlite_url: str, clock: Clock) -> None:
    database = Database(sqlite_url, clock)
    bench = Bench(database, clock)
    bench.start()
    FirstLoaded(database).load([])
    bench.clock.now = NOW
    for days in (0.01, 1, 5):
        bench.mark(days * DAY)
    assert await bench.find() == []
    bench.clock.move(3600)
    new = bench.slack.react(bench.post(-60), "ticket", ADA)
    assert await bench.find() == [new]
    database.close()


async def test_never_what_is_older_than_its_rule(bench: Bench) -> None:
    bench.rules = (BUGS, TICKETS, Rule(("incident",)))
    bench.start(ago=3600)
    bench.clock.now = NOW
    bench.mark(3601, emoji="incident")
    new = bench.mark(3599, emoji="incident")
    old = bench.mark(3700)
    report = await bench.look()
    assert {one.posted.ref for one in report.of(FindingVerdict.ESCALATED)} == {new, old}
    (late,) = report.of(FindingVerdict.BEFORE_RULE)
    assert (late.rule, late.rule_since, late.submitter) == (2, NOW - 3600, None)


async def test_a_changed_label_makes_no_new_rule(bench: Bench) -> None:
    ref = bench.mark(DAY / 2)
    bench.rules = (BUGS, replace(TICKETS, labels=("Bug",), customer="c_1"))
    bench.start(ago=60)
    bench.clock.now = NOW
    assert await bench.find() == [ref]


async def test_an_older_rule_for_another_emoji_of_the_message_counts(bench: Bench) -> None:
    bench.rules = (Rule(("incident",)), BUGS, TICKETS)
    bench.start(ago=10)
    bench.clock.now = NOW
    bench.slack.react(bench.mark(emoji="incident"), "ticket", BEN)
    assert [(one.emoji, one.verdict) for one in (await bench.look()).findings] == [
        ("ticket", FindingVerdict.ESCALATED)
    ]


async def test_an_event_that_comes_after_all_makes_no_second_row(bench: Bench) -> None:
    bench.mark()
    world = bench.world

    def too_late(keys: object) -> frozenset[str]:
        return frozenset()

    blind = replace(world, known=too_late)
    await reconcile(blind, Scope())
    assert (await reconcile(blind, Scope())).findings == ()
    assert len(bench.keys()) == 1
