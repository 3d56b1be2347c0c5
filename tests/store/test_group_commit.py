"""Group commit on both engines: who shares a commit, and who is not drawn into another's fault."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from bot.core.faults import Reason, Rejection, TryLater
from bot.core.model import Escalation
from bot.store.claims import load
from bot.store.database import Database
from bot.store.requests import LARGEST_GROUP, GroupCommit, Recorded, Requests
from bot.store.tickets import Ledger
from tests.nouns import escalation

SOON = 1.8


class Slow(Requests):
    """Counts the groups; the first of them is written only when the test lets it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.groups: list[int] = []
        self.open = threading.Event()
        self.begun = threading.Event()
        self.fault: Exception | None = None
        self.withins: list[float | None] = []

    def record_all(
        self,
        escalations: Sequence[Escalation],
        *,
        within: float | None = None,
        lock_seconds: float | None = None,
    ) -> list[Recorded]:
        self.groups.append(len(escalations))
        self.withins.append(within)
        self.begun.set()
        assert self.open.wait(10)
        if self.fault is not None:
            raise self.fault
        return super().record_all(escalations, within=within, lock_seconds=lock_seconds)


@pytest.fixture
def slow(database: Database) -> Slow:
    return Slow(database)


@pytest.fixture
def group(slow: Slow) -> Iterator[GroupCommit]:
    pool = ThreadPoolExecutor(2)

    async def run(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, partial(work, *args, **kwargs))

    yield GroupCommit(slow, run)
    slow.open.set()
    pool.shutdown()


def recording(
    group: GroupCommit, *asked: Escalation, within: float = SOON
) -> list[asyncio.Task[Recorded]]:
    return [asyncio.create_task(group.record(one, within=within)) for one in asked]


async def answers(*asked: asyncio.Task[Recorded], return_exceptions: bool = False) -> list[Any]:
    """What each of them met; nobody waits for ever."""
    async with asyncio.timeout(10):
        return await asyncio.gather(*asked, return_exceptions=return_exceptions)


async def first_under_way(slow: Slow) -> None:
    async with asyncio.timeout(10):
        while not slow.begun.is_set():  # noqa: ASYNC110 — another thread sets it
            await asyncio.sleep(0.001)


def keys(database: Database, *asked: Escalation) -> int:
    return len(Ledger(database).known([one.key for one in asked]))


async def test_a_lone_asking_is_committed_at_once(slow: Slow, group: GroupCommit) -> None:
    slow.open.set()
    assert await group.record(escalation(1), within=SOON) == Recorded(fresh=True)
    assert await group.record(escalation(2), within=SOON) == Recorded(fresh=True)
    assert slow.groups == [1, 1]


async def test_what_comes_in_while_one_commit_is_on_its_way_shares_the_next(
    slow: Slow, group: GroupCommit, database: Database
) -> None:
    asked = [escalation(number) for number in range(10)]
    first = recording(group, asked[0])
    await first_under_way(slow)
    others = recording(group, *asked[1:])
    await asyncio.sleep(0)
    assert keys(database, *asked) == 0
    slow.open.set()
    met = await answers(*first, *others)
    assert met == [Recorded(fresh=True)] * 10
    assert slow.groups == [1, 9]
    assert keys(database, *asked) == 10


async def test_no_group_is_larger_than_the_largest(slow: Slow, group: GroupCommit) -> None:
    first = recording(group, escalation(0))
    await first_under_way(slow)
    others = recording(group, *(escalation(n + 1) for n in range(LARGEST_GROUP + 5)))
    await asyncio.sleep(0)
    slow.open.set()
    await answers(*first, *others)
    assert slow.groups == [1, LARGEST_GROUP, 5]


async def test_each_of_a_group_hears_what_its_own_asking_met(
    slow: Slow, group: GroupCommit, database: Database
) -> None:
    ledger = Ledger(database)
    ledger.record(escalation(1))
    (claim,) = load(database, ledger.claim("one", 8))
    ledger.settle(claim, Rejection(Reason.EMPTY))
    first = recording(group, escalation(3))
    await first_under_way(slow)
    others = recording(
        group,
        escalation(1),  # delivered once more
        escalation(1, request="Ev92", submitter="U0OTHER"),
        escalation(4),
        escalation(4, request="Ev94", submitter="U0OTHER"),
    )
    await asyncio.sleep(0)
    slow.open.set()
    met = await answers(*first, *others)
    assert [one.fresh for one in met] == [True, False, True, True, True]
    assert len(ledger.claim("one", 8, 8)) == 3  # one of each message


async def test_the_same_delivery_twice_in_a_group_is_one_row(
    slow: Slow, group: GroupCommit, database: Database
) -> None:
    first = recording(group, escalation(1))
    await first_under_way(slow)
    twice = recording(group, escalation(2), escalation(2))
    await asyncio.sleep(0)
    slow.open.set()
    _, one, other = await answers(*first, *twice)
    assert one == other
    assert keys(database, escalation(2)) == 1
    assert len(Ledger(database).claim("one", 8)) == 2


async def test_one_that_cannot_be_written_takes_no_other_with_it(
    slow: Slow, group: GroupCommit, database: Database
) -> None:
    first = recording(group, escalation(1))
    await first_under_way(slow)
    no_submitter: Any = None
    others = recording(group, escalation(2), escalation(3, submitter=no_submitter), escalation(4))
    await asyncio.sleep(0)
    slow.open.set()
    met = await answers(*first, *others, return_exceptions=True)
    assert all(met[index].fresh for index in (0, 1, 3))
    assert isinstance(met[2], Exception)
    assert not isinstance(met[2], TryLater)
    assert keys(database, escalation(2), escalation(3), escalation(4)) == 2


async def test_a_fault_reaches_all_of_a_group_and_the_next_goes_on(
    slow: Slow, group: GroupCommit, database: Database
) -> None:
    slow.fault = TryLater("database_busy")
    asked = [escalation(number) for number in range(3)]
    first = recording(group, asked[0])
    await first_under_way(slow)
    others = recording(group, *asked[1:])
    await asyncio.sleep(0)
    slow.open.set()
    met = await answers(*first, *others, return_exceptions=True)
    assert [str(one) for one in met] == ["database_busy"] * 3
    assert keys(database, *asked) == 0
    slow.fault = None
    assert (await group.record(asked[0], within=SOON)).fresh


async def test_who_has_gone_before_the_write_is_not_recorded(
    slow: Slow, group: GroupCommit, database: Database
) -> None:
    first = recording(group, escalation(1))
    await first_under_way(slow)
    gone, stays = recording(group, escalation(2), escalation(3))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    slow.open.set()
    assert all(one.fresh for one in await answers(*first, stays))
    assert gone.cancelled()
    assert slow.groups == [1, 1]
    assert keys(database, escalation(2)) == 0


async def test_who_goes_during_the_write_leaves_the_others_their_answers(
    slow: Slow, group: GroupCommit
) -> None:
    (gone,) = recording(group, escalation(1))
    await first_under_way(slow)
    gone.cancel()
    await asyncio.sleep(0)
    slow.open.set()
    assert (await group.record(escalation(2), within=SOON)).fresh


async def test_a_group_is_committed_within_the_time_of_its_most_hurried_or_not_at_all(
    slow: Slow, group: GroupCommit, database: Database
) -> None:
    first = recording(group, escalation(1))
    await first_under_way(slow)
    others = recording(group, escalation(2), within=30.0)
    others += recording(group, escalation(3), within=20.0)
    await asyncio.sleep(0)
    slow.open.set()
    await answers(*first, *others)
    within = slow.withins[1]
    assert within is not None
    assert 10.0 < within <= 20.0


async def test_the_wait_for_a_free_thread_is_part_of_the_time(
    slow: Slow, group: GroupCommit, database: Database
) -> None:
    """It was not: a command was told "nothing was recorded", and its ticket came all the same."""
    slow.open.set()
    begun = asyncio.create_task(asyncio.to_thread(threading.Event().wait, 0.3))
    run = group._run

    async def when_there_is_one(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        await begun
        return await run(work, *args, **kwargs)

    with pytest.raises(TryLater):
        await GroupCommit(slow, when_there_is_one).record(escalation(1), within=0.2)
    assert keys(database, escalation(1)) == 0


async def test_what_is_late_already_is_refused_and_not_recorded(
    slow: Slow, group: GroupCommit, database: Database
) -> None:
    slow.open.set()
    with pytest.raises(TryLater):
        await group.record(escalation(1), within=-1.0)
    assert keys(database, escalation(1)) == 0
