"""Bridges that are broken on purpose: the simulation has to find each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

import pytest
from sqlalchemy import delete, select, text, update

from bot.core import rate_limit
from bot.core.faults import Rejection
from bot.core.model import Escalation, Outcome, Trigger
from bot.core.rate_limit import Grant, Rate, Tally
from bot.flows import exactly_once
from bot.flows.deliver import _Delivery
from bot.flows.intake import Intake
from bot.flows.thread_order import ThreadOrder
from bot.store import claims, jobs, rows
from bot.store.claims import Claim
from bot.store.delay_notices import DelayNotices
from bot.store.jobs import Job, Jobs
from bot.store.rate_limit import SharedRateLimit
from bot.store.requests import Recorded, Requests
from bot.store.schema import job as table
from bot.store.schema import request
from bot.store.tickets import Ledger
from bot.store.updates import RowUpdates
from bot.worker import Worker
from tests.simulation.store import Store
from tests.simulation.world import Simulation, Violation

pytestmark = pytest.mark.proof

MOST_SEEDS = 150

Break = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(autouse=True)
def _whole_schema(store: Store) -> Iterator[None]:
    """Give back the index that one of the bridges drops."""
    (index,) = store.raw.execute("SELECT sql FROM sqlite_master WHERE name = 'uq_job_leased'")
    yield
    store.raw.execute("DROP INDEX IF EXISTS uq_job_leased")
    store.raw.execute("DELETE FROM job")
    store.raw.execute(index["sql"])


def looks_up_nothing(patch: pytest.MonkeyPatch) -> None:
    """What was sent without an answer is sent again."""

    async def nothing(*_: object, **__: object) -> None:
        return None

    patch.setattr(exactly_once, "look_back", nothing)


def waits_for_nothing(patch: pytest.MonkeyPatch) -> None:
    """What cannot be found at once is taken for lost: no settle window."""
    patch.setattr(exactly_once, "_wait_until_settled", lambda _attempt: None)


def writes_without_its_lease(patch: pytest.MonkeyPatch) -> None:
    """Whoever lost the job writes to it all the same."""

    def unfenced(self: Jobs, connection: Any, job: Job, values: Mapping[str, object]) -> None:
        RowUpdates(self.database, table).write(connection, job.id, values)

    def end(self: Jobs, connection: Any, job: Job) -> None:
        connection.execute(delete(table).where(table.c.id == job.id))

    patch.setattr(Jobs, "_write", unfenced)
    patch.setattr(Jobs, "end", end)


def answers_before_it_settles(patch: pytest.MonkeyPatch) -> None:
    settle: Any = Worker._settle

    async def hasty(self: Worker, claim: Claim, turn: Any) -> Outcome | None:
        kept = self.deliver

        async def deliver_and_tell(claim: Claim, progress: Any) -> Outcome:
            found = await kept(claim, progress)
            await self.tell(turn.trigger, found, claim.reference)
            return found

        outcome = await settle(replace(self, deliver=deliver_and_tell), claim, turn)
        return outcome if isinstance(outcome, Rejection) else None

    patch.setattr(Worker, "_settle", hasty)


def frees_no_conversation(patch: pytest.MonkeyPatch) -> None:
    """A request that is rejected keeps its Slack thread for itself."""
    patch.setattr(Ledger, "_drop_opening", lambda *_: None)
    patch.setattr(Ledger, "_let_go", lambda *_: None)


def forgets_the_customer(patch: pytest.MonkeyPatch) -> None:
    """Another attempt does not know whose ticket it may have opened, and finds out anew."""
    claim_of = claims._claim

    def claim(job: Job, row: Any) -> Claim:
        found = claim_of(job, row)
        opening = found.opening and replace(found.opening, customer="c_any", requester="")
        return replace(found, opening=opening)

    patch.setattr(claims, "_claim", claim)


def forgets_what_is_left(patch: pytest.MonkeyPatch) -> None:
    """Of a thread in several pieces an attempt knows only those that it sends itself."""
    claim_of = claims._claim
    patch.setattr(claims, "_claim", lambda job, row: replace(claim_of(job, row), rest=None))


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
    take = DelayNotices.take

    @wraps(take)
    def again(self: DelayNotices, job: Job) -> Escalation | None:
        found = take(self, job)
        if found is not None:
            self.give_back(job)
        return found

    patch.setattr(DelayNotices, "take", again)


def lets_the_first_submitter_decide(patch: pytest.MonkeyPatch) -> None:
    """What becomes of the first request becomes of all that wait for the same message."""
    settle = Ledger.settle
    ended = ("state", "answer", "reason", "reason_data", "ticket_id", "settled_at")

    @wraps(settle)
    def settle_all(self: Ledger, claim: Claim, outcome: Outcome) -> bool:
        if not settle(self, claim, outcome):
            return False
        with self.database.writing() as connection:
            row = connection.execute(select(request).where(request.c.id == claim.id)).one()
            others = connection.scalars(
                update(request)
                .where(request.c.key == row.key, request.c.state == "waiting")
                .values({name: getattr(row, name) for name in ended})
                .returning(request.c.id)
            ).all()
            connection.execute(
                delete(table).where(table.c.kind == "decide", table.c.key.in_(others))
            )
        return True

    patch.setattr(Ledger, "settle", settle_all)


def replaces_what_is_pending(patch: pytest.MonkeyPatch) -> None:
    """The next request for a message takes the place of one that is on hold."""
    record = Requests.record_all

    def replacing(self: Requests, escalations: Sequence[Escalation], **limits: Any) -> Any:
        recorded = record(self, escalations, **limits)
        with self._database.writing() as connection:
            for one in escalations:
                columns = rows.request_columns(one)
                new = {name: columns[name] for name in ("submitter", "trigger", "form")}
                pending = (request.c.key == one.key) & (request.c.state == "on_hold")
                connection.execute(update(request).where(pending).values(new))
        return recorded

    patch.setattr(Requests, "record_all", replacing)


def puts_words_anywhere(patch: pytest.MonkeyPatch) -> None:
    """What is typed for one requester is added to the ticket that is there, whosever it is."""

    async def none(*_: object) -> None:
        return None

    patch.setattr(_Delivery, "_other_customer", none)


def leases_all_of_an_order_key(patch: pytest.MonkeyPatch) -> None:
    """A claim takes along what waits for one that it takes; no index forbids that."""
    claim = Jobs.claim

    @wraps(claim)
    def greedy(self: Jobs, worker: str, decisions: int, others: int = 0) -> list[Job]:
        taken = claim(self, worker, decisions, others)
        now = self.database.now()
        with self.database.writing() as connection:
            connection.execute(text("DROP INDEX IF EXISTS uq_job_leased"))
            for one in list(taken):
                its = (table.c.order_key == one.order_key) & table.c.token.is_(None)
                taking = (
                    update(table)
                    .where(its, table.c.kind == "decide")
                    .values(token=f"{one.token}+", lease_until=now + 90.0)
                    .returning(*table.c, now.label("now"))
                )
                taken += map(jobs._job, connection.execute(taking).all())
        return taken

    patch.setattr(Jobs, "claim", greedy)


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
        lets_the_first_submitter_decide,
        replaces_what_is_pending,
        puts_words_anywhere,
        leases_all_of_an_order_key,
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
