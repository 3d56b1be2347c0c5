"""Jobs are claimed in order, for a lease, one at a time of each order key, and given back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.exc import IntegrityError

from bot.core.faults import LeaseLost, Reason, Rejection
from bot.core.model import Created
from bot.core.refs import MessageRef
from bot.store.conversations import Exists
from bot.store.database import Database
from bot.store.jobs import LEASE_SECONDS, Job, Kind, add_job, new_job
from bot.store.schema import job as table
from bot.store.tickets import Ledger
from tests.conftest import Clock
from tests.nouns import CHANNEL, TEAM, TICKET, escalation, ts
from tests.store.claimed import claimed, claims, ledger, note, row, rows_of

__all__ = ["ledger"]


def add(ledger: Ledger, kind: Kind, key: int, order_key: str | None = None) -> None:
    database = ledger.database
    with database.writing() as connection:
        columns = new_job(kind, key, TEAM, database.now(), order_key=order_key)
        add_job(database, connection, **columns)


def keys(jobs: list[Job]) -> list[int]:
    return [job.key for job in jobs]


# Order


def test_the_oldest_are_claimed_first_and_up_to_the_limit(ledger: Ledger, clock: Clock) -> None:
    for number in (1, 2, 3):
        ledger.record(escalation(number))
        clock.move(1)
    assert keys(ledger.claim("one", 2)) == [1, 2]
    assert keys(ledger.claim("one", 8)) == [3]


def test_decisions_and_all_other_jobs_have_limits_of_their_own(ledger: Ledger) -> None:
    """A backlog of requests keeps nobody waiting for an answer."""
    for number in (1, 2, 3):
        ledger.record(escalation(number))
    for key in (11, 12, 13):
        add(ledger, Kind.ANSWER, key)
    kinds = [(job.kind, job.key) for job in ledger.claim("one", 1, 2)]
    assert kinds == [(Kind.DECIDE, 1), (Kind.ANSWER, 11), (Kind.ANSWER, 12)]
    assert keys(ledger.claim("one", 0, 8)) == [13]
    assert keys(ledger.claim("one", 8)) == [2, 3]


def test_a_kind_has_one_job_for_each_key(ledger: Ledger, database: Database) -> None:
    add(ledger, Kind.DUPLICATE, 1)
    add(ledger, Kind.DUPLICATE, 1)
    add(ledger, Kind.EDIT, 1)
    assert [one.kind for one in rows_of(database, table)] == ["duplicate", "edit"]


# Order keys


def test_two_requests_for_one_message_are_decided_one_after_the_other(ledger: Ledger) -> None:
    ledger.record(escalation(1))
    ledger.record(escalation(1, request="Ev9", submitter="U0OTHER"))
    first = claimed(ledger)
    assert first.id == 1
    assert claims(ledger) == []
    ledger.settle(first, Rejection(Reason.NOT_ALLOWED))
    assert claimed(ledger).id == 2


def test_the_database_refuses_two_leased_jobs_of_one_order_key(
    ledger: Ledger, database: Database
) -> None:
    ledger.record(escalation(1))
    ledger.record(escalation(1, request="Ev9", submitter="U0OTHER"))
    claimed(ledger)
    with pytest.raises(IntegrityError), database.writing() as connection:
        connection.execute(update(table).where(table.c.key == 2).values(token="by hand"))


def test_jobs_of_two_kinds_with_one_order_key_are_claimed_one_after_the_other(
    ledger: Ledger,
) -> None:
    """Both in one statement broke the claim of all the others, too."""
    add(ledger, Kind.UNDO, 1, "conversation")
    add(ledger, Kind.EDIT, 2, "conversation")
    (first,) = ledger.claim("one", 0, 8)
    assert first.kind is Kind.UNDO
    ledger.finish(first)
    (second,) = ledger.claim("one", 0, 8)
    assert second.kind is Kind.EDIT


def test_one_that_is_put_back_holds_up_none_of_its_order_key(ledger: Ledger, clock: Clock) -> None:
    ledger.record(escalation(1))
    ledger.record(escalation(1, request="Ev9", submitter="U0OTHER"))
    first = claimed(ledger)
    ledger.retry_later(first, 5, "plain_500", failed=True, outcome_unknown=False)
    second = claimed(ledger)
    assert second.id == 2
    clock.move(5)
    assert claims(ledger) == []
    ledger.settle(second, Rejection(Reason.EMPTY))
    assert claimed(ledger).id == 1


def test_a_request_whose_conversation_is_being_decided_is_given_back_until_then(
    ledger: Ledger,
) -> None:
    ledger.record(escalation(1))
    ledger.record(escalation(2))
    first, second = claims(ledger)
    assert ledger.take_turn(first, "conversation", None)
    assert not ledger.take_turn(second, "conversation", None)
    with pytest.raises(LeaseLost):
        ledger.renew(second.job)
    assert claims(ledger) == []
    ledger.settle(first, Rejection(Reason.EMPTY))
    again = claimed(ledger)
    assert (again.id, again.job.attempt, again.job.order_key) == (2, 1, "conversation")


def test_a_lease_that_ran_out_is_taken_over_before_others_of_its_order_key(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation(1))
    ledger.record(escalation(1, request="Ev9", submitter="U0OTHER"))
    claimed(ledger, "dead")
    clock.move(LEASE_SECONDS + 1)
    again = claimed(ledger, "alive")
    assert (again.id, again.job.attempt) == (1, 2)


# Channels


def test_rows_wait_while_another_worker_has_an_earlier_one_of_their_channel(
    ledger: Ledger,
) -> None:
    ledger.record(escalation(1))
    first = claimed(ledger, "one")
    ledger.record(escalation(2))
    ledger.record(escalation(3, ref=MessageRef("C0002", ts(3)), channel="C0002"))
    assert keys(ledger.claim("two", 8)) == [3]
    ledger.settle(first, Rejection(Reason.EMPTY))
    assert keys(ledger.claim("two", 8)) == [2]


def test_the_same_worker_goes_on_in_the_channel(ledger: Ledger) -> None:
    """Within one process `ThreadOrder` keeps the order."""
    ledger.record(escalation(1))
    claimed(ledger, "one")
    ledger.record(escalation(2))
    assert keys(ledger.claim("one", 8)) == [2]


@pytest.mark.parametrize(("holder", "other"), [("ab", "a_"), ("anything", "%"), ("a/b", "a/_")])
def test_a_workers_name_is_no_pattern(ledger: Ledger, holder: str, other: str) -> None:
    ledger.record(escalation(1))
    claimed(ledger, holder)
    ledger.record(escalation(2))
    assert ledger.claim(other, 8) == []
    assert keys(ledger.claim(holder, 8)) == [2]


def test_two_replicas_that_claim_at_once_keep_the_order_of_a_channel(
    database_url: str,
) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite is one process's")
    one, two = Database(database_url), Database(database_url)
    first, second = Ledger(one), Ledger(two)
    first.record(escalation(1))
    first.record(escalation(2))
    in_time: threading.Event = threading.Event()
    got: list[Job] = []

    def holds_its_commit(_connection: object) -> None:
        in_time.set()
        time.sleep(0.3)

    event.listen(one.engine, "commit", holds_its_commit)
    claiming = threading.Thread(target=lambda: got.extend(first.claim("one", 1)))
    claiming.start()
    assert in_time.wait(5)
    assert second.claim("two", 1) == []
    claiming.join()
    assert len(got) == 1
    one.close()
    two.close()


# Leases


def test_a_lease_that_runs_out_frees_the_job_and_fences_its_holder(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation())
    first = claimed(ledger, "one")
    assert ledger.claim("two", 8) == []
    clock.move(LEASE_SECONDS + 1)
    second = claimed(ledger, "two")
    assert second.job.attempt == 2
    ticket = Exists(1, TICKET, "c_1", "U0AUTHOR", covers=False, generation=1)
    late: list[Callable[[], object]] = [
        lambda: note(ledger, first),
        lambda: ledger.note_addition(first, ticket, "k", None),
        lambda: ledger.settle(first, Created(TICKET)),
        lambda: ledger.settle(first, Rejection(Reason.EMPTY)),
        lambda: ledger.retry_later(first, 1, "plain_500", failed=True, outcome_unknown=False),
        lambda: ledger.take_turn(first, "conversation", None),
        lambda: ledger.renew(first.job),
        lambda: ledger.give_back(first.job),
        lambda: ledger.put_back(first.job, 1, "slack_500", failed=True),
        lambda: ledger.finish(first.job),
    ]
    for write in late:
        with pytest.raises(LeaseLost):
            write()
    note(ledger, second)
    ledger.settle(second, Created(TICKET))


def test_a_lease_that_ran_out_fences_even_if_nobody_took_the_job(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    clock.move(LEASE_SECONDS + 1)
    with pytest.raises(LeaseLost):
        note(ledger, claim)


def test_the_lease_begins_anew_before_the_create_is_sent(ledger: Ledger, clock: Clock) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    clock.move(LEASE_SECONDS - 1)
    note(ledger, claim)
    clock.move(LEASE_SECONDS - 1)
    ledger.settle(claim, Created(TICKET))


def test_a_job_given_back_is_there_at_once_as_if_untouched(ledger: Ledger) -> None:
    ledger.record(escalation())
    ledger.give_back(claimed(ledger).job)
    assert claimed(ledger, "two").job.attempt == 1


def test_the_one_process_of_a_database_frees_what_its_predecessor_held(ledger: Ledger) -> None:
    ledger.record(escalation())
    claimed(ledger, "dead")
    ledger.free_all()
    assert claimed(ledger, "alive").job.attempt == 2


def test_the_worker_learns_when_to_look_again(ledger: Ledger, clock: Clock) -> None:
    assert ledger.next_due() is None
    ledger.record(escalation(1))
    claim = claimed(ledger)
    assert ledger.next_due() == pytest.approx(LEASE_SECONDS)
    ledger.retry_later(claim, 7, "plain_500", failed=True, outcome_unknown=False)
    assert ledger.next_due() == pytest.approx(7)
    clock.move(8)
    assert ledger.next_due() == pytest.approx(-1)
    claim = claimed(ledger)
    note(ledger, claim)
    ledger.settle(claim, Created(TICKET))
    assert ledger.next_due() is None


def test_a_finished_job_is_deleted(ledger: Ledger, database: Database) -> None:
    add(ledger, Kind.EDIT, 7)
    (job,) = ledger.claim("one", 0, 1)
    ledger.finish(job)
    assert rows_of(database, table) == []


# What an attempt left half-way

BACKLOG = 30


def leave_half_way(ledger: Ledger, *, unknown: bool) -> int:
    """Put the oldest request back for two seconds after its create was sent; return its id."""
    (claim,) = claims(ledger, limit=1)
    note(ledger, claim, claim.escalation.key)
    ledger.retry_later(claim, 2.0, "plain_timeout", failed=True, outcome_unknown=unknown)
    return claim.id


def backlog(ledger: Ledger, first: int = 0) -> None:
    ledger.record_all([escalation(number) for number in range(first, first + BACKLOG)])


def test_a_create_with_an_unknown_outcome_does_not_wait_for_the_backlog(
    ledger: Ledger, clock: Clock
) -> None:
    backlog(ledger)
    left = leave_half_way(ledger, unknown=True)
    assert left not in keys(ledger.claim("one", 2))  # not due yet
    clock.move(2)
    first, second = claims(ledger, limit=2)
    assert first.id == left
    assert second.sent_at is None
    assert left not in keys(ledger.claim("one", 2))


def test_a_request_that_sent_nothing_takes_its_place_behind_the_others(
    ledger: Ledger, clock: Clock
) -> None:
    backlog(ledger)
    left = leave_half_way(ledger, unknown=False)
    ledger.claim("one", 2)
    clock.move(2)
    order = [job.key for _ in range(BACKLOG) for job in ledger.claim("one", 2)]
    assert left in order[-2:]
    assert len(order) == BACKLOG - 2


def test_no_more_are_claimed_than_were_asked_for(ledger: Ledger, clock: Clock) -> None:
    for number in range(3):
        ledger.record(escalation(number))
    for _ in range(3):
        leave_half_way(ledger, unknown=True)
    backlog(ledger, first=10)
    assert len(claims(ledger, limit=2)) == 2
    clock.move(2)
    assert [claim.sent_at is not None for claim in claims(ledger, limit=2)] == [True, True]
    sent = [claim.sent_at is not None for claim in claims(ledger, limit=4)]
    assert sent == [True, *[False] * 3]


def test_a_channels_jobs_know_their_channel(ledger: Ledger, database: Database) -> None:
    ledger.record(escalation(1))
    with database.reading() as connection:
        assert connection.scalar(select(table.c.channel)) == CHANNEL
    assert row(database).channel == CHANNEL
