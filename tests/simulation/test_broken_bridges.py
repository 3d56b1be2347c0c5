"""Bridges that are broken on purpose: the simulation has to find each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

import pytest
from sqlalchemy import update

from bot.core import rate_limit
from bot.core.faults import Rejection
from bot.core.model import Outcome, Trigger
from bot.core.rate_limit import Grant, Rate, Tally
from bot.flows import exactly_once
from bot.flows.intake import Intake
from bot.flows.thread_order import ThreadOrder
from bot.store import claims, rows
from bot.store.claims import Claim, FencedWrites, FromNow
from bot.store.delay_notices import DelayNotices, Queued
from bot.store.deliveries import Ledger
from bot.store.rate_limit import SharedRateLimit
from bot.store.requests import Recorded
from bot.store.schema import escalation as table
from bot.worker import Worker
from tests.simulation.store import Store
from tests.simulation.world import Simulation, Violation

pytestmark = pytest.mark.proof

MOST_SEEDS = 150

Break = Callable[[pytest.MonkeyPatch], None]


def looks_up_nothing(patch: pytest.MonkeyPatch) -> None:
    """What was sent without an answer is sent again."""

    async def nothing(*_: object, **__: object) -> None:
        return None

    patch.setattr(exactly_once, "look_back", nothing)


def waits_for_nothing(patch: pytest.MonkeyPatch) -> None:
    """What cannot be found at once is taken for lost: no settle window."""
    patch.setattr(exactly_once, "_wait_until_settled", lambda _attempt: None)


def writes_without_its_lease(patch: pytest.MonkeyPatch) -> None:
    """Whoever lost the row writes to it all the same."""

    def unfenced(self: FencedWrites, connection: Any, claim: Claim, **values: Any) -> None:
        now = self._database.now()
        written = {
            name: now + value.seconds if isinstance(value, FromNow) else value
            for name, value in values.items()
        }
        connection.execute(update(table).where(table.c.id == claim.id).values(written))

    patch.setattr(FencedWrites, "write", unfenced)


def answers_before_it_settles(patch: pytest.MonkeyPatch) -> None:
    settle: Any = Worker._settle

    async def hasty(self: Worker, claim: Claim, delivery: Any) -> Outcome | None:
        kept = self.deliver

        async def deliver_and_tell(claim: Claim, progress: Any) -> Outcome:
            found = await kept(claim, progress)
            await self.tell(delivery.trigger, found, claim.reference)
            return found

        outcome = await settle(replace(self, deliver=deliver_and_tell), claim, delivery)
        return outcome if isinstance(outcome, Rejection) else None

    patch.setattr(Worker, "_settle", hasty)


def frees_no_conversation(patch: pytest.MonkeyPatch) -> None:
    """A row that is refused keeps its Slack thread for itself."""
    patch.setattr(
        rows, "UNFROZEN", {k: v for k, v in rows.UNFROZEN.items() if k != "conversation_key"}
    )


def forgets_the_customer(patch: pytest.MonkeyPatch) -> None:
    """Another attempt finds out anew whose ticket it is."""
    claim_of = claims.claim_of
    patch.setattr(claims, "claim_of", lambda row: replace(claim_of(row), customer=None))


def forgets_what_is_left(patch: pytest.MonkeyPatch) -> None:
    """Of a thread in several pieces an attempt knows only those that it sends itself."""
    claim_of = claims.claim_of
    patch.setattr(claims, "claim_of", lambda row: replace(claim_of(row), rest=None))


def believes_every_failure(patch: pytest.MonkeyPatch) -> None:
    """A write without an answer counts as not processed."""
    retry_later = Ledger.retry_later

    def sure(self: Ledger, *args: Any, failed: bool, outcome_unknown: bool) -> None:
        retry_later(self, *args, failed=failed, outcome_unknown=False)

    patch.setattr(Ledger, "retry_later", sure)


def takes_no_turns(patch: pytest.MonkeyPatch) -> None:
    """The messages of a Slack thread go in any order."""

    async def at_once(*_: object) -> None:
        return None

    patch.setattr(ThreadOrder, "wait", at_once)


def acknowledges_before_it_records(patch: pytest.MonkeyPatch) -> None:
    take = Intake.take

    async def later(self: Intake, trigger: Trigger, *rest: Any) -> Recorded:
        async def recording() -> None:
            await asyncio.sleep(0.5)
            await take(self, trigger, *rest)

        task = asyncio.ensure_future(recording())
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return Recorded(fresh=False)

    patch.setattr(Intake, "take", later)


def ignores_its_share(patch: pytest.MonkeyPatch) -> None:
    """It takes all that Plain allows: nothing is left for other integrations."""
    patch.setattr(rate_limit, "budget", lambda limit, _share: limit)


def shares_no_rate(patch: pytest.MonkeyPatch) -> None:
    """Each replica takes the whole share for itself."""

    def fresh(self: SharedRateLimit, share: float, known: Any, wanted: int, now: float) -> Grant:
        return rate_limit.grant(Tally(), share, known, wanted, now)[1]

    patch.setattr(SharedRateLimit, "lease", fresh)


def asks_on_after_a_429(patch: pytest.MonkeyPatch) -> None:
    """What Plain says of waiting is not heard."""
    patch.setattr(Rate, "shut", lambda self, _until: self)


def forgets_whom_it_told(patch: pytest.MonkeyPatch) -> None:
    """Whoever waits hears again and again that it takes longer."""
    take = DelayNotices.take_late

    @wraps(take)
    def again(self: DelayNotices, team: str, seconds: float, limit: int) -> list[Queued]:
        found = take(self, team, seconds, limit)
        for queued in found:
            self.give_back(queued)
        return found

    patch.setattr(DelayNotices, "take_late", again)


@pytest.mark.parametrize(
    "broken",
    [
        looks_up_nothing,
        waits_for_nothing,
        writes_without_its_lease,
        answers_before_it_settles,
        frees_no_conversation,
        forgets_the_customer,
        forgets_what_is_left,
        believes_every_failure,
        takes_no_turns,
        acknowledges_before_it_records,
        ignores_its_share,
        shares_no_rate,
        asks_on_after_a_429,
        forgets_whom_it_told,
    ],
)
def test_a_broken_bridge_is_found(
    store: Store, monkeypatch: pytest.MonkeyPatch, broken: Break
) -> None:
    broken(monkeypatch)
    for seed in range(1, MOST_SEEDS + 1):
        try:
            Simulation(seed, store).run()
        except Violation as found:
            print(f"{broken.__name__}: seed {seed}: {found}")
            return
    pytest.fail(f"{broken.__name__} was not found in {MOST_SEEDS} seeds")
