"""A parked delivery, asked for again by a form that names somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.core.faults import Reason, Rejection
from bot.core.model import Created, Via
from bot.store.claims import Claim
from bot.store.database import Database
from bot.store.deliveries import Ledger
from tests.conftest import Clock
from tests.flows.delivering import UNKNOWN, Bench
from tests.nouns import escalation, form, message


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


async def test_it_is_the_ticket_of_whom_the_last_form_names(bench: Bench) -> None:
    """It became the customer's whom the first form had named, who was sent every answer."""
    await park(bench, "U0GUS", committed=False)
    assert isinstance(await bench.settle(ask(bench, "V2", "U0PAM")), Created)
    assert [one.customer for one in bench.plain.threads] == ["c_u0pam"]


async def test_what_came_about_for_the_first_one_is_found(bench: Bench) -> None:
    await park(bench, "U0GUS", committed=True)
    assert isinstance(await bench.settle(ask(bench, "V2", "U0PAM")), Created)
    assert [one.customer for one in bench.plain.threads] == ["c_u0gus"]


async def test_another_attempt_is_for_the_customer_that_the_first_one_froze(bench: Bench) -> None:
    bench.plain.before.append(UNKNOWN)
    await bench.fail(ask(bench, "V1", "U0GUS"), 60.0)
    bench.slack.profiles["U0GUS"] = None  # nobody is asked for again
    assert isinstance(await bench.settle(bench.claim()), Created)
    assert [one.customer for one in bench.plain.threads] == ["c_u0gus"]
