"""Events that Slack never delivered: the bridge finds what they were about, and just that."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.core.reconcile import FindingVerdict, ReconcileReport, Scope
from bot.flows.reconcile import reconcile
from bot.sandbox.slack import Slack
from tests.ways.stage import Stage, stage, until

RULES = """
[[rule]]
emoji = "bug"
channels = ["#support"]

[[rule]]
emoji = "ticket"
"""


async def look(on: Stage, **scope: object) -> ReconcileReport:
    report = await reconcile(on.bridge.reconciling, Scope(**scope))  # type: ignore[arg-type]
    on.bridge.worker.wake()
    return report


async def lost(on: Stage, emoji: str = "ticket", channel: str | None = None) -> str:
    """A message under which Ada's reaction was not delivered."""
    channel = channel or on.support
    ts = await on.slack.post(on.ben, channel, "The export fails")
    await on.slack.react(on.ada, channel, ts, emoji, deliver=False)
    return ts


def found(report: ReconcileReport) -> list[str]:
    return [one.posted.ref.ts for one in report.of(FindingVerdict.ESCALATED)]


async def test_just_what_was_lost_is_found_and_found_once(
    database_url: str, tmp_path: Path
) -> None:
    async with stage(database_url, tmp_path, toml=RULES) as on:
        await on.ask("heard", "bug")
        await on.ask("heard, and no rule's", "eyes")
        sales = on.slack.add_channel("sales", members=[on.ada, on.ben])
        wanted = {await lost(on, "bug"), await lost(on), await lost(on, channel=sales)}
        await lost(on, "eyes")
        await lost(on, "bug", sales)
        await on.settled()
        assert len(on.plain.threads) == 1
        assert set(found(await look(on))) == wanted
        entries = await on.settled()
        assert [entry.state for entry in entries] == ["created"] * 4
        assert len(on.plain.threads) == 4
        assert found(await look(on)) == []
        await until(lambda: len(on.seen_by(on.ada)) == 4)


@pytest.mark.parametrize(("written", "given"), [("thumbsup", "+1"), ("+1", "thumbsup")])
async def test_a_rule_takes_its_emoji_under_either_name(
    written: str, given: str, sqlite_url: str, tmp_path: Path
) -> None:
    """Heard as an event, and found under the message."""
    toml = f'[[rule]]\nemoji = "{written}"\n'
    async with stage(sqlite_url, tmp_path, toml=toml) as on:
        await on.ask("heard", given)
        await on.threads(1)
        ts = await lost(on, given)
        assert found(await look(on)) == [ts]
        assert [entry.state for entry in await on.settled()] == ["created"] * 2


async def test_at_its_start_the_bridge_finds_what_was_said_while_it_was_away(
    database_url: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        slack = Slack()
        await stack.enter_async_context(slack.serving())
        async with stage(database_url, tmp_path, slack=slack) as before:
            await before.ask("heard")
            await before.settled()
            ada, ben, support = before.ada, before.ben, before.support
        slack.deliver_to(None)
        ts = await slack.post(ben, support, "Is anybody there?")
        await slack.react(ada, support, ts, "ticket", deliver=False)
        async with stage(database_url, tmp_path, slack=slack) as on:
            await on.threads(1)
            newest, _ = await on.settled()
            assert newest.key == f"{slack.team}:{support}:{ts}"


async def test_the_bots_invitation_is_no_request(database_url: str, tmp_path: Path) -> None:
    """People had marked these for another tool before; what is posted after it counts."""
    async with stage(database_url, tmp_path) as on:
        await look(on)
        sales = on.slack.add_channel("sales", members=[on.ada, on.ben], bot_member=False)
        old = {await lost(on, channel=sales) for _ in range(5)}
        on.slack.channel(sales).members.add(on.slack.bot_user)
        report = await look(on)
        late = report.of(FindingVerdict.BEFORE_CHANNEL)
        assert {one.posted.ref.ts for one in late} == old
        new = await lost(on, channel=sales)
        assert found(await look(on)) == [new]
        assert [entry.state for entry in await on.settled()] == ["created"]
        assert len(on.plain.threads) == 1


async def test_a_first_start_reads_no_history(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path) as on:
        await on.ask()
        await on.settled()
        methods = {call.method for call in on.slack.calls}
        assert not methods & {"users.conversations", "conversations.history"}


async def test_a_lost_reply_joins_the_ticket_of_its_slack_thread(on_stage: Stage) -> None:
    on = on_stage
    root = await on.slack.post(on.ben, on.support, "Anybody else?")
    await on.slack.react(on.ada, on.support, root, "ticket")
    await on.settled()
    reply = await on.slack.post(on.ben, on.support, "For me too", thread_ts=root)
    await on.slack.react(on.ada, on.support, reply, "ticket", deliver=False)
    assert found(await look(on)) == [reply]
    await on.settled()
    ((event,),) = [thread.events for thread in on.plain.threads]
    assert "For me too" in str(event.components)


async def test_many_who_reacted(on_stage: Stage) -> None:
    on = on_stage
    on.slack.reactors_shown = 1
    bot, pam = on.slack.add_user("alerts", bot=True), on.slack.add_user("Pam", team="T00000002")
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    for user in (bot, pam, on.ada):
        await on.slack.react(user, on.support, ts, "ticket", deliver=False)
    (one,) = (await look(on)).findings
    assert (one.posted.ref.ts, one.submitter) == (ts, on.ada)
    (entry,) = await on.settled()
    assert (entry.state, entry.submitter) == ("created", on.ada)


async def test_reactions_by_bots_and_by_the_bridge_itself_are_nothing(on_stage: Stage) -> None:
    on = on_stage
    bot = on.slack.add_user("alerts", bot=True)
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    for user in (on.slack.bot_user, bot):
        await on.slack.react(user, on.support, ts, "ticket", deliver=False)
    assert (await look(on)).findings == ()
    assert on.entries() == []


async def test_one_who_may_not_ask_is_refused_as_ever(on_stage: Stage) -> None:
    on = on_stage
    guest = on.slack.add_user("Gil", guest=True)
    on.slack.channel(on.support).members.add(guest)
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.react(guest, on.support, ts, "ticket", deliver=False)
    assert found(await look(on)) == [ts]
    (entry,) = await on.settled()
    assert (entry.state, entry.reason) == ("rejected", "not_allowed")
    assert found(await look(on)) == []
    assert (await on.settled())[0].state == "rejected"


async def test_an_event_that_comes_late_makes_no_second_thread(on_stage: Stage) -> None:
    on = on_stage
    ts = await lost(on)
    await look(on)
    await on.settled()
    event = {
        "type": "reaction_added",
        "user": on.ada,
        "reaction": "ticket",
        "item": {"type": "message", "channel": on.support, "ts": ts},
        "item_user": on.ben,
        "event_ts": ts,
    }
    assert (await on.slack.send_event(event, actor=on.ada, channel=on.support)).ok
    assert len(await on.settled()) == 1
    assert len(on.plain.threads) == 1


async def test_it_keeps_to_its_budget_and_goes_on(on_stage: Stage) -> None:
    on = on_stage
    on.slack.page_cap = 2
    wanted = {await lost(on) for _ in range(20)}
    first = await look(on, calls=8)
    assert (first.stopped, first.went_on) == ("call_budget", False)
    assert [one.channel.id for one in first.left] == [on.support]
    second = await look(on, calls=8)
    assert (second.stopped, second.went_on) == (None, True)
    assert {*found(first), *found(second)} == wanted
    assert len(found(first)) + len(found(second)) == len(wanted)


@pytest.mark.parametrize(
    "method", ["conversations.history", "conversations.replies", "reactions.get"]
)
async def test_a_rate_limit_ends_the_pass(on_stage: Stage, method: str) -> None:
    on = on_stage
    on.slack.reactors_shown = 0
    ts = await lost(on)
    reply = await on.slack.post(on.ben, on.support, "Still", thread_ts=ts)
    await on.slack.react(on.ada, on.support, reply, "ticket", deliver=False)
    on.slack.fail(method, retry_after=1)
    report = await look(on)
    assert (report.stopped, len(report.left)) == ("slack_ratelimited", 1)
    escalated = found(report)
    async with asyncio.timeout(20):
        while report.stopped is not None:
            await asyncio.sleep(0.2)
            report = await look(on)
            escalated += found(report)
    assert sorted(escalated) == [ts, reply]


async def test_a_closed_channel_is_named_and_the_others_are_read(on_stage: Stage) -> None:
    on = on_stage
    on.slack.scopes.discard("groups:history")
    secret = on.slack.add_channel("secret", private=True, members=[on.ada, on.ben])
    await lost(on, channel=secret)
    ts = await lost(on)
    report = await look(on)
    assert found(report) == [ts]
    assert [(one.channel.id, one.why) for one in report.left] == [(secret, "missing_scope")]


async def test_a_dry_run_leaves_the_work_to_be_done(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path) as on:
        ts = await lost(on)
        dry = await look(on, dry_run=True)
        assert found(dry) == [ts]
        assert on.entries() == []
        assert found(await look(on)) == [ts]
        await on.settled()
        (known,) = (await look(on, dry_run=True)).findings
        assert known.verdict is FindingVerdict.IN_LEDGER
