"""What was found in Slack's history may have its thread: the ledger may be an older copy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import delete, select

from bot.core.conversation import ThreadLimits
from bot.core.faults import TryLater
from bot.core.model import Added, Continuation, Created, Message
from bot.core.refs import MessageRef, found_request
from bot.flows.deliver import deliver
from bot.flows.workspace import Policy
from bot.store.claims import Claim, RemainingParts
from bot.store.database import Database
from bot.store.schema import person, request, ticket, ticket_message
from bot.store.tickets import Ledger
from tests.conftest import Clock
from tests.flows.delivering import Bench
from tests.flows.settling import noted
from tests.nouns import CHANNEL, TEAM, escalation, form, message, ts


@pytest.fixture
def database(sqlite_url: str, clock: Clock) -> Iterator[Database]:
    database = Database(sqlite_url, clock)
    yield database
    database.close()


@pytest.fixture
def bench(database: Database, clock: Clock) -> Bench:
    return Bench(database, clock, Ledger(database))


class Onward:
    async def read(self, message: Message | None, conversation_key: str) -> None:
        """Nobody is in the way."""


def restore(database: Database, first_lost: int = 1) -> None:
    """The copy knows neither these requests, nor their tickets, nor whom they made known."""
    lost = select(request.c.key).where(request.c.id >= first_lost)
    with database.writing() as connection:
        connection.execute(delete(ticket_message).where(ticket_message.c.key.in_(lost)))
        connection.execute(delete(ticket).where(ticket.c.request_id >= first_lost))
        connection.execute(delete(request).where(request.c.id >= first_lost))
        connection.execute(delete(person))


def find(bench: Bench, number: int = 1) -> Claim:
    request = found_request(MessageRef(CHANNEL, ts(number)), "ticket", "U0ADA")
    return bench.react(number, request=request)


async def test_a_thread_of_after_the_copy_is_the_rows_again(
    bench: Bench, database: Database
) -> None:
    bench.post()
    before = await bench.settle(bench.react())
    restore(database)
    assert await bench.settle(find(bench)) == before
    assert bench.plain.sent == 1
    assert [one.customer for one in bench.links.all()] == ["c_u0author"]


async def test_the_messages_of_its_slack_thread_join_it(bench: Bench, database: Database) -> None:
    bench.post(1)
    bench.post(2, thread_ts=ts(1))
    before = await bench.settle(bench.react(1))
    assert isinstance(before, Created)
    restore(database)
    await bench.settle(find(bench, 1))
    assert await bench.settle(bench.react(2)) == Added(before.ticket)
    assert len(bench.plain.threads) == 1


async def test_an_addition_of_after_the_copy_is_not_added_again(
    bench: Bench, database: Database
) -> None:
    bench.post(1)
    bench.post(2, thread_ts=ts(1))
    await bench.settle(bench.react(1))
    before = await bench.settle(bench.react(2))
    assert isinstance(before, Added)
    restore(database, first_lost=2)
    assert await bench.settle(find(bench, 2)) == before
    assert len(bench.plain.events) == 1


async def test_what_plain_does_not_have_is_created(bench: Bench) -> None:
    bench.post()
    assert isinstance(await bench.settle(find(bench)), Created)
    assert [one.external_id for one in bench.plain.threads] == [f"{TEAM}:{CHANNEL}:{ts(1)}"]


async def test_nothing_is_created_before_it_was_looked_for(
    bench: Bench, database: Database
) -> None:
    bench.post()
    before = await bench.settle(bench.react())
    restore(database)
    bench.plain.look_ups = [TryLater("plain_502")]
    await bench.fail(find(bench), 1.0)
    assert bench.plain.sent == 1
    assert await bench.settle(bench.claim()) == before


async def test_a_new_request_for_a_message_of_before_the_start_is_looked_up(
    bench: Bench, database: Database
) -> None:
    bench.post()
    before = await bench.settle(bench.react())
    restore(database)
    claim = bench.react(request="Ev77", submitter="U0OTHER")
    runtime = replace(bench.runtime, started=float(ts(1)) + 1.0)
    assert await deliver(claim, bench.workspace, runtime, Onward()) == before
    assert len(bench.plain.threads) == 1


async def test_an_event_costs_no_look(bench: Bench) -> None:
    bench.post()
    bench.plain.look_ups = [TryLater("nobody looks")]
    assert isinstance(await bench.settle(bench.react()), Created)


async def test_a_row_of_the_copy_that_was_delivered_after_it(
    bench: Bench, database: Database
) -> None:
    """It was waiting when the copy was made, and nothing says that it was sent since."""
    bench.post()
    before = await bench.settle(bench.react())
    restore(database)
    runtime = replace(bench.runtime, started=escalation().trigger.reply_to.asked_at + 1)
    assert await deliver(bench.react(), bench.workspace, runtime, Onward()) == before
    assert bench.plain.sent == 1


async def test_the_pieces_of_a_long_thread_of_after_the_copy_are_there_once(
    bench: Bench, database: Database
) -> None:
    bench.policy = Policy(bounds=ThreadLimits(components=1, first_components=1))
    said = tuple(message(number, thread_ts=ts(1)) for number in (1, 2, 3))
    bench.slack.threads = {MessageRef(CHANNEL, ts(1)): said}
    request = found_request(MessageRef(CHANNEL, ts(1)), "ticket", "U0ADA")
    asking = escalation(message=said[0], form=form(whole_thread=True), request=request)
    bench.ledger.record(asking)
    before = await bench.settle(bench.claim())
    sent = [event.external_id for event in bench.plain.events]
    assert len(sent) == 2
    # The copy was made right after the create was noted.
    restore(database)
    bench.ledger.record(asking)
    claim = bench.claim()
    rest = RemainingParts(
        tuple(Continuation(one.external_id, one.title, ()) for one in bench.plain.events)
    )
    noted(database, claim, "c_u0author", message=said[0], rest=rest)
    bench.ledger.give_back(claim.job)
    assert await bench.settle(bench.claim()) == before
    assert [event.external_id for event in bench.plain.events] == sent
