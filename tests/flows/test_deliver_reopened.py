"""A create that was given up, and its message requested again for somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.core.faults import Reason, Rejection
from bot.core.model import Created, Joined, Via
from bot.store.claims import Claim
from bot.store.database import Database
from bot.store.tickets import Ledger
from tests.conftest import Clock
from tests.flows.delivering import UNKNOWN, Bench
from tests.nouns import TICKET, escalation, form, message


@pytest.fixture
def bench(database_url: str, clock: Clock) -> Iterator[Bench]:
    database = Database(database_url, clock)
    yield Bench(database, clock, Ledger(database))
    database.close()


def ask(bench: Bench, request: str, requester: str) -> Claim:
    asking = escalation(
        via=Via.SHORTCUT, request=request, message=message(), form=form(requester=requester)
    )
    bench.ledger.record(replace(asking, rules=()))
    return bench.claim()


async def park(bench: Bench, requester: str, *, committed: bool) -> None:
    fault = bench.plain.after if committed else bench.plain.before
    bench.plain.hidden = True
    fault.append(UNKNOWN)
    await bench.fail(ask(bench, "V1", requester), 60.0)
    claim = bench.claim()
    bench.ledger.settle(claim, Rejection(Reason.GAVE_UP, cause="plain_timeout"))
    bench.ledger.answered(claim, said=True)
    bench.plain.hidden = False


async def cleared_up(bench: Bench, claim: Claim) -> Claim:
    """What became of the first one's create is noted; then this request is decided anew."""
    fault = await bench.fail(claim)
    assert (fault.cause, fault.after) == ("conversation_held", 0.0)
    return bench.claim()


async def test_it_is_the_ticket_of_whom_the_last_form_names(bench: Bench) -> None:
    """It became the customer's whom the first form had named, who was sent every answer."""
    await park(bench, "U0GUS", committed=False)
    claim = await cleared_up(bench, ask(bench, "V2", "U0PAM"))
    assert await bench.settle(claim) == Created(TICKET)
    assert [one.customer for one in bench.plain.threads] == ["c_u0pam"]


async def test_what_came_about_for_the_first_one_stays_that_ones(bench: Bench) -> None:
    await park(bench, "U0GUS", committed=True)
    claim = await cleared_up(bench, ask(bench, "V2", "U0PAM"))
    outcome = await bench.settle(claim)
    assert isinstance(outcome, Created)
    assert outcome.beside == TICKET
    assert [one.customer for one in bench.plain.threads] == ["c_u0gus", "c_u0pam"]


async def test_words_for_the_same_person_are_added_to_what_came_about(bench: Bench) -> None:
    await park(bench, "U0GUS", committed=True)
    claim = await cleared_up(bench, ask(bench, "V2", "U0GUS"))
    assert await bench.settle(claim) == Joined(TICKET, added_words=True)
    assert [one.customer for one in bench.plain.threads] == ["c_u0gus"]


async def test_nothing_is_created_while_the_first_one_may_still_come_about(bench: Bench) -> None:
    bench.plain.before.append(UNKNOWN)
    await bench.fail(ask(bench, "V1", "U0GUS"))
    claim = bench.claim()
    bench.ledger.settle(claim, Rejection(Reason.GAVE_UP, cause="plain_timeout"))
    bench.ledger.answered(claim, said=True)
    assert (await bench.fail(ask(bench, "V2", "U0GUS"), 35.0)).cause == "settling"
    assert bench.plain.sent == 1
    claim = await cleared_up(bench, bench.claim())
    assert await bench.settle(claim) == Created(TICKET)


async def test_another_attempt_is_for_the_customer_that_the_first_one_froze(bench: Bench) -> None:
    bench.plain.before.append(UNKNOWN)
    await bench.fail(ask(bench, "V1", "U0GUS"), 60.0)
    bench.slack.profiles["U0GUS"] = None  # nobody is asked for again
    assert isinstance(await bench.settle(bench.claim()), Created)
    assert [one.customer for one in bench.plain.threads] == ["c_u0gus"]
