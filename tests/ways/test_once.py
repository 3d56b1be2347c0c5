"""One thread each: however often, by however many doors and people it was asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from bot.app import Windows
from bot.flows.workspace import Policy
from bot.sandbox.plain import Plain
from bot.sandbox.plain.world import Duplicates
from tests.ways.stage import Stage, stage, until


async def test_ten_identical_deliveries_are_one_thread_and_one_answer(
    database_url: str, tmp_path: Path
) -> None:
    async with stage(database_url, tmp_path) as on:
        ts = await on.slack.post(on.ben, on.support, "The export fails")
        await on.slack.react(on.ada, on.support, ts, "ticket", deliver=False)
        event = {
            "type": "reaction_added",
            "user": on.ada,
            "reaction": "ticket",
            "item": {"type": "message", "channel": on.support, "ts": ts},
            "item_user": on.ben,
            "event_ts": ts,
        }
        envelope = {"event": event, "type": "event_callback", "event_id": "Ev1", "team_id": "T1"}
        deliveries = await asyncio.gather(
            *(on.slack.courier.once("events_api", dict(envelope)) for _ in range(10))
        )
        assert {delivery.status for delivery in deliveries} == {200}
        await on.settled()
        assert len(on.plain.threads) == 1
        assert len(on.seen_by(on.ada)) == 1


async def test_two_doors_and_two_people_for_one_message_are_one_thread(
    database_url: str, tmp_path: Path
) -> None:
    async with stage(database_url, tmp_path) as on:
        ts = await on.slack.post(on.ben, on.support, "The export fails")
        opened = await on.slack.use_shortcut(on.ben, on.support, ts, "create_plain_ticket")
        assert opened.view is not None
        await asyncio.gather(
            on.slack.react(on.ada, on.support, ts, "ticket"),
            on.slack.submit(on.ben, opened.view["id"]),
        )
        await on.settled()
        assert len(on.plain.threads) == 1
        assert on.plain.threads[0].events == []
        # The first is told of the ticket; the second that it is there already.
        await until(lambda: on.seen_by(on.ada) and on.seen_by(on.ben))
        assert (len(on.seen_by(on.ada)), len(on.seen_by(on.ben))) == (1, 1)


async def test_two_replies_of_one_slack_thread_by_two_authors_are_one_thread_and_one_event(
    database_url: str, tmp_path: Path
) -> None:
    async with stage(database_url, tmp_path) as on:
        root = await on.slack.post(on.ben, on.support, "Anybody else?")
        first = await on.slack.post(on.ada, on.support, "Fails for me", thread_ts=root)
        second = await on.slack.post(on.ben, on.support, "For me too", thread_ts=root)
        await asyncio.gather(
            on.slack.react(on.ada, on.support, first, "ticket"),
            on.slack.react(on.ada, on.support, second, "ticket"),
        )
        await on.settled()
        (thread,) = on.plain.threads
        (event,) = thread.events
        quoted = {str(thread.components), str(event.components)}
        assert len(quoted) == 2
        added, created = sorted(on.seen_by(on.ada))
        assert added.startswith("Added to T-1")
        assert created.startswith("Created ticket T-1")
        answered_in = {seen.thread_ts for seen in on.slack.ephemerals(on.ada)}
        assert answered_in == {root}


async def test_only_a_reply_is_answered_in_its_slack_thread(on_stage: Stage) -> None:
    """An ephemeral message of a thread is seen by nobody who reads the channel."""
    on = on_stage
    root = await on.slack.post(on.ben, on.support, "The export fails")
    reply = await on.slack.post(on.ben, on.support, "Still", thread_ts=root)
    await on.slack.react(on.ada, on.support, root, "ticket")
    await on.settled()
    opened = await on.slack.use_shortcut(on.ada, on.support, reply, "create_plain_ticket")
    assert opened.view is not None
    await on.slack.submit(on.ada, opened.view["id"], {})
    await on.settled()
    told = [(seen.text.split()[0], seen.thread_ts) for seen in on.slack.ephemerals(on.ada)]
    assert told == [("Created", None), ("Added", root)]


@pytest.mark.parametrize("root_has_it", [True, False])
async def test_asking_again_for_a_reply_is_answered_in_its_slack_thread(
    on_stage: Stage, root_has_it: bool
) -> None:
    """A reaction's event does not say that its message is a reply; Slack does when asked."""
    on = on_stage
    root = await on.slack.post(on.ben, on.support, "The export fails")
    reply = await on.slack.post(on.ben, on.support, "Still", thread_ts=root)
    for ts in (root, reply) if root_has_it else (reply,):
        await on.slack.react(on.ada, on.support, ts, "ticket")
        await on.settled()
    for ts in (reply, root) if root_has_it else (reply,):
        await on.slack.react(on.ben, on.support, ts, "ticket")
        await on.settled()
    told = [(seen.text[:26], seen.thread_ts) for seen in on.slack.ephemerals(on.ben)]
    already = "This already has a ticket:"
    assert told == ([(already, root), (already, None)] if root_has_it else [(already, root)])


async def test_a_form_for_another_message_of_the_slack_thread_adds_its_description(
    on_stage: Stage,
) -> None:
    on = on_stage
    root = await on.slack.post(on.ben, on.support, "The export fails")
    reply = await on.slack.post(on.ben, on.support, "Still", thread_ts=root)
    await on.slack.react(on.ada, on.support, root, "ticket")
    await on.threads(1)
    opened = await on.slack.use_shortcut(on.ada, on.support, reply, "create_plain_ticket")
    assert opened.view is not None
    await on.slack.submit(on.ada, opened.view["id"], {"description": "Since Monday."})
    await on.settled()
    ((event,),) = [thread.events for thread in on.plain.threads]
    assert "Still" in str(event.components)
    assert "Since Monday." in str(event.components)


async def test_asking_again_answers_with_the_ticket_that_is_there(on_stage: Stage) -> None:
    on = on_stage
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.react(on.ada, on.support, ts, "ticket")
    await on.settled()
    await on.slack.react(on.ben, on.support, ts, "ticket")
    await until(lambda: on.seen_by(on.ben))
    assert on.seen_by(on.ben)[0].startswith("This already has a ticket: T-1")
    opened = await on.slack.use_shortcut(on.ben, on.support, ts, "create_plain_ticket")
    assert opened.view is not None
    assert "T-1" in str(opened.view["blocks"])
    assert opened.view["callback_id"] != "plain_ticket_form"
    assert len(on.plain.threads) == 1


async def test_asking_again_is_answered_once_however_often_it_is_delivered(
    on_stage: Stage,
) -> None:
    on = on_stage
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.react(on.ada, on.support, ts, "ticket")
    await on.settled()
    on.slack.deliver_twice = True
    await on.slack.react(on.ben, on.support, ts, "ticket")
    await on.settled()
    assert len(on.seen_by(on.ben)) == 1


async def test_asking_again_is_a_request_of_its_own_beside_the_one_on_hold(
    on_stage: Stage,
) -> None:
    on = on_stage
    nobody = on.slack.add_user("Nia", email=None)
    ts = await on.slack.post(nobody, on.support, "Who am I?")
    await on.slack.react(on.ada, on.support, ts, "ticket")
    await on.settled()
    (answer,) = on.seen_by(on.ada)
    assert f"plain-bridge people link {nobody} CUSTOMER" in answer
    on.slack.users[nobody].email = "nia@acme.example"
    opened = await on.slack.use_shortcut(on.ben, on.support, ts, "create_plain_ticket")
    assert opened.view is not None
    await on.slack.submit(on.ben, opened.view["id"], {"requester": on.ada})
    entry, earlier = await on.settled()
    assert (entry.state, entry.submitter, entry.requester) == ("created", on.ben, on.ada)
    assert (earlier.state, earlier.submitter, earlier.requester) == ("on-hold", on.ada, nobody)
    await until(lambda: on.seen_by(on.ben))


@pytest.mark.parametrize("how", ["502", "drop", "html", "500"])
@pytest.mark.parametrize("committed", [True, False], ids=["committed", "not committed"])
@pytest.mark.parametrize("duplicates", ["allow", "refuse"])
async def test_an_answer_that_is_lost_leaves_one_thread(
    sqlite_url: str, tmp_path: Path, how: str, committed: bool, duplicates: Duplicates
) -> None:
    plain = Plain(duplicate_external_id=duplicates)
    policy = Policy(settle_window=0.5)
    async with stage(sqlite_url, tmp_path, plain=plain, policy=policy) as on:
        plain.fail("createThread", how, committed=committed)  # type: ignore[arg-type]
        await on.ask()
        await on.settled()
        assert len(plain.threads) == 1
        assert len(on.seen_by(on.ada)) == 1


async def test_a_duplicate_that_came_late_is_counted_and_named(
    sqlite_url: str, tmp_path: Path
) -> None:
    """Plain processes the first create only after the bridge looked for it in vain."""
    plain = Plain(duplicate_external_id="allow")
    policy, windows = Policy(settle_window=0.3), Windows(plain=0.5, verify=5.0)
    async with stage(sqlite_url, tmp_path, plain=plain, policy=policy, windows=windows) as on:
        plain.fail("createThread", "late", seconds=5.0)  # later than a busy machine looks again
        await on.ask()
        await on.threads(2)
        async with httpx.AsyncClient(base_url=on.url) as client:
            counted = ""
            async with asyncio.timeout(10):
                while "plain_bridge_duplicate_threads_total 1.0" not in counted:
                    await asyncio.sleep(0.05)
                    counted = (await client.get("/metrics")).text
        (entry,) = on.entries()
        assert entry.duplicates
        assert entry.ticket is not None
        assert {entry.ticket.ref, *entry.duplicates} == {thread.ref for thread in plain.threads}


async def test_a_message_seen_twice_by_slack_is_one_thread(on_stage: Stage) -> None:
    on = on_stage
    on.slack.deliver_twice = True
    await on.ask()
    await on.settled()
    assert len(on.plain.threads) == 1
    assert len(on.seen_by(on.ada)) == 1
