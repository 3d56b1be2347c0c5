"""A request on hold keeps its texts for some days; then it ends, and its submitter is told."""

from __future__ import annotations

import threading

import pytest

from bot.core.faults import LeaseLost, Reason, Rejection
from bot.core.model import ReplyTo
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.jobs import Kind
from bot.store.retention import Retention
from bot.store.tickets import Ledger
from tests.conftest import Clock
from tests.nouns import TEAM
from tests.store.erasing import (
    DAY,
    NONE,
    SECRET,
    claimed,
    everything,
    jobs_of,
    on_hold,
    say,
    settled,
    stored,
    texts,
)

GWEN = CustomerLink(TEAM, "U0AUTHOR", "c_7")


@pytest.fixture
def retention(database: Database) -> Retention:
    return Retention(database)


def test_a_text_on_hold_outlives_all_that_have_ended_until_its_days_are_over(
    retention: Retention, database: Database, clock: Clock
) -> None:
    id_ = on_hold(database)
    clock.move(30 * DAY - 1)
    assert (retention.end_holds(30), retention.erase_texts(1)) == (0, 0)
    assert stored(database, id_).message is not None
    clock.move(1)
    assert retention.end_holds(30) == 1
    row = stored(database, id_)
    assert (row.state, row.reason, row.answer) == ("rejected", "not_linked", "due")
    assert texts(row) == NONE
    assert SECRET not in everything(database)
    assert retention.end_holds(30) == 0


def test_a_text_on_hold_is_kept_for_a_day_even_if_none_is_to_be_kept(
    retention: Retention, database: Database, clock: Clock
) -> None:
    id_ = on_hold(database)
    retention.end_holds(0)
    retention.erase_texts(0)
    clock.move(DAY - 1)
    retention.end_holds(0)
    retention.erase_texts(0)
    assert stored(database, id_).state == "on_hold"
    assert stored(database, id_).message is not None
    clock.move(1)
    assert retention.end_holds(0) == 1


def test_the_submitter_is_told_that_nobody_was_linked(
    retention: Retention, database: Database, clock: Clock
) -> None:
    id_ = on_hold(database)
    clock.move(1800)
    retention.erase_addresses()
    clock.move(30 * DAY)
    retention.end_holds(30)
    assert jobs_of(database, id_) == ["answer"]
    claim = claimed(database, id_)
    assert claim.job.kind is Kind.ANSWER
    assert claim.outcome == Rejection(
        Reason.NOT_LINKED, requester="U0AUTHOR", requester_name="Gwen Hall", days=30
    )
    # By a direct message: an ephemeral one of a month later would be seen by nobody.
    to = claim.escalation.trigger.reply_to
    assert to == ReplyTo("U0ASKER", 1_700_000_000.0)
    # It has a day from now on, not from when it was put on hold.
    assert claim.settled_at == clock.now


def test_it_is_told_once(retention: Retention, database: Database, clock: Clock) -> None:
    id_ = on_hold(database)
    clock.move(30 * DAY)
    retention.end_holds(30)
    say(database, id_)
    clock.move(60 * DAY)
    assert retention.end_holds(30) == 0
    assert jobs_of(database, id_) == []


def test_who_was_never_told_that_it_is_on_hold_hears_only_how_it_ended(
    retention: Retention, database: Database, clock: Clock
) -> None:
    id_ = settled(database, 1, Rejection(Reason.NO_CUSTOMER, requester="U0AUTHOR"))
    clock.move(30 * DAY)
    before = claimed(database, id_)
    assert retention.end_holds(30) == 1
    assert jobs_of(database, id_) == ["answer"]
    with pytest.raises(LeaseLost):
        Ledger(database).answered(before, said=True)
    assert stored(database, id_).answer == "due"


def test_a_link_that_comes_first_resumes_the_request_with_its_texts(
    retention: Retention, database: Database, clock: Clock
) -> None:
    id_ = on_hold(database)
    clock.move(30 * DAY)
    assert CustomerLinks(database).link([GWEN]) == 1
    assert retention.end_holds(30) == 0
    claim = claimed(database, id_)
    assert claim.escalation.trigger.form is not None
    assert claim.requester == "U0AUTHOR"


def test_a_link_that_comes_late_resumes_nothing(
    retention: Retention, database: Database, clock: Clock
) -> None:
    id_ = on_hold(database)
    clock.move(30 * DAY)
    retention.end_holds(30)
    assert CustomerLinks(database).link([GWEN]) == 0
    assert stored(database, id_).state == "rejected"


def test_a_link_at_the_same_moment_finds_the_request_whole_or_ended(
    retention: Retention, database: Database, clock: Clock
) -> None:
    ids = [on_hold(database, number) for number in range(1, 9)]
    clock.move(30 * DAY)
    start = threading.Barrier(2)

    def link() -> None:
        start.wait()
        CustomerLinks(database).link([GWEN])

    linking = threading.Thread(target=link)
    linking.start()
    start.wait()
    retention.end_holds(30)
    linking.join()
    for id_ in ids:
        row = stored(database, id_)
        kind = {"waiting": "decide", "rejected": "answer"}[row.state]
        assert jobs_of(database, id_) == [kind]
        assert (row.message is not None) is (row.state == "waiting")


def test_only_the_old_ones_end(
    retention: Retention, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.retention._PORTION", 2)
    old = [on_hold(database, number) for number in range(1, 6)]
    clock.move(2 * DAY)
    young = on_hold(database, 6)
    clock.move(28 * DAY)
    assert retention.end_holds(30) == 5
    assert {stored(database, id_).state for id_ in old} == {"rejected"}
    assert stored(database, young).state == "on_hold"
